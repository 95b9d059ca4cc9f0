// What a reader found: small values that say where in the payload something lies.

/// One string form or JID in a payload: trivially copyable, and meaningful only with the reader of the
/// payload that it was read from.
package struct WireValue: Equatable, Sendable, BitwiseCopyable {
    enum Kind: UInt8, BitwiseCopyable {
        case token, nibble, hex, raw, pairJID, deviceJID
    }

    let kind: Kind
    /// Packed forms: whether the last half byte is padding.
    let isOdd: Bool
    /// `deviceJID`: the device.
    let device: UInt8
    /// `token`: the token's raw value.
    let rawToken: UInt16
    /// Where the form begins.
    let start: UInt32
    /// Where the text's bytes begin: packed or raw. JIDs: where the user's form begins.
    let textStart: UInt32
    /// Where the form ends.
    let end: UInt32

    init(
        _ kind: Kind, isOdd: Bool = false, device: UInt8 = 0, rawToken: UInt16 = 0, start: Int,
        textStart: Int, end: Int
    ) {
        self.kind = kind
        self.isOdd = isOdd
        self.device = device
        self.rawToken = rawToken
        self.start = UInt32(truncatingIfNeeded: start)  // a payload is shorter than 2^24 bytes
        self.textStart = UInt32(truncatingIfNeeded: textStart)
        self.end = UInt32(truncatingIfNeeded: end)
    }

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
