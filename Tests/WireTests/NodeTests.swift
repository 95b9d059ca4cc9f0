import Base
import Testing
import Wire

@Suite struct NodeTests {
    private static let words = [
        "message", "to", "type", "sha256", "1", "404", "3EB0A1", "abcdef", "ABCDEF", "", "-", ".",
        "alice@example.org", "bob@example.org/3", "x@elsewhere.net", "x@elsewhere.net/3",
        "example.org", "stream:end", "Grüße 🌸", "a@b@c", "1717646904", "12-34.5", "\u{0}", "F",
    ]

    private func text(_ generator: inout SeededGenerator) -> String {
        if Bool.random(using: &generator) {
            return Self.words.randomElement(using: &generator) ?? ""
        }
        let alphabets = [
            "0123456789", "0123456789ABCDEF", "0123456789-.", "abc@./7_", "aé🌸\u{301}",
        ]
        let alphabet = Array((alphabets.randomElement(using: &generator) ?? "a").unicodeScalars)
        let count = Int.random(
            in: 0...(Int.random(in: 0...9, using: &generator) == 0 ? 300 : 20),
            using: &generator)
        var text = ""
        for _ in 0..<count {
            text.unicodeScalars.append(alphabet.randomElement(using: &generator) ?? "a")
        }
        return text
    }

    private func node(_ generator: inout SeededGenerator, depth: Int) -> Node {
        let name = { (generator: inout SeededGenerator) in
            let text = text(&generator)
            return text.isEmpty ? "x" : text
        }
        var node = Node(name(&generator))
        for _ in 0..<Int.random(in: 0...5, using: &generator) {
            let key = name(&generator)
            let isNew = node.attributes.allSatisfy { !$0.key.utf8.elementsEqual(key.utf8) }
            if isNew { node.attributes.append(.init(key: key, value: text(&generator))) }
        }
        switch Int.random(in: 0...3, using: &generator) {
        case 0 where depth > 1:
            let count = Int.random(in: 0...4, using: &generator)
            node.content = .nodes(
                (0..<count).map { _ in self.node(&generator, depth: depth - 1) })
        case 1:
            node.content = .text(text(&generator))
        case 2:
            let count = [0, 1, 20, 255, 256, 700].randomElement(using: &generator) ?? 0
            node.content = .bytes((0..<count).map { _ in .random(in: 0...255, using: &generator) })
        default:
            break
        }
        return node
    }

    @Test func randomTreesComeBack() throws {
        let context = try context()
        try withSeed { generator, seed in
            for _ in 0..<400 {
                let node = node(&generator, depth: 5)
                let payload = try encode(node, context)
                #expect(verdict(payload, context) == nil, "seed \(seed): \(node)")
                #expect(
                    try decode(payload, context) == asRead(node, context), "seed \(seed): \(node)")
                check(payload, context)
            }
        }
    }

    @Test func randomBytesAreValidOrAnError() throws {
        let context = try context()
        withSeed { generator, _ in
            let tags: [UInt8] = [
                0, 1, 2, 3, 4, 10, 0xEC, 0xF7, 0xF8, 0xF8, 0xF9, 0xFA, 0xFB, 0xFC, 0xFC, 0xFD, 0xFE,
                0xFF,
            ]
            for _ in 0..<20_000 {
                var payload: [UInt8] = [0xF8, .random(in: 1...6, using: &generator)]
                for _ in 0..<Int.random(in: 0...24, using: &generator) {
                    let isTag = Bool.random(using: &generator)
                    payload.append(
                        isTag
                            ? tags.randomElement(using: &generator) ?? 0
                            : .random(in: 0...5, using: &generator))
                }
                check(payload, context)
            }
        }
    }

    @Test func attributesHaveALimit() throws {
        let context = try context()
        for count in [63, 64] {
            var node = Node("message")
            for index in 0..<count { node["key\(index)"] = "" }
            let payload = try encode(node, context)
            #expect(try decode(payload, context) == node)
            check(payload, context)
        }
        var node = Node("message")
        for index in 0..<65 { node["key\(index)"] = "" }
        #expect(throws: WireError.unencodable("65 attributes")) { try encode(node, context) }
        let payload = [0xF8, 131, 4] + [UInt8](repeating: 5, count: 130)
        #expect(verdict(payload, context) == .tooManyAttributes(offset: 0))
    }

    @Test func whatIsNoNodeIsNotWritten() throws {
        let context = try context()
        for node in [
            Node(""), Node("a", ["": "x"]), Node("a", ["k": "1", "k": "2"]),
            Node("a", [:], [Node("b", [:], [Node("")])]),
        ] {
            #expect(throws: WireError.self) { try encode(node, context) }
        }
        // Two ways to write é: not the same key.
        let node = Node("a", ["\u{E9}": "1", "e\u{301}": "2"])
        #expect(try decode(encode(node, context), context).attributes.map(\.value) == ["1", "2"])
    }

    @Test func nodesAreEasyToLookInto() throws {
        var node = Node(
            "message", ["id": "1"],
            [Node("body", text: "hello"), Node("x", content: .bytes([0xFF]))])
        #expect(node["id"] == "1" && node["to"] == nil)
        node["to"] = "alice@example.org"
        node["id"] = nil
        #expect(node.attributes == [.init(key: "to", value: "alice@example.org")])
        #expect(node.child("body")?.text == "hello")
        #expect(node.child("x")?.text == nil && node.child("x")?.bytes == [0xFF])
        #expect(node.child("y") == nil && node.text == nil)
        #expect(
            node.description
                == "<message to=\"alice@example.org\"><body>\"hello\"</body><x>ff</x></message>")
    }

    @Test func rawSizesUseTheShortestForm() throws {
        let context = try context()
        for (size, tag) in [
            (0, 0xFC), (255, 0xFC), (256, 0xFD), (0xF_FFFF, 0xFD), (0x10_0000, 0xFE),
        ] as [(Int, UInt8)] {
            let node = Node("enc", content: .bytes([UInt8](repeating: 7, count: size)))
            let payload = try encode(node, context)
            #expect(payload[3] == tag)
            #expect(try decode(payload, context) == node)
        }
    }
}

@Suite struct NodeReaderTests {
    @Test func piecesAreReadInPlace() throws {
        let context = try context()
        let writer = NodeWriter(context: context)
        let alice = try #require(Localpart("alice"))
        let id = try #require(StanzaID("3EB0A1"))
        var buffer = ByteBuffer()
        writer.node(.receipt, attributeCount: 5, hasContent: true, into: &buffer)
        writer.token(.from, into: &buffer)
        writer.jid(local: alice, device: 7, into: &buffer)
        writer.attribute(.to, try #require(JID("bob@elsewhere.net")), into: &buffer)
        writer.attribute(.id, id, into: &buffer)
        writer.attribute(.t, 1_717_646_904, into: &buffer)
        writer.attribute(.type, .read, into: &buffer)
        writer.rawBytes(([1, 2, 3] as [UInt8]).span.bytes, into: &buffer)
        try NodeReader.validate(buffer.bytes, context: context)

        var reader = NodeReader(buffer.bytes, context: context)
        let head = try reader.readHead()
        let tag = reader.token(of: head.tag)
        #expect(tag == .receipt && head.attributeCount == 5 && head.hasContent)
        var values: [WireValue] = []
        var keys: [Token?] = []
        for _ in 0..<head.attributeCount {
            let (key, value) = try reader.readAttribute()
            keys.append(reader.token(of: key))
            values.append(value)
        }
        #expect(keys == [.from, .to, .id, .t, .type])
        let from = reader.jid(of: values[0])
        #expect(from?.local == alice && from?.device == 7 && from?.isOwnDomain == true)
        let to = reader.jid(of: values[1])
        #expect(to?.local?.text == "bob" && to?.device == nil && to?.isOwnDomain == false)
        if let to {
            let domain = reader.string(of: to.domain)
            #expect(domain == "elsewhere.net")
        }
        let address = reader.address(of: values[0])
        #expect(address == JID("alice@example.org/7"))
        let readID = reader.stanzaID(of: values[2])
        #expect(readID == id)
        let number = reader.number(of: values[3])
        #expect(number == 1_717_646_904)
        let type = reader.token(of: values[4])
        #expect(type == .read)
        let noJID = reader.jid(of: values[4])
        #expect(noJID == nil)
        guard case .bytes(let range) = try reader.readContent() else {
            Issue.record("no bytes")
            return
        }
        let content = reader.bytes(in: range).withUnsafeBytes { Array($0) }
        #expect(content == [1, 2, 3])
        try reader.finish()
        var copy = ByteBuffer()
        for value in values { reader.bytes(of: value, into: &copy) }
        let text = String(decoding: copy.copy(), as: UTF8.self)
        #expect(text == "alice@example.org/7bob@elsewhere.net3EB0A11717646904read")
    }

    @Test func wordsAreFoundInAnyForm() throws {
        let context = try context()
        let payload = bytes(hex: "f805 04 0a fc0472656164 0b fc0131")
        var reader = NodeReader(payload.span.bytes, context: context)
        _ = try reader.readHead()
        let (_, value) = try reader.readAttribute()
        let token = reader.token(of: value)
        #expect(token == .read)
        let (_, one) = try reader.readAttribute()
        let number = reader.number(of: one)
        #expect(number == 1)
    }

    @Test func addressesOfTheOwnDomainSpeltAsRawText() throws {
        // FA "alice" with the own domain as raw bytes: unusual, but what it says is clear.
        let payload = bytes(hex: "f803 04 0a fa fc05616c696365 fc0b6578616d706c652e6f7267")
        let context = try context()
        #expect(verdict(payload, context) == nil)
        var reader = NodeReader(payload.span.bytes, context: context)
        _ = try reader.readHead()
        let (_, value) = try reader.readAttribute()
        let jid = reader.jid(of: value)
        #expect(jid?.isOwnDomain == true)
        check(payload, context)
    }
}
