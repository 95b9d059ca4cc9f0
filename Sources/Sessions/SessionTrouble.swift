// What a session keeps while something does not work: what was refused to it, and the page of its queue that
// could not be read. A session that all is well with has none.

internal import Base

/// The troubles of one session.
final class SessionTrouble {
    var refused: RefusedRecipients?
    /// Failures to read a page in a row.
    private var pageFailures = 0
    private var pageFailedAt = Instant(milliseconds: 0)
    /// When the page is to be asked for again.
    var readAgainAt: Instant?

    /// The page could not be read; false when that is enough. Later failures are the first again after a time
    /// in which none can have been waited for.
    func pageFailed(at now: Instant, _ limits: Limits) -> Bool {
        let pauseMsMax = limits.pageRetryPauseMs << UInt64(min(limits.pageAttemptsMax, 16))
        if now.milliseconds(since: pageFailedAt) > pauseMsMax { pageFailures = 0 }
        pageFailedAt = now
        pageFailures += 1
        guard pageFailures < limits.pageAttemptsMax else { return false }
        readAgainAt = now.advanced(
            byMs: limits.pageRetryPauseMs << UInt64(min(pageFailures - 1, 16)))
        return true
    }
}
