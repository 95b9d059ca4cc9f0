// What the store puts in a sender's queue when its message has expired: the one node that is made behind the
// router, which passes it on like any other.

internal import Base
package import Wire

extension StanzaKey {
    /// The node of a notice that is known by this.
    package func expiryNotice(at unixSeconds: UInt64, context: WireContext) -> [UInt8] {
        var node = ByteBuffer()
        StanzaWriter.expired(self, at: unixSeconds, into: &node, context: context)
        return node.copy()
    }
}
