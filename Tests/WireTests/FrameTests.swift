import Base
import Testing
import Wire

@Suite struct FrameTests {
    private func step(_ bytes: [UInt8], max: Int) throws(WireError) -> FrameStep {
        try FrameSplitter.next(in: bytes.span.bytes, frameSizeMax: max)
    }

    @Test func lengthsAreCheckedBeforeTheBodyIsThere() throws {
        for max in [2, 3, 4_096, 65_536] {
            for (length, isValid) in [
                (max - 1, max > 2), (max, true), (max + 1, false), (0, false), (1, false),
                (0xFF_FFFF, false),
            ] {
                let header = [UInt8(length >> 16), UInt8(length >> 8 & 0xFF), UInt8(length & 0xFF)]
                #expect(try step(Array(header.prefix(2)), max: max) == .needMore)
                let result = Result { () throws(WireError) in try step(header, max: max) }
                #expect(result == (isValid ? .success(.needMore) : .failure(.frameSize(length))))
            }
        }
    }

    @Test func aFrameIsWhatItsLengthSays() throws {
        let bytes: [UInt8] = [0, 0, 4, 2, 0xF8, 1, 4, 9, 9]
        for size in 0..<7 { #expect(try step(Array(bytes.prefix(size)), max: 4) == .needMore) }
        for size in 7...9 {
            #expect(
                try step(Array(bytes.prefix(size)), max: 4)
                    == .frame(flags: 2, payload: 4..<7, size: 7))
        }
    }

    @Test func writtenFramesKeepTheirLimit() throws {
        for (size, isValid) in [(0, false), (1, true), (62, true), (63, true), (64, false)] {
            var buffer = ByteBuffer()
            buffer.append(0xAA)
            let payload = [UInt8](repeating: 0x55, count: size)
            var error: WireError?
            do throws(WireError) {
                try FrameWriter.write(payload.span.bytes, into: &buffer, frameSizeMax: 64)
            } catch let caught {
                error = caught
            }
            let written = buffer.copy()
            #expect(error == (isValid ? nil : .frameSize(size + 1)))
            let frame = [0xAA, 0, 0, UInt8(size + 1), 0] + payload
            #expect(written == (isValid ? frame : [0xAA]))
        }
    }

    @Test func framesAreDeflatedWhenThatPays() throws {
        var deflater = Deflater()
        var inflater = Inflater()
        var generator = SeededGenerator(state: 1)
        let noise = (0..<600).map { _ in UInt8.random(in: 0...255, using: &generator) }
        let text = [UInt8](repeating: 0x41, count: 600)
        for (payload, flags) in [
            (text, FrameFlags.deflated), (Array(text.prefix(512)), FrameFlags.deflated),
            (Array(text.prefix(511)), FrameFlags.plain), (noise, FrameFlags.plain),
        ] {
            var buffer = ByteBuffer()
            buffer.append(0xAA)
            let mark = FrameWriter.begin(into: &buffer)
            buffer.append(payload)
            try FrameWriter.finish(mark, in: &buffer, deflater: &deflater)
            buffer.consume(1)
            let bytes = buffer.copy()
            let found = try step(bytes, max: 65_536)
            guard case .frame(let foundFlags, let range, let size) = found else {
                Issue.record("\(found)")
                return
            }
            #expect(foundFlags == flags && size == bytes.count)
            var output = ByteBuffer()
            let body = Array(bytes[range])
            if foundFlags == FrameFlags.deflated {
                try inflater.inflate(body.span.bytes, into: &output)
            } else {
                output.append(body)
            }
            let read = output.copy()
            #expect(read == payload)
        }
    }

    @Test func prologueIsRefusedAtItsFirstWrongByte() throws {
        let parse = { (bytes: [UInt8]) throws(WireError) in try Prologue.parse(bytes.span.bytes) }
        for size in 0..<4 { #expect(try parse(Array(Prologue.bytes.prefix(size))) == .needMore) }
        #expect(
            try parse(Prologue.bytes + [7])
                == .complete(protocolVersion: 1, dictionaryVersion: 1))
        #expect(
            try parse([0x54, 0x4E, 9, 8]) == .complete(protocolVersion: 9, dictionaryVersion: 8))
        for bytes in [[0x47], [0x54, 0x4F], [0x16, 0x4E, 1, 1], [0x54, 0x6E, 1, 1]] as [[UInt8]] {
            #expect(throws: WireError.notPrologue) { try parse(bytes) }
        }
    }
}

@Suite struct CompressionTests {
    private func inflate(
        _ bytes: [UInt8], sizeMax: Int = WireLimits.inflatedSizeMax
    ) throws(WireError) -> [UInt8] {
        var inflater = Inflater()
        var output = ByteBuffer()
        output.append(0x77)
        var failure: WireError?
        do throws(WireError) {
            try inflater.inflate(bytes.span.bytes, into: &output, sizeMax: sizeMax)
        } catch {
            failure = error
        }
        let all = output.copy()
        #expect(all.first == 0x77)
        if let failure {
            #expect(all.count == 1)
            throw failure
        }
        return Array(all.dropFirst())
    }

    private func deflate(_ bytes: [UInt8], isBounded: Bool = true) throws -> [UInt8] {
        var deflater = Deflater(isBounded: isBounded)
        var output = ByteBuffer()
        let isSmaller = deflater.deflate(bytes.span.bytes, into: &output)
        try #require(isSmaller)
        return output.copy()
    }

    @Test func outputIsBoundedAtTheByte() throws {
        for size in [512, 65_537, 262_144] {
            var generator = SeededGenerator(state: 5)
            let content = (0..<size).map {
                $0 % 16 == 0 ? UInt8.random(in: 0...255, using: &generator) : 0x33
            }
            let compressed = try deflate(content)
            #expect(try inflate(compressed, sizeMax: size).count == size)
            #expect(try inflate(compressed, sizeMax: size + 1).count == size)
            #expect(throws: WireError.inflatedSizeExceeded) {
                try inflate(compressed, sizeMax: size - 1)
            }
            #expect(throws: WireError.inflatedSizeExceeded) { try inflate(compressed, sizeMax: 0) }
        }
    }

    /// What compresses too well is not compressed, and refused when somebody did.
    @Test func theRatioIsBounded() throws {
        var deflater = Deflater()
        var output = ByteBuffer()
        let zeros = [UInt8](repeating: 0, count: WireLimits.inflatedSizeAlways + 1)
        let isSmaller = deflater.deflate(zeros.span.bytes, into: &output)
        #expect(!isSmaller && output.isEmpty)
        let allowed = try deflate(Array(zeros.dropLast()))
        #expect(try inflate(allowed).count == WireLimits.inflatedSizeAlways)
        let bomb = try deflate(zeros, isBounded: false)
        #expect(zeros.count > WireLimits.inflatedSizeMax(ofCompressed: bomb.count))
        #expect(throws: WireError.inflatedSizeExceeded) { try inflate(bomb) }
        // Empty stored blocks behind zlib's header make it larger, and so readable.
        let empty: [UInt8] = [0x00, 0x00, 0x00, 0xFF, 0xFF]
        let padding = Array(repeating: empty, count: 60).flatMap { $0 }
        let padded = bomb.prefix(2) + padding + bomb.dropFirst(2)
        #expect(zeros.count <= WireLimits.inflatedSizeMax(ofCompressed: padded.count))
        #expect(try inflate(Array(padded)) == zeros)
    }

    @Test func theStreamEndsWithTheInput() throws {
        let content = (0..<2_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
        let compressed = try deflate(content)
        #expect(try inflate(compressed) == content)
        for size in 0..<compressed.count {
            #expect(throws: WireError.compressedTruncated) {
                try inflate(Array(compressed.prefix(size)))
            }
        }
        #expect(throws: WireError.compressedTrailingBytes) { try inflate(compressed + [0]) }
        #expect(throws: WireError.compressedTrailingBytes) {
            try inflate(compressed + compressed)
        }
    }

    @Test func checksumsAndHeadersCount() throws {
        let content = [UInt8](repeating: 0x41, count: 1_000)
        let compressed = try deflate(content)
        for index in compressed.count - 4..<compressed.count {
            var wrong = compressed
            wrong[index] ^= 1
            #expect(throws: WireError.compressedCorrupt) { try inflate(wrong) }
        }
        for header in [[0x78, 0x9D], [0x1F, 0x8B], [0x78, 0xBB]] as [[UInt8]] {
            #expect(throws: WireError.compressedCorrupt) {
                try inflate(header + compressed.dropFirst(2))
            }
        }
        for index in compressed.indices {  // any error, never a trap, never wrong content
            for flip in 1...255 as ClosedRange<UInt8> {
                var wrong = compressed
                wrong[index] ^= flip
                if let read = try? inflate(wrong) { #expect(read == content) }
            }
        }
    }

    @Test func aFrameDoesNotShowInTheNext() throws {
        var deflater = Deflater()
        let secret = (0..<1_000).map { UInt8(truncatingIfNeeded: $0 * $0 / 997 % 16) }
        var sizes: [[UInt8]] = []
        for first in [secret, [UInt8](repeating: 0, count: 600)] {
            var output = ByteBuffer()
            _ = deflater.deflate(first.span.bytes, into: &output)
            output.clear()
            let isSmaller = deflater.deflate(secret.span.bytes, into: &output)
            #expect(isSmaller)
            sizes.append(output.copy())
        }
        #expect(sizes[0] == sizes[1])
    }
}
