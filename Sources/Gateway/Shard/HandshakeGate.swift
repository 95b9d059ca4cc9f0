// Keeps a login storm from taking all cores from those who are logged in: at most as many shards as there
// are cores begin handshakes at the same time. Shards that have live work only never wait for it. With no
// more shards than cores nobody ever does.
//
// Who is not let in waits in a queue; each one that leaves says who may try next. That one can still find the
// gate shut, by one that came by just then, and waits again: a place is never held for a shard that is busy
// with something else.

internal import Base

/// Shared by all shards of a gateway.
final class HandshakeGate: Sendable {
    private struct State {
        var insideCount = 0
        var waiting = WorkList<Int>()
        var isWaiting: [Bool]
    }

    private let countMax: Int
    private let state: Lock<State>

    /// - Parameters:
    ///   - countMax: Shards inside at once; one at least.
    ///   - shardCount: How many shards there are.
    init(countMax: Int, shardCount: Int) {
        self.countMax = max(1, countMax)
        state = Lock(State(isWaiting: Array(repeating: false, count: shardCount)))
    }

    /// Lets a shard in that will leave soon; false when it must wait until it is told, or try later.
    func tryEnter(shard: Int) -> Bool {
        state.withLock { state in
            if state.insideCount < countMax {
                state.insideCount += 1
                return true
            }
            if !state.isWaiting[shard] {
                state.isWaiting[shard] = true
                state.waiting.append(shard)
            }
            return false
        }
    }

    /// A shard leaves; gives the one that is to be told to try.
    func leave() -> Int? {
        state.withLock { state in
            state.insideCount -= 1
            guard let next = state.waiting.popFirst() else { return nil }
            state.isWaiting[next] = false
            return next
        }
    }
}
