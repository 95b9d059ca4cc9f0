// The attribute `deflate` of `auth` and `success`: which preset dictionaries a client knows, and which
// one the server has chosen.

/// Versions of preset dictionaries as an attribute's value: decimal numbers with dots between them.
package struct PresetOffer: Sendable, Equatable {
    /// The versions, in the order in which they were named.
    package let versions: [UInt8]

    /// What this implementation knows.
    package static let ours = PresetOffer(known: PresetDictionary.all.map(\.version))

    /// No dictionary.
    package static let nothing = PresetOffer(known: [])

    /// Reads an attribute's value; nil unless it is one to eight different numbers from 1 to 255.
    package init?(_ text: String) {
        guard text.utf8.count <= 4 * WireLimits.presetOfferCountMax else { return nil }
        var versions: [UInt8] = []
        for part in text.split(separator: ".", omittingEmptySubsequences: false) {
            guard let version = UInt8(part), version > 0, String(version) == part,
                !versions.contains(version), versions.count < WireLimits.presetOfferCountMax
            else { return nil }
            versions.append(version)
        }
        self.versions = versions
    }

    private init(known versions: [UInt8]) { self.versions = versions }

    /// The attribute's value.
    package var text: String { versions.map { String($0) }.joined(separator: ".") }

    /// The newest dictionary that both sides know; nil when there is none.
    package var chosen: PresetDictionary? {
        versions.compactMap(PresetDictionary.init).max { $0.version < $1.version }
    }
}
