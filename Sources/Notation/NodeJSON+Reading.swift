// A node from a JSON line. All that a node may not be is found here, where its place is known.

package import Wire

/// Nodes as JSON: `{"tag", "attrs", "content"}`, see docs/TERN.md.
package enum NodeJSON {
    /// The node on a line, perhaps within `{"name", "node"}`.
    package static func node(_ line: RawSpan) throws(NotationError) -> Node {
        var reader = JSONReader(line)
        var parts = Parts()
        let start = try beginning(&reader)
        try reader.openObject()
        var isFirst = true
        while let member = try reader.nextMember(&isFirst) {
            if member.key == "node" {
                try parts.refuseRepeated(parts.wrapped != nil, member)
                parts.wrapped = try node(&reader, depthLeft: WireLimits.nodeDepthMax)
            } else if try !read(member, of: &parts, &reader, depthLeft: WireLimits.nodeDepthMax) {
                parts.stranger = parts.stranger ?? member
                try reader.skipValue()
            }
        }
        try reader.finish()
        guard let wrapped = parts.wrapped else { return try parts.node(from: start) }
        // A wrapper may say more about its node; a node that is also a wrapper is a mistake.
        guard parts.tag == nil, parts.attributes == nil, !parts.hasContent else {
            throw .shape("both a node and a member \"node\"", offset: start)
        }
        return wrapped
    }

    private static func node(
        _ reader: inout JSONReader, depthLeft: Int
    ) throws(NotationError) -> Node {
        let start = try beginning(&reader)
        guard depthLeft > 0 else {
            throw .shape("nodes more than \(WireLimits.nodeDepthMax) deep", offset: start)
        }
        try reader.openObject()
        var parts = Parts()
        var isFirst = true
        while let member = try reader.nextMember(&isFirst) {
            if try !read(member, of: &parts, &reader, depthLeft: depthLeft) {
                parts.stranger = parts.stranger ?? member
                try reader.skipValue()
            }
        }
        return try parts.node(from: start)
    }

    private static func beginning(_ reader: inout JSONReader) throws(NotationError) -> Int {
        let first = try reader.peek()
        guard first == UInt8(ascii: "{") else {
            throw .shape("a node is an object", offset: reader.offset)
        }
        return reader.offset
    }

    /// What has been read of a node.
    private struct Parts {
        var tag: String?
        var attributes: [Node.Attribute]?
        var content: Node.Content?
        var hasContent = false
        var wrapped: Node?
        var stranger: (key: String, offset: Int)?

        func node(from start: Int) throws(NotationError) -> Node {
            if let stranger {
                throw .shape(
                    "a node has no member \(JSONText.quoted(stranger.key))",
                    offset: stranger.offset)
            }
            guard let tag else { throw .shape("a node without a tag", offset: start) }
            return Node(tag, attributes ?? [], content: content)
        }

        func refuseRepeated(
            _ isThere: Bool, _ member: (key: String, offset: Int)
        ) throws(NotationError) {
            if isThere { throw .shape("\(member.key) twice", offset: member.offset) }
        }
    }

    /// Reads a member of a node; false when it is none.
    private static func read(
        _ member: (key: String, offset: Int), of parts: inout Parts, _ reader: inout JSONReader,
        depthLeft: Int
    ) throws(NotationError) -> Bool {
        switch member.key {
        case "tag":
            try parts.refuseRepeated(parts.tag != nil, member)
            let (tag, start) = try string("a tag", &reader)
            guard !tag.utf8.isEmpty else { throw .shape("an empty tag", offset: start) }
            parts.tag = tag
        case "attrs":
            try parts.refuseRepeated(parts.attributes != nil, member)
            parts.attributes = try attributes(&reader)
        case "content":
            try parts.refuseRepeated(parts.hasContent, member)
            parts.hasContent = true
            parts.content = try content(&reader, depthLeft: depthLeft)
        default:
            return false
        }
        return true
    }

    private static func string(
        _ name: String, _ reader: inout JSONReader
    ) throws(NotationError) -> (text: String, offset: Int) {
        let first = try reader.peek()
        let start = reader.offset
        guard first == UInt8(ascii: "\"") else {
            throw .shape("\(name) is a string", offset: start)
        }
        let text = try reader.readString()
        guard text.utf8.count <= FrameWriter.payloadSizeMax else {
            throw .shape("\(name) of \(text.utf8.count) bytes", offset: start)
        }
        return (text, start)
    }

    private static func attributes(
        _ reader: inout JSONReader
    ) throws(NotationError) -> [Node.Attribute] {
        let first = try reader.peek()
        guard first == UInt8(ascii: "{") else {
            throw .shape("attrs is an object", offset: reader.offset)
        }
        try reader.openObject()
        var attributes: [Node.Attribute] = []
        var isFirst = true
        while let member = try reader.nextMember(&isFirst) {
            guard !member.key.utf8.isEmpty else {
                throw .shape("an empty key", offset: member.offset)
            }
            guard attributes.count < WireLimits.attributeCountMax else {
                throw .shape(
                    "more than \(WireLimits.attributeCountMax) attributes", offset: member.offset)
            }
            // Compared as bytes: two keys may look the same and not be.
            let isRepeated = attributes.contains {
                $0.key.utf8.elementsEqual(member.key.utf8)
            }
            if isRepeated { throw .shape("the same attribute again", offset: member.offset) }
            let value = try string("an attribute's value", &reader).text
            attributes.append(Node.Attribute(key: member.key, value: value))
        }
        return attributes
    }

    private static func content(
        _ reader: inout JSONReader, depthLeft: Int
    ) throws(NotationError) -> Node.Content? {
        let first = try reader.peek()
        switch first {
        case UInt8(ascii: "n"):
            try reader.readNull()
            return nil
        case UInt8(ascii: "\""):
            return .text(try string("content", &reader).text)
        case UInt8(ascii: "{"):
            return .bytes(try base64(&reader))
        case UInt8(ascii: "["):
            try reader.openArray()
            var nodes: [Node] = []
            var isFirst = true
            while try reader.nextElement(&isFirst) {
                guard nodes.count < WireLimits.childCountMax else {
                    throw .shape(
                        "more than \(WireLimits.childCountMax) nodes in one", offset: reader.offset)
                }
                nodes.append(try node(&reader, depthLeft: depthLeft - 1))
            }
            return .nodes(nodes)
        default:
            throw .shape(
                "content is null, a string, {\"b64\": …} or a list of nodes",
                offset: reader.offset)
        }
    }

    private static func base64(_ reader: inout JSONReader) throws(NotationError) -> [UInt8] {
        let start = reader.offset
        try reader.openObject()
        var isFirst = true
        var bytes: [UInt8]?
        while let member = try reader.nextMember(&isFirst) {
            guard member.key == "b64", bytes == nil else {
                throw .shape("content of bytes has b64 and no more", offset: member.offset)
            }
            let (text, textStart) = try string("b64", &reader)
            guard let decoded = Base64.decoded(text) else {
                throw .shape("not Base64 (RFC 4648, padded)", offset: textStart)
            }
            bytes = decoded
        }
        guard let bytes else { throw .shape("content of bytes has b64", offset: start) }
        return bytes
    }
}
