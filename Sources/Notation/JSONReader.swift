// A strict reader of JSON (RFC 8259) that hands out values in the order of the text.
//
// Foundation's readers go through dictionaries: the order of members, which counts for a node's
// attributes, is lost, a repeated member is silently the last one, and errors have no place. Hence this.
//
// Invariant: 0 <= offset <= size, and every byte before `offset` has been checked. It builds nothing but
// strings; whoever calls it bounds the depth.

/// A cursor over one JSON text.
struct JSONReader: ~Escapable {
    private let span: RawSpan
    /// Where the next read begins.
    private(set) var offset = 0

    /// A reader at the beginning of `span`.
    @_lifetime(copy span)
    init(_ span: RawSpan) {
        self.span = span
    }

    /// The first byte of the next value, which is not taken; blanks before it are.
    mutating func peek() throws(NotationError) -> UInt8 {
        skipBlanks()
        guard offset < span.byteCount else { throw .json("it ends too early", offset: offset) }
        return byte(at: offset)
    }

    /// Takes the brace of an object. Read its members with `nextMember`.
    mutating func openObject() throws(NotationError) {
        try take(UInt8(ascii: "{"), "an object")
    }

    /// The next member's key and where it stands, its colon taken; nil, the brace taken, when there is
    /// none. `isFirst` is the caller's, true at first.
    mutating func nextMember(
        _ isFirst: inout Bool
    ) throws(NotationError) -> (key: String, offset: Int)? {
        guard try goesOn(&isFirst, end: UInt8(ascii: "}")) else { return nil }
        _ = try peek()
        let start = offset
        let key = try readString()
        try take(UInt8(ascii: ":"), "a colon")
        return (key, start)
    }

    /// Takes the bracket of an array. Read its elements after `nextElement`.
    mutating func openArray() throws(NotationError) {
        try take(UInt8(ascii: "["), "an array")
    }

    /// Whether another element follows; if not, the bracket is taken. `isFirst` as for `nextMember`.
    mutating func nextElement(_ isFirst: inout Bool) throws(NotationError) -> Bool {
        try goesOn(&isFirst, end: UInt8(ascii: "]"))
    }

    /// A string.
    mutating func readString() throws(NotationError) -> String {
        try take(UInt8(ascii: "\""), "a string")
        let start = offset
        // Most strings have nothing to unescape: they are taken as they lie.
        while offset < span.byteCount {
            switch byte(at: offset) {
            case UInt8(ascii: "\""):
                let text = try text(of: start..<offset)
                offset += 1
                return text
            case UInt8(ascii: "\\"):
                return try readEscaped(from: start)
            case 0..<0x20:
                throw .json("a control character in a string", offset: offset)
            default:
                offset += 1
            }
        }
        throw .json("it ends within a string", offset: offset)
    }

    /// `null`.
    mutating func readNull() throws(NotationError) {
        try takeWord("null")
    }

    /// Passes over one value and checks it. Precondition: `depthLeft` bounds the recursion.
    mutating func skipValue(depthLeft: Int = NotationLimits.jsonDepthMax) throws(NotationError) {
        let first = try peek()
        guard depthLeft > 0 else {
            throw .json("deeper than \(NotationLimits.jsonDepthMax)", offset: offset)
        }
        var isFirst = true
        switch first {
        case UInt8(ascii: "{"):
            try openObject()
            while try nextMember(&isFirst) != nil { try skipValue(depthLeft: depthLeft - 1) }
        case UInt8(ascii: "["):
            try openArray()
            while try nextElement(&isFirst) { try skipValue(depthLeft: depthLeft - 1) }
        case UInt8(ascii: "\""): _ = try readString()
        case UInt8(ascii: "t"): try takeWord("true")
        case UInt8(ascii: "f"): try takeWord("false")
        case UInt8(ascii: "n"): try takeWord("null")
        default: try skipNumber()
        }
    }

    /// Checks that nothing but blanks is left.
    mutating func finish() throws(NotationError) {
        skipBlanks()
        guard offset == span.byteCount else { throw .json("more than one value", offset: offset) }
    }

    // MARK: Inside

    private func byte(at offset: Int) -> UInt8 {
        span.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
    }

    private mutating func skipBlanks() {
        while offset < span.byteCount {
            switch byte(at: offset) {
            case 0x20, 0x09, 0x0A, 0x0D: offset += 1
            default: return
            }
        }
    }

    private mutating func take(_ wanted: UInt8, _ name: String) throws(NotationError) {
        guard try peek() == wanted else { throw .json("\(name) is needed here", offset: offset) }
        offset += 1
    }

    private mutating func takeWord(_ word: StaticString) throws(NotationError) {
        _ = try peek()
        let size = word.utf8CodeUnitCount
        let isThere =
            span.byteCount - offset >= size
            && span.extracting(offset..<offset + size).withUnsafeBytes { bytes in
                word.withUTF8Buffer { $0.elementsEqual(bytes) }
            }
        guard isThere else { throw .json("no value", offset: offset) }
        offset += size
    }

    /// Whether a list goes on after what was read of it; takes the comma or the end.
    private mutating func goesOn(_ isFirst: inout Bool, end: UInt8) throws(NotationError) -> Bool {
        let next = try peek()
        let wasFirst = isFirst
        isFirst = false
        if next == end {
            offset += 1
            return false
        }
        if wasFirst { return true }
        guard next == UInt8(ascii: ",") else {
            throw .json("a comma or an end is needed here", offset: offset)
        }
        offset += 1
        return true
    }

    private func text(of range: Range<Int>) throws(NotationError) -> String {
        let text = span.extracting(range).withUnsafeBytes { String(validating: $0, as: UTF8.self) }
        guard let text else { throw .json("a string that is not UTF-8", offset: range.lowerBound) }
        return text
    }

    /// The string that began at `start`, read up to its first backslash.
    private mutating func readEscaped(from start: Int) throws(NotationError) -> String {
        var text = try text(of: start..<offset)
        var runStart = offset
        while offset < span.byteCount {
            switch byte(at: offset) {
            case UInt8(ascii: "\""):
                text += try self.text(of: runStart..<offset)
                offset += 1
                return text
            case UInt8(ascii: "\\"):
                text += try self.text(of: runStart..<offset)
                text.unicodeScalars.append(try readEscape())
                runStart = offset
            case 0..<0x20:
                throw .json("a control character in a string", offset: offset)
            default:
                offset += 1
            }
        }
        throw .json("it ends within a string", offset: offset)
    }

    private mutating func readEscape() throws(NotationError) -> Unicode.Scalar {
        let start = offset
        guard span.byteCount - offset >= 2 else {
            throw .json("it ends within a string", offset: span.byteCount)
        }
        let kind = byte(at: offset + 1)
        offset += 2
        switch kind {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"):
            return Unicode.Scalar(kind)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"):
            return try readUnicode(from: start)
        default:
            throw .json("an unknown escape", offset: start)
        }
    }

    /// The digits behind `\u`, and those of the low surrogate that a high one needs.
    private mutating func readUnicode(from start: Int) throws(NotationError) -> Unicode.Scalar {
        let unit = try readDigits(from: start)
        if let scalar = Unicode.Scalar(unit) { return scalar }
        guard unit < 0xDC00, span.byteCount - offset >= 6, byte(at: offset) == UInt8(ascii: "\\"),
            byte(at: offset + 1) == UInt8(ascii: "u")
        else { throw .json("half a surrogate pair", offset: start) }
        offset += 2
        let low = try readDigits(from: start)
        guard (0xDC00...0xDFFF).contains(low),
            let scalar = Unicode.Scalar(0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00))
        else { throw .json("half a surrogate pair", offset: start) }
        return scalar
    }

    private mutating func readDigits(from start: Int) throws(NotationError) -> UInt32 {
        guard span.byteCount - offset >= 4 else {
            throw .json("it ends within a string", offset: span.byteCount)
        }
        var unit: UInt32 = 0
        for at in offset..<offset + 4 {
            guard let digit = Self.hexValue(byte(at: at)) else {
                throw .json("an escape without four hex digits", offset: start)
            }
            unit = unit << 4 | digit
        }
        offset += 4
        return unit
    }

    private static func hexValue(_ character: UInt8) -> UInt32? {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(character - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(character - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(character - UInt8(ascii: "A") + 10)
        default: nil
        }
    }

    private mutating func skipNumber() throws(NotationError) {
        let start = offset
        if offset < span.byteCount, byte(at: offset) == UInt8(ascii: "-") { offset += 1 }
        let isZero = offset < span.byteCount && byte(at: offset) == UInt8(ascii: "0")
        let digitCount = skipDigits()
        guard digitCount > 0, !isZero || digitCount == 1 else {
            throw .json("no value", offset: start)
        }
        if offset < span.byteCount, byte(at: offset) == UInt8(ascii: ".") {
            offset += 1
            guard skipDigits() > 0 else { throw .json("half a number", offset: offset) }
        }
        guard offset < span.byteCount, byte(at: offset) | 0x20 == UInt8(ascii: "e") else { return }
        offset += 1
        if offset < span.byteCount,
            byte(at: offset) == UInt8(ascii: "+") || byte(at: offset) == UInt8(ascii: "-")
        {
            offset += 1
        }
        guard skipDigits() > 0 else { throw .json("half a number", offset: offset) }
    }

    private mutating func skipDigits() -> Int {
        let start = offset
        while offset < span.byteCount,
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte(at: offset))
        {
            offset += 1
        }
        return offset - start
    }
}
