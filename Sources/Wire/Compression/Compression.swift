// How a frame's payload may be compressed, and the preset dictionaries that one of the ways refers to.

/// A way to compress a frame.
package enum Compression: Sendable, Equatable {
    /// One zlib stream (RFC 1950), which any peer takes.
    case zlib
    /// One raw deflate stream (RFC 1951) whose window begins with a preset dictionary. Both sides must
    /// have agreed on it. It carries no checksum: TLS protects what it would protect.
    case preset(PresetDictionary)

    /// What a frame's flags say; nil for a plain frame. `preset` is what was agreed on. Precondition: a
    /// `FrameSplitter` that knows whether anything was agreed on let the flags through.
    package static func of(flags: UInt8, agreed preset: PresetDictionary?) -> Compression? {
        switch (flags, preset) {
        case (FrameFlags.plain, _): nil
        case (FrameFlags.deflated, _): .zlib
        case (FrameFlags.presetDeflated, let preset?): .preset(preset)
        default: preconditionFailure("flags \(flags), preset \(String(describing: preset))")
        }
    }

    /// The frame's flags.
    package var flags: UInt8 {
        switch self {
        case .zlib: FrameFlags.deflated
        case .preset: FrameFlags.presetDeflated
        }
    }
}

/// Bytes that deflate may refer to before a frame's own. A version, once released, never changes; a
/// session remembers one byte.
package struct PresetDictionary: Sendable, Hashable {
    /// The version, by which peers agree on it.
    package let version: UInt8

    /// What stanzas in the words of dictionary version 1 have in common.
    package static let version1 = PresetDictionary(known: 1)
    /// All there are, the newest first.
    package static let all = [version1]

    /// The dictionary of a version; nil when there is none.
    package init?(version: UInt8) {
        guard Self.all.contains(where: { $0.version == version }) else { return nil }
        self.version = version
    }

    private init(known version: UInt8) { self.version = version }

    /// The bytes.
    var bytes: [UInt8] {
        switch version {
        case 1: PresetVersion1.bytes
        default: preconditionFailure("preset dictionary \(version)")
        }
    }
}
