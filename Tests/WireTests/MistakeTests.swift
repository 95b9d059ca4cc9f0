// What other decoders get wrong, one test each; dictionary version 1, own domain `example.org`.

import Base
import Testing
import Wire

@Suite struct MistakeTests {
    /// `levels` nodes, each in the one before.
    private func nested(_ levels: Int) -> [UInt8] {
        var payload: [UInt8] = []
        for _ in 1..<levels { payload += [0xF8, 0x02, 0x04, 0xF8, 0x01] }
        return payload + [0xF8, 0x01, 0x04]
    }

    @Test func mistake1DeepNodesAndJIDsWithinJIDs() throws {
        let context = try context()
        #expect(verdict(nested(15), context) == nil)
        #expect(verdict(nested(16), context) == nil)
        #expect(verdict(nested(17), context) == .depthExceeded(offset: 80))
        #expect(verdict(nested(400_000), context) == .depthExceeded(offset: 80))
        check(nested(16), context)
        check(nested(17), context)
        #expect(try verdict("f803 04 0a fa fa fc0161 03 03") == .unexpectedForm(offset: 5))
        #expect(try verdict("f803 04 0a fa fc0161 fa fc0161 03") == .unexpectedForm(offset: 8))
        let jids = [0xF8, 0x03, 0x04, 0x0A] + [UInt8](repeating: 0xFA, count: 29_192)
        #expect(verdict(jids, context) == .unexpectedForm(offset: 5))
    }

    @Test func mistake1DeepNodesAreNotWritten() throws {
        var node = Node("message")
        for _ in 1..<16 { node = Node("message", content: .nodes([node])) }
        #expect(try encode(node, context()).count == 15 * 5 + 3)
        let deeper = Node("message", content: .nodes([node]))
        #expect(throws: WireError.unencodable("nodes too deep")) {
            try encode(deeper, context())
        }
    }

    @Test func mistake2InflateBombsAreBounded() throws {
        var bomb = ByteBuffer()
        var deflater = Deflater(isBounded: false)
        let zeros = [UInt8](repeating: 0, count: 4 << 20)
        let isSmaller = deflater.deflate(zeros.span.bytes, into: &bomb)
        let bombSize = bomb.count
        #expect(isSmaller && bombSize < 8_192)
        var inflater = Inflater()
        var output = ByteBuffer()
        var error: WireError?
        do throws(WireError) {
            try inflater.inflate(bomb.bytes, into: &output)
        } catch let caught {
            error = caught
        }
        #expect(error == .inflatedSizeExceeded)
        let (size, allocatedSize) = (output.count, output.allocatedSize)
        #expect(size == 0 && allocatedSize <= 1 << 20)
    }

    /// The end must be there, nothing behind it, and the checksum right: zlib and preset alike.
    @Test func mistake2StreamsEndWithTheFrame() throws {
        let text = [UInt8](repeating: 0x41, count: 600)
        for compression in [Compression.zlib, .preset(.version1)] {
            var deflater = Deflater(compression)
            var inflater = Inflater()
            var buffer = ByteBuffer()
            let isSmaller = deflater.deflate(text.span.bytes, into: &buffer)
            #expect(isSmaller)
            let stream = buffer.copy()
            let verdict = { (bytes: [UInt8], inflater: inout Inflater) -> WireError? in
                var output = ByteBuffer()
                do throws(WireError) {
                    try inflater.inflate(bytes.span.bytes, compression, into: &output)
                    return nil
                } catch {
                    return error
                }
            }
            #expect(verdict(stream, &inflater) == nil)
            for size in 0..<stream.count {
                #expect(verdict(Array(stream[..<size]), &inflater) == .compressedTruncated)
            }
            #expect(verdict(stream + [0], &inflater) == .compressedTrailingBytes)
            #expect(verdict(stream + stream, &inflater) == .compressedTrailingBytes)
            if compression == .zlib {
                var damaged = stream
                damaged[stream.count - 1] ^= 1
                #expect(verdict(damaged, &inflater) == .compressedCorrupt)
            }
            #expect(verdict(stream, &inflater) == nil)
        }
    }

    @Test func mistake3OddPackingWithoutBytes() throws {
        #expect(try verdict("f803 04 0a ff80") == .malformedPacking(offset: 4))
        #expect(try verdict("f803 04 0a fb80") == .malformedPacking(offset: 4))
        #expect(try verdict("f803 04 0a ff00") == .malformedPacking(offset: 4))
        #expect(try verdict("f803 04 ff80 0a") == .malformedPacking(offset: 3))
        #expect(try verdict("f801 fb80") == .malformedPacking(offset: 2))
        #expect(try verdict("f802 04 fb80") == .malformedPacking(offset: 3))
        #expect(try verdict("f803 04 0a fa ff80 03") == .malformedPacking(offset: 5))
        #expect(try verdict("f803 04 0a f70001 fb80") == .malformedPacking(offset: 7))
        // At the payload's very end, where a decoder may look behind it.
        #expect(try verdict("f803 04 0a ff") == .truncated(offset: 4))
        #expect(try verdict("f803 04 0a ff81") == .truncated(offset: 4))
    }

    @Test func mistake4SizesWithTheHighBitSet() throws {
        #expect(try verdict("f802 04 fe fffffff0 0000") == .truncated(offset: 3))
        #expect(try verdict("f802 04 fe 80000000") == .truncated(offset: 3))
        #expect(try verdict("f802 04 fd f00001 00") == .nonCanonical(offset: 3))
        // Where a cursor would be set back, the same list would be read again and again.
        #expect(
            try verdict("f802 04 f9ffff f802 04 fe fffffff0") == .truncated(offset: 3))
        #expect(try verdict("f803 04 0a fe fffffff8") == .truncated(offset: 4))
        #expect(try verdict("f803 04 fe fffffff8 0a") == .truncated(offset: 3))
        #expect(try verdict("f803 04 0a fa fe fffffff8 03") == .truncated(offset: 5))
    }

    @Test func mistake5CountsAreBelievedWhenTheBytesAreThere() throws {
        #expect(try verdict("f802 04 f9ffff") == .truncated(offset: 3))
        #expect(try verdict("f802 04 f802 f80104 f801") == .truncated(offset: 3))
        #expect(try verdict("f805 04 0a 0a") == .truncated(offset: 0))
        #expect(try verdict("f9ffff 04") == .truncated(offset: 0))
        // Two bytes a node are never enough, three may be.
        #expect(try verdict("f802 04 f802 f801 f801") == .truncated(offset: 3))
        #expect(try verdict("f802 04 f802 f80104 f80104") == nil)
        #expect(
            try verdict("f802 04 f90100" + String(repeating: "f801", count: 256))
                == .truncated(offset: 3))
    }

    @Test func mistake6NamesAreWordsAndNoneOccursTwice() throws {
        #expect(try verdict("f801 f80104") == .unexpectedForm(offset: 2))
        #expect(try verdict("f801 00") == .unexpectedForm(offset: 2))
        #expect(try verdict("f801 fa00 03") == .unexpectedForm(offset: 2))
        #expect(try verdict("f801 f70001 fc0161") == .unexpectedForm(offset: 2))
        #expect(try verdict("f801 fc00") == .unexpectedForm(offset: 2))
        #expect(try verdict("f803 04 f80104 0a") == .unexpectedForm(offset: 3))
        #expect(try verdict("f803 04 00 0a0a") == .unexpectedForm(offset: 3))
        #expect(try verdict("f803 04 fa0003 0a") == .unexpectedForm(offset: 3))
        #expect(try verdict("f803 04 0a 00") == .unexpectedForm(offset: 4))
        #expect(try verdict("f803 04 0a 02") == .unexpectedForm(offset: 4))
        #expect(try verdict("f803 04 02 0a") == .unexpectedForm(offset: 3))
        #expect(try verdict("f805 04 0a04 0a05") == .duplicateAttribute(offset: 5))
        #expect(try verdict("f805 04 ec0004 ec0005") == .duplicateAttribute(offset: 6))
        #expect(try verdict("f805 04 fc017104 fc017105") == .duplicateAttribute(offset: 7))
        #expect(try verdict("f805 04 ff811f04 ff811f05") == .nonCanonical(offset: 3))
        #expect(try verdict("f805 04 ff019904 ff019905") == .duplicateAttribute(offset: 7))
        // Another form of the same word is refused before it can hide a repetition.
        #expect(try verdict("f805 04 0a04 fc02746f05") == .nonCanonical(offset: 5))
        #expect(try verdict("f801 fc02746f") == .nonCanonical(offset: 2))
        #expect(try verdict("f801 fc0a73747265616d3a656e64") == .nonCanonical(offset: 2))
    }

    @Test func mistake7PackingHasOneForm() throws {
        for (packed, isValid) in [
            ("ff81 5f", true), ("ff81 50", false), ("ff01 5f", false), ("ff01 f5", false),
            ("ff01 c0", false), ("ff01 0d", false), ("ff01 e1", false), ("ff81 ff", false),
            ("ff02 ab12", true), ("fb81 af", true), ("fb81 a0", false), ("fb81 5f", false),
            ("fb01 12", false), ("fb01 1f", true), ("fb01 ff", true),
        ] {
            let expected: WireError? = isValid ? nil : .malformedPacking(offset: 4)
            #expect(try verdict("f803 04 0a" + packed) == expected, "\(packed)")
        }
        let context = try context()
        for id in ["3EB0A1", "3eb0a1", "3EB0a1", "0123", "ABC-1", "١٢٣", "Ａ", "F", "f", ".", "-"] {
            let payload = try encode(Node("ack", ["id": id]), context)
            #expect(try decode(payload, context)["id"] == id)
        }
        for count in 126...128 {
            let digits = String(repeating: "7", count: count)
            let payload = try encode(Node("ack", ["id": digits]), context)
            #expect(payload[4] == (count < 128 ? 0xFF : 0xFC))
            #expect(try decode(payload, context)["id"] == digits)
        }
        let sixtyFour = "ff40" + String(repeating: "77", count: 64)
        #expect(try verdict("f803 04 0a" + sixtyFour) == .malformedPacking(offset: 4))
    }

    @Test func mistake8OnlyJIDsAreJIDs() throws {
        let context = try context()
        for (text, tag) in [
            ("alice@example.org", 0xFA), ("alice@example.org/0", 0xF7),
            ("alice@example.org/255", 0xF7), ("alice@elsewhere.net", 0xFA),
            ("john_doe@example.org", 0xFA), ("alice@10.0.0.1", 0xFA), ("message@message", 0xFA),
            ("a:3@example.com", 0xFC), ("_x@example.org", 0xFC), ("alice@example.org/256", 0xFC),
            ("alice@example.org/07", 0xFC), ("alice@example.org/", 0xFC), ("alice@", 0xFC),
            ("alice@example.org/300", 0xFC), ("@example.org", 0xFC), ("Alice@example.org", 0xFC),
            ("alice@elsewhere.net/1", 0xFC), ("a@b@c", 0xFC), ("alice@ex..org", 0xFC),
            ("example.org", 0x03), ("alice@example.org ", 0xFC), ("alice@example.org/1/2", 0xFC),
        ] as [(String, UInt8)] {
            let payload = try encode(Node("ack", ["to": text]), context)
            #expect(payload[4] == tag, "\(text)")
            #expect(try decode(payload, context)["to"] == text)
            check(payload, context)
        }
        #expect(try verdict("f803 04 0a f70103 fc0161") == .malformedJID(offset: 4))
        #expect(try verdict("f803 04 0a f70003 00") == .unexpectedForm(offset: 7))
        #expect(try verdict("f803 04 0a fa fc0141 03") == .malformedJID(offset: 4))
        #expect(try verdict("f803 04 0a fa fc0161 fc0141") == .malformedJID(offset: 4))
        #expect(try verdict("f803 04 0a fa 00 03") == nil)
        for domain in 1...255 as ClosedRange<UInt8> {
            #expect(
                verdict([0xF8, 3, 4, 0x0A, 0xF7, domain, 0, 0xFC, 1, 0x61], context)
                    == .malformedJID(offset: 4))
        }
        for device in 0...255 as ClosedRange<UInt8> {
            let payload: [UInt8] = [0xF8, 3, 4, 0x0A, 0xF7, 0, device, 0xFC, 1, 0x61]
            #expect(try decode(payload, context)["to"] == "a@example.org/\(device)")
        }
    }

    @Test func mistake9ChildrenAreCountedOrRefused() throws {
        let context = try context()
        for count in [0, 1, 255, 256, 65_534, 65_535] {
            let children = [Node](repeating: Node("to"), count: count)
            let payload = try encode(Node("list", content: .nodes(children)), context)
            #expect(try decode(payload, context).children.count == count)
        }
        let children = [Node](repeating: Node("to"), count: 65_536)
        var buffer = ByteBuffer()
        buffer.append(7)
        var error: WireError?
        do throws(WireError) {
            try Node("list", content: .nodes(children)).encode(into: &buffer, context: context)
        } catch let caught {
            error = caught
        }
        #expect(error == .unencodable("a list of 65536"))
        let rest = buffer.copy()
        #expect(rest == [7])
        #expect(try verdict("f802 04 f80000") == .nonCanonical(offset: 3))
        #expect(try verdict("f802 04 f90001 f80104") == .nonCanonical(offset: 3))
        #expect(try verdict("f802 04 00") == nil)
        // The empty list is 00 and nothing else, and not a node.
        #expect(try encode(Node("list", content: .nodes([])), context).last == 0)
        #expect(try verdict("f802 04 f90000") == .nonCanonical(offset: 3))
        #expect(try verdict("f80000") == .unexpectedForm(offset: 0))
        #expect(try verdict("f802 04 f801 00") == .truncated(offset: 3))
        #expect(try verdict("f802 04 f801 000000") == .unexpectedForm(offset: 5))
    }

    @Test func mistake10FramesMaySplitAnywhere() throws {
        let payload = try encode(Node("ack", ["id": "1"]), context())
        var stream = ByteBuffer()
        try FrameWriter.write(payload.span.bytes, into: &stream)
        try FrameWriter.write(payload.span.bytes, into: &stream)
        let all = stream.copy()
        for size in [1, 2, 3, 4, 5, all.count / 2, all.count / 2 + 3, all.count] {
            var received = ByteBuffer()
            var frameCount = 0
            for start in stride(from: 0, to: all.count, by: size) {
                received.append(Array(all[start..<min(start + size, all.count)]))
                while case .frame(let flags, let range, let size) = try FrameSplitter.next(
                    in: received.bytes, frameSizeMax: 64)
                {
                    #expect(flags == FrameFlags.plain)
                    let found = Array(received.copy()[range])
                    #expect(found == payload)
                    received.consume(size)
                    frameCount += 1
                }
            }
            let left = received.count
            #expect(frameCount == 2 && left == 0)
        }
        let tooLong: [UInt8] = [0x00, 0x00, 0x41]
        #expect(throws: WireError.frameSize(65)) {
            try FrameSplitter.next(in: tooLong.span.bytes, frameSizeMax: 64)
        }
    }

    @Test func mistake11NothingUnknownAndNothingBehind() throws {
        for flags in 0...255 as ClosedRange<UInt8> where flags != 0 && flags != 2 {
            let header: [UInt8] = [0, 0, 9, flags]
            #expect(throws: WireError.unknownFlags(flags)) {
                try FrameSplitter.next(in: header.span.bytes, frameSizeMax: 64)
            }
        }
        for tag in 0xF0...0xF6 as ClosedRange<UInt8> {
            let context = try context()
            #expect(verdict([0xF8, 1, tag], context) == .reservedTag(tag, offset: 2))
            #expect(verdict([0xF8, 3, 4, 10, tag], context) == .reservedTag(tag, offset: 4))
            #expect(verdict([0xF8, 2, 4, tag], context) == .reservedTag(tag, offset: 3))
        }
        #expect(try verdict("f80104 00") == .trailingBytes(offset: 3))
        #expect(try verdict("f80104 f80104") == .trailingBytes(offset: 3))
        #expect(try verdict("f803 04 0a fc01ff") == .invalidUTF8(offset: 4))
        #expect(try verdict("f803 04 0a fc02c080") == .invalidUTF8(offset: 4))
        #expect(try verdict("f803 04 0a fc03eda080") == .invalidUTF8(offset: 4))
        #expect(try verdict("f803 04 fc01ff 0a") == .invalidUTF8(offset: 3))
        #expect(try verdict("f801 fc01ff") == .invalidUTF8(offset: 2))
        #expect(try verdict("f802 04 fc01ff") == nil)  // content is opaque
        // The small dictionary has words 4 to 62, and none of two bytes.
        for token in ["3f", "eb", "ec00", "ecff", "ed00", "ee00", "ef00", "efff"] {
            let payload = bytes(hex: "f803 04 0a" + token)
            #expect(try verdict(payload, smallContext()) == .unknownToken(offset: 4), "\(token)")
        }
        #expect(try verdict("00") == .unexpectedForm(offset: 0))
        #expect(try verdict("f800") == .unexpectedForm(offset: 0))
        #expect(try verdict("") == .truncated(offset: 0))
        #expect(try verdict("f802 04 fd0000ff") == .nonCanonical(offset: 3))
        #expect(try verdict("f802 04 fe000fffff") == .nonCanonical(offset: 3))
    }
}
