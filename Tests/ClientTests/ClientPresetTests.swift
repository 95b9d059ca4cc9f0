// The client's side of compression with a preset dictionary.

import Base
import Client
import TLS
import Testing
import Wire

@Suite struct ClientPresetTests {
    private let body = "are you still at work? we are waiting for you at the station"

    /// Flags and payloads of what the client sent.
    private func frames(_ bench: inout Bench, agreed: Bool) throws -> [(UInt8, Node)] {
        var frames: [(UInt8, Node)] = []
        while case .frame(let flags, let range, let size) = try FrameSplitter.next(
            in: bench.sent.bytes, frameSizeMax: WireLimits.frameSizeMax, allowsPreset: agreed)
        {
            let payload = bench.sent.withUnsafeBytes { [UInt8]($0[range]) }
            bench.sent.consume(size)
            frames.append((flags, try node(flags, payload, bench.context)))
        }
        return frames
    }

    private func node(_ flags: UInt8, _ payload: [UInt8], _ context: WireContext) throws -> Node {
        guard let compression = Compression.of(flags: flags, agreed: .version1) else {
            return try Node.decode(payload.span.bytes, context: context)
        }
        var inflater = Inflater()
        var output = ByteBuffer()
        try inflater.inflate(payload.span.bytes, compression, into: &output)
        return try Node.decode(output.bytes, context: context)
    }

    private func presetFrame(_ node: Node, _ context: WireContext) throws -> [UInt8] {
        var frame = ByteBuffer()
        let mark = FrameWriter.begin(into: &frame)
        try node.encode(into: &frame, context: context)
        var deflater = Deflater(.preset(.version1), sizeMin: 1)
        try FrameWriter.finish(mark, in: &frame, deflater: &deflater)
        #expect(frame.copy()[3] == FrameFlags.presetDeflated)
        return frame.copy()
    }

    @Test func itIsOfferedAndUsedOnceAgreed() throws {
        var bench = Bench()
        bench.connect()
        try bench.login(deflate: "1")
        _ = bench.takeEvents()
        #expect(try frames(&bench, agreed: true).allSatisfy { $0.0 == FrameFlags.plain })
        try bench.post("M1", body)
        let sent = try #require(try frames(&bench, agreed: true).first)
        #expect(sent.0 == FrameFlags.presetDeflated)
        #expect(sent.1.child("body")?.text == body)
        bench.deliver(try presetFrame(incoming("Z1", body), bench.context))
        guard case .message(let message)? = bench.takeEvents().first else {
            Issue.record("no message")
            return
        }
        #expect(message.body == body)
        // The next connection agrees anew.
        bench.lose()
        bench.connect()
        try bench.login(deflate: nil)
        let again = try frames(&bench, agreed: false)
        #expect(again.contains { $0.1["id"] == "M1" })
    }

    @Test func aServerWithoutItGetsPlainFrames() throws {
        var bench = Bench()
        try bench.goOnline()
        try bench.post("M1", body)
        let sent = try frames(&bench, agreed: false)
        #expect(sent.contains { $0.1["id"] == "M1" && $0.0 == FrameFlags.plain })
        bench.deliver(try presetFrame(incoming("Z1", body), bench.context))
        #expect(bench.disconnectReason != nil)
    }

    @Test func anAnswerThatWasNotOfferedEndsIt() throws {
        for (answer, offers) in [("2", true), ("1.2", true), ("x", true), ("", true), ("1", false)]
        {
            var bench = Bench()
            bench.session = makeSession(offersPreset: offers)
            bench.connect()
            try bench.login(deflate: answer, offer: offers ? "1" : nil)
            guard case .protocolViolation? = bench.disconnectReason else {
                Issue.record("\(answer): \(String(describing: bench.disconnectReason))")
                continue
            }
        }
    }

    @Test func nothingOfTheLoginIsCompressed() throws {
        var bench = Bench()
        bench.connect()
        let frames = try frames(&bench, agreed: false, skipping: Prologue.size)
        #expect(frames.map(\.0) == [FrameFlags.plain] && frames.first?.1["deflate"] == "1")
        // The server cannot use it before `success` either.
        let challenge = Node("challenge", content: .bytes([UInt8](repeating: 1, count: 40)))
        bench.deliver(try presetFrame(challenge, bench.context))
        #expect(bench.disconnectReason != nil)
    }

    private func frames(
        _ bench: inout Bench, agreed: Bool, skipping size: Int
    ) throws -> [(UInt8, Node)] {
        bench.sent.consume(size)
        return try frames(&bench, agreed: agreed)
    }
}
