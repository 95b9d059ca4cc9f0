// Two characters in a byte: digits, dash and dot as nibbles, or upper-case hex digits. Eight characters
// are handled at a time, as the bytes of one number.
//
// The arithmetic: a mask with 0x80 in each byte marks bytes. For bytes below 0x80, adding 0x80 - k sets
// the mark exactly where the byte is k or more, and nothing carries into the next byte.

/// The packed forms of text (tags FF and FB).
enum PackedText {
    enum Alphabet {
        case nibble, hex
    }

    /// The alphabet that can pack the text, nibbles first; nil when none can or the text's size does
    /// not allow it.
    @inline(__always)
    static func alphabet(of text: UnsafeRawBufferPointer) -> Alphabet? {
        guard text.count > 0, text.count <= WireLimits.packedCharacterCountMax else { return nil }
        var strange = Strange()
        var offset = 0
        while text.count - offset >= 8 {
            strange.look(at: text.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            if strange.toNibbles != 0, strange.toHex != 0 { return nil }
            offset &+= 8  // at most text.count
        }
        let rest = text.count - offset
        if rest > 0 {
            strange.look(at: loadShort(text, at: offset, count: rest) | zeros(after: rest))
        }
        if strange.toNibbles == 0 { return .nibble }
        return strange.toHex == 0 ? .hex : nil
    }

    /// Marks for characters that are none of an alphabet's.
    private struct Strange {
        var toNibbles: UInt64 = 0
        var toHex: UInt64 = 0

        @inline(__always)
        mutating func look(at text: UInt64) {
            // No sum below carries: each byte is below 0x80 and each summand at most 0x80.
            let bytes = text & each(0x7F)
            let noDigit = (bytes ^ each(0x30)) &+ each(0x76)
            let dashOrDot = bytes ^ each(0x2C)  // 1 or 2
            let isDashOrDot = (dashOrDot &+ each(0x7F)) & ~(dashOrDot &+ each(0x7D))
            let letter = bytes ^ each(0x40)  // 1 to 6
            let isLetter = (letter &+ each(0x7F)) & ~(letter &+ each(0x79))
            toNibbles |= (noDigit & ~isDashOrDot | text) & each(0x80)
            toHex |= (noDigit & ~isLetter | text) & each(0x80)
        }
    }

    /// Whether packed bytes are what an encoder writes: characters of the alphabet, F as padding and
    /// nowhere else in nibbles, and in hex at least one letter (digits alone are nibbles).
    /// Precondition: not empty.
    @inline(__always)
    static func isCanonical(_ packed: UnsafeRawBufferPointer, isHex: Bool, isOdd: Bool) -> Bool {
        var letters: UInt64 = 0  // marks in the highest bit of each half byte that is 10 or more
        var beyond: UInt64 = 0  // and 12 or more
        var offset = 0
        func look(at bytes: UInt64) {
            letters |= bytes & (bytes << 1 | bytes << 2) & each(0x88)
            beyond |= bytes & bytes << 1 & each(0x88)
        }
        while packed.count - offset > 8 {
            look(at: packed.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            offset &+= 8  // less than packed.count
        }
        let rest = packed.count - offset  // 1 to 8
        var bytes =
            rest == 8
            ? packed.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            : loadShort(packed, at: offset, count: rest)
        if isOdd {
            let padding = UInt64(0x0F) << UInt64(8 * (rest - 1))
            guard bytes & padding == padding else { return false }
            bytes &= ~padding
        }
        look(at: bytes)
        return isHex ? letters != 0 : beyond == 0
    }

    /// Writes the characters of checked packed bytes; returns their count. Writes whole groups of eight:
    /// `output` has room for two characters a byte and six more.
    @inline(__always)
    static func unpack(
        _ packed: UnsafeRawBufferPointer, isHex: Bool, isOdd: Bool,
        into output: UnsafeMutableRawBufferPointer
    ) -> Int {
        precondition(
            output.count >= 2 * packed.count + 6, "\(packed.count) into \(output.count)")
        var offset = 0
        while offset < packed.count {
            let rest = packed.count - offset
            let bytes =
                rest >= 4
                ? UInt64(packed.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
                : loadShort(packed, at: offset, count: rest)
            var spread = (bytes | bytes << 16) & 0x0000_FFFF_0000_FFFF
            spread = (spread | spread << 8) & 0x00FF_00FF_00FF_00FF
            let values = (spread >> 4 | spread << 8) & each(0x0F)
            let isLetter = (values &+ each(0x76)) >> 7 & each(0x01)
            // From 10 on the alphabets go on elsewhere: A is 7 behind the colon, dash 13 before it.
            let digits = values &+ each(0x30)
            let characters = isHex ? digits &+ isLetter &* 7 : digits &- isLetter &* 13
            output.storeBytes(of: characters, toByteOffset: 2 * offset, as: UInt64.self)
            offset &+= 4  // at most packed.count + 3
        }
        return 2 * packed.count - (isOdd ? 1 : 0)
    }

    /// Writes the packed form with its tag at `output`, where there is room for the text's size and 16
    /// more; returns its end. Precondition: `alphabet(of: text)` is `alphabet`.
    @inline(__always)
    static func write(
        _ text: UnsafeRawBufferPointer, _ alphabet: Alphabet, at output: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        let count = text.count  // 1 to 127
        let size = (count &+ 1) >> 1
        let isOdd = count & 1
        output.storeBytes(
            of: alphabet == .nibble ? WireTag.nibble8 : WireTag.hex8, as: UInt8.self)
        output.storeBytes(
            of: UInt8(truncatingIfNeeded: size | isOdd << 7), toByteOffset: 1, as: UInt8.self)
        var offset = 0
        var packedOffset = 2
        while count &- offset >= 8 {
            let characters = text.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            output.storeBytes(of: packed(characters), toByteOffset: packedOffset, as: UInt32.self)
            offset &+= 8  // at most count
            packedOffset &+= 4
        }
        let rest = count &- offset
        if rest > 0 {  // the group may write three bytes more than it has
            let characters = loadShort(text, at: offset, count: rest) | zeros(after: rest)
            output.storeBytes(of: packed(characters), toByteOffset: packedOffset, as: UInt32.self)
        }
        let end = output + (2 &+ size)
        if isOdd != 0 {
            let last = (end - 1).load(as: UInt8.self)
            (end - 1).storeBytes(of: last | 0x0F, as: UInt8.self)
        }
        return end
    }

    /// Eight characters in four bytes.
    @inline(__always)
    private static func packed(_ characters: UInt64) -> UInt32 {
        let isLetter = characters >> 6 & each(0x01)
        let isDashOrDot = ~(characters >> 6 | characters >> 4) & each(0x01)
        // A digit is its low half byte, a letter 9 more, dash and dot (13 and 14) 3 less: 0 to 15, so
        // that no byte touches the next.
        let values = (characters & each(0x0F)) &+ isLetter &* 9 &- isDashOrDot &* 3
        var pairs = (values << 4 | values >> 8) & 0x00FF_00FF_00FF_00FF
        pairs = (pairs | pairs >> 8) & 0x0000_FFFF_0000_FFFF
        return UInt32(truncatingIfNeeded: pairs | pairs >> 16)
    }
}

/// A number with `byte` in each byte.
@inline(__always)
private func each(_ byte: UInt8) -> UInt64 {
    UInt64(byte) &* 0x0101_0101_0101_0101
}

/// The character zero, which both alphabets have, in each byte but the first `count`.
@inline(__always)
private func zeros(after count: Int) -> UInt64 {
    each(0x30) << UInt64(8 * count)
}
