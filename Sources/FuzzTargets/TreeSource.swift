// Bytes as a tree: what a fuzzer changes in them changes the tree's shape, not whether it is one.
// Trees may also be such as no node can be: without a tag, with a key twice, too deep.

internal import Wire

/// Reads a tree from bytes. Past the end all bytes are 0, so that trees end.
struct TreeSource {
    private let bytes: UnsafeRawBufferPointer
    private(set) var offset = 0
    private let context: WireContext
    private let domain: String
    /// Texts that have been used: keys repeat.
    private var texts: [String] = ["to"]

    init(_ bytes: UnsafeRawBufferPointer, context: WireContext) {
        self.bytes = bytes
        self.context = context
        domain = context.domain
    }

    /// The next byte.
    mutating func next() -> UInt8 {
        guard offset < bytes.count else { return 0 }
        defer { offset += 1 }
        return bytes[offset]
    }

    /// A tree of up to `depth` levels. Memory: at most 256 bytes of text a byte read.
    mutating func node(depth: Int) -> Node {
        let shape = next()
        var node = Node(text())
        // Rarely more than a node may have.
        let count = shape & 0x0F == 0x0F ? Int(next() & 0x7F) : Int(shape & 0x07)
        for _ in 0..<count where offset < bytes.count {
            node.attributes.append(Node.Attribute(key: text(), value: text()))
        }
        switch shape >> 4 & 7 {
        case 0, 1:
            break
        case 2:
            node.content = .text(text())
        case 3:
            let size = Self.sizes[Int(next() & 0x0F)]
            node.content = .bytes((0..<size).map { _ in next() })
        case 4:
            // As many as take a long list.
            let child = Node(word(next()) ?? "x")
            node.content = .nodes(Array(repeating: child, count: 250 + Int(next() & 0x3F)))
        default:
            var nodes: [Node] = []
            for _ in 0..<next() & 0x1F where offset < bytes.count && depth > 1 {
                nodes.append(self.node(depth: depth - 1))
            }
            node.content = .nodes(nodes)
        }
        return node
    }

    private static let sizes = [0, 1, 2, 3, 4, 7, 8, 16, 20, 32, 64, 126, 127, 128, 255, 256]

    /// A text that one of the wire's forms may carry, or that looks as if.
    private mutating func text() -> String {
        let kind = next()
        let size = Self.sizes[Int(kind >> 4)]
        let text: String
        switch kind & 0x0F {
        case 0...3: return word(next()) ?? ""
        case 4: return word(next(), table: next() & 3) ?? "x"
        case 5: return texts[Int(next()) % texts.count]
        case 6: text = characters(size, of: Self.nibbles)
        case 7: text = characters(size, of: Self.hex)
        case 8: text = characters(size, of: Self.lowerCaseHex)
        case 9: text = "\(characters(size, of: Self.name))@\(domain)"
        case 10: text = "\(characters(size, of: Self.name))@\(domain)/\(next())"
        case 11: text = "\(characters(size, of: Self.name))@\(characters(4, of: Self.name))"
        case 12: text = domain
        case 13: text = characters(size, of: Self.other)
        default:
            let end = min(offset + size, bytes.count)
            text = String(decoding: bytes[offset..<end], as: UTF8.self)
            offset = end
        }
        if texts.count < 16 { texts.append(text) }
        return text
    }

    private static let nibbles = Array("0123456789-.".utf8)
    private static let hex = Array("0123456789ABCDEF".utf8)
    private static let lowerCaseHex = Array("0123456789abcdef".utf8)
    private static let name = Array("abcdefghijklmnopqrstuvwxyz0123456789._-+A".utf8)
    /// Among them the parts of é and of e with an accent, which look the same.
    private static let other = Array("@/. \u{301}eé🌸\u{0}a".utf8)

    private func word(_ index: UInt8, table: UInt8? = nil) -> String? {
        let start = table.map { 0x100 + 0x100 * UInt16($0) } ?? 0
        return Token(rawValue: start + UInt16(index)).flatMap { context.dictionary.word(of: $0) }
    }

    /// So many bytes of an alphabet. What is no UTF-8 becomes a replacement character.
    private mutating func characters(_ count: Int, of alphabet: [UInt8]) -> String {
        withUnsafeTemporaryAllocation(byteCount: 256, alignment: 8) { scratch in
            for index in 0..<count { scratch[index] = alphabet[Int(next()) % alphabet.count] }
            return String(decoding: scratch[..<count], as: UTF8.self)
        }
    }
}
