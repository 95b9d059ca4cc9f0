// When the writer looks for what has expired, and whether it may believe the wall clock.
//
// Stanzas are as old as the wall clock says. One that is wrong must not cost anybody's messages, so nothing
// expires until it has gone along with the monotonic clock for a while: after the start, and after either
// has moved without the other.
//
// Invariant: between `anchor` and now the clocks have not come apart by more than `holdS`; no step is given
// before `heldUntil`, which is `holdS` behind the anchor.

package import Base
internal import Wire

/// Gives the writer its steps. Belongs to one thread.
package struct Sweeper {
    /// How far the clocks may come apart, and how long the wall clock has to prove itself then.
    package static let holdSMax: UInt64 = 3_600
    /// The pause after a step behind which there is more.
    package static let busyPauseMs: UInt64 = 50
    /// The longest pause after any other.
    package static let idlePauseMsMax: UInt64 = 60_000

    private let lifetimeS: UInt64
    private let notice: @Sendable (StanzaKey, UInt64) -> [UInt8]
    private let log: @Sendable (String) -> Void
    private let holdS: UInt64
    private let idlePauseMs: UInt64
    private var anchor: Moment
    private var heldUntil: Instant
    private var nextStep: Instant

    /// A sweeper that begins to watch the clocks.
    package init(
        _ expiry: StoreExpiry, at moment: Moment, log: @escaping @Sendable (String) -> Void
    ) {
        lifetimeS = expiry.lifetimeS
        notice = expiry.notice
        self.log = log
        // What lives for seconds is for tests, which do not wait for hours.
        holdS = min(Self.holdSMax, lifetimeS)
        idlePauseMs = min(Self.idlePauseMsMax / 250, lifetimeS) * 250
        anchor = moment
        heldUntil = moment.monotonic.advanced(byMs: holdS * 1_000)
        nextStep = moment.monotonic
    }

    /// The step that is due, if one is. It must be followed by `tookStep`.
    package mutating func step(at moment: Moment) -> ExpiryStep? {
        guard moment.monotonic >= nextStep else { return nil }
        nextStep = moment.monotonic.advanced(byMs: idlePauseMs)
        watch(moment)
        guard moment.monotonic >= heldUntil, moment.unixSeconds > lifetimeS else { return nil }
        return ExpiryStep(
            acceptedUntil: moment.unixSeconds - lifetimeS, unixSeconds: moment.unixSeconds,
            notice: notice)
    }

    /// What came of a step; nil when it failed.
    package mutating func tookStep(_ expired: Expired?, at now: Instant) {
        let pauseMs = expired?.isLast == false ? Self.busyPauseMs : idlePauseMs
        nextStep = now.advanced(byMs: pauseMs)
    }

    /// How long until something is due.
    package func pauseLeftMs(at now: Instant) -> UInt64 { nextStep.milliseconds(since: now) }

    /// Holds off when the clocks have come apart.
    private mutating func watch(_ moment: Moment) {
        let passedS = moment.monotonic.milliseconds(since: anchor.monotonic) / 1_000
        let (sum, overflow) = anchor.unixSeconds.addingReportingOverflow(passedS)
        let expected = overflow ? .max : sum
        let isAhead = moment.unixSeconds > expected
        let apartS = isAhead ? moment.unixSeconds - expected : expected - moment.unixSeconds
        guard apartS > holdS else { return }
        anchor = moment
        heldUntil = moment.monotonic.advanced(byMs: holdS * 1_000)
        log(
            "store: the wall clock went \(isAhead ? "ahead" : "back") by \(apartS) s: "
                + "nothing expires for \(holdS) s")
    }
}
