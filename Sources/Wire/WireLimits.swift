// Every maximum of the protocol's bytes, with its unit and reason.

/// Limits of nodes, frames and compression.
package enum WireLimits {
    /// Nodes within nodes, the outermost counted: real stanzas need 4 to 6.
    package static let nodeDepthMax = 16
    /// Attributes of one node: keeps the check for duplicates short.
    package static let attributeCountMax = 64
    /// Children of one node: what LIST_16 can say.
    package static let childCountMax = 65_535
    /// Characters of one packed string: what its header can say, by agreement one less.
    package static let packedCharacterCountMax = 127
    /// Bytes behind a frame's 3 length bytes, before login: a login needs a few hundred.
    package static let frameSizeMaxBeforeLogin = 4_096
    /// Bytes behind a frame's 3 length bytes, after login.
    package static let frameSizeMax = 65_536
    /// Bytes behind a frame's 3 length bytes: the flags and the smallest node has 3.
    package static let frameSizeMin = 2
    /// Bytes that one frame may inflate to.
    package static let inflatedSizeMax = 262_144
    /// Bytes from which on compression pays.
    package static let deflateSizeMin = 512
    /// Bytes of one dictionary word.
    package static let wordSizeMax = 128
    /// Bytes of one SCRAM message; ours have about 250.
    package static let scramMessageSizeMax = 2_048
    /// Bytes of a password in UTF-8.
    package static let passwordSizeMax = 1_024
    /// PBKDF2 iterations of new verifiers.
    package static let scramIterationsDefault = 10_000
    /// PBKDF2 iterations that a client takes from a server: less is weak, more is an attack.
    package static let scramIterations = 4_096...1_000_000
}
