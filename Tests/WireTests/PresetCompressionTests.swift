// Raw deflate with the preset dictionary: what it takes, what it rejects, how much it may make.

import Base
import Testing

@testable import Wire

/// Bits as deflate packs them: least significant first.
private struct BitWriter {
    var bytes: [UInt8] = []
    private var used = 8

    /// Appends `count` bits of `value`, the lowest first.
    mutating func append(_ value: Int, _ count: Int) {
        for bit in 0..<count {
            if used == 8 {
                bytes.append(0)
                used = 0
            }
            bytes[bytes.count - 1] |= UInt8(value >> bit & 1) << UInt8(used)
            used += 1
        }
    }

    /// Appends a Huffman code, whose highest bit comes first.
    mutating func code(_ value: Int, _ count: Int) {
        for bit in (0..<count).reversed() { append(value >> bit & 1, 1) }
    }

    /// One final block with fixed codes: a copy of 3 bytes from `distanceCode`, then the end.
    static func copy(distanceCode: Int, extra: Int, extraCount: Int) -> [UInt8] {
        var writer = BitWriter()
        writer.append(1, 1)
        writer.append(1, 2)
        writer.code(1, 7)
        writer.code(distanceCode, 5)
        writer.append(extra, extraCount)
        writer.code(0, 7)
        return writer.bytes
    }
}

@Suite struct PresetCompressionTests {
    private let preset = Compression.preset(.version1)
    private let context = WireContext(domain: "example.org")

    private func inflate(
        _ bytes: [UInt8], sizeMax: Int = WireLimits.inflatedSizeMax
    ) throws(WireError) -> [UInt8] {
        var inflater = Inflater()
        var output = ByteBuffer()
        output.append(0x77)
        do throws(WireError) {
            try inflater.inflate(bytes.span.bytes, preset, into: &output, sizeMax: sizeMax)
        } catch {
            let rest = output.copy()
            #expect(rest == [0x77], "something was left behind")
            throw error
        }
        let allocatedSize = output.allocatedSize
        #expect(allocatedSize <= 2 * (min(sizeMax, 1 << 20) + 65_536))
        return Array(output.copy().dropFirst())
    }

    private func deflate(
        _ bytes: [UInt8], level: Int32 = 6, isBounded: Bool = true
    ) -> [UInt8]? {
        var deflater = Deflater(preset, sizeMin: 1, level: level, isBounded: isBounded)
        var output = ByteBuffer()
        guard deflater.deflate(bytes.span.bytes, into: &output) else {
            let isEmpty = output.isEmpty
            #expect(isEmpty)
            return nil
        }
        return output.copy()
    }

    /// Stanzas as they go over the wire: every kind, several texts and sizes.
    private func payloads() throws -> [[UInt8]] {
        let context = try #require(context)
        let texts = ["ok", "where are you?", "¿dónde estás?", "я уже дома", "👍", "theek hai"]
        var nodes = texts.map {
            Node(
                "message", ["to": "bob@example.org", "id": "3EB0C431D2"], [Node("body", text: $0)])
        }
        nodes += (1..<60).map { count in
            let text = (0..<count).map { texts[$0 % texts.count] }.joined(separator: " ")
            return Node(
                "message",
                [
                    "from": "alice@example.org/7", "id": "m\(count)", "type": "text",
                    "t": "1800000000",
                ],
                [Node("body", text: text)])
        }
        nodes += [
            Node("receipt", ["to": "bob@example.org/3", "id": "3EB0C431D2", "type": "read"]),
            Node(
                "ack",
                ["class": "message", "id": "3EB0", "from": "bob@example.org", "t": "1800000000"]),
            Node("presence", ["from": "bob@example.org", "type": "unavailable"]),
            Node("chatstate", ["to": "bob@example.org"], [Node("composing")]),
            Node("iq", ["id": "1", "type": "get"], [Node("ping")]),
        ]
        return try nodes.map { try encode($0, context) }
    }

    @Test func whatIsDeflatedComesBack() throws {
        var shrunk = 0
        for payload in try payloads() {
            for level in [1, 4, 6, 9] as [Int32] {
                guard let deflated = deflate(payload, level: level) else { continue }
                #expect(deflated.count < payload.count)
                #expect(try inflate(deflated) == payload)
                #expect(try inflate(deflated, sizeMax: payload.count) == payload)
                #expect(throws: WireError.inflatedSizeExceeded) {
                    try inflate(deflated, sizeMax: payload.count - 1)
                }
                shrunk += 1
            }
        }
        #expect(shrunk > 250)
        var random = SystemRandomNumberGenerator()
        let noise = (0..<600).map { _ in UInt8.random(in: 0...255, using: &random) }
        #expect(deflate(noise) == nil)
        #expect(deflate([]) == nil && deflate([1]) == nil)
    }

    /// What the preset dictionary is for: most of a short message's stanza is in it.
    @Test func shortMessagesShrink() throws {
        let context = try #require(context)
        let message = Node(
            "message",
            [
                "from": "alice@example.org/7", "id": "3EB0C431D2A97F0B3EB0", "t": "1800000000",
            ], [Node("body", text: "where are you? I'm here")])
        let payload = try encode(message, context)
        #expect((deflate(payload)?.count ?? .max) * 4 < payload.count * 3)
        var zlib = Deflater(.zlib, sizeMin: 1)
        var output = ByteBuffer()
        let isSmaller = zlib.deflate(payload.span.bytes, into: &output)
        #expect(!isSmaller)
    }

    @Test func everyPrefixIsTruncatedAndEverySuffixTooMuch() throws {
        for payload in try payloads() {
            guard let deflated = deflate(payload) else { continue }
            for size in 0..<deflated.count {
                #expect(throws: WireError.compressedTruncated) {
                    try inflate(Array(deflated.prefix(size)))
                }
            }
            for rest in [[0], deflated] {
                #expect(throws: WireError.compressedTrailingBytes) { try inflate(deflated + rest) }
            }
        }
    }

    /// There is no checksum: a flipped bit may give other bytes, but never too many, and never a trap.
    @Test func everyFlippedBitIsAnErrorOrBytesWithinTheLimit() throws {
        let payload = try #require(try payloads().last { $0.count > 400 })
        let deflated = try #require(deflate(payload))
        var errors = 0
        for index in deflated.indices {
            for bit in 0..<8 as Range<UInt8> {
                var wrong = deflated
                wrong[index] ^= 1 << bit
                do {
                    let bytes = try inflate(wrong, sizeMax: 4_096)
                    #expect(bytes.count <= 4_096)
                    // Only the bits behind the stream's end mean nothing.
                    #expect(bytes != payload || index == deflated.count - 1)
                } catch {
                    errors += 1
                }
            }
        }
        #expect(errors > 0)
    }

    @Test func distancesEndAtTheDictionary() throws {
        // Code 21 with nine extra bits reaches back 1,537 to 2,048 bytes.
        let reach = PresetVersion1.bytes.count - 1_537
        try #require((0..<511).contains(reach))
        let first = BitWriter.copy(distanceCode: 21, extra: reach, extraCount: 9)
        #expect(try inflate(first) == Array(PresetVersion1.bytes.prefix(3)))
        let last = BitWriter.copy(distanceCode: 2, extra: 0, extraCount: 0)
        #expect(try inflate(last) == Array(PresetVersion1.bytes.suffix(3)))
        let beyond = BitWriter.copy(distanceCode: 21, extra: reach + 1, extraCount: 9)
        #expect(throws: WireError.compressedCorrupt) { try inflate(beyond) }
        // Codes 30 and 31 mean nothing; the reserved block type neither.
        let wrongCode = BitWriter.copy(distanceCode: 30, extra: 0, extraCount: 0)
        #expect(throws: WireError.compressedCorrupt) { try inflate(wrongCode) }
        #expect(throws: WireError.compressedCorrupt) { try inflate([0x07]) }
        // The first frame's output is not part of the second's window.
        var inflater = Inflater()
        var output = ByteBuffer()
        let long = try #require(deflate([UInt8](repeating: 1, count: 9_000)))
        try inflater.inflate(long.span.bytes, preset, into: &output)
        let error = #expect(throws: WireError.self) {
            try inflater.inflate(beyond.span.bytes, preset, into: &output)
        }
        let size = output.count
        #expect(error == .compressedCorrupt && size == 9_000)
    }

    @Test func bombsAreBoundedAtTheByte() throws {
        for size in [300, 65_537, 262_144] {
            var generator = SeededGenerator(state: 5)
            let content = (0..<size).map {
                $0 % 16 == 0 ? UInt8.random(in: 0...255, using: &generator) : 0x33
            }
            let deflated = try #require(deflate(content))
            for sizeMax in [size, size + 1] {
                #expect(try inflate(deflated, sizeMax: sizeMax).count == size)
            }
            for sizeMax in [0, 1, size - 1] {
                #expect(throws: WireError.inflatedSizeExceeded) {
                    try inflate(deflated, sizeMax: sizeMax)
                }
            }
        }
        let zeros = [UInt8](repeating: 0, count: 64 << 20)
        let bomb = try #require(deflate(zeros, isBounded: false))
        #expect(bomb.count < 70_000)
        #expect(throws: WireError.inflatedSizeExceeded) { try inflate(bomb) }
        // Stored blocks without content: no output, and an end only where the input ends.
        let empty = [UInt8](repeating: 0, count: 5).enumerated().map {
            $0.offset > 2 ? 0xFF : $0.element
        }
        let blocks = Array(repeating: empty, count: 13_000).flatMap { $0 }
        #expect(throws: WireError.compressedTruncated) { try inflate(blocks) }
        #expect(try inflate(blocks + [1] + empty.dropFirst()) == [])
    }

    @Test func oneInflaterTakesBothKindsInAnyOrder() throws {
        let payload = try #require(try payloads().last { $0.count > 600 })
        var zlib = Deflater()
        var zlibStream = ByteBuffer()
        let isSmaller = zlib.deflate(payload.span.bytes, into: &zlibStream)
        try #require(isSmaller)
        let presetStream = try #require(deflate(payload))
        var inflater = Inflater()
        for kinds in 0..<32 {
            let isPreset = kinds * 7 % 3 == 0
            let bytes = isPreset ? presetStream : zlibStream.copy()
            var output = ByteBuffer()
            try inflater.inflate(bytes.span.bytes, isPreset ? preset : .zlib, into: &output)
            #expect(output.copy() == payload)
            // Taken for the other kind it is nothing.
            #expect(throws: WireError.self) {
                var other = ByteBuffer()
                try inflater.inflate(bytes.span.bytes, isPreset ? .zlib : preset, into: &other)
            }
        }
    }

    @Test func aFrameDoesNotShowInTheNext() throws {
        let payloads = try payloads()
        var shared = Deflater(preset, sizeMin: 1)
        for (index, payload) in payloads.enumerated() {
            var output = ByteBuffer()
            let other = payloads[(index + 1) % payloads.count]
            _ = shared.deflate(other.span.bytes, into: &output)
            output.clear()
            _ = shared.deflate(payload.span.bytes, into: &output)
            #expect(output.copy() == deflate(payload) ?? [])
        }
    }

    @Test func framesCarryTheFlagOnlyWhenAgreed() throws {
        let payload = try #require(try payloads().last)
        let contexts = CompressionContexts(presetDeflateSizeMin: payload.count)
        for (agreed, sizeMin, flags) in [
            (PresetDictionary.version1, payload.count, 4), (nil, payload.count, 0),
            (PresetDictionary.version1, payload.count + 1, 0),
        ] as [(PresetDictionary?, Int, UInt8)] {
            let contexts =
                sizeMin == payload.count
                ? contexts : CompressionContexts(presetDeflateSizeMin: sizeMin)
            var buffer = ByteBuffer()
            let mark = FrameWriter.begin(into: &buffer)
            buffer.append(payload)
            try contexts.finish(mark, in: &buffer, agreed: agreed)
            let step = try FrameSplitter.next(
                in: buffer.bytes, frameSizeMax: 65_536, allowsPreset: agreed != nil)
            guard case .frame(let found, let range, _) = step else {
                Issue.record("\(step)")
                continue
            }
            #expect(found == flags)
            var output = ByteBuffer()
            if let compression = Compression.of(flags: found, agreed: agreed) {
                try contexts.inflate(buffer.bytes.extracting(range), compression, into: &output)
                #expect(output.copy() == payload)
                #expect(throws: WireError.unknownFlags(4)) {
                    try FrameSplitter.next(in: buffer.bytes, frameSizeMax: 65_536)
                }
            }
        }
    }

    @Test func offersAreReadStrictly() {
        #expect(PresetOffer("1")?.chosen == .version1)
        #expect(PresetOffer("7.1.255")?.versions == [7, 1, 255])
        #expect(PresetOffer("7.1.255")?.text == "7.1.255")
        #expect(PresetOffer("2")?.chosen == nil)
        #expect(PresetOffer.ours.text == "1")
        #expect(PresetOffer.nothing.chosen == nil)
        #expect(PresetOffer("8.7.6.5.4.3.2.1") != nil)
        for text in ["", ".", "0", "01", "256", "1.1", "1.", "8.7.6.5.4.3.2.1.9", "١"] {
            #expect(PresetOffer(text) == nil, "\(text)")
        }
        #expect(PresetDictionary(version: 0) == nil && PresetDictionary(version: 2) == nil)
    }

    @Test func theDictionaryIsTheOneThatWasTrained() {
        let digest = TestCryptography().sha256(PresetVersion1.bytes)
        #expect(hex(digest) == PresetVersion1.sha256)
    }
}
