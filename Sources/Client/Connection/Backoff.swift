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
    /// `pauseMsMax`. `random` is 64 uniformly random bits.
    package mutating func nextPauseMs(afterOnlineMs onlineMs: UInt64?, random: UInt64) -> UInt64? {
        if let onlineMs, onlineMs >= policy.stableAfterMs { failureCount = 0 }
        failureCount += 1
        if let attemptsMax = policy.attemptsMax, failureCount >= attemptsMax { return nil }
        let doublings = UInt64(min(failureCount - 1, 32))
        let (grown, overflow) = policy.pauseMs.multipliedReportingOverflow(by: 1 << doublings)
        let full = overflow ? policy.pauseMsMax : min(grown, policy.pauseMsMax)
        let half = full / 2
        return half + random % (full - half + 1)
    }
}
