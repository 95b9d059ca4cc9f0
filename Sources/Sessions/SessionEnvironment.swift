// What the sessions of one shard share: tables, limits, scratch space. Belongs to the shard's thread.

package import Base
package import Wire

/// Shared by the sessions of one shard; not Sendable, so it cannot leave its thread.
package final class SessionEnvironment {
    /// The dictionary and the domain that addresses are relative to.
    package let context: WireContext
    package let limits: Limits
    let cryptography: any Cryptography
    /// Makes the answer for an unknown account look like that of a known one, the same every time.
    let unknownAccountSecret: [UInt8]
    /// The thread's compression contexts.
    package let contexts: CompressionContexts
    /// How long clients are to stay away from the store, in seconds; nil while it works. The shard says so.
    package var retryAfterS: UInt64?
    var routedFrames = RoutedFrames()
    /// The node being read, inflated. Empty between nodes.
    var inflated = ByteBuffer()
    /// The node being written. Empty between nodes.
    var node = ByteBuffer()
    /// What the session that is reading has said last of its presence. Nil between sessions.
    var availability: Bool?
    /// Counts our own pings, for their ids.
    var pingCount: UInt32 = 0
    /// How many frames arrived and left, for the metrics.
    package var framesReceived: UInt64 = 0
    package var framesSent: UInt64 = 0

    /// Sets `retryAfterS`: the store is worth a try at `retryAt`.
    package func setRetry(at retryAt: Instant, now: Instant) {
        let left = retryAt.milliseconds(since: now)
        retryAfterS = left == 0 ? nil : Self.retryAfterS(ms: left)
    }

    /// A time to stay away as it is said: whole seconds, not less than it takes, and not for ever.
    package static func retryAfterS(ms: UInt64) -> UInt64 {
        min(ms / 1_000 + (ms % 1_000 == 0 ? 0 : 1), WireLimits.retryAfterSMax)
    }

    /// Scratch and tables for one shard.
    package init(
        context: WireContext, limits: Limits, cryptography: any Cryptography,
        unknownAccountSecret: [UInt8]
    ) {
        self.context = context
        self.limits = limits
        self.cryptography = cryptography
        self.unknownAccountSecret = unknownAccountSecret
        contexts = CompressionContexts(
            deflateSizeMin: limits.deflateSizeMin,
            presetDeflateSizeMin: limits.presetDeflateSizeMin)
    }
}
