// Reads one payload piece by piece, without a copy or an allocation, and believes none of it.
//
// Invariant: 0 <= offset <= size; every byte before `offset` has been checked. A count is compared with
// the bytes that remain before anything is done with it, a size before the offset moves. After an error
// the reader is of no further use. A reader of what was validated before compares sizes as well, but
// does not look into texts again.

/// A cursor over one payload (grammar: docs/PROTOCOL.md). Read a head, its attributes, then its content,
/// in this order; or skip whole nodes. Duplicate attributes are found by `skipNode` and `validate`.
package struct NodeReader: ~Escapable {
    let span: RawSpan
    package let context: WireContext
    /// Where the next read begins.
    package internal(set) var offset: Int
    /// Whether the payload was validated, so that its texts are known to be good.
    private(set) var isValidated = false

    /// A reader at the beginning of `span`. Precondition: fewer than 2^24 bytes.
    @_lifetime(copy span)
    package init(_ span: RawSpan, context: WireContext) {
        precondition(span.byteCount < 1 << 24, "a payload of \(span.byteCount) bytes")
        self.span = span
        self.context = context
        offset = 0
    }

    /// A reader of the same payload at the place of `range`, as `encoded` and content give them.
    @_lifetime(copy self)
    package func reader(at offset: Int) -> NodeReader {
        precondition(offset >= 0 && offset <= span.byteCount, "offset \(offset)")
        var copy = self
        copy.offset = offset
        return copy
    }

    /// A reader at the beginning of a payload that `validate` has accepted, under the same context.
    @_lifetime(copy span)
    package init(validated span: RawSpan, context: WireContext) {
        self.init(span, context: context)
        isValidated = true
    }

    /// The same reader, for values that were read before.
    @_lifetime(copy self)
    func trusted(at offset: Int) -> NodeReader {
        var copy = reader(at: offset)
        copy.isValidated = true
        return copy
    }

    /// The payload's size.
    package var size: Int { span.byteCount }

    /// Throws `trailingBytes` unless everything was read.
    package func finish() throws(WireError) {
        guard offset == span.byteCount else { throw .trailingBytes(offset: offset) }
    }

    /// Reads a node's count and tag.
    package mutating func readHead() throws(WireError) -> NodeHead {
        let start = offset
        let count = try readListHeader()
        guard count > 0 else { throw .unexpectedForm(offset: start) }
        // The tag, each key, each value and the content have one byte at least.
        guard count <= span.byteCount - offset else { throw .truncated(offset: start) }
        let attributeCount = (count - 1) / 2
        guard attributeCount <= WireLimits.attributeCountMax else {
            throw .tooManyAttributes(offset: start)
        }
        let tag = try readName(isTag: true)
        return NodeHead(tag: tag, attributeCount: attributeCount, hasContent: count % 2 == 0)
    }

    /// Reads an attribute's key.
    @inline(__always)
    package mutating func readKey() throws(WireError) -> WireValue {
        try readName(isTag: false)
    }

    /// Reads one attribute; call it `attributeCount` times.
    package mutating func readAttribute() throws(WireError) -> (key: WireValue, value: WireValue) {
        let key = try readKey()
        return (key, try readValue())
    }

    /// Reads an attribute's value: text or a JID.
    @inline(__always)
    package mutating func readValue() throws(WireError) -> WireValue {
        let value = try readForm(mayBeJID: true)
        if value.kind == .raw, !isValidated { try checkUTF8(value) }
        return value
    }

    /// Reads the content; only if the head has one. Nodes are read or skipped by the caller.
    package mutating func readContent() throws(WireError) -> NodeContent {
        let start = offset
        guard start < span.byteCount else { throw .truncated(offset: start) }
        switch byte(at: start) {
        case WireTag.empty, WireTag.list8, WireTag.list16:
            let count = try readListHeader()
            if count == 0, byte(at: start) != WireTag.empty { throw .nonCanonical(offset: start) }
            // A node has 3 bytes at least: list header and tag.
            guard count <= (span.byteCount - offset) / 3 else { throw .truncated(offset: start) }
            return .nodes(count)
        default:
            let value = try readForm(mayBeJID: true)
            return value.kind == .raw ? .bytes(value.textBytes) : .value(value)
        }
    }

    /// A list's count; 00 is the empty list.
    @inline(__always)
    private mutating func readListHeader() throws(WireError) -> Int {
        let start = offset
        guard start < span.byteCount else { throw .truncated(offset: start) }
        let count: Int
        switch byte(at: start) {
        case WireTag.empty:
            offset += 1
            return 0
        case WireTag.list8:
            guard span.byteCount - start >= 2 else { throw .truncated(offset: start) }
            count = Int(byte(at: start + 1))
            offset += 2
        case WireTag.list16:
            guard span.byteCount - start >= 3 else { throw .truncated(offset: start) }
            count = Int(byte(at: start + 1)) << 8 | Int(byte(at: start + 2))
            guard count > 0xFF else { throw .nonCanonical(offset: start) }
            offset += 3
        default:
            throw .unexpectedForm(offset: start)
        }
        return count
    }

    /// A tag or key: never empty, a list or a JID, and always in the encoder's form, so that two names
    /// are the same word exactly when their bytes are the same.
    @inline(__always)
    private mutating func readName(isTag: Bool) throws(WireError) -> WireValue {
        let start = offset
        if isTag, start < span.byteCount, byte(at: start) == 1 || byte(at: start) == 2 {
            offset += 1
            return WireValue(
                .token, detail: UInt16(byte(at: start)), start: start, headerSize: 0, end: offset)
        }
        let name = try readForm(mayBeJID: false)
        if name.kind == .token || isValidated { return name }
        return try checkName(name, isTag: isTag)
    }

    private func checkName(_ name: WireValue, isTag: Bool) throws(WireError) -> WireValue {
        let start = Int(name.start)
        switch name.kind {
        case .raw:
            guard !name.textBytes.isEmpty else { throw .unexpectedForm(offset: start) }
            try checkUTF8(name)
        default:
            break
        }
        let isCanonical = withText(of: name) { text in
            if context.token(of: text) != nil { return false }
            if isTag, context.tables.controlToken(of: text) != nil { return false }
            return name.kind != .raw || PackedText.alphabet(of: text) == nil
        }
        guard isCanonical else { throw .nonCanonical(offset: start) }
        return name
    }

    /// Any string form, and a JID where one may stand.
    @inline(__always)
    mutating func readForm(mayBeJID: Bool) throws(WireError) -> WireValue {
        let start = offset
        if start < span.byteCount {
            let tag = byte(at: start)
            if context.isWord(tag) {
                offset = start &+ 1  // at most the payload's size
                return WireValue(
                    .token, detail: UInt16(tag), start: start, headerSize: 0, end: start &+ 1)
            }
        }
        return try readLongForm(mayBeJID: mayBeJID)
    }

    /// Any form but a single byte.
    private mutating func readLongForm(mayBeJID: Bool) throws(WireError) -> WireValue {
        let start = offset
        guard start < span.byteCount else { throw .truncated(offset: start) }
        let tag = byte(at: start)
        switch tag {
        case WireTag.nibble8, WireTag.hex8:
            return try readPacked(tag == WireTag.nibble8 ? .nibble : .hex)
        case WireTag.pairJID, WireTag.deviceJID:
            guard mayBeJID else { throw .unexpectedForm(offset: start) }
            return try readJID(tag)
        case WireTag.binary8...WireTag.binary32:
            return try readRaw(tag)
        case WireTag.dictionary0...WireTag.dictionary3:
            guard span.byteCount - start >= 2 else { throw .truncated(offset: start) }
            let token = 0x100 + UInt16(tag - WireTag.dictionary0) << 8 + UInt16(byte(at: start + 1))
            guard context.uses(token).contains(.word) else { throw .unknownToken(offset: start) }
            offset = start + 2
            return WireValue(.token, detail: token, start: start, headerSize: 0, end: offset)
        case 3...235:
            throw .unknownToken(offset: start)
        case 0xF0...0xF6:
            throw .reservedTag(tag, offset: start)
        default:  // null, control words, lists
            throw .unexpectedForm(offset: start)
        }
    }

    private mutating func readRaw(_ tag: UInt8) throws(WireError) -> WireValue {
        let start = offset
        let headerSize = WireTag.rawHeaderSize(tag)
        guard span.byteCount - start >= headerSize else { throw .truncated(offset: start) }
        var size = 0
        for at in start + 1..<start + headerSize { size = size << 8 | Int(byte(at: at)) }
        switch tag {
        case WireTag.binary20:
            // A high nibble makes the size 2^20 or more, which this form cannot say.
            guard (0x100..<0x10_0000).contains(size) else { throw .nonCanonical(offset: start) }
        case WireTag.binary32:
            guard size >= 0x10_0000 else { throw .nonCanonical(offset: start) }
        default:
            break
        }
        let textStart = start + headerSize
        guard size <= span.byteCount - textStart else { throw .truncated(offset: start) }
        offset = textStart + size
        return WireValue(.raw, start: start, headerSize: headerSize, end: offset)
    }

    private mutating func readPacked(_ kind: WireValue.Kind) throws(WireError) -> WireValue {
        let start = offset
        guard span.byteCount - start >= 2 else { throw .truncated(offset: start) }
        let header = byte(at: start + 1)
        let isOdd = header & 0x80 != 0
        let size = Int(header & 0x7F)
        guard size > 0, 2 * size - (isOdd ? 1 : 0) <= WireLimits.packedCharacterCountMax else {
            throw .malformedPacking(offset: start)
        }
        guard size <= span.byteCount - start - 2 else { throw .truncated(offset: start) }
        offset = start + 2 + size
        let value = WireValue(kind, isOdd: isOdd, start: start, headerSize: 2, end: offset)
        if isValidated { return value }
        let isValid = span.extracting(unchecked: start + 2..<offset).withUnsafeBytes {
            PackedText.isCanonical($0, isHex: kind == .hex, isOdd: isOdd)
        }
        guard isValid else { throw .malformedPacking(offset: start) }
        return value
    }

    private mutating func readJID(_ tag: UInt8) throws(WireError) -> WireValue {
        let start = offset
        var device: UInt8 = 0
        offset = start + 1
        if tag == WireTag.deviceJID {
            guard span.byteCount - start >= 3 else { throw .truncated(offset: start) }
            guard byte(at: start + 1) == 0 else { throw .malformedJID(offset: start) }
            device = byte(at: start + 2)
            offset = start + 3
        }
        let userStart = offset
        if tag == WireTag.pairJID, userStart < span.byteCount, byte(at: userStart) == WireTag.empty
        {
            offset += 1
        } else {
            let user = try readForm(mayBeJID: false)
            guard isValidated || isLocalpart(user) else { throw .malformedJID(offset: start) }
        }
        if tag == WireTag.pairJID {
            let domain = try readForm(mayBeJID: false)
            guard isValidated || isDomain(domain) else { throw .malformedJID(offset: start) }
        }
        let kind: WireValue.Kind = tag == WireTag.pairJID ? .pairJID : .deviceJID
        return WireValue(
            kind, detail: UInt16(device), start: start, headerSize: userStart - start, end: offset)
    }

    /// Whether a value that is no JID spells a localpart.
    private func isLocalpart(_ value: WireValue) -> Bool {
        switch value.kind {
        case .token:
            return context.uses(value.rawToken).contains(.localpart)
        case .nibble:
            // Digits, dash and dot are all a localpart's, though not at its beginning.
            return value.packedCount <= Localpart.sizeMax && byte(at: Int(value.textStart)) < 0xA0
        case .raw:
            return span.extracting(unchecked: value.textBytes).withUnsafeBytes {
                AddressSyntax.isLocalpart($0)
            }
        case .hex, .pairJID, .deviceJID:  // hex has a capital letter
            return false
        }
    }

    /// Whether a value that is no JID spells a domain.
    private func isDomain(_ value: WireValue) -> Bool {
        switch value.kind {
        case .token: context.uses(value.rawToken).contains(.domain)
        case .hex: false
        default: withText(of: value) { AddressSyntax.isDomain($0) }
        }
    }

    private func checkUTF8(_ value: WireValue) throws(WireError) {
        let isValid = span.extracting(unchecked: value.textBytes).withUnsafeBytes { isUTF8($0) }
        guard isValid else { throw .invalidUTF8(offset: Int(value.start)) }
    }

    /// The byte at a checked offset.
    @inline(__always)
    func byte(at offset: Int) -> UInt8 {
        span.unsafeLoad(fromUncheckedByteOffset: offset, as: UInt8.self)
    }
}

/// The tag bytes of the grammar that are no tokens.
enum WireTag {
    static var empty: UInt8 { 0x00 }
    static var dictionary0: UInt8 { 0xEC }
    static var dictionary3: UInt8 { 0xEF }
    static var deviceJID: UInt8 { 0xF7 }
    static var list8: UInt8 { 0xF8 }
    static var list16: UInt8 { 0xF9 }
    static var pairJID: UInt8 { 0xFA }
    static var hex8: UInt8 { 0xFB }
    static var binary8: UInt8 { 0xFC }
    static var binary20: UInt8 { 0xFD }
    static var binary32: UInt8 { 0xFE }
    static var nibble8: UInt8 { 0xFF }

    /// The bytes before those of a raw form: its tag and 1, 3 or 4 bytes of size.
    @inline(__always)
    static func rawHeaderSize(_ tag: UInt8) -> Int {
        tag == binary8 ? 2 : tag == binary20 ? 4 : 5
    }
}

/// Whether the bytes are UTF-8. Allocates nothing.
@inline(__always)
func isUTF8(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var offset = 0
    var all: UInt64 = 0
    while bytes.count - offset >= 8 {
        all |= bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        offset &+= 8  // at most bytes.count
    }
    all |= loadShort(bytes, at: offset, count: bytes.count - offset)
    return all & 0x8080_8080_8080_8080 == 0 || isUTF8Beyond(bytes)
}

@inline(never)
private func isUTF8Beyond(_ bytes: UnsafeRawBufferPointer) -> Bool {
    bytes.withMemoryRebound(to: UInt8.self) { bytes in
        do {
            _ = try UTF8Span(validating: Span(_unsafeElements: bytes))
            return true
        } catch {
            return false
        }
    }
}
