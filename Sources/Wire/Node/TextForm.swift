// The canonical form of one text, written at a pointer: single token, double token, nibbles, hex, JID, raw
// bytes. `NodeWriter` makes the room, once for each text, and calls this.
//
// Invariant: no form of a text is longer than the text and `TextForm.slack`.

internal import Glibc

/// Writes texts where there is room for them and `slack` bytes more; each function returns the end.
struct TextForm {
    let context: WireContext

    /// The most that a form has beyond its text: a JID's tag, two sizes of raw bytes, and what packing
    /// writes beyond its end.
    static var slack: Int { 16 }

    /// Text that may be a JID. Precondition: UTF-8.
    @inline(__always)
    func string(
        _ text: UnsafeRawBufferPointer, at output: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        if let word = context.token(of: text) { return token(word, at: output) }
        if let alphabet = PackedText.alphabet(of: text) {
            return PackedText.write(text, alphabet, at: output)
        }
        return jid(text, at: output) ?? raw(text, at: output)
    }

    /// Text that is never a JID.
    @inline(__always)
    func name(
        _ text: UnsafeRawBufferPointer, at output: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        if let word = context.token(of: text) { return token(word, at: output) }
        if let alphabet = PackedText.alphabet(of: text) {
            return PackedText.write(text, alphabet, at: output)
        }
        return raw(text, at: output)
    }

    /// A word of the dictionary.
    @inline(__always)
    func token(_ token: Token, at output: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        if token.rawValue < 0x100 { return put(UInt8(token.rawValue), at: output) }
        let tag = WireTag.dictionary0 &+ UInt8(truncatingIfNeeded: (token.rawValue >> 8) &- 1)
        return put(UInt8(truncatingIfNeeded: token.rawValue), at: put(tag, at: output))
    }

    /// Raw bytes. Precondition: fewer than 2^32.
    @inline(__always)
    func raw(
        _ bytes: UnsafeRawBufferPointer, at output: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        let start = rawHeader(bytes.count, at: output)
        if let base = bytes.baseAddress { start.copyMemory(from: base, byteCount: bytes.count) }
        return start + bytes.count
    }

    /// What stands before raw bytes.
    @inline(__always)
    func rawHeader(
        _ size: Int, at output: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        if size < 0x100 {
            return put(UInt8(size), at: put(WireTag.binary8, at: output))
        }
        let isShort = size < 0x10_0000
        var end = put(isShort ? WireTag.binary20 : WireTag.binary32, at: output)
        for shift in stride(from: isShort ? 16 : 24, through: 0, by: -8) {
            end = put(UInt8(truncatingIfNeeded: size >> shift), at: end)
        }
        return end
    }

    /// A typed JID, if the text is exactly what one reads back as; otherwise nil, and what was written is
    /// void.
    private func jid(
        _ text: UnsafeRawBufferPointer, at output: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer? {
        let sizeMax = Localpart.sizeMax + 1 + JID.domainSizeMax + 4
        guard text.count <= sizeMax, let at = firstOffset(of: UInt8(ascii: "@"), in: text) else {
            return nil
        }
        let user = UnsafeRawBufferPointer(rebasing: text[..<at])
        let rest = UnsafeRawBufferPointer(rebasing: text[(at + 1)...])
        if equalBytes(rest, context.domainBytes) {
            return self.user(user, at: put(WireTag.pairJID, at: output))
                .map { token(.ownDomain, at: $0) }
        }
        if AddressSyntax.isDomain(rest) {
            return self.user(user, at: put(WireTag.pairJID, at: output)).map { name(rest, at: $0) }
        }
        guard let slash = firstOffset(of: UInt8(ascii: "/"), in: rest) else { return nil }
        let domain = UnsafeRawBufferPointer(rebasing: rest[..<slash])
        let digits = UnsafeRawBufferPointer(rebasing: rest[(slash + 1)...])
        guard equalBytes(domain, context.domainBytes), let device = AddressSyntax.device(digits)
        else { return nil }
        return self.user(user, at: deviceHeader(device, at: output))
    }

    /// What stands before the user of a device of the own domain.
    @inline(__always)
    func deviceHeader(
        _ device: UInt8, at output: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        put(device, at: put(0, at: put(WireTag.deviceJID, at: output)))
    }

    /// A localpart; nil when it is none. Telephone numbers, which most are, are looked at once.
    @inline(__always)
    private func user(
        _ text: UnsafeRawBufferPointer, at output: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer? {
        guard PackedText.alphabet(of: text) == .nibble else {
            return AddressSyntax.isLocalpart(text) ? name(text, at: output) : nil
        }
        guard text.count <= Localpart.sizeMax, text[0] >= UInt8(ascii: "0") else { return nil }
        if let word = context.token(of: text) { return token(word, at: output) }
        return PackedText.write(text, .nibble, at: output)
    }

    @inline(__always)
    private func put(
        _ byte: UInt8, at output: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        output.storeBytes(of: byte, as: UInt8.self)
        return output + 1
    }
}

/// Where a byte first occurs.
@inline(__always)
private func firstOffset(of byte: UInt8, in text: UnsafeRawBufferPointer) -> Int? {
    guard let base = text.baseAddress, let found = memchr(base, CInt(byte), text.count) else {
        return nil
    }
    return UnsafeRawPointer(found) - base
}
