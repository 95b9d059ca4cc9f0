import Base
import Testing
import Wire

/// What a decoded tree holds on to, against the payload it came from.
@Suite struct TreeSizeTests {
    /// What glibc's allocator takes for a block: 8 bytes of its own, in steps of 16, at least 32.
    private func block(_ size: Int) -> Int {
        size == 0 ? 0 : max(32, (size + 8 + 15) / 16 * 16)
    }

    /// An array's or a string's storage begins with 32 bytes of Swift's.
    private func storage(_ size: Int) -> Int {
        size == 0 ? 0 : block(32 + size)
    }

    /// Up to 15 bytes of text lie inside the string; longer text ends with a zero. Words of the dictionary
    /// are shared by all trees; those of tags and keys here are short.
    private func size(_ text: String) -> Int {
        text.utf8.count <= 15 ? 0 : storage(text.utf8.count + 1)
    }

    /// Everything a node owns, without the node itself.
    private func size(_ node: Node) -> Int {
        var size = size(node.tag)
        size += storage(node.attributes.capacity * MemoryLayout<Node.Attribute>.stride)
        for attribute in node.attributes {
            size += self.size(attribute.key) + self.size(attribute.value)
        }
        switch node.content {
        case .nodes(let nodes):
            size += storage(nodes.capacity * MemoryLayout<Node>.stride)
            for node in nodes { size += self.size(node) }
        case .bytes(let bytes): size += storage(bytes.capacity)
        case .text(let text): size += self.size(text)
        case nil: break
        }
        return size
    }

    private func ratio(_ payload: [UInt8], _ context: WireContext) throws -> Double {
        let node = try decode(payload, context)
        return Double(MemoryLayout<Node>.stride + size(node)) / Double(payload.count)
    }

    private func list(_ count: Int, of node: [UInt8]) -> [UInt8] {
        [0xF8, 2, 5, 0xF9, UInt8(count >> 8), UInt8(count & 0xFF)]
            + (0..<count).flatMap { _ in node }
    }

    /// A dictionary with the longest name there can be, at 4, and the longest domain. A tag is at 5.
    private func worstContext() throws -> WireContext {
        let name = String(repeating: "u", count: Localpart.sizeMax)
        let label = String(repeating: "d", count: 63)
        let domain = [label, label, label, label].joined(separator: ".")
        let words = (0..<200).map { "w\($0)" }
        let dictionary = try TokenDictionary(
            version: 0, single: ["", "start", "end", "", name] + words, double: [[], [], [], []])
        return try #require(WireContext(dictionary: dictionary, domain: domain))
    }

    /// Attributes that are JIDs of four bytes, spelt in 320 characters, in as many nodes as there is room.
    @Test func attributesOfJIDs() throws {
        let context = try worstContext()
        var node: [UInt8] = [0xF8, 129, 5]
        for key in UInt8(6)..<70 { node += [key, 0xFA, 4, 3] }
        let ratio = try ratio(list(900, of: node), context)
        #expect(ratio <= Double(WireLimits.treeSizeRatioMax))
        #expect(ratio > 90, "the worst case is no longer one: \(ratio)")
    }

    /// Devices' JIDs take a byte more and give four.
    @Test func attributesOfDevices() throws {
        let context = try worstContext()
        var node: [UInt8] = [0xF8, 129, 5]
        for key in UInt8(6)..<70 { node += [key, 0xF7, 0, 255, 4] }
        #expect(
            try ratio(list(700, of: node), context) <= Double(WireLimits.treeSizeRatioMax))
    }

    @Test func contentsOfJIDs() throws {
        let payload = list(40_000, of: [0xF8, 2, 5, 0xFA, 4, 3])
        #expect(try ratio(payload, try worstContext()) <= Double(WireLimits.treeSizeRatioMax))
    }

    @Test func emptyChildren() throws {
        let ratio = try ratio(list(65_535, of: [0xF8, 1, 5]), try worstContext())
        #expect(ratio < 17, "\(ratio)")
    }

    /// Fifteen lists in lists, each of as many nodes as one byte can count.
    @Test func nestedLists() throws {
        var node: [UInt8] = [0xF8, 1, 5]
        for _ in 0..<WireLimits.nodeDepthMax - 1 {
            node = [0xF8, 2, 5, 0xF8, 255] + node
            for _ in 0..<254 { node += [0xF8, 1, 5] }
        }
        let ratio = try ratio(node, try worstContext())
        #expect(ratio < 17, "\(ratio)")
    }

    @Test func manyShortAttributes() throws {
        let context = try worstContext()
        let ratio = try ratio(list(20_000, of: [0xF8, 3, 5, 6, 7]), context)
        #expect(ratio < 26, "\(ratio)")
    }

    @Test func textsJustTooLongForAString() throws {
        let context = try worstContext()
        var node: [UInt8] = [0xF8, 129, 5]
        for key in UInt8(6)..<70 {
            node += [key, 0xFF, 8] + [UInt8](repeating: 0x12, count: 8)
        }
        let ratio = try ratio(list(300, of: node), context)
        #expect(ratio < 11, "\(ratio)")
    }

    /// The vectors, each byte of them changed to each of a few values: what is valid stays within bounds.
    @Test func changedVectors() throws {
        let context = try smallContext()
        for (_, _, payload) in try vectors() where payload.count < 400 {
            for offset in payload.indices {
                for change in [0x01, 0x80, 0xFF, 0x0A] as [UInt8] {
                    var changed = payload
                    changed[offset] ^= change
                    guard verdict(changed, context) == nil else { continue }
                    let ratio = try ratio(changed, context)
                    #expect(ratio <= Double(WireLimits.treeSizeRatioMax) + 48)
                }
            }
        }
    }
}
