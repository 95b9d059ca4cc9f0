// Whole nodes: skipping one checks everything inside it.

extension NodeReader {
    /// Checks that the payload is exactly one node within the limits, with no attribute twice.
    package static func validate(_ span: RawSpan, context: WireContext) throws(WireError) {
        var reader = NodeReader(span, context: context)
        try reader.skipNode()
        try reader.finish()
    }

    /// Reads past one node and checks all of it; it may be `WireLimits.nodeDepthMax` deep.
    package mutating func skipNode() throws(WireError) {
        try skipNode(depthLeft: WireLimits.nodeDepthMax)
    }

    /// Reads past one node that may be `depthLeft` deep. The recursion is as deep as that at most.
    package mutating func skipNode(depthLeft: Int) throws(WireError) {
        guard depthLeft > 0 else { throw .depthExceeded(offset: offset) }
        let head = try readHead()
        try skipAttributes(head.attributeCount)
        guard head.hasContent, case .nodes(let count) = try readContent() else { return }
        for _ in 0..<count { try skipNode(depthLeft: depthLeft - 1) }
    }

    /// Reads past the attributes behind a head and refuses a key that occurs twice.
    package mutating func skipAttributes(_ count: Int) throws(WireError) {
        let start = offset
        var seen = SeenTokens()
        var hasOtherKeys = false
        for _ in 0..<count {
            let keyStart = offset
            let key = try readKey()
            if key.kind == .token, key.rawToken < 0x100 {
                guard seen.insert(UInt8(truncatingIfNeeded: key.rawToken)) else {
                    throw .duplicateAttribute(offset: keyStart)
                }
            } else {
                hasOtherKeys = true
            }
            _ = try readValue()
        }
        if hasOtherKeys { try checkOtherKeys(from: start, count: count) }
    }

    /// Compares the keys that are no single-byte tokens, each with each. Names have one form, so equal
    /// words are equal bytes. Cost: `count` squared, at most 64 × 64 comparisons of a number.
    private func checkOtherKeys(from start: Int, count: Int) throws(WireError) {
        var cursor = reader(at: start)
        var keys = InlineArray<64, (hash: UInt32, start: UInt32, end: UInt32)>(
            repeating: (0, 0, 0))
        var keyCount = 0
        for _ in 0..<count {
            let key = try cursor.readKey()
            if key.kind != .token || key.rawToken >= 0x100 {
                let bytes = span.extracting(key.encoded)
                let hash = bytes.withUnsafeBytes { bytes in
                    // Modulo 2^32 is the definition of the hash.
                    bytes.reduce(UInt32(5381)) { ($0 &* 33) ^ UInt32($1) }
                }
                for index in 0..<keyCount where keys[index].hash == hash {
                    let other = span.extracting(Int(keys[index].start)..<Int(keys[index].end))
                    let isEqual = bytes.withUnsafeBytes { left in
                        other.withUnsafeBytes { equalBytes(left, $0) }
                    }
                    guard !isEqual else { throw .duplicateAttribute(offset: Int(key.start)) }
                }
                keys[keyCount] = (hash, key.start, key.end)
                keyCount += 1
            }
            _ = try cursor.readValue()
        }
    }
}
