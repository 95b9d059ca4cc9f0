// A rate with a burst: so many tokens a second come into a bucket of a given size, and each event takes
// one. Arithmetic only; the caller says what time it is.
//
// Invariant: 0 ≤ level ≤ capacity. Levels are in thousandths of a token, so that a millisecond at any
// whole rate adds a whole number.

/// A token bucket, full at the beginning.
public struct TokenBucket: Sendable {
    private static let scale: UInt64 = 1_000

    /// Thousandths of a token that a millisecond brings: the same number as tokens a second.
    private let rate: UInt64
    private let capacity: UInt64
    private var level: UInt64
    private var filledAt: Instant

    /// A full bucket. Precondition: both are 1 to 2^32.
    public init(perSecond: Int, burst: Int, at now: Instant) {
        let bounds = 1...(1 << 32)
        precondition(bounds.contains(perSecond) && bounds.contains(burst), "\(perSecond), \(burst)")
        rate = UInt64(perSecond)
        capacity = UInt64(burst) * Self.scale
        level = capacity
        filledAt = now
    }

    /// Takes a token; false when there is none. A time before the last one brings nothing.
    public mutating func take(at now: Instant) -> Bool {
        fill(at: now)
        guard level >= Self.scale else { return false }
        level -= Self.scale
        return true
    }

    /// Milliseconds from `now` until there is a token; 0 when there is one.
    public func waitMs(at now: Instant) -> UInt64 {
        var filled = self
        filled.fill(at: now)
        guard filled.level < Self.scale else { return 0 }
        return (Self.scale - filled.level + rate - 1) / rate
    }

    private mutating func fill(at now: Instant) {
        let passedMs = now.milliseconds(since: filledAt)
        guard passedMs > 0 else { return }
        filledAt = now
        let (gain, overflow) = passedMs.multipliedReportingOverflow(by: rate)
        // Both are at most the capacity then, far from the end of the number range.
        level = overflow || gain >= capacity - level ? capacity : level + gain
    }

    /// Traps when the level is out of bounds.
    public func checkInvariants() {
        precondition(level <= capacity, "level \(level) of \(capacity)")
    }
}
