import Base
import Foundation
import Testing
import Wire

/// A node as the vectors write it.
struct VectorNode: Decodable {
    let node: Node

    private struct Parts: Decodable {
        let n: [VectorNode]?
        let t: String?
        let b: String?
    }

    init(from decoder: any Decoder) throws {
        var parts = try decoder.unkeyedContainer()
        var node = Node(try parts.decode(String.self))
        let words = try parts.decode([String].self)
        for index in stride(from: 0, to: words.count, by: 2) {
            node.attributes.append(.init(key: words[index], value: words[index + 1]))
        }
        if !parts.isAtEnd {
            let content = try parts.decode(Parts.self)
            if let nodes = content.n { node.content = .nodes(nodes.map(\.node)) }
            if let text = content.t { node.content = .text(text) }
            if let hex = content.b { node.content = .bytes(bytes(hex: hex)) }
        }
        self.node = node
    }
}

/// The vectors: payloads without their flags byte.
func vectors() throws -> [(name: String, node: Node, payload: [UInt8])] {
    try vectorLines.split(separator: "\n").map { line in
        let vector = try JSONDecoder().decode(WireVector.self, from: Data(line.utf8))
        let frame = bytes(hex: vector.hex)
        #expect(frame.first == FrameFlags.plain)
        return (vector.name, vector.node.node, Array(frame.dropFirst()))
    }
}

func smallContext() throws -> WireContext {
    let dictionary = try TokenDictionary(
        version: 0, single: smallDictionarySingle, double: [[], [], [], []])
    return try #require(WireContext(dictionary: dictionary, domain: "s.whatsapp.net"))
}

func context() throws -> WireContext {
    try #require(WireContext(domain: "example.org"))
}

func bytes(hex: String) -> [UInt8] {
    let digits = hex.filter { $0 != " " }
    precondition(digits.utf8.count % 2 == 0, hex)
    var result: [UInt8] = []
    var rest = Substring(digits)
    while !rest.isEmpty {
        guard let byte = UInt8(rest.prefix(2), radix: 16) else { preconditionFailure(hex) }
        result.append(byte)
        rest = rest.dropFirst(2)
    }
    return result
}

func hex(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

/// What the reader says of a payload; nil when it is valid.
func verdict(_ payload: [UInt8], _ context: WireContext) -> WireError? {
    do throws(WireError) {
        try NodeReader.validate(payload.span.bytes, context: context)
        return nil
    } catch {
        return error
    }
}

/// The same for hex digits, under dictionary version 1.
func verdict(_ hex: String) throws -> WireError? {
    verdict(bytes(hex: hex), try context())
}

func decode(_ payload: [UInt8], _ context: WireContext) throws(WireError) -> Node {
    try Node.decode(payload.span.bytes, context: context)
}

func encode(_ node: Node, _ context: WireContext) throws(WireError) -> [UInt8] {
    var buffer = ByteBuffer()
    try node.encode(into: &buffer, context: context)
    return buffer.copy()
}

func check(_ payload: [UInt8], _ context: WireContext) {
    payload.withUnsafeBytes { checkNode($0, context: context) }
}

/// A node as it comes back: text that no dictionary word, packing or JID carries is bytes.
func asRead(_ node: Node, _ context: WireContext) throws -> Node {
    var node = node
    switch node.content {
    case .nodes(let nodes):
        node.content = .nodes(try nodes.map { try asRead($0, context) })
    case .text(let text):
        let probe = try encode(Node("p", text: text), context)
        let isRaw = try decode(probe, context).content == .bytes(Array(text.utf8))
        if isRaw { node.content = .bytes(Array(text.utf8)) }
    default:
        break
    }
    return node
}

/// SplitMix64: the same numbers from the same seed.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
        return word ^ word >> 31
    }
}

/// Runs `body` with a fresh seed, which is printed; TERN_SEED=… in the environment replays one.
func withSeed(_ body: (inout SeededGenerator, UInt64) throws -> Void) rethrows {
    let given = ProcessInfo.processInfo.environment["TERN_SEED"].flatMap { UInt64($0) }
    let seed = given ?? UInt64.random(in: 0...UInt64.max)
    print("TERN_SEED=\(seed)")
    var generator = SeededGenerator(state: seed)
    try body(&generator, seed)
}
