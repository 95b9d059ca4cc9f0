// How a HelloRetryRequest looks on the wire: a ServerHello whose random is the SHA-256 of its name
// (RFC 8446, section 4.1.3). OpenSSL does not say when it has sent one.

/// A server's request for a key share of another group.
enum HelloRetryRequest {
    private static let random: [UInt8] = [
        0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11,
        0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91,
        0xC2, 0xA2, 0x11, 0x16, 0x7A, 0xBB, 0x8C, 0x5E,
        0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C,
    ]

    /// Whether a server's flight begins with one: in a record (type, version, length: 5 bytes) a ServerHello
    /// (type, length: 4; version: 2) with that random.
    static func begins(_ flight: UnsafeRawBufferPointer) -> Bool {
        let randomStart = 11
        guard flight.count >= randomStart + random.count else { return false }
        return flight[0] == 22 && flight[5] == 2
            && flight[randomStart...].prefix(random.count).elementsEqual(random)
    }
}
