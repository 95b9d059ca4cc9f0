import Testing
import Wire

@testable import Notation

@Suite struct FrameTests {
    private static let message = Node(
        "message", ["to": "alice@example.org/7", "id": "3EB0A1"],
        [Node("body", text: "hello"), Node("enc", content: .bytes([0xFF, 0]))])

    private func error(
        _ hex: String, hasLength: Bool = false
    ) throws -> NotationError? {
        var codec = FrameCodec(context: try context(), hasLength: hasLength)
        let explanation = Explanation(try frame(hex), codec: &codec)
        do throws(NotationError) {
            _ = try codec.decode(try frame(hex))
            #expect(explanation.error == nil, "\(hex)")
            return nil
        } catch {
            #expect(explanation.error == error, "\(hex)")
            return error
        }
    }

    @Test func framesBeginWithFlagsOrLength() throws {
        var short = FrameCodec(context: try context(), hasLength: false)
        var long = FrameCodec(context: try context(), hasLength: true)
        let payload = try short.encode(Self.message)
        #expect(payload.first == 0)
        #expect(try long.encode(Self.message) == [0, 0, UInt8(payload.count)] + payload)
        #expect(try short.decode(payload).child("body")?.text == "hello")
        #expect(try long.decode([0, 0, UInt8(payload.count)] + payload) == short.decode(payload))
    }

    @Test func whatGetsSmallerIsCompressed() throws {
        var codec = FrameCodec(context: try context(), hasLength: false, compression: .zlib)
        let long = Node("body", text: String(repeating: "well ", count: 200))
        let frame = try codec.encode(long)
        #expect(frame.first == FrameFlags.deflated && frame.count < 100)
        #expect(try codec.decode(frame).text == long.text)
        #expect(try codec.encode(Self.message).first == FrameFlags.plain)
        let explanation = Explanation(frame, codec: &codec)
        #expect(explanation.error == nil)
        #expect(explanation.inflated?.last?.meaning.hasPrefix("content: 1000 bytes") == true)
    }

    @Test func thePresetDictionaryMakesSmallFramesSmaller() throws {
        var plain = FrameCodec(context: try context(), hasLength: true)
        var codec = FrameCodec(context: try context(), hasLength: true, compression: .preset)
        let node = Node(
            "message", ["to": "alice@example.org", "id": "3EB0A1", "type": "text"],
            [Node("body", text: "Can you call me back when you have a minute?")])
        let frame = try codec.encode(node)
        let size = try plain.encode(node).count
        #expect(frame[3] == FrameFlags.presetDeflated && frame.count < size)
        // Any codec reads it, whatever it writes.
        #expect(try plain.decode(frame).child("body")?.text?.hasPrefix("Can you") == true)
        #expect(Explanation(frame, codec: &plain).error == nil)
        #expect(throws: NotationError.self) { try plain.decode(frame.dropLast() + []) }
    }

    @Test func errorsHaveThePlaceOfTheirBytes() throws {
        #expect(try error("00f80104") == nil)
        #expect(try error("00f80504040a") == .payload(.truncated(offset: 0), offset: 1))
        #expect(
            try error("00 f803 04 0a ff80") == .payload(.malformedPacking(offset: 4), offset: 5))
        #expect(try error("00f80104 00") == .payload(.trailingBytes(offset: 3), offset: 4))
        #expect(
            try error("000007 00f803040aff80", hasLength: true)
                == .payload(.malformedPacking(offset: 4), offset: 8))
        #expect(try error("08f80104") == .payload(.unknownFlags(8), offset: 0))
        #expect(
            try error("000004 08f80104", hasLength: true) == .payload(.unknownFlags(8), offset: 3))
        #expect(try error("000005 00f80104", hasLength: true)?.offset == 0)
        #expect(try error("000003 00f80104", hasLength: true)?.offset == 0)
        #expect(try error("0000", hasLength: true)?.offset == 2)
        #expect(try error("00")?.offset == 1)
        #expect(try error("02f80104") == .payload(.compressedCorrupt, offset: 1))
        // A zlib stream of F8 05 04 04 0A, stored.
        let stream = "7801 010500faff f80504040a"
        #expect(try error("02" + stream) == .payload(.compressedTruncated, offset: 1))
    }

    @Test func hexHasAPlaceForWhatIsNone() throws {
        #expect(try frame(" 00 Ff\t0a\r") == [0, 0xFF, 0x0A])
        for (text, offset) in [("", 0), ("0", 1), ("00 0", 4), ("0 0", 1), ("0x00", 1), ("é0", 0)] {
            do throws(NotationError) {
                _ = try frame(text)
                Issue.record("\(text) is hex")
            } catch {
                #expect(error.offset == offset, "\(text)")
            }
        }
    }

    @Test func explanationsPartitionTheFrame() throws {
        var codec = FrameCodec(context: try context(), hasLength: true)
        let whole = try codec.encode(Self.message)
        for size in 0...whole.count {
            var bytes = Array(whole.prefix(size))
            // The length is mended so that the payload is what is short.
            if size >= 3 { bytes[2] = UInt8(size - 3) }
            let explanation = Explanation(bytes, codec: &codec)
            var end = 0
            for line in explanation.frame {
                #expect(line.range.lowerBound == end && line.bytes == Array(bytes[line.range]))
                end = line.range.upperBound
            }
            #expect(end == size)
            #expect((explanation.error == nil) == (size == whole.count))
        }
    }

    @Test func anExplanationNamesEachPiece() throws {
        var codec = FrameCodec(context: try context(), hasLength: false)
        let frame = try codec.encode(Self.message)
        let expected = """
            0000-0000  00                          flags: plain
            0001-0002  f8 06                       node: 2 attributes, content
            0003-0003  04                            tag "message", word 4
            0004-0004  0a                            key "to", word 10
            0005-0007  f7 00 07                        value "alice@example.org/7": JID of device 7
            0008-0014  fc 05 61 6c 69 63 65              user "alice", raw
            0015-0015  0c                            key "id", word 12
            0016-0020  fb 03 3e b0 a1                  value "3EB0A1", 6 hex digits packed
            0021-0022  f8 02                         content: 2 nodes
            0023-0024  f8 02                           node: no attributes, content
            0025-0025  13                                tag "body", word 19
            0026-0032  fc 05 68 65 6c 6c 6f              content: 5 bytes: "hello"
            0033-0034  f8 02                           node: no attributes, content
            0035-0035  68                                tag "enc", word 104
            0036-0039  fc 02 ff 00                       content: 2 bytes
            """
        #expect(Explanation(frame, codec: &codec).text == expected)
        let cut = Explanation(Array(frame.prefix(18)), codec: &codec)
        let last = cut.text.split(separator: "\n").suffix(2).map(String.init)
        #expect(last[0].hasPrefix("0016-0017  fb 03") && last[0].hasSuffix("2 bytes not read"))
        #expect(last[1] == "error at 0016: the bytes end before what is announced here")
    }

    @Test func whatIsDecodedIsEncodedTheSame() throws {
        let context = try context()
        var codec = FrameCodec(context: context, hasLength: false)
        let seed = UInt64.random(in: 0...UInt64.max)
        print("seed \(seed)")
        var generator = SeededGenerator(state: seed)
        let texts = [
            "to", "message", "1", "-", "3EB0A1", "abc", "", "alice@example.org", "a@b.c", "é🌸",
            "alice@example.org/3", "alice@example.org/300", "example.org", "\u{0}\n\"\\",
        ]
        for _ in 0..<2_000 {
            var node = Node(texts.prefix(6).randomElement(using: &generator) ?? "x")
            for key in texts.dropLast(3) where !key.isEmpty && Bool.random(using: &generator) {
                node[key] = texts.randomElement(using: &generator)
            }
            let text = texts.randomElement(using: &generator) ?? ""
            switch Int.random(in: 0...3, using: &generator) {
            case 0: node.content = .text(text)
            case 1: node.content = .bytes(Array(text.utf8))
            case 2: node.content = .bytes([0xC0] + Array(text.utf8))
            default: node.content = .nodes([Node("to", text: text)])
            }
            let frame = try codec.encode(node)
            let line = NodeJSON.line(try codec.decode(frame), context: context)
            let again = try codec.encode(try NodeJSON.node(line.span.bytes))
            #expect(again == frame, "seed \(seed): \(node)")
        }
    }
}
