// What can be wrong with a line. Every error has a place, so that people can find it.

package import Wire

/// Why a line, a frame or a dictionary file was refused. Offsets count bytes.
package enum NotationError: Error, Equatable, Sendable {
    /// A line of more than `NotationLimits.lineSizeMax` bytes.
    case lineSize
    /// Text that is not JSON. The offset counts from the line's beginning, or the file's.
    case json(String, offset: Int)
    /// JSON that is not a node or not a dictionary. The offset counts as for `json`.
    case shape(String, offset: Int)
    /// Text that is not hex digits. The offset counts from the line's beginning.
    case hex(String, offset: Int)
    /// Bytes that are not one frame. The offset counts from the frame's first byte.
    case frame(String, offset: Int)
    /// A payload that is not one node. The offset counts from the frame's first byte.
    case payload(WireError, offset: Int)
    /// A compressed payload that inflates to what is not one node. The offset counts from the first
    /// byte of what it inflates to.
    case inflated(WireError, offset: Int)

    /// Where it is.
    package var offset: Int {
        switch self {
        case .lineSize: NotationLimits.lineSizeMax
        case .json(_, let offset), .shape(_, let offset), .hex(_, let offset),
            .frame(_, let offset), .payload(_, let offset), .inflated(_, let offset):
            offset
        }
    }

    /// What it is, in words.
    package var message: String {
        switch self {
        case .lineSize: "a line of more than \(NotationLimits.lineSizeMax) bytes"
        case .json(let text, _): "not JSON: \(text)"
        case .shape(let text, _): text
        case .hex(let text, _): "not hex: \(text)"
        case .frame(let text, _): text
        case .payload(let error, _): error.words
        case .inflated(let error, _): "inflated payload: \(error.words)"
        }
    }
}

extension WireError {
    /// Where in the payload; nil where there is no one place.
    var payloadOffset: Int? {
        switch self {
        case .truncated(let offset), .trailingBytes(let offset), .reservedTag(_, let offset),
            .unexpectedForm(let offset), .unknownToken(let offset), .nonCanonical(let offset),
            .malformedPacking(let offset), .invalidUTF8(let offset), .malformedJID(let offset),
            .tooManyAttributes(let offset), .duplicateAttribute(let offset),
            .depthExceeded(let offset):
            offset
        default:
            nil
        }
    }

    /// The error in words, without its place.
    var words: String {
        switch self {
        case .truncated: "the bytes end before what is announced here"
        case .trailingBytes: "bytes behind the node"
        case .reservedTag(let tag, _): "reserved tag \(Hex.digits([tag]))"
        case .unexpectedForm: "this form may not stand here"
        case .unknownToken: "a token that the dictionary does not have"
        case .nonCanonical: "not the form that an encoder writes"
        case .malformedPacking: "a packed string that stands for no text"
        case .invalidUTF8: "text that is not UTF-8"
        case .malformedJID: "a JID whose parts are none"
        case .tooManyAttributes: "more than \(WireLimits.attributeCountMax) attributes"
        case .duplicateAttribute: "the same attribute again"
        case .depthExceeded: "nodes more than \(WireLimits.nodeDepthMax) deep"
        case .unencodable(let reason): "cannot be written: \(reason)"
        case .frameSize(let size): "a frame of \(size) bytes"
        case .unknownFlags(let flags): "unknown flags \(Hex.digits([flags]))"
        case .compressedCorrupt: "not a compressed stream, or a damaged one"
        case .compressedTruncated: "the compressed stream has no end"
        case .compressedTrailingBytes: "bytes behind the compressed stream"
        case .inflatedSizeExceeded: "inflates to more than is allowed"
        default: "\(self)"
        }
    }
}
