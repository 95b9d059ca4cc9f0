// A node as a value of its own: for clients, tools and tests. Servers read and write in place.

/// A tag with attributes and content: what a frame carries.
public struct Node: Equatable, Sendable {
    /// A key and a value. The order of attributes is kept and counts for equality.
    public struct Attribute: Hashable, Sendable {
        /// The key.
        public var key: String
        /// The value: text; text that spells a JID travels as one.
        public var value: String

        /// An attribute of key and value.
        public init(key: String, value: String) {
            self.key = key
            self.value = value
        }
    }

    /// What is in a node.
    public enum Content: Equatable, Sendable {
        /// Nodes.
        case nodes([Node])
        /// Opaque bytes.
        case bytes([UInt8])
        /// Text. What is no word, number, hex or JID travels as bytes and is read as `bytes`; `Node.text`
        /// reads both.
        case text(String)
    }

    /// The name of what this is.
    public var tag: String
    /// The attributes in order, no key twice.
    public var attributes: [Attribute]
    /// What is inside.
    public var content: Content?

    /// A node from its parts.
    public init(_ tag: String, _ attributes: [Attribute] = [], content: Content? = nil) {
        self.tag = tag
        self.attributes = attributes
        self.content = content
    }

    /// A node with nodes inside.
    public init(
        _ tag: String, _ attributes: KeyValuePairs<String, String>, _ children: [Node] = []
    ) {
        self.tag = tag
        self.attributes = attributes.map { Attribute(key: $0.key, value: $0.value) }
        content = children.isEmpty ? nil : .nodes(children)
    }

    /// A node with text inside.
    public init(_ tag: String, _ attributes: KeyValuePairs<String, String> = [:], text: String) {
        self.tag = tag
        self.attributes = attributes.map { Attribute(key: $0.key, value: $0.value) }
        content = .text(text)
    }

    /// An attribute's value. Setting nil removes it; setting a new key appends it.
    public subscript(_ key: String) -> String? {
        get { attributes.first { $0.key == key }?.value }
        set {
            let index = attributes.firstIndex { $0.key == key }
            switch (index, newValue) {
            case (let index?, let value?): attributes[index].value = value
            case (let index?, nil): attributes.remove(at: index)
            case (nil, let value?): attributes.append(Attribute(key: key, value: value))
            case (nil, nil): break
            }
        }
    }

    /// The nodes inside; empty when the content is something else.
    public var children: [Node] {
        if case .nodes(let nodes) = content { nodes } else { [] }
    }

    /// The first node inside with this tag.
    public func child(_ tag: String) -> Node? {
        children.first { $0.tag == tag }
    }

    /// The content as text: text, or bytes that are valid UTF-8.
    public var text: String? {
        switch content {
        case .text(let text): text
        case .bytes(let bytes): String(validating: bytes, as: UTF8.self)
        case .nodes, nil: nil
        }
    }

    /// The content as bytes: bytes, or text in UTF-8.
    public var bytes: [UInt8]? {
        switch content {
        case .text(let text): Array(text.utf8)
        case .bytes(let bytes): bytes
        case .nodes, nil: nil
        }
    }
}

extension Node: CustomStringConvertible {
    /// The node in the manner of XML, on one line; for people, not for parsers.
    public var description: String {
        var text = "<\(tag)"
        for attribute in attributes { text += " \(attribute.key)=\(quoted(attribute.value))" }
        switch content {
        case nil: return text + "/>"
        case .nodes(let nodes): text += ">" + nodes.map(\.description).joined()
        case .text(let content): text += ">" + quoted(content)
        case .bytes(let bytes):
            let shown = bytes.prefix(32).map { byte in
                let digits = String(byte, radix: 16)
                return digits.count == 1 ? "0" + digits : digits
            }
            text += ">" + shown.joined() + (bytes.count > 32 ? "… \(bytes.count) bytes" : "")
        }
        return text + "</\(tag)>"
    }

    private func quoted(_ text: String) -> String {
        "\"" + text.unicodeScalars.map { $0.escaped(asASCII: false) }.joined() + "\""
    }
}
