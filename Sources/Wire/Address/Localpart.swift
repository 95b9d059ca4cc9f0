// The user part of an address, and the id of a stanza: short ASCII words that are compared all the
// time and stored by the million. Up to 15 bytes live inside the value, without a heap object.

internal import Base

/// A user's or group's name: 1–64 bytes of `a–z 0–9 . _ - +`, beginning with a letter, digit or `+`
/// (narrower than RFC 7622's localpart, so that equality is equality of bytes).
public struct Localpart: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The longest name, in bytes.
    public static let sizeMax = 64

    /// The name.
    public let text: String

    /// The name, if `text` is one.
    public init?(_ text: String) {
        guard AddressSyntax.isLocalpart(text.utf8) else { return nil }
        self.text = text
    }

    /// The name, if the bytes are one.
    public init?(ascii bytes: UnsafeRawBufferPointer) {
        guard AddressSyntax.isLocalpart(bytes) else { return nil }
        text = String(decoding: bytes, as: UTF8.self)
    }

    /// The user's home among so many shards (≥ 1): the same in every process.
    public func home(among shardCount: Int) -> Int {
        var text = text
        let hash = text.withUTF8 { stableHash(UnsafeRawBufferPointer($0)) }
        return Int(hash % UInt64(shardCount))
    }

    /// Orders by bytes.
    public static func < (left: Localpart, right: Localpart) -> Bool {
        left.text.utf8.lexicographicallyPrecedes(right.text.utf8)
    }

    /// The name.
    public var description: String { text }
}

/// A stanza's id as its sender chose it: 1–64 bytes of printable ASCII without space, kept exactly.
public struct StanzaID: Hashable, Sendable, CustomStringConvertible {
    /// The longest id, in bytes.
    public static let sizeMax = 64

    /// The id.
    public let text: String

    /// The id, if `text` is one.
    public init?(_ text: String) {
        guard Self.isValid(text.utf8) else { return nil }
        self.text = text
    }

    /// The id, if the bytes are one.
    public init?(ascii bytes: UnsafeRawBufferPointer) {
        guard Self.isValid(bytes) else { return nil }
        text = String(decoding: bytes, as: UTF8.self)
    }

    private static func isValid(_ bytes: some Collection<UInt8>) -> Bool {
        !bytes.isEmpty && bytes.count <= sizeMax && bytes.allSatisfy { (0x21...0x7E).contains($0) }
    }

    /// The id.
    public var description: String { text }
}
