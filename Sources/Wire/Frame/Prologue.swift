// The first bytes of a connection, sent by the client once: who it is and what it speaks.

/// The prologue: `TN`, protocol version, dictionary version.
package enum Prologue {
    /// What the first bytes say.
    package enum Step: Equatable, Sendable {
        /// More bytes are needed; those that are here fit.
        case needMore
        /// A whole prologue of `Prologue.size` bytes.
        case complete(protocolVersion: UInt8, dictionaryVersion: UInt8)
    }

    /// Bytes of a prologue.
    package static let size = 4
    /// The prologue of protocol tern/1 with dictionary version 1.
    package static let bytes: [UInt8] = [0x54, 0x4E, 1, 1]

    /// Reads the prologue at the head of `bytes`. Throws `notPrologue` at the first wrong byte.
    package static func parse(_ bytes: RawSpan) throws(WireError) -> Step {
        for offset in 0..<min(2, bytes.byteCount) {
            guard bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self) == Self.bytes[offset]
            else {
                throw .notPrologue
            }
        }
        guard bytes.byteCount >= size else { return .needMore }
        return .complete(
            protocolVersion: bytes.unsafeLoad(fromByteOffset: 2, as: UInt8.self),
            dictionaryVersion: bytes.unsafeLoad(fromByteOffset: 3, as: UInt8.self))
    }
}
