// docs/PROTOCOL.md against the code: what each example says, what a server really answers, the words.

import Base
import Foundation
import Testing

@testable import Wire

@Suite struct ProtocolDocumentTests {
    let text: String
    let context: WireContext

    init() throws {
        text = try ProtocolDocument.text("PROTOCOL.md")
        context = try #require(WireContext(domain: ExampleGateway.domain))
    }

    private var dialogue: [[ExampleStep]] {
        get throws { try ProtocolDocument.blocks("hex", in: text).map(ProtocolDocument.steps) }
    }

    @Test func examplesSayWhatStandsBesideThem() throws {
        var frameCount = 0
        for step in try dialogue.joined() where !step.bytes.isEmpty {
            if step.text == "not a frame" {
                #expect(throws: (any Error).self, "line \(step.line)") {
                    try ProtocolDocument.description(of: step.bytes, context: context)
                }
                continue
            }
            let description = try ProtocolDocument.description(of: step.bytes, context: context)
            #expect(description == step.text, "line \(step.line)")
            frameCount += 1
        }
        #expect(frameCount > 50)
    }

    @Test func examplesAreInTheFormToWrite() throws {
        for step in try dialogue.joined() where step.text.hasPrefix("<") {
            let payload = Array(step.bytes.dropFirst(FrameSplitter.headerSize))
            var again = ByteBuffer()
            try Node.decode(payload.span.bytes, context: context)
                .encode(into: &again, context: context)
            #expect(again.copy() == payload, "line \(step.line)")
        }
    }

    @Test func serverAnswersAsInTheExamples() throws {
        let gateway = try ExampleGateway()
        for block in try dialogue {
            for step in block {
                switch step.kind {
                case .client(let name):
                    gateway.receive(step.bytes, from: name)
                case .wait(let seconds):
                    gateway.wait(seconds: seconds)
                case .server(let name):
                    try check(step, isWhatCameTo: name, gateway)
                }
            }
            // What the document does not show must not be sent.
            #expect(gateway.unread.isEmpty, "block at line \(block.first?.line ?? 0)")
        }
        for name in ["mallory", "alice", "eve", "bob", "alice4", "eve2"] {
            #expect(gateway.isEnded(name), "\(name)")
        }
        for name in ["alice2", "alice3", "bob2", "alice5"] {
            #expect(!gateway.isEnded(name), "\(name)")
        }
    }

    /// Plain frames byte for byte; compressed ones by what they hold, since compressors differ.
    private func check(
        _ step: ExampleStep, isWhatCameTo name: String, _ gateway: ExampleGateway
    ) throws {
        let frame = try gateway.nextFrame(for: name)
        let headerSize = FrameSplitter.headerSize
        guard step.bytes.count > headerSize, step.bytes[3] != FrameFlags.plain else {
            let (shown, sent) = (
                ProtocolDocument.hex(step.bytes), ProtocolDocument.hex(frame)
            )
            #expect(shown == sent, "line \(step.line)")
            return
        }
        try #require(frame.count > headerSize, "line \(step.line)")
        #expect(frame[3] == step.bytes[3], "line \(step.line)")
        let sent = try ProtocolDocument.payload(frame[3], Array(frame.dropFirst(headerSize)))
        let shown = try ProtocolDocument.payload(
            step.bytes[3], Array(step.bytes.dropFirst(headerSize)))
        #expect(shown == sent, "line \(step.line)")
    }

    @Test func appendixIsThePresetDictionary() throws {
        let block = try #require(ProtocolDocument.blocks("preset", in: text).first)
        let digits = block.lines.joined().split(separator: "").map(String.init)
        let bytes = stride(from: 0, to: digits.count, by: 2).compactMap {
            UInt8(digits[$0] + digits[$0 + 1], radix: 16)
        }
        #expect(bytes == PresetVersion1.bytes)
        #expect(text.contains("\(bytes.count.formatted(.number.locale(.init(identifier: "en"))))"))
        #expect(text.contains(PresetVersion1.sha256))
    }

    @Test func appendixIsTheDictionary() throws {
        let block = try #require(ProtocolDocument.blocks("words", in: text).first)
        let shown = block.lines.flatMap { $0.split(separator: " ").map(String.init) }
        let words = ProtocolDocument.words(of: .version1).flatMap { [$0.index, $0.word] }
        #expect(shown == words)
    }
}
