// Bytes that make no sense: answered clearly or closed within the deadline, counted, and without harm to
// anyone else. A bystander stays logged in through each test and is asked at the end.

import Base
import Foundation
import Reactor
import Testing
import Wire

@Suite(.serialized) struct NonsenseTests {
    /// Deadlines short enough to wait for.
    static let configuration = """
        [limits]
        handshake-timeout-ms = 3000
        login-timeout-ms = 3000
        close-timeout-ms = 500
        """

    /// Runs `body` beside a session that must not notice.
    private func beside(_ body: (TestServer) throws -> Void) throws {
        let server = try TestServer(configuration: Self.configuration)
        try server.addAccount("alice")
        try server.addAccount("bystander")
        let bystander = try RawClient(port: server.port, ca: server.ca)
        #expect(try bystander.logIn("bystander").tag == "success")
        try body(server)
        let ping = node("iq", [("type", "get"), ("id", "1")], Node("ping"))
        try bystander.send(ping)
        let answer = try bystander.nextNode()
        #expect(answer.tag == "iq" && answer["type"] == "result")
        let deadline = MonotonicClock.now().advanced(byMs: 10_000)
        while try server.status()["connections"] != 1, MonotonicClock.now() < deadline {
            usleep(50_000)
        }
        #expect(try server.status()["connections"] == 1)
        try server.stop()
    }

    private func node(
        _ tag: String, _ attributes: [(String, String)], _ child: Node
    ) -> Node {
        Node(
            tag, attributes.map { Node.Attribute(key: $0.0, value: $0.1) },
            content: .nodes([child]))
    }

    private func client(_ server: TestServer) throws -> RawClient {
        try RawClient(port: server.port, ca: server.ca)
    }

    /// What the server says to these bytes after the handshake, up to its close.
    private func answer(_ server: TestServer, to bytes: [UInt8]) throws -> String {
        let client = try client(server)
        try client.send(bytes)
        let nodes = try client.readToEnd(withinMs: 20_000)
        return nodes.map { node in
            "\(node.tag) " + node.children.map(\.tag).joined(separator: " ")
        }.joined(separator: "; ")
    }

    @Test func eachKindOfNonsenseGetsItsError() throws {
        try beside { server in
            let prologue = Prologue.bytes
            let cases: [([UInt8], String)] = [
                (Array("GET / HTTP/1.1\r\n\r\n".utf8), "bad-format"),
                ([0x54, 0x4E, 9, 1], "unsupported-version"),
                ([0x54, 0x4E, 1, 9], "unsupported-version"),
                (prologue + [0xFF, 0xFF, 0xFF], "policy-violation"),
                (prologue + [0, 0, 1], "policy-violation"),
                (prologue + [0, 0, 4, 0x80], "bad-format"),
                (prologue + [0, 0, 3, 0, 0xF0, 0], "bad-format"),
                (prologue + [0, 0, 6, 2, 1, 2, 3, 4, 5], "bad-format"),
            ]
            for (bytes, condition) in cases {
                #expect(try answer(server, to: bytes) == "stream:error \(condition)")
            }
            let early = try client(server).frame(
                node("message", [("to", "bob@localhost"), ("id", "1")], Node("body")))
            #expect(try answer(server, to: prologue + early) == "stream:error not-authorized")
            // Nothing at all, and the beginning of something.
            #expect(try answer(server, to: []) == "stream:error connection-timeout")
            #expect(try answer(server, to: prologue + [0, 0]) == "stream:error connection-timeout")
            let counted = try server.status()
            #expect(counted["stream-errors"] == 9)
            #expect(counted["timeouts"] == 2)
            let lines = server.logged.split(separator: "\n").filter { $0.contains("stream error") }
            #expect(lines.count == 9)
        }
    }

    @Test func aPeerWithoutTLSIsAnsweredByAnAlertOrCutOff() throws {
        try beside { server in
            let address = SocketAddress(ipv4: 0x7F00_0001, port: server.port)
            let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 4_096, alignment: 8)
            defer { scratch.deallocate() }
            for bytes in [
                Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8), [],
                [UInt8](repeating: 0, count: 600), [0x16, 3, 1, 0xFF, 0xFF],
                Array("SSH-2.0-OpenSSH\r\n".utf8),
            ] {
                let socket = try Socket.connect(to: address)
                var poller = try Poller(eventCountMax: 1)
                try poller.add(socket.rawValue, token: 0, interest: [.writable])
                poller.wait(timeoutMs: 1_000)
                if !bytes.isEmpty { _ = bytes.withUnsafeBytes { socket.write($0) } }
                poller.modify(socket.rawValue, token: 0, interest: [.readable])
                let deadline = MonotonicClock.now().advanced(byMs: 20_000)
                var ended = false
                while !ended && MonotonicClock.now() < deadline {
                    poller.wait(timeoutMs: 1_000)
                    switch socket.read(into: scratch) {
                    case .closed, .failed: ended = true
                    case .bytes, .wouldBlock: continue
                    }
                }
                #expect(ended, "still open after \(bytes.prefix(8))")
            }
        }
    }

    @Test func everyPrefixOfALoginEndsInTime() throws {
        try beside { server in
            let recorded = try recordedLogin(server)
            var clients: [RawClient] = []
            for size in stride(from: 0, to: recorded.count, by: 2) {
                let client = try client(server)
                if size > 0 { try client.send(Array(recorded[..<size])) }
                clients.append(client)
            }
            for client in clients {
                let last = try client.readToEnd(withinMs: 10_000).last
                #expect(last?.tag == "stream:error" || last?.tag == "failure")
            }
        }
    }

    @Test func everyFlippedByteOfALoginEndsInTime() throws {
        try beside { server in
            let recorded = try recordedLogin(server)
            var clients: [RawClient] = []
            for offset in recorded.indices {
                var bytes = recorded
                bytes[offset] ^= [0x01, 0x80, 0xFF][offset % 3]
                let client = try client(server)
                try client.send(bytes)
                clients.append(client)
            }
            for client in clients {
                let last = try client.readToEnd(withinMs: 10_000).last
                #expect(last?.tag == "stream:error" || last?.tag == "failure")
            }
        }
    }

    /// Every byte a client sends to log in; nonces make it worthless the second time.
    private func recordedLogin(_ server: TestServer) throws -> [UInt8] {
        let client = try client(server)
        #expect(try client.logIn("alice").tag == "success")
        return client.sent
    }

    @Test func everyFlippedByteAfterLoginIsAnswered() throws {
        try beside { server in
            let message = node(
                "message", [("to", "alice@localhost"), ("id", "3EB0F00D")],
                Node("body", text: "a few words"))
            let recorded = try client(server).frame(message)
            for offset in recorded.indices {
                var bytes = recorded
                bytes[offset] ^= [0x80, 0xFF, 0x01][offset % 3]
                let client = try client(server)
                guard try client.logIn("alice").tag == "success" else {
                    Issue.record("no login")
                    return
                }
                // A ping behind it: whatever the flip made, the stream goes on or ends; it never hangs.
                let ping = node("iq", [("type", "get"), ("id", "p")], Node("ping"))
                try client.send(bytes + (try client.frame(ping)))
                var isAnswered = false
                while !isAnswered {
                    switch try client.next(withinMs: 1_000) {
                    case .node(let node):
                        isAnswered = node.tag == "stream:error" || node["id"] == "p"
                    case .closed:
                        isAnswered = true
                    case .nothing:
                        // The flip made the frame longer: it waits for the rest, as it must.
                        isAnswered = offset < 3
                        #expect(isAnswered, "silence after flipping byte \(offset)")
                        isAnswered = true
                    }
                }
            }
        }
    }

    @Test func aDripOfSingleBytesLogsIn() throws {
        try beside { server in
            let client = try client(server)
            client.dripsBytes = true
            #expect(try client.logIn("alice").tag == "success")
        }
    }

    @Test func oneSourceCannotKeepOthersOut() throws {
        let server = try TestServer(
            configuration: "shards = 1\n[limits]\nunauthenticated-per-source-max = 3\n")
        try server.addAccount("alice")
        let waiting = try (0..<3).map { _ in try client(server) }
        #expect(throws: TestFailure.self) { try client(server) }
        #expect(try server.status()["shed"] == 1)
        // One of them logs in and so makes room for another.
        #expect(try waiting[0].logIn("alice").tag == "success")
        _ = try client(server)
        server.kill()
    }
}
