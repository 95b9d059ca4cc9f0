import Base
import Wire

@testable import Notation

func context() throws -> WireContext {
    guard let context = WireContext(domain: "example.org") else {
        throw NotationError.shape("no context", offset: 0)
    }
    return context
}

func node(_ line: String) throws(NotationError) -> Node {
    try NodeJSON.node(Array(line.utf8).span.bytes)
}

/// What reading a line as a node says; nil when it is one.
func verdict(_ line: String) -> NotationError? {
    do throws(NotationError) {
        _ = try node(line)
        return nil
    } catch {
        return error
    }
}

func line(_ node: Node, _ context: WireContext) -> String {
    String(decoding: NodeJSON.line(node, context: context), as: UTF8.self)
}

func frame(_ hex: String) throws(NotationError) -> [UInt8] {
    try Hex.bytes(hex.utf8)
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
