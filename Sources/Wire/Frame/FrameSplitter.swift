// Finds frames in a stream of bytes: length (3 bytes, big endian, of what follows), flags, payload.
// Holds nothing: the caller keeps the bytes of a frame that has not arrived as a whole.

/// What a frame's flags byte says.
package enum FrameFlags {
    /// The payload is a node.
    package static let plain: UInt8 = 0x00
    /// The payload is one zlib stream (RFC 1950) of a node.
    package static let deflated: UInt8 = 0x02
    /// The payload is one raw deflate stream (RFC 1951) of a node, with the preset dictionary that both
    /// sides agreed on.
    package static let presetDeflated: UInt8 = 0x04
}

/// What is at the head of the bytes.
package enum FrameStep: Equatable, Sendable {
    /// No whole frame; what is here can begin one.
    case needMore
    /// A frame of `size` bytes, its payload at `payload`.
    case frame(flags: UInt8, payload: Range<Int>, size: Int)
}

/// Splits bytes into frames.
package enum FrameSplitter {
    /// Bytes before the payload: length and flags.
    package static let headerSize = 4

    /// The frame at the head of `bytes`. `frameSizeMax` bounds flags and payload; `allowsPreset` says
    /// whether a preset dictionary was agreed on. Throws `frameSize` as soon as the length is there and
    /// `unknownFlags` as soon as the flags are, whether or not the payload has arrived.
    package static func next(
        in bytes: RawSpan, frameSizeMax: Int, allowsPreset: Bool = false
    ) throws(WireError) -> FrameStep {
        guard bytes.byteCount >= 3 else { return .needMore }
        let length =
            Int(bytes.unsafeLoad(fromByteOffset: 0, as: UInt8.self)) << 16
            | Int(bytes.unsafeLoad(fromByteOffset: 1, as: UInt8.self)) << 8
            | Int(bytes.unsafeLoad(fromByteOffset: 2, as: UInt8.self))
        guard length >= WireLimits.frameSizeMin, length <= frameSizeMax else {
            throw .frameSize(length)
        }
        guard bytes.byteCount >= headerSize else { return .needMore }
        let flags = bytes.unsafeLoad(fromByteOffset: 3, as: UInt8.self)
        switch flags {
        case FrameFlags.plain, FrameFlags.deflated: break
        case FrameFlags.presetDeflated where allowsPreset: break
        default: throw .unknownFlags(flags)
        }
        guard bytes.byteCount >= 3 + length else { return .needMore }
        return .frame(flags: flags, payload: headerSize..<3 + length, size: 3 + length)
    }
}
