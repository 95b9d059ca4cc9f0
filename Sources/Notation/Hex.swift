// Bytes as hex digits, both ways.

internal import Wire

/// Hex digits.
package enum Hex {
    private static let alphabet = Array("0123456789abcdef".utf8)

    /// Two lower-case digits a byte.
    package static func digits(_ bytes: some Collection<UInt8>) -> String {
        String(decoding: utf8Digits(bytes), as: UTF8.self)
    }

    /// The same as bytes of text.
    package static func utf8Digits(_ bytes: some Collection<UInt8>) -> [UInt8] {
        var digits: [UInt8] = []
        digits.reserveCapacity(2 * bytes.count)
        for byte in bytes {
            digits.append(alphabet[Int(byte >> 4)])
            digits.append(alphabet[Int(byte & 0x0F)])
        }
        return digits
    }

    /// The bytes of a line of digits in either case; blanks may stand around them and between bytes.
    package static func bytes(_ line: some Collection<UInt8>) throws(NotationError) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(line.count / 2)
        var high: UInt8?
        var offset = 0
        for character in line {
            if isBlank(character) {
                guard high == nil else { throw .hex("half a byte", offset: offset) }
            } else if let value = value(character) {
                if let first = high {
                    bytes.append(first << 4 | value)
                    high = nil
                } else {
                    high = value
                }
            } else {
                throw .hex("neither digit nor blank", offset: offset)
            }
            offset += 1
        }
        guard high == nil else { throw .hex("half a byte", offset: offset) }
        guard !bytes.isEmpty else { throw .hex("nothing on this line", offset: 0) }
        return bytes
    }

    private static func isBlank(_ character: UInt8) -> Bool {
        character == UInt8(ascii: " ") || character == UInt8(ascii: "\t")
            || character == UInt8(ascii: "\r")
    }

    private static func value(_ character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
