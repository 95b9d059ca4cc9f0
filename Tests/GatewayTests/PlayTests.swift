// Every play of Plays/, each against a server of its own.

import Foundation
import Testing

@Suite(.serialized) struct PlayTests {
    static let files: [URL] = {
        let directory = TestFiles.root.appending(path: "Tests/GatewayTests/Plays")
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? []
        return names.filter { $0.hasSuffix(".play") }.sorted()
            .map { directory.appending(path: $0) }
    }()

    @Test func thereArePlays() {
        #expect(Self.files.count >= 8)
    }

    @Test(arguments: files) func play(_ file: URL) throws {
        let play = try Play(file: file)
        let server = try TestServer()
        try PlayRunner(server: server).run(play)
        try server.stop()
    }

    @Test func aPlayThatExpectsTheWrongThingFails() throws {
        let file = FileManager.default.temporaryDirectory
            .appending(path: "wrong-\(UUID().uuidString).play")
        defer { try? FileManager.default.removeItem(at: file) }
        try """
        account alice
        alice connects
        alice sends:
            <iq type="get" id="p1"><ping/></iq>
        alice receives:
            <iq type="result" id="p2"/>
        """.write(to: file, atomically: true, encoding: .utf8)
        let server = try TestServer()
        #expect(throws: TestFailure.self) {
            try PlayRunner(server: server).run(try Play(file: file))
        }
    }
}
