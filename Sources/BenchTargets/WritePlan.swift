// What a session would call to write one stanza, with its arguments ready: words as tokens, own
// addresses and numbers typed, the rest as text.

internal import Base
internal import Wire

/// The writer's calls for one stanza, in order.
struct WritePlan {
    private enum Step {
        case node(Token, attributeCount: Int, hasContent: Bool)
        case token(Token)
        case jid(Localpart, device: UInt8?)
        case number(UInt64)
        case text(String)
        case list(Int)
        case raw([UInt8])
        /// A node whose tag is no word: its beginning as bytes.
        case encoded([UInt8])
    }

    private var steps: [Step] = []

    /// The calls that write what the payload holds.
    init(_ payload: RawSpan, context: WireContext) throws(WireError) {
        try NodeReader.validate(payload, context: context)
        var reader = NodeReader(payload, context: context)
        try add(&reader)
    }

    private mutating func add(_ reader: inout NodeReader) throws(WireError) {
        let start = reader.offset
        let head = try reader.readHead()
        if let tag = reader.token(of: head.tag) {
            steps.append(
                .node(tag, attributeCount: head.attributeCount, hasContent: head.hasContent))
        } else {
            let beginning = reader.bytes(in: start..<reader.offset)
            steps.append(.encoded(beginning.withUnsafeBytes(Array.init)))
        }
        for _ in 0..<head.attributeCount {
            let (key, value) = try reader.readAttribute()
            add(key, reader)
            add(value, reader)
        }
        guard head.hasContent else { return }
        switch try reader.readContent() {
        case .nodes(let count):
            steps.append(.list(count))
            for _ in 0..<count { try add(&reader) }
        case .bytes(let range):
            steps.append(.raw(reader.bytes(in: range).withUnsafeBytes(Array.init)))
        case .value(let value):
            add(value, reader)
        }
    }

    private mutating func add(_ value: WireValue, _ reader: borrowing NodeReader) {
        if let jid = reader.jid(of: value), jid.isOwnDomain, let local = jid.local {
            steps.append(.jid(local, device: jid.device))
        } else if let token = reader.token(of: value) {
            steps.append(.token(token))
        } else if let number = reader.number(of: value) {
            steps.append(.number(number))
        } else {
            steps.append(.text(reader.string(of: value)))
        }
    }

    /// Makes the calls.
    func write(into buffer: inout ByteBuffer, context: WireContext) {
        let writer = NodeWriter(context: context)
        for step in steps {
            switch step {
            case .node(let tag, let attributeCount, let hasContent):
                writer.node(
                    tag, attributeCount: attributeCount, hasContent: hasContent, into: &buffer)
            case .token(let token): writer.token(token, into: &buffer)
            case .jid(let local, let device):
                writer.jid(local: local, device: device, into: &buffer)
            case .number(let number): writer.number(number, into: &buffer)
            case .text(let text): writer.string(text, into: &buffer)
            case .list(let count): list(count, into: &buffer, writer)
            case .raw(let bytes): writer.rawBytes(bytes.span.bytes, into: &buffer)
            case .encoded(let bytes): buffer.append(bytes)
            }
        }
    }

    private func list(_ count: Int, into buffer: inout ByteBuffer, _ writer: NodeWriter) {
        do {
            try writer.listHeader(count, into: &buffer)
        } catch {
            preconditionFailure("\(error)")
        }
    }
}
