// Nodes to bytes and back, over the reader and the writer.

package import Base

extension Node {
    /// Appends the node in its canonical form. Throws `unencodable`, and appends nothing, for what no
    /// node may be: an empty tag or key, a key twice, too many attributes, children or levels.
    package func encode(into buffer: inout ByteBuffer, context: WireContext) throws(WireError) {
        let start = buffer.count
        do throws(WireError) {
            let writer = NodeWriter(context: context)
            try withUnsafePointer(to: self) { (node) throws(WireError) in
                try Self.encode(
                    node, with: writer, into: &buffer, depthLeft: WireLimits.nodeDepthMax)
            }
        } catch {
            buffer.truncate(to: start)
            throw error
        }
    }

    /// The node that `span` is, exactly. Throws as `NodeReader.validate` does, having allocated nothing.
    /// Raw content is read as `bytes`.
    package static func decode(_ span: RawSpan, context: WireContext) throws(WireError) -> Node {
        try NodeReader.validate(span, context: context)
        return NodeBuilder.build(validated: span, at: 0, context: context)
    }

    /// The node at a reader's place.
    package static func decode(_ reader: inout NodeReader) throws(WireError) -> Node {
        let start = reader.offset
        try reader.skipNode()
        return NodeBuilder.build(validated: reader.span, at: start, context: reader.context)
    }

    /// Takes a pointer, as nodes that are passed or iterated over are copied, which counts references.
    private static func encode(
        _ node: UnsafePointer<Node>, with writer: NodeWriter, into buffer: inout ByteBuffer,
        depthLeft: Int
    ) throws(WireError) {
        guard depthLeft > 0 else { throw .unencodable("nodes too deep") }
        let attributeCount = node.pointee.attributes.count
        guard attributeCount <= WireLimits.attributeCountMax else {
            throw .unencodable("\(attributeCount) attributes")
        }
        writer.nodeHeader(
            attributeCount: attributeCount, hasContent: node.pointee.content != nil, into: &buffer)
        try writer.tag(node.pointee.tag, into: &buffer)
        try node.pointee.attributes.withUnsafeBufferPointer { (attributes) throws(WireError) in
            try encode(attributes, with: writer, into: &buffer)
        }
        switch node.pointee.content {
        case .nodes(let nodes):
            try writer.listHeader(nodes.count, into: &buffer)
            try nodes.withUnsafeBufferPointer { (nodes) throws(WireError) in
                guard let first = nodes.baseAddress else { return }
                for index in 0..<nodes.count {
                    try encode(first + index, with: writer, into: &buffer, depthLeft: depthLeft - 1)
                }
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

    private static func encode(
        _ attributes: UnsafeBufferPointer<Attribute>, with writer: NodeWriter,
        into buffer: inout ByteBuffer
    ) throws(WireError) {
        var seen = SeenTokens()
        for index in 0..<attributes.count {
            let token = try writer.key(attributes[index].key, into: &buffer)
            // Keys that are no single-byte words are few; they are compared as bytes, as two keys may
            // look the same and not be.
            let isNew =
                if let token, token.rawValue < 0x100 {
                    seen.insert(UInt8(truncatingIfNeeded: token.rawValue))
                } else {
                    !attributes[..<index].contains {
                        $0.key.utf8.elementsEqual(attributes[index].key.utf8)
                    }
                }
            guard isNew else { throw .unencodable("attribute \(attributes[index].key) twice") }
            writer.string(attributes[index].value, into: &buffer)
        }
    }
}
