// Every maximum of the protocol's bytes, with its unit and reason.

/// Limits of nodes, frames and compression.
package enum WireLimits {
    /// Nodes within nodes, the outermost counted: real stanzas need 4 to 6.
    package static let nodeDepthMax = 16
    /// Attributes of one node: keeps the check for duplicates short.
    package static let attributeCountMax = 64
    /// Children of one node: what LIST_16 can say.
    package static let childCountMax = 65_535
    /// Bytes in memory of a decoded tree for each byte of its payload: the worst is an attribute that
    /// spells a JID of 320 characters in four bytes. It holds by itself; nothing is refused for it.
    package static let treeSizeRatioMax = 104
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
    /// How many times its own size a compressed payload may inflate to: what compresses better than this
    /// costs its sender next to nothing and its reader all. Text reaches 3 to 10.
    package static let inflationRatioMax = 64
    /// Bytes to which a compressed payload may inflate whatever its own size.
    package static let inflatedSizeAlways = 16_384

    /// Bytes that so many compressed ones may inflate to.
    package static func inflatedSizeMax(ofCompressed size: Int) -> Int {
        max(inflatedSizeAlways, inflationRatioMax * size)
    }
    /// Bytes from which on zlib pays.
    package static let deflateSizeMin = 512
    /// Bytes from which on deflate with a preset dictionary pays.
    package static let presetDeflateSizeMin = 48
    /// Versions of preset dictionaries that an `auth` may name.
    package static let presetOfferCountMax = 8
    /// Stanzas that a login may say the client has: more than fit the frame, mostly.
    package static let resumeCountMax = 64
    /// Login tokens of a device: the one in use and those that were issued and not used yet. More than one of
    /// these comes of answers that were lost.
    package static let deviceTokenCountMax = 5
    /// The longest time that a server asks a client to stay away, in seconds.
    package static let retryAfterSMax: UInt64 = 600
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
    /// Accounts that a gateway under test has without storing them: more than one machine holds.
    package static let benchAccountCountMax = 10_000_000
}
