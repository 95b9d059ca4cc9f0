// What peers make a shard log. Lines are written by the shard's thread, and anyone can cause them: so many a
// second are written, the others counted, or a few bytes from many would fill a disk and hold up everyone else.

internal import Base
internal import Logging

/// A shard's log of its peers' doings.
struct PeerLog {
    private static let linesPerSecond = 20
    private static let burst = 100

    private let logger: Logger
    private var bucket: TokenBucket
    private var suppressedCount = 0

    init(_ logger: Logger, at now: Instant) {
        self.logger = logger
        bucket = TokenBucket(perSecond: Self.linesPerSecond, burst: Self.burst, at: now)
    }

    /// Writes a line, if there is room for one; it says how many there was none for before it.
    mutating func info(_ text: Logger.Message, _ metadata: Logger.Metadata, at now: Instant) {
        guard logger.logLevel <= .info else { return }
        guard bucket.take(at: now) else {
            suppressedCount += 1
            return
        }
        var metadata = metadata
        if suppressedCount > 0 { metadata["suppressed"] = "\(suppressedCount)" }
        suppressedCount = 0
        logger.info(text, metadata: metadata)
    }
}
