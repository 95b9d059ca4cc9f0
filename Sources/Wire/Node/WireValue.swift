// What a reader found: small values that say where in the payload something lies.

/// One string form or JID in a payload: trivially copyable, and meaningful only with the reader of the
/// payload that it was read from.
package struct WireValue: Equatable, Sendable, BitwiseCopyable {
    enum Kind: UInt8, BitwiseCopyable {
        case token, nibble, hex, raw, pairJID, deviceJID
    }

    // Twelve bytes, so that values travel in two registers.
    let kind: Kind
    /// How far behind the beginning the text's bytes begin, and in the highest bit whether a packed
    /// form's last half byte is padding.
    private let shape: UInt8
    /// `token`: the token's raw value; `deviceJID`: the device.
    private let detail: UInt16
    /// Where the form begins.
    let start: UInt32
    /// Where the form ends.
    let end: UInt32

    @inline(__always)
    init(
        _ kind: Kind, isOdd: Bool = false, detail: UInt16 = 0, start: Int, headerSize: Int, end: Int
    ) {
        self.kind = kind
        self.shape = UInt8(truncatingIfNeeded: headerSize) | (isOdd ? 0x80 : 0)  // at most 5
        self.detail = detail
        self.start = UInt32(truncatingIfNeeded: start)  // a payload is shorter than 2^24 bytes
        self.end = UInt32(truncatingIfNeeded: end)
    }

    /// Packed forms: whether the last half byte is padding.
    var isOdd: Bool { shape & 0x80 != 0 }

    /// `token`: the token's raw value; else nothing that is one.
    var rawToken: UInt16 { kind == .token ? detail : 0 }

    /// `deviceJID`: the device.
    var device: UInt8 { UInt8(truncatingIfNeeded: detail) }

    /// Where the text's bytes begin: packed or raw. JIDs: where the user's form begins.
    var textStart: UInt32 { start + UInt32(shape & 0x7F) }

    /// The characters of a packed form.
    var packedCount: Int { 2 * textBytes.count - (isOdd ? 1 : 0) }

    /// Where the encoded form lies in the payload: to splice it, or to compare keys and tags, which
    /// have one form only.
    package var encoded: Range<Int> { Int(start)..<Int(end) }

    /// Where the text's packed or raw bytes lie.
    var textBytes: Range<Int> { Int(textStart)..<Int(end) }

    /// Whether this is a typed JID.
    package var isJID: Bool { kind == .pairJID || kind == .deviceJID }
}

/// The beginning of a node.
package struct NodeHead: Sendable, BitwiseCopyable {
    /// The tag.
    package let tag: WireValue
    /// How many attributes follow.
    package let attributeCount: Int
    /// Whether content follows the attributes.
    package let hasContent: Bool
}

/// A node's content.
package enum NodeContent: Sendable {
    /// So many nodes follow, each to be read or skipped.
    case nodes(Int)
    /// Opaque bytes, at this place in the payload.
    case bytes(Range<Int>)
    /// Text: a token, packed string or JID.
    case value(WireValue)
}

/// A typed JID in its parts.
package struct JIDView: Sendable {
    /// The user; nil for a domain.
    package let local: Localpart?
    /// Whether the domain is the stream's own.
    package let isOwnDomain: Bool
    /// The domain; for a device's JID, whose domain is the own one, a value without bytes.
    package let domain: WireValue
    /// The device.
    package let device: UInt8?
}
