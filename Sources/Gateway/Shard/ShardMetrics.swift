// What a shard counts. Written by its own thread, read by the admin plane.

internal import Synchronization

/// Counters of one shard. All are relaxed: each is true by itself, together they are a snapshot only.
final class ShardMetrics: Sendable {
    let accepted = Atomic<UInt64>(0)
    let connections = Atomic<Int>(0)
    let sessions = Atomic<Int>(0)
    let handshakes = Atomic<UInt64>(0)
    let handshakesFailed = Atomic<UInt64>(0)
    let handshakesInFlight = Atomic<Int>(0)
    let handshakesWaiting = Atomic<Int>(0)
    let handshakesDelayed = Atomic<UInt64>(0)
    let handshakeTimeouts = Atomic<UInt64>(0)
    let resumptions = Atomic<UInt64>(0)
    let logins = Atomic<UInt64>(0)
    let loginsFailed = Atomic<UInt64>(0)
    let streamErrors = Atomic<UInt64>(0)
    let timeouts = Atomic<UInt64>(0)
    let slowReaders = Atomic<UInt64>(0)
    let shed = Atomic<UInt64>(0)
    /// How often the shard was full and closed its listeners.
    let timesFull = Atomic<UInt64>(0)
    /// The longest turn since it was last asked for, in microseconds.
    let turnMaxUs = Atomic<UInt64>(0)

    /// A turn has ended. The shard's thread only.
    func countTurn(us: UInt64) {
        guard us > turnMaxUs.load(ordering: .relaxed) else { return }
        turnMaxUs.store(us, ordering: .relaxed)
    }

    /// The counters by name.
    var snapshot: [String: Int] {
        [
            "accepted": Int(accepted.load(ordering: .relaxed)),
            "connections": connections.load(ordering: .relaxed),
            "sessions": sessions.load(ordering: .relaxed),
            "handshakes": Int(handshakes.load(ordering: .relaxed)),
            "handshakes-failed": Int(handshakesFailed.load(ordering: .relaxed)),
            "handshakes-in-flight": handshakesInFlight.load(ordering: .relaxed),
            "handshakes-waiting": handshakesWaiting.load(ordering: .relaxed),
            "handshakes-delayed": Int(handshakesDelayed.load(ordering: .relaxed)),
            "handshake-timeouts": Int(handshakeTimeouts.load(ordering: .relaxed)),
            "resumptions": Int(resumptions.load(ordering: .relaxed)),
            "logins": Int(logins.load(ordering: .relaxed)),
            "logins-failed": Int(loginsFailed.load(ordering: .relaxed)),
            "stream-errors": Int(streamErrors.load(ordering: .relaxed)),
            "timeouts": Int(timeouts.load(ordering: .relaxed)),
            "slow-readers": Int(slowReaders.load(ordering: .relaxed)),
            "shed": Int(shed.load(ordering: .relaxed)),
            "times-full": Int(timesFull.load(ordering: .relaxed)),
        ]
    }
}

extension Atomic where Value == UInt64 {
    /// One more.
    borrowing func count() { add(1, ordering: .relaxed) }
}
