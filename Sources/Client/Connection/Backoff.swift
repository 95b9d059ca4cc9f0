// How long to wait before the next connection: exponential, with jitter, so that a million clients
// that lost the same server do not come back in the same second.

/// The pauses between connection attempts. Randomness is a parameter.
package struct Backoff: Sendable {
    private let policy: ReconnectPolicy
    /// Attempts that failed in a row.
    package private(set) var failureCount = 0

    package init(policy: ReconnectPolicy) {
        self.policy = policy
    }

    /// Notes a failure or the end of a connection that was logged in for `onlineMs` (nil: never).
    /// Gives the pause before the next attempt, or nil when there shall be none.
    /// The pause lies in `[full / 2, full]`, full being `pauseMs` doubled with each failure, at most
    /// `pauseMsMax`. When the server said how long to stay away, `hintMs`, that and up to half more is the
    /// least, up to `ClientLimits.retryHintMsMax`. `random` is 64 uniformly random bits.
    package mutating func nextPauseMs(
        afterOnlineMs onlineMs: UInt64?, hintMs: UInt64? = nil, random: UInt64
    ) -> UInt64? {
        if let onlineMs, onlineMs >= policy.stableAfterMs { failureCount = 0 }
        failureCount += 1
        if let attemptsMax = policy.attemptsMax, failureCount >= attemptsMax { return nil }
        let doublings = UInt64(min(failureCount - 1, 32))
        let (grown, overflow) = policy.pauseMs.multipliedReportingOverflow(by: 1 << doublings)
        let full = overflow ? policy.pauseMsMax : min(grown, policy.pauseMsMax)
        return Self.pauseMs(
            full, hintMs: hintMs.map { min($0, ClientLimits.retryHintMsMax) }, random: random)
    }

    /// The pause after so many refusals with `wait` of one stanza: in `[full / 2, full]`, full being
    /// `ClientLimits.waitPauseMs` doubled with each further one, at most `waitPauseMsMax`; a hint counts as
    /// above, up to `ClientLimits.waitHintMsMax`.
    static func waitPauseMs(refusalCount: Int, hintMs: UInt64?, random: UInt64) -> UInt64 {
        let doubled = ClientLimits.waitPauseMs << UInt64(max(0, min(refusalCount - 1, 16)))
        return pauseMs(
            min(doubled, ClientLimits.waitPauseMsMax),
            hintMs: hintMs.map { min($0, ClientLimits.waitHintMsMax) }, random: random)
    }

    /// In `[full / 2, full]`, and not below the hint and up to half more.
    private static func pauseMs(_ full: UInt64, hintMs: UInt64?, random: UInt64) -> UInt64 {
        let half = full / 2
        let own = half + random % (full - half + 1)
        guard let hintMs else { return own }
        return max(own, hintMs + random % (hintMs / 2 + 1))
    }
}
