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
    var inflater: Inflater
    var deflater: Deflater
    /// The node being read, inflated. Empty between nodes.
    var inflated = ByteBuffer()
    /// The node being written. Empty between nodes.
    var node = ByteBuffer()
    /// How many frames arrived and left, for the metrics.
    package var framesReceived: UInt64 = 0
    package var framesSent: UInt64 = 0

    /// Scratch and tables for one shard.
    package init(
        context: WireContext, limits: Limits, cryptography: any Cryptography,
        unknownAccountSecret: [UInt8]
    ) {
        self.context = context
        self.limits = limits
        self.cryptography = cryptography
        self.unknownAccountSecret = unknownAccountSecret
        inflater = Inflater()
        deflater = Deflater()
    }
}
