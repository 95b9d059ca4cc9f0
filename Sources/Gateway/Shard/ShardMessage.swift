// What reaches a shard from other threads.

internal import Base
internal import Sessions
internal import Storage
internal import Wire

/// A message in a shard's mailbox.
enum ShardMessage: Sendable {
    /// For a session that was here when it was sent.
    case session(SlotID, SessionInput)
    /// For the shard's router.
    case router(RouterInput)
    /// From the store's thread.
    case store([StoreAnswer])
    /// From a shard that has left the handshake gate.
    case mayBeginHandshakes
    /// End all sessions with `system-shutdown`, then the thread.
    case stop

    /// Whether it may be lost when there is no room: presence and chat states are kept nowhere.
    var mayBeLost: Bool {
        switch self {
        case .session(_, .news), .router(.transient), .router(.presence): true
        default: false
        }
    }
}
