// What a detached connection owns for a while beyond its block: the part of a record or message that has
// come, and what the handshake left for the caller to take. A connection at rest has none.

package import Base

/// Bytes and facts on their way.
package final class Leftover: @unchecked Sendable {
    // Owned by one connection, which one thread at a time calls.

    /// The beginning of a record; less than a whole one.
    package var record = ByteBuffer()
    /// The beginning of a handshake message; less than a whole one.
    package var message = ByteBuffer()
    /// What the handshake settled, until it is taken.
    var facts: HandshakeFacts?
    /// A client's ticket, until it is taken.
    var session: TLSSession?

    package init() {}

    package var isEmpty: Bool {
        record.isEmpty && message.isEmpty && facts == nil && session == nil
    }
}
