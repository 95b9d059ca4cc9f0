// docs/CLIENT.md shows the program that is built and run, and nothing else.

import Foundation
import Testing

@Suite struct ClientDocumentTests {
    @Test func theExampleIsTheProgram() throws {
        let blocks = ProtocolDocument.blocks("swift", in: try ProtocolDocument.text("CLIENT.md"))
        let program = try ProtocolDocument.text("../Sources/EchoClient/EchoClient.swift")
        #expect(blocks.count == 1)
        #expect(blocks.first.map { $0.lines.joined(separator: "\n") + "\n" } == program)
        #expect(program.split(separator: "\n").count <= 45)
    }
}
