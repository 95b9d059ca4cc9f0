// One frame explained: a line for each piece of the wire form, its place, bytes and meaning.
//
// Invariant: the ranges of the lines follow each other without a gap up to the frame's end, so that every
// byte is on exactly one line; what follows the first error is on the last. What is wrong and where,
// `NodeReader.validate` says; the walk only names what lies before.

internal import Wire

/// An annotated dump.
package struct Explanation: Sendable {
    /// One piece.
    package struct Line: Equatable, Sendable {
        /// Where its bytes are: in the frame, or in what it inflates to.
        package var range: Range<Int>
        /// Its bytes.
        package var bytes: [UInt8]
        /// How deep in the tree it is.
        package var indent: Int
        /// What it means.
        package var meaning: String
    }

    /// The frame's own pieces: length, flags, and the payload if it is plain.
    package private(set) var frame: [Line] = []
    /// The pieces of what a compressed payload inflates to.
    package private(set) var inflated: [Line]?
    private var inflatedPayload: [UInt8]?
    /// What is wrong; nil for a good frame.
    package private(set) var error: NotationError?

    /// Explains one frame, whatever it is.
    package init(_ frame: [UInt8], codec: inout FrameCodec) {
        do throws(NotationError) {
            try explain(frame, &codec)
        } catch {
            self.error = error
            if let payload = inflatedPayload, var lines = inflated {
                Self.addRest(of: payload, to: &lines)
                inflated = lines
            }
            Self.addRest(of: frame, to: &self.frame)
        }
    }

    private static func addRest(of bytes: [UInt8], to lines: inout [Line]) {
        let end = lines.last?.range.upperBound ?? 0
        guard end < bytes.count else { return }
        lines.append(
            Line(
                range: end..<bytes.count, bytes: Array(bytes[end...]), indent: 0,
                meaning: "\(bytes.count - end) bytes not read"))
    }

    /// The dump as text, without a line end behind it.
    package var text: String {
        var lines = frame.map(Self.text)
        if let inflated {
            lines.append("inflated, counted from 0:")
            lines += inflated.map(Self.text)
        }
        if let error {
            lines.append("error at \(Self.padded(error.offset)): \(error.message)")
        }
        return lines.joined(separator: "\n")
    }

    private static let shownByteCount = 8

    private static func text(_ line: Line) -> String {
        let last = max(line.range.lowerBound, line.range.upperBound - 1)
        var column = line.bytes.prefix(shownByteCount).map { Hex.digits([$0]) }
            .joined(separator: " ")
        if line.bytes.count > shownByteCount { column += " .." }
        column += String(repeating: " ", count: max(0, 3 * shownByteCount + 2 - column.utf8.count))
        let indent = String(repeating: "  ", count: line.indent)
        let place = "\(padded(line.range.lowerBound))-\(padded(last))"
        return "\(place)  \(column)  \(indent)\(line.meaning)"
    }

    private static func padded(_ offset: Int) -> String {
        let digits = String(offset)
        return String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits
    }

    // MARK: Explaining

    private mutating func explain(
        _ frame: [UInt8], _ codec: inout FrameCodec
    ) throws(NotationError) {
        let headerSize = codec.headerSize
        if codec.hasLength, frame.count >= 3 {
            let size = Int(frame[0]) << 16 | Int(frame[1]) << 8 | Int(frame[2])
            add(0..<3, of: frame, "length: \(size) bytes follow")
        }
        let opened: FrameCodec.OpenedFrame
        do throws(NotationError) {
            opened = try codec.open(frame)
        } catch {
            if frame.count >= headerSize, error.offset >= headerSize {
                add(headerSize - 1..<headerSize, of: frame, Self.flags(frame[headerSize - 1]))
            }
            throw error
        }
        add(headerSize - 1..<headerSize, of: frame, Self.flags(opened.flags))
        guard opened.isCompressed else {
            var walk = NodeWalk(opened.payload, offset: headerSize, context: codec.context)
            walk.run()
            self.frame += walk.lines
            if let error = walk.error {
                throw .payload(error, offset: headerSize + walk.errorOffset)
            }
            return
        }
        add(
            headerSize..<frame.count, of: frame,
            "\(frame.count - headerSize) bytes that inflate to \(opened.payload.count)")
        var walk = NodeWalk(opened.payload, offset: 0, context: codec.context)
        walk.run()
        inflated = walk.lines
        inflatedPayload = opened.payload
        if let error = walk.error { throw .inflated(error, offset: walk.errorOffset) }
    }

    private mutating func add(_ range: Range<Int>, of bytes: [UInt8], _ meaning: String) {
        frame.append(
            Line(range: range, bytes: Array(bytes[range]), indent: 0, meaning: meaning))
    }

    private static func flags(_ flags: UInt8) -> String {
        switch flags {
        case FrameFlags.plain: "flags: plain"
        case FrameFlags.deflated: "flags: one zlib stream"
        case FrameFlags.presetDeflated: "flags: one deflate stream with the preset dictionary"
        default: "flags: unknown"
        }
    }
}

/// A walk over one payload that makes the lines.
private struct NodeWalk {
    private let payload: [UInt8]
    /// What is added to a payload's offset to get a line's.
    private let base: Int
    private let context: WireContext
    private(set) var lines: [Explanation.Line] = []
    /// What is wrong with the payload, and where.
    private(set) var error: WireError?
    private(set) var errorOffset: Int
    private var end = 0

    init(_ payload: [UInt8], offset: Int, context: WireContext) {
        self.payload = payload
        base = offset
        self.context = context
        errorOffset = payload.count
        do throws(WireError) {
            try NodeReader.validate(payload.span.bytes, context: context)
        } catch {
            self.error = error
            errorOffset = error.payloadOffset ?? 0
        }
    }

    mutating func run() {
        let bytes = payload
        var reader = NodeReader(bytes.span.bytes, context: context)
        do throws(WireError) {
            try node(&reader, indent: 0)
        } catch {
            // The same error as before, met again: what lies before it is on the lines.
            precondition(self.error != nil, "the walk refuses what is valid: \(error)")
        }
        if end < errorOffset { add(end..<errorOffset, 0, "not told apart") }
    }

    /// Adds a line, or its part before the error; false when the error is reached.
    private mutating func add(_ range: Range<Int>, _ indent: Int, _ meaning: String) {
        guard range.lowerBound < errorOffset, !range.isEmpty else { return }
        let shown = range.lowerBound..<min(range.upperBound, errorOffset)
        lines.append(
            Explanation.Line(
                range: base + shown.lowerBound..<base + shown.upperBound,
                bytes: Array(payload[shown]), indent: indent, meaning: meaning))
        end = shown.upperBound
    }

    private mutating func node(_ reader: inout NodeReader, indent: Int) throws(WireError) {
        let start = reader.offset
        let head: NodeHead
        do throws(WireError) {
            head = try reader.readHead()
        } catch {
            header(from: start, indent)
            throw error
        }
        let attributes =
            switch head.attributeCount {
            case 0: "no attributes"
            case 1: "1 attribute"
            default: "\(head.attributeCount) attributes"
            }
        let content = head.hasContent ? "content" : "no content"
        add(start..<head.tag.encoded.lowerBound, indent, "node: \(attributes), \(content)")
        value(head.tag, "tag", reader, indent + 1)
        for _ in 0..<head.attributeCount {
            guard reader.offset < errorOffset else { return }
            value(try reader.readKey(), "key", reader, indent + 1)
            value(try reader.readValue(), "value", reader, indent + 2)
        }
        guard head.hasContent, reader.offset < errorOffset else { return }
        try self.content(&reader, indent: indent + 1)
    }

    /// The list header before a tag that cannot be read.
    private mutating func header(from start: Int, _ indent: Int) {
        guard start < payload.count else { return }
        let size = payload[start] == 0xF9 ? 3 : 2
        let range = start..<min(start + size, payload.count)
        add(range, indent, "node: its list header")
    }

    private mutating func content(
        _ reader: inout NodeReader, indent: Int
    ) throws(WireError) {
        let start = reader.offset
        switch try reader.readContent() {
        case .nodes(let count):
            let nodes = count == 1 ? "1 node" : "\(count) nodes"
            add(start..<reader.offset, indent, "content: \(nodes)")
            for _ in 0..<count {
                guard reader.offset < errorOffset else { return }
                try node(&reader, indent: indent + 1)
            }
        case .bytes(let range):
            let bytes = Array(payload[range])
            let text = String(validating: bytes, as: UTF8.self).map { ": \(Self.shown($0))" }
            add(start..<reader.offset, indent, "content: \(bytes.count) bytes\(text ?? "")")
        case .value(let value):
            self.value(value, "content", reader, indent)
        }
    }

    /// A string form or JID.
    private mutating func value(
        _ value: WireValue, _ name: String, _ reader: borrowing NodeReader, _ indent: Int
    ) {
        let text = Self.shown(reader.string(of: value))
        let range = value.encoded
        guard value.isJID, let jid = reader.jid(of: value) else {
            add(range, indent, "\(name) \(text)\(Self.form(payload[range], isName: name == "tag"))")
            return
        }
        let userStart: Int
        if let device = jid.device {
            userStart = range.lowerBound + 3
            add(range.lowerBound..<userStart, indent, "\(name) \(text): JID of device \(device)")
        } else {
            userStart = range.lowerBound + 1
            add(range.lowerBound..<userStart, indent, "\(name) \(text): JID")
        }
        let userEnd = jid.device == nil ? jid.domain.encoded.lowerBound : range.upperBound
        let user = userStart..<userEnd
        let userText = jid.local.map { Self.shown($0.text) + Self.form(payload[user]) }
        add(user, indent + 1, "user \(userText ?? "none")")
        if jid.device == nil {
            let domain = Self.shown(reader.string(of: jid.domain))
            let form = Self.form(payload[jid.domain.encoded])
            add(jid.domain.encoded, indent + 1, "domain \(domain)\(form)")
        }
    }

    /// Which form the bytes have.
    private static func form(_ bytes: ArraySlice<UInt8>, isName: Bool = false) -> String {
        guard let first = bytes.first else { return "" }
        let second = bytes.dropFirst().first ?? 0
        let packedCount = 2 * Int(second & 0x7F) - Int(second >> 7)
        switch first {
        case 1, 2: return ", control word"
        case 3: return ", the own domain"
        case 4...235: return ", word \(first)"
        case 0xEC...0xEF: return ", word \(second) of dictionary \(first - 0xEC)"
        case 0xFB: return ", \(packedCount) hex digits packed"
        case 0xFF: return ", \(packedCount) nibbles packed"
        default: return ", raw"
        }
    }

    private static func shown(_ text: String) -> String {
        let countMax = NotationLimits.shownCharacterCountMax
        let prefix = text.unicodeScalars.prefix(countMax)
        guard prefix.endIndex < text.unicodeScalars.endIndex else { return JSONText.quoted(text) }
        return JSONText.quoted(String(String.UnicodeScalarView(prefix))) + "…"
    }
}
