// A store that lasts as long as its object: for tools and tests, and for apps that give it to one client
// after another.

internal import Base

/// A client's state in memory: it ends with the process.
public final class MemoryClientStore: ClientStore {
    private let state = Lock(ClientState())

    /// An empty store.
    public init() {}

    /// The state.
    public func load() -> ClientState { state.withLock { $0 } }

    /// Applies the changes.
    public func commit(_ changes: [ClientChange]) {
        state.withLock { state in
            for change in changes { state.apply(change) }
        }
    }
}
