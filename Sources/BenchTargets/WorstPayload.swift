// Payloads that make a tree as large as one can be for its payload, and the same payloads spoiled: what
// decoding them takes is measured by codec-bench, which counts allocations.

internal import Base
public import Wire

/// One payload and how it decodes.
public struct WorstPayload {
    /// What is in it.
    public let name: String
    /// Whether it is valid; of what is not, nothing may be kept or even begun.
    public let isValid: Bool
    private let bytes: [UInt8]
    private let context: WireContext

    /// Bytes of memory that a tree may take for each byte of its payload.
    public static var ratioMax: Int { WireLimits.treeSizeRatioMax }

    /// The payload's size.
    public var size: Int { bytes.count }

    /// The tree; nil when the payload is not valid.
    public func decode() -> Node? {
        let payload = bytes.span.bytes
        do throws(WireError) {
            return try Node.decode(payload, context: context)
        } catch {
            return nil
        }
    }

    /// All of them, each once valid and once cut off by a byte; nil when the domain is none.
    public static func all(domain: String) -> [WorstPayload]? {
        guard let context = WireContext(domain: domain) else { return nil }
        var jids: [UInt8] = [0xF8, 129, 4]
        for key in UInt8(4)..<68 { jids += [key, 0xFA, 5, 3] }
        var packed: [UInt8] = [0xF8, 129, 4]
        for key in UInt8(4)..<68 { packed += [key, 0xFF, 8] + [UInt8](repeating: 0x12, count: 8) }
        var nested: [UInt8] = [0xF8, 1, 4]
        for _ in 1..<WireLimits.nodeDepthMax {
            nested = [0xF8, 2, 4, 0xF8, 255] + nested
            for _ in 0..<254 { nested += [0xF8, 1, 4] }
        }
        let payloads = [
            ("attributes of JIDs", list(900, of: jids)),
            ("contents of JIDs", list(40_000, of: [0xF8, 2, 4, 0xFA, 5, 3])),
            ("attributes of packed text", list(350, of: packed)),
            ("empty children", list(65_535, of: [0xF8, 1, 4])),
            ("children with one attribute", list(50_000, of: [0xF8, 3, 4, 5, 6])),
            ("lists in lists", nested),
        ]
        return payloads.flatMap { name, bytes in
            [
                WorstPayload(name: name, isValid: true, bytes: bytes, context: context),
                WorstPayload(
                    name: name + ", cut", isValid: false, bytes: Array(bytes.dropLast()),
                    context: context),
            ]
        }
    }

    private static func list(_ count: Int, of node: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = [0xF8, 2, 4, 0xF9, UInt8(count >> 8), UInt8(count & 0xFF)]
        for _ in 0..<count { bytes += node }
        return bytes
    }
}
