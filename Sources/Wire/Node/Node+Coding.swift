// Nodes to bytes and back, over the reader and the writer.

package import Base

extension Node {
    /// Appends the node in its canonical form. Throws `unencodable`, and appends nothing, for what no
    /// node may be: an empty tag or key, a key twice, too many attributes, children or levels.
    package func encode(into buffer: inout ByteBuffer, context: WireContext) throws(WireError) {
        let start = buffer.count
        do throws(WireError) {
            let writer = NodeWriter(context: context)
            try encode(with: writer, into: &buffer, depthLeft: WireLimits.nodeDepthMax)
        } catch {
            buffer.truncate(to: start)
            throw error
        }
    }

    /// The node that `span` is, exactly. Throws as `NodeReader` does. Raw content is read as `bytes`.
    package static func decode(_ span: RawSpan, context: WireContext) throws(WireError) -> Node {
        var reader = NodeReader(span, context: context)
        let node = try decode(&reader, depthLeft: WireLimits.nodeDepthMax)
        try reader.finish()
        return node
    }

    /// The node at a reader's place.
    package static func decode(_ reader: inout NodeReader) throws(WireError) -> Node {
        try decode(&reader, depthLeft: WireLimits.nodeDepthMax)
    }

    private func encode(
        with writer: NodeWriter, into buffer: inout ByteBuffer, depthLeft: Int
    ) throws(WireError) {
        guard depthLeft > 0 else { throw .unencodable("nodes too deep") }
        guard attributes.count <= WireLimits.attributeCountMax else {
            throw .unencodable("\(attributes.count) attributes")
        }
        guard !tag.utf8.isEmpty, attributes.allSatisfy({ !$0.key.utf8.isEmpty }) else {
            throw .unencodable("an empty tag or key")
        }
        for (index, attribute) in attributes.enumerated() {
            // Compared as bytes: two keys may look the same and not be.
            let isRepeated = attributes[..<index].contains {
                $0.key.utf8.elementsEqual(attribute.key.utf8)
            }
            if isRepeated { throw .unencodable("attribute \(attribute.key) twice") }
        }
        writer.nodeHeader(
            attributeCount: attributes.count, hasContent: content != nil, into: &buffer)
        writer.tag(tag, into: &buffer)
        for attribute in attributes {
            writer.name(attribute.key, into: &buffer)
            writer.string(attribute.value, into: &buffer)
        }
        switch content {
        case .nodes(let nodes):
            try writer.listHeader(nodes.count, into: &buffer)
            for node in nodes {
                try node.encode(with: writer, into: &buffer, depthLeft: depthLeft - 1)
            }
        case .bytes(let bytes):
            guard bytes.count <= FrameWriter.payloadSizeMax else {
                throw .unencodable("\(bytes.count) bytes")
            }
            bytes.withUnsafeBytes { writer.rawBytes($0, into: &buffer) }
        case .text(let text):
            guard text.utf8.count <= FrameWriter.payloadSizeMax else {
                throw .unencodable("\(text.utf8.count) bytes")
            }
            writer.string(text, into: &buffer)
        case nil:
            break
        }
    }

    private static func decode(
        _ reader: inout NodeReader, depthLeft: Int
    ) throws(WireError) -> Node {
        guard depthLeft > 0 else { throw .depthExceeded(offset: reader.offset) }
        let head = try reader.readHead()
        var node = Node(reader.string(of: head.tag))
        let attributesStart = reader.offset
        try reader.skipAttributes(head.attributeCount)
        let contentStart = reader.offset
        reader.offset = attributesStart
        node.attributes.reserveCapacity(head.attributeCount)
        for _ in 0..<head.attributeCount {
            let (key, value) = try reader.readAttribute()
            node.attributes.append(
                Attribute(key: reader.string(of: key), value: reader.string(of: value)))
        }
        precondition(reader.offset == contentStart, "\(reader.offset), \(contentStart)")
        guard head.hasContent else { return node }
        switch try reader.readContent() {
        case .nodes(let count):
            var nodes: [Node] = []
            nodes.reserveCapacity(min(count, 64))  // a claim of many earns no memory
            for _ in 0..<count { nodes.append(try decode(&reader, depthLeft: depthLeft - 1)) }
            node.content = .nodes(nodes)
        case .bytes(let range):
            node.content = .bytes(reader.bytes(in: range).withUnsafeBytes { [UInt8]($0) })
        case .value(let value):
            node.content = .text(reader.string(of: value))
        }
        return node
    }
}

extension NodeWriter {
    /// A tag: a control word, or as a key.
    func tag(_ text: String, into buffer: inout ByteBuffer) {
        var text = text
        text.withUTF8 { bytes in
            let bytes = UnsafeRawBufferPointer(bytes)
            if let control = context.dictionary.tables.controlToken(of: bytes) {
                token(control, into: &buffer)
            } else {
                name(bytes, into: &buffer)
            }
        }
    }

    /// A key: text that is never a JID. Precondition: not empty.
    package func name(_ text: String, into buffer: inout ByteBuffer) {
        var text = text
        text.withUTF8 { name(UnsafeRawBufferPointer($0), into: &buffer) }
    }
}
