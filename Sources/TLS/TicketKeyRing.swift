// The ticket keys of a server, over all its contexts: which one seals, which ones still open, and what
// became of the tickets that came back.
//
// Keys stand in order of their first second. The last one that has begun seals. A key opens until its
// successor has sealed for a ticket's lifetime; keys still to begin open too, because another gateway's
// clock may be ahead. The ring outlives a reload: contexts come and go, it stays.
// Invariant: there is at least one key, and the first has begun unless a clock went back.

internal import Base
internal import COpenSSL

/// How tickets fared. Counts since the start.
public struct TicketCounts: Sendable, Equatable {
    /// Tickets accepted.
    public var accepted: UInt64 = 0
    /// Sealed with a key that is not known here, or damaged.
    public var unknownKey: UInt64 = 0
    /// Too old, or of a client whose certificate is.
    public var expired: UInt64 = 0
    /// Used before, or the memory of used ones was full.
    public var replayed: UInt64 = 0
    /// Made for another server name or under other rules for client certificates.
    public var otherTerms: UInt64 = 0
}

/// A server's ticket keys.
public final class TicketKeyRing: Sendable {
    private struct State {
        var keys: [TicketKey]
        /// Whether the keys come from a file: then the file's owner rotates them.
        var isShared = false
        var counts = TicketCounts()
        var spent: SpentTickets?
    }

    private let state: Lock<State>
    private let lifetimeS: UInt64
    private let periodS: UInt64
    /// The wall clock in Unix seconds.
    private let now: @Sendable () -> UInt64

    /// A ring with keys of its own, rotated every `periodS` seconds by `rotate`.
    public init(
        lifetimeS: UInt64, periodS: UInt64, singleUse: Bool = false,
        now: @escaping @Sendable () -> UInt64
    ) {
        precondition(lifetimeS > 0 && periodS > 0, "lifetime \(lifetimeS), period \(periodS)")
        self.lifetimeS = lifetimeS
        self.periodS = periodS
        self.now = now
        let keys = TicketKeyFile.renewed([], at: now(), periodS: periodS, lifetimeS: lifetimeS)
        let spent = singleUse ? SpentTickets(spanS: lifetimeS) : nil
        state = Lock(State(keys: keys, spent: spent))
    }

    /// A ring that lives and dies with one context and never rotates; OpenSSL's clock ends its tickets.
    public static func fixed() -> TicketKeyRing {
        TicketKeyRing(lifetimeS: .max / 4, periodS: .max / 4) { 0 }
    }

    /// Takes over the keys of a file, in order of their first second. Those of before are gone, unless
    /// the file has them too.
    public func share(_ keys: [TicketKey]) throws(TicketKeyFileError) {
        guard let first = keys.first else { throw .count(0) }
        guard first.startsAt <= now() else { throw .noneInForce }
        state.withLock { state in
            state.keys = keys
            state.isShared = true
        }
    }

    /// Makes the next key when it is time, unless the keys come from a file. Call it now and then.
    public func rotate() {
        let now = now()
        state.withLock { state in
            guard !state.isShared else { return }
            state.keys = TicketKeyFile.renewed(
                state.keys, at: now, periodS: periodS, lifetimeS: lifetimeS)
        }
    }

    /// How tickets fared.
    public var counts: TicketCounts { state.withLock { $0.counts } }

    /// Seconds since the key that seals began.
    public var sealingKeyAgeS: UInt64 {
        let now = now()
        return sealingKey(at: now).map { now - $0.startsAt } ?? 0
    }

    /// The key that seals now; nil only if the clock went back behind the first one's time.
    var sealingKey: TicketKey? { sealingKey(at: now()) }

    private func sealingKey(at now: UInt64) -> TicketKey? {
        state.withLock { state in state.keys.last { $0.startsAt <= now } }
    }

    /// The key with this name, if it still opens tickets.
    func openingKey(name: UnsafeRawBufferPointer) -> TicketKey? {
        let now = now()
        return state.withLock { state in
            guard let index = state.keys.firstIndex(where: { $0.name.elementsEqual(name) }) else {
                return nil
            }
            let successor = index + 1 < state.keys.count ? state.keys[index + 1] : nil
            let isOver = successor.map { $0.startsAt + lifetimeS <= now } ?? false
            return isOver ? nil : state.keys[index]
        }
    }

    /// Seconds since the Unix second `time`; 0 when that is yet to come.
    func ageS(since time: Int) -> UInt64 {
        let now = now()
        let time = UInt64(clamping: time)
        return now > time ? now - time : 0
    }

    /// Whether a ticket of this age is over.
    func isOver(ageS: UInt64) -> Bool { ageS > lifetimeS }

    /// Uses up a ticket; whether it was good.
    func spend(_ ticket: UInt64) -> Bool {
        let now = now()
        return state.withLock { state in
            guard let outcome = state.spent?.spend(ticket, at: now) else { return true }
            return outcome == .accepted
        }
    }

    /// Counts a ticket that came back.
    func count(_ path: WritableKeyPath<TicketCounts, UInt64>) {
        state.withLock { $0.counts[keyPath: path] += 1 }
    }
}
