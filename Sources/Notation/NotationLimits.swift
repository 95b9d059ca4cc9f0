// Every maximum of the text forms, with its unit and reason.

/// Limits of JSON lines, hex lines and dictionary files. What a node may be, `WireLimits` says.
package enum NotationLimits {
    /// Bytes of one line: the longest frame in hex digits has 33,554,436.
    package static let lineSizeMax = 41_943_040
    /// Values within values of JSON that is passed over.
    package static let jsonDepthMax = 64
    /// Bytes that one frame may inflate to: what a reader takes.
    package static let inflatedSizeMax = 16_777_215
    /// Bytes of a dictionary file: 1,260 words of 128 bytes, all escaped, have fewer.
    package static let dictionarySizeMax = 1_048_576
    /// Characters of a value that an explanation shows.
    package static let shownCharacterCountMax = 60
}
