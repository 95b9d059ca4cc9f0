// Two characters in a byte: digits, dash and dot as nibbles, or upper-case hex digits.

internal import Base

/// The packed forms of text (tags FF and FB).
enum PackedText {
    enum Alphabet {
        case nibble, hex
    }

    /// The alphabet that can pack the text, nibbles first; nil when none can or the text's size does
    /// not allow it.
    static func alphabet(of text: UnsafeRawBufferPointer) -> Alphabet? {
        guard (1...WireLimits.packedCharacterCountMax).contains(text.count) else { return nil }
        var isNibble = true
        var isHex = true
        for byte in text {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): break
            case UInt8(ascii: "A")...UInt8(ascii: "F"): isNibble = false
            case UInt8(ascii: "-"), UInt8(ascii: "."): isHex = false
            default: return nil
            }
            if !isNibble, !isHex { return nil }
        }
        return isNibble ? .nibble : .hex
    }

    /// Whether packed bytes are what an encoder writes: characters of the alphabet, F as padding and
    /// nowhere else in nibbles, and in hex at least one letter (digits alone are nibbles).
    static func isCanonical(_ packed: UnsafeRawBufferPointer, isHex: Bool, isOdd: Bool) -> Bool {
        var hasLetter = false
        for (index, byte) in packed.enumerated() {
            let high = byte >> 4
            let low = byte & 0x0F
            let isPadded = isOdd && index == packed.count - 1
            if isPadded, low != 0x0F { return false }
            if isHex {
                if high > 9 || (low > 9 && !isPadded) { hasLetter = true }
            } else if high > 11 || (low > 11 && !isPadded) {
                return false
            }
        }
        return !isHex || hasLetter
    }

    /// Writes the characters of checked packed bytes; returns their count. Precondition: `output` has
    /// room for two characters a byte.
    static func unpack(
        _ packed: UnsafeRawBufferPointer, isHex: Bool, isOdd: Bool,
        into output: UnsafeMutableRawBufferPointer
    ) -> Int {
        precondition(output.count >= 2 * packed.count, "\(packed.count) into \(output.count)")
        var end = 0
        for byte in packed {
            output[end] = character(byte >> 4, isHex: isHex)
            output[end + 1] = character(byte & 0x0F, isHex: isHex)
            end += 2
        }
        return isOdd ? end - 1 : end
    }

    /// Appends the packed form with its tag. Precondition: `alphabet(of: text)` is `alphabet`.
    static func append(
        _ text: UnsafeRawBufferPointer, _ alphabet: Alphabet, into buffer: inout ByteBuffer
    ) {
        let size = (text.count + 1) / 2
        buffer.appendUpTo(2 + size) { output in
            output[0] = alphabet == .nibble ? WireTag.nibble8 : WireTag.hex8
            output[1] = UInt8(size) | (text.count % 2 == 1 ? 0x80 : 0)
            for index in 0..<size {
                let high = value(text[2 * index])
                let low = 2 * index + 1 < text.count ? value(text[2 * index + 1]) : 0x0F
                output[2 + index] = high << 4 | low
            }
            return 2 + size
        }
    }

    private static func character(_ value: UInt8, isHex: Bool) -> UInt8 {
        switch value {
        case 0...9: UInt8(ascii: "0") + value
        case _ where isHex: UInt8(ascii: "A") + value - 10
        case 10: UInt8(ascii: "-")
        default: UInt8(ascii: ".")
        }
    }

    private static func value(_ character: UInt8) -> UInt8 {
        switch character {
        case UInt8(ascii: "-"): 10
        case UInt8(ascii: "."): 11
        case UInt8(ascii: "A")...: character - UInt8(ascii: "A") + 10
        default: character - UInt8(ascii: "0")
        }
    }
}
