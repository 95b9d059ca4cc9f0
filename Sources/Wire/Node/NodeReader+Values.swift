// What values mean: text, tokens, JIDs, numbers. Values are those of the same payload.

package import Base

extension NodeReader {
    /// Calls `body` with a value's text; the pointer is valid only during the call. Allocates nothing.
    /// Only for this module: elsewhere it would be called unspecialised, at ten times the cost.
    @inline(__always)
    func withText<R>(of value: WireValue, _ body: (UnsafeRawBufferPointer) -> R) -> R {
        withUnsafeTemporaryAllocation(byteCount: 512, alignment: 8) { scratch in
            body(text(of: value, scratch))
        }
    }

    /// A value's text, where it lies or else unpacked into `scratch`, which has room for 512 bytes. Good
    /// as long as the payload and `scratch` are.
    package func text(
        of value: WireValue, _ scratch: UnsafeMutableRawBufferPointer
    ) -> UnsafeRawBufferPointer {
        switch value.kind {
        case .token:
            return context.text(of: Token(unchecked: value.rawToken))
                ?? UnsafeRawBufferPointer(start: nil, count: 0)
        case .raw:
            return span.extracting(value.textBytes).withUnsafeBytes { $0 }
        case .nibble, .hex:
            return UnsafeRawBufferPointer(rebasing: scratch[..<unpack(value, into: scratch)])
        case .pairJID, .deviceJID:
            return UnsafeRawBufferPointer(rebasing: scratch[..<composeJID(value, into: scratch)])
        }
    }

    /// The token that a value is, or whose word it spells; nil when there is none.
    package func token(of value: WireValue) -> Token? {
        switch value.kind {
        case .token:
            return Token(unchecked: value.rawToken)
        case .pairJID:
            // A domain by itself is a word like any other.
            let parts = jidParts(of: value)
            return parts.user == nil ? token(of: parts.domain) : nil
        case .deviceJID:
            return nil
        case .nibble, .hex:
            // Few words can be packed, and they are short; an own domain can be as well.
            let size = value.packedCount
            let tables = context.tables
            guard size <= tables.longestPackedWordSize || size == context.domainBytes.count else {
                return nil
            }
            return withText(of: value) { context.token(of: $0) }
        case .raw:
            return span.extracting(value.textBytes).withUnsafeBytes { context.token(of: $0) }
        }
    }

    /// A typed JID's parts; nil for every other form.
    package func jid(of value: WireValue) -> JIDView? {
        guard value.isJID else { return nil }
        let parts = jidParts(of: value)
        let local = parts.user.flatMap { user in withText(of: user) { Localpart(ascii: $0) } }
        let own = parts.domain.rawToken == 3
        return JIDView(
            local: local,
            isOwnDomain: own || withText(of: parts.domain) { equalBytes($0, context.domainBytes) },
            domain: parts.domain, device: value.kind == .deviceJID ? value.device : nil)
    }

    /// The address that a value spells, in whatever form; nil when it spells none.
    package func address(of value: WireValue) -> JID? {
        JID(string(of: value))
    }

    /// The localpart that a value spells; nil when it is none.
    package func localpart(of value: WireValue) -> Localpart? {
        withText(of: value) { Localpart(ascii: $0) }
    }

    /// The stanza id that a value spells; nil when it is none.
    package func stanzaID(of value: WireValue) -> StanzaID? {
        withText(of: value) { StanzaID(ascii: $0) }
    }

    /// The decimal number without leading zeros that a value spells; nil when it is none.
    package func number(of value: WireValue) -> UInt64? {
        if value.isJID { return nil }
        return withText(of: value) { AddressSyntax.number($0) }
    }

    /// A value's text as a string. Allocates for more than 15 bytes.
    package func string(of value: WireValue) -> String {
        if value.kind == .token { return context.string(of: Token(unchecked: value.rawToken)) }
        return withText(of: value) { String(decoding: $0, as: UTF8.self) }
    }

    /// Appends a value's text.
    package func bytes(of value: WireValue, into buffer: inout ByteBuffer) {
        switch value.kind {
        case .raw:
            buffer.append(span.extracting(value.textBytes))
        default:
            buffer.appendUpTo(512) { output in
                withText(of: value) { text in
                    output.copyMemory(from: text)
                    return text.count
                }
            }
        }
    }

    /// The payload's bytes in a range, as `.bytes` content and `encoded` give them.
    @_lifetime(copy self)
    package func bytes(in range: Range<Int>) -> RawSpan {
        span.extracting(range)
    }

    // MARK: Inside

    /// Where a JID's parts are. They were checked when the value was read.
    package func jidParts(of value: WireValue) -> (user: WireValue?, domain: WireValue) {
        var cursor = trusted(at: Int(value.textStart))
        let ownDomain = WireValue(
            .token, detail: Token.ownDomain.rawValue, start: Int(value.end), headerSize: 0,
            end: Int(value.end))
        do {
            if value.kind == .deviceJID {
                return (try cursor.readForm(mayBeJID: false), ownDomain)
            }
            if cursor.byte(at: cursor.offset) == WireTag.empty {
                cursor.offset += 1
                return (nil, try cursor.readForm(mayBeJID: false))
            }
            let user = try cursor.readForm(mayBeJID: false)
            return (user, try cursor.readForm(mayBeJID: false))
        } catch {
            preconditionFailure("a JID of another payload: \(error)")
        }
    }

    private func unpack(_ value: WireValue, into scratch: UnsafeMutableRawBufferPointer) -> Int {
        span.extracting(value.textBytes).withUnsafeBytes {
            PackedText.unpack($0, isHex: value.kind == .hex, isOdd: value.isOdd, into: scratch)
        }
    }

    /// Writes a JID as people do; returns its size: at most 64 + 1 + 255, or + 4 for a device.
    private func composeJID(_ value: WireValue, into scratch: UnsafeMutableRawBufferPointer) -> Int
    {
        let parts = jidParts(of: value)
        var end = 0
        if let user = parts.user {
            end = put(user, into: scratch, at: end)
            scratch[end] = UInt8(ascii: "@")
            end += 1
        }
        end = put(parts.domain, into: scratch, at: end)
        if value.kind == .deviceJID {
            scratch[end] = UInt8(ascii: "/")
            end += 1
            end += writeDecimal(UInt64(value.device), into: scratch, at: end)
        }
        return end
    }

    /// Writes the text of a JID's part at `start`; returns where it ends.
    private func put(
        _ part: WireValue, into scratch: UnsafeMutableRawBufferPointer, at start: Int
    ) -> Int {
        let room = UnsafeMutableRawBufferPointer(rebasing: scratch[start...])
        switch part.kind {
        case .nibble, .hex:
            return start + unpack(part, into: room)
        default:
            let text = text(of: part, room)
            room.copyMemory(from: text)
            return start + text.count
        }
    }
}

/// Writes a number in decimal digits at `start`; returns how many. Precondition: there is room for 20.
func writeDecimal(
    _ number: UInt64, into output: UnsafeMutableRawBufferPointer, at start: Int
) -> Int {
    var digitCount = 1
    var rest = number / 10
    while rest > 0 {
        digitCount += 1
        rest /= 10
    }
    rest = number
    for index in (0..<digitCount).reversed() {
        output[start + index] = UInt8(ascii: "0") + UInt8(rest % 10)
        rest /= 10
    }
    return digitCount
}
