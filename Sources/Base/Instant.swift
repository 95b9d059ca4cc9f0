// Time as a parameter: nothing below the Gateway reads a clock.

/// A point on the monotonic clock, in milliseconds from an arbitrary origin.
public struct Instant: Comparable, Hashable, Sendable {
    /// Milliseconds from the clock's origin.
    public var milliseconds: UInt64

    /// A point `milliseconds` from the origin.
    public init(milliseconds: UInt64) { self.milliseconds = milliseconds }

    /// The later point `milliseconds` away; saturates at the end of time.
    public func advanced(byMs milliseconds: UInt64) -> Instant {
        let (sum, overflow) = self.milliseconds.addingReportingOverflow(milliseconds)
        return Instant(milliseconds: overflow ? .max : sum)
    }

    /// Milliseconds since `earlier`; 0 when `earlier` is not earlier.
    public func milliseconds(since earlier: Instant) -> UInt64 {
        milliseconds > earlier.milliseconds ? milliseconds - earlier.milliseconds : 0
    }

    /// Orders by time.
    public static func < (left: Instant, right: Instant) -> Bool {
        left.milliseconds < right.milliseconds
    }
}

/// What a stage is told of time with each input: the monotonic clock for time-outs, the wall clock for
/// stamps.
public struct Moment: Sendable {
    /// The monotonic clock.
    public var monotonic: Instant
    /// Whole seconds since 1970-01-01 00:00 UTC.
    public var unixSeconds: UInt64

    /// A moment by both clocks.
    public init(monotonic: Instant, unixSeconds: UInt64) {
        self.monotonic = monotonic
        self.unixSeconds = unixSeconds
    }
}
