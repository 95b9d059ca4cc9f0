// A word of the dictionary by its index: one byte on the wire, or two.

/// A dictionary word: 1 and 2 control words, 3 the stream's own domain, 4–235 the single-byte table,
/// 256 + 256 × dictionary + index the four double-byte tables. Which word it is, the dictionary says.
public struct Token: RawRepresentable, Hashable, Sendable {
    /// The index as above.
    public let rawValue: UInt16

    /// The token of an index; nil when none can have it.
    public init?(rawValue: UInt16) {
        guard (1...235).contains(rawValue) || (0x100...0x4FF).contains(rawValue) else { return nil }
        self.rawValue = rawValue
    }

    /// A token whose index is known to be one.
    package init(unchecked rawValue: UInt16) { self.rawValue = rawValue }
}
