// A set of stanzas in every shape that the codec's benchmark needs: as trees, as payloads, as plans of
// direct writes. One call does one stanza once. bench/Sources/codec-bench calls it, on one thread.

internal import Base
public import Wire

/// Stanzas under one dictionary, ready to be encoded and decoded again and again.
public final class CodecWorkload {
    private let context: WireContext
    private let nodes: [Node]
    private var decoded: [Node] = []
    private let payloads: [UnsafeRawBufferPointer]  // of a process that only measures: never freed
    private let plans: [WritePlan]
    private var buffer = ByteBuffer(capacity: 65_536)

    /// Prepares the stanzas; nil when one cannot be encoded, or reads back as another.
    public init?(_ nodes: [Node], dictionary: TokenDictionary, domain: String) {
        guard let context = WireContext(dictionary: dictionary, domain: domain) else { return nil }
        self.context = context
        self.nodes = nodes
        var payloads: [UnsafeRawBufferPointer] = []
        var plans: [WritePlan] = []
        do {
            for node in nodes {
                var payload = ByteBuffer()
                try node.encode(into: &payload, context: context)
                let again = try Node.decode(payload.bytes, context: context)
                var copy = ByteBuffer()
                try again.encode(into: &copy, context: context)
                let plan = try WritePlan(payload.bytes, context: context)
                var written = ByteBuffer()
                plan.write(into: &written, context: context)
                guard payload.copy() == copy.copy(), payload.copy() == written.copy() else {
                    return nil
                }
                payloads.append(payload.withUnsafeBytes(Self.kept))
                plans.append(plan)
                decoded.append(again)
            }
        } catch {
            return nil
        }
        self.payloads = payloads
        self.plans = plans
    }

    private static func kept(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
        copy.copyMemory(from: bytes)
        return UnsafeRawBufferPointer(copy)
    }

    /// How many stanzas there are.
    public var count: Int { nodes.count }

    /// The size of one stanza's payload.
    public func size(_ index: Int) -> Int { payloads[index].count }

    /// Encodes a tree of strings; returns the payload's size.
    public func encodeTree(_ index: Int) -> Int { encode(nodes[index]) }

    /// Encodes a tree that was decoded; returns the payload's size.
    public func encodeDecoded(_ index: Int) -> Int { encode(decoded[index]) }

    private func encode(_ node: borrowing Node) -> Int {
        buffer.clear()
        do {
            try node.encode(into: &buffer, context: context)
        } catch {
            preconditionFailure("\(error)")
        }
        return buffer.count
    }

    /// Writes a stanza piece by piece, as sessions do; returns the payload's size.
    public func write(_ index: Int) -> Int {
        buffer.clear()
        plans[index].write(into: &buffer, context: context)
        return buffer.count
    }

    /// Decodes a payload to a tree.
    public func decodeTree(_ index: Int) -> Node {
        do {
            return try Node.decode(payloads[index].bytes, context: context)
        } catch {
            preconditionFailure("\(error)")
        }
    }

    /// Decodes a payload to a tree and asks it for every string in it; returns their size.
    public func decodeStrings(_ index: Int) -> Int { stringSize(decodeTree(index)) }

    private func stringSize(_ node: Node) -> Int {
        var size = node.tag.utf8.count
        for attribute in node.attributes {
            size += attribute.key.utf8.count + attribute.value.utf8.count
        }
        switch node.content {
        case .nodes(let nodes): for node in nodes { size += stringSize(node) }
        case .bytes(let bytes): size += bytes.count
        case .text(let text): size += text.utf8.count
        case nil: break
        }
        return size
    }

    /// Checks a payload whole.
    public func validate(_ index: Int) -> Int {
        do {
            try NodeReader.validate(payloads[index].bytes, context: context)
        } catch {
            preconditionFailure("\(error)")
        }
        return payloads[index].count
    }

    /// Checks a payload whole, then walks it as sessions do: every key as a word, every value as a word,
    /// a JID's parts or text. Returns the size of what it saw.
    public func read(_ index: Int) -> Int {
        let span = payloads[index].bytes
        do {
            try NodeReader.validate(span, context: context)
            var reader = NodeReader(validated: span, context: context)
            return try withUnsafeTemporaryAllocation(byteCount: 512, alignment: 8) {
                (scratch) throws(WireError) in
                try walk(&reader, scratch)
            }
        } catch {
            preconditionFailure("\(error)")
        }
    }

    private func walk(
        _ reader: inout NodeReader, _ scratch: UnsafeMutableRawBufferPointer
    ) throws(WireError) -> Int {
        let head = try reader.readHead()
        var size = see(head.tag, reader, scratch)
        for _ in 0..<head.attributeCount {
            let (key, value) = try reader.readAttribute()
            size += see(key, reader, scratch) + see(value, reader, scratch)
        }
        guard head.hasContent else { return size }
        switch try reader.readContent() {
        case .nodes(let count): for _ in 0..<count { size += try walk(&reader, scratch) }
        case .bytes(let range): size += range.count
        case .value(let value): size += see(value, reader, scratch)
        }
        return size
    }

    private func see(
        _ value: WireValue, _ reader: borrowing NodeReader,
        _ scratch: UnsafeMutableRawBufferPointer
    ) -> Int {
        if value.isJID {
            let parts = reader.jidParts(of: value)
            let size = reader.text(of: parts.domain, scratch).count
            return size + (parts.user.map { reader.text(of: $0, scratch).count } ?? 0)
        }
        if let token = reader.token(of: value) { return Int(token.rawValue) }
        return reader.text(of: value, scratch).count
    }
}
