// The keys that tickets are sealed with, and the file in which gateways share them.
//
// The file is text: a first line that names the format, then a line for each key: the Unix second from
// which it seals, a space, and its 80 bytes in base64 (16 name, 32 AES-256-CBC, 32 HMAC-SHA-256).
// Lines that begin with # and empty ones do not count. `tern tls ticket-key` writes it, gateways read it.

internal import COpenSSL

/// One ticket key. Its bytes are wiped when it goes.
public final class TicketKey: @unchecked Sendable {
    // Immutable after init.
    static let nameSize = 16
    static let cipherKeySize = 32
    static let macKeySize = 32
    static let size = nameSize + cipherKeySize + macKeySize

    /// The Unix second from which this key seals, until a later one does.
    public let startsAt: UInt64
    private let bytes: UnsafeMutableRawBufferPointer

    /// A new key from OpenSSL's generator for secrets.
    public init(startsAt: UInt64) {
        self.startsAt = startsAt
        bytes = .allocate(byteCount: Self.size, alignment: 16)
        let result = RAND_priv_bytes(bytes.baseAddress, CInt(Self.size))
        // Without randomness nothing may go on, and no caller could do better.
        precondition(result == 1, "no random bytes")
    }

    /// The key with these bytes; nil unless there are 80.
    init?(startsAt: UInt64, bytes source: [UInt8]) {
        guard source.count == Self.size else { return nil }
        self.startsAt = startsAt
        bytes = .allocate(byteCount: Self.size, alignment: 16)
        bytes.copyBytes(from: source)
    }

    deinit {
        OPENSSL_cleanse(bytes.baseAddress, bytes.count)
        bytes.deallocate()
    }

    var name: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[..<16]) }
    var cipherKey: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[16..<48]) }
    var macKey: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[48...]) }
    /// All bytes, for the file.
    var all: [UInt8] { [UInt8](bytes) }
}

/// Why a file of ticket keys is refused.
public enum TicketKeyFileError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The first line is another.
    case notTicketKeys
    /// A line is not a time and a key.
    case malformedLine(Int)
    /// Two keys have the same bytes at their head or begin at the same second.
    case repeated(line: Int)
    /// There are none, or more than are of use.
    case count(Int)
    /// Every key begins later than now.
    case noneInForce

    /// One line for people.
    public var description: String {
        switch self {
        case .notTicketKeys: "the first line is not \"\(TicketKeyFile.header)\""
        case .malformedLine(let number):
            "line \(number): not a time and a key of \(TicketKey.size) bytes in base64"
        case .repeated(let number): "line \(number): a key or a time that stands there twice"
        case .count(let count): "\(count) keys: 1 to \(TLSLimits.ticketKeyCountMax)"
        case .noneInForce: "all keys begin in the future"
        }
    }
}

/// The file's format and its upkeep.
public enum TicketKeyFile {
    /// The first line.
    public static let header = "tern-ticket-keys 1"

    /// The keys, earliest first.
    public static func parse(_ text: String) throws(TicketKeyFileError) -> [TicketKey] {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.first == header[...] else { throw .notTicketKeys }
        var keys: [TicketKey] = []
        for (index, line) in lines.enumerated().dropFirst() {
            if line.isEmpty || line.hasPrefix("#") { continue }
            let fields = line.split(separator: " ", omittingEmptySubsequences: false)
            // Sums with lifetimes must not overflow.
            guard fields.count == 2, let startsAt = UInt64(fields[0]), startsAt <= Int64.max,
                let bytes = decoded(fields[1]),
                let key = TicketKey(startsAt: startsAt, bytes: bytes)
            else { throw .malformedLine(index + 1) }
            let isKnown = keys.contains {
                $0.startsAt == startsAt || $0.name.elementsEqual(key.name)
            }
            guard !isKnown else { throw .repeated(line: index + 1) }
            keys.append(key)
            guard keys.count <= TLSLimits.ticketKeyCountMax else { throw .count(keys.count) }
        }
        guard !keys.isEmpty else { throw .count(0) }
        return keys.sorted { $0.startsAt < $1.startsAt }
    }

    /// The text of a file with these keys.
    public static func text(_ keys: [TicketKey]) -> String {
        var text = header + "\n"
        for key in keys { text += "\(key.startsAt) \(encoded(key.all))\n" }
        return text
    }

    /// `keys` without those that no ticket needs any more, and with a further one, so that one is in
    /// force at `now` and the next is prepared. Nothing changes while the last key is still to begin.
    public static func renewed(
        _ keys: [TicketKey], at now: UInt64, periodS: UInt64, lifetimeS: UInt64
    ) -> [TicketKey] {
        var keys = keys.sorted { $0.startsAt < $1.startsAt }
        if keys.first.map({ $0.startsAt > now }) ?? true {
            keys.insert(TicketKey(startsAt: now), at: 0)
        }
        while let last = keys.last, last.startsAt <= now {
            // Late, it begins a period from now: gateways need time to learn of it.
            let due = last.startsAt + periodS
            keys.append(TicketKey(startsAt: due > now ? due : now + periodS))
        }
        // A key is over once its successor has sealed for a ticket's lifetime.
        while keys.count > 2, keys[1].startsAt + lifetimeS <= now { keys.removeFirst() }
        return keys
    }

    private static func encoded(_ bytes: [UInt8]) -> String {
        var text = [UInt8](repeating: 0, count: (bytes.count + 2) / 3 * 4 + 1)
        let size = EVP_EncodeBlock(&text, bytes, CInt(bytes.count))
        return String(decoding: text.prefix(Int(size)), as: UTF8.self)
    }

    private static func decoded(_ text: Substring) -> [UInt8]? {
        // 80 bytes are 108 characters, of which the last is padding.
        let characters = Array(text.utf8)
        guard characters.count == (TicketKey.size + 2) / 3 * 4, characters.last == 0x3D else {
            return nil
        }
        var bytes = [UInt8](repeating: 0, count: characters.count)
        let size = EVP_DecodeBlock(&bytes, characters, CInt(characters.count))
        guard size == TicketKey.size + 1 else { return nil }
        defer { OPENSSL_cleanse(&bytes, bytes.count) }
        let key = Array(bytes.prefix(TicketKey.size))
        // OpenSSL takes more than one spelling; we take the one that is written.
        return encoded(key) == text ? key : nil
    }
}
