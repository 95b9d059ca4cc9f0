// What can be wrong with bytes, nodes and words. Unless a case says otherwise it is the peer's fault.

/// Why Wire refused something. Offsets count from the first byte of the payload.
public enum WireError: Error, Hashable, Sendable {
    // Nodes.

    /// The bytes end before the node does, or before what a size or count promises.
    case truncated(offset: Int)
    /// Bytes follow the node.
    case trailingBytes(offset: Int)
    /// A byte that begins nothing in this grammar.
    case reservedTag(UInt8, offset: Int)
    /// A form that may not stand here: a list, null or JID for a key, a control token for a value.
    case unexpectedForm(offset: Int)
    /// A token that the dictionary does not have.
    case unknownToken(offset: Int)
    /// A longer form where a shorter one says the same, or an unusual one where there is one rule.
    case nonCanonical(offset: Int)
    /// A packed string that stands for no text.
    case malformedPacking(offset: Int)
    /// Text that is not UTF-8.
    case invalidUTF8(offset: Int)
    /// A typed JID whose parts are none.
    case malformedJID(offset: Int)
    /// More attributes than a node may have.
    case tooManyAttributes(offset: Int)
    /// The same attribute twice.
    case duplicateAttribute(offset: Int)
    /// Nodes within nodes beyond the limit.
    case depthExceeded(offset: Int)
    /// A node that cannot be written: the caller's fault.
    case unencodable(String)

    // Frames.

    /// A frame whose header claims this many bytes behind it, which is too few or too many.
    case frameSize(Int)
    /// Flags without a meaning.
    case unknownFlags(UInt8)
    /// A connection that does not begin with the prologue.
    case notPrologue

    // Compression.

    /// Not a stream of its kind, or one with a wrong checksum.
    case compressedCorrupt
    /// A stream that ends early.
    case compressedTruncated
    /// Bytes behind the stream.
    case compressedTrailingBytes
    /// A stream that holds more than the limit.
    case inflatedSizeExceeded

    // Logins.

    /// A SCRAM message against the grammar.
    case malformedSCRAM
    /// A mandatory extension, of which there are none.
    case unsupportedExtension
    /// An iteration count outside what a client accepts.
    case iterationCount(Int)

    // Configuration.

    /// A dictionary that cannot be one: the operator's fault.
    case malformedDictionary(String)
}
