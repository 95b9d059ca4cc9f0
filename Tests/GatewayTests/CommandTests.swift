// `tern` as its users meet it: real processes, real exit codes, a real gateway.

import Client
import Foundation
import Reactor
import Testing

@Suite(.serialized) struct CommandTests {
    // MARK: Accounts

    @Test func accountsAreAdministered() throws {
        let server = try TestServer()
        let admin = ["--admin", server.adminPath]
        #expect(
            try server.tern(["account", "add", "alice@localhost"] + admin, as: "a")
                == "added alice@localhost\n")
        try server.tern(["account", "add", "bob@localhost"] + admin, as: "b")
        #expect(
            try server.tern(["account", "list"] + admin) == "alice@localhost\nbob@localhost\n")
        #expect(
            try server.tern(["account", "list", "--json"] + admin)
                == #"""
                {"kind":"account","name":"alice@localhost"}
                {"kind":"account","name":"bob@localhost"}

                """#)
        #expect(
            try server.tern(["account", "remove", "bob@localhost"] + admin)
                == "removed bob@localhost\n")
        #expect(try server.tern(["account", "list"] + admin) == "alice@localhost\n")

        let existing = try server.tern(
            ["account", "add", "alice@localhost"] + admin, as: "x", expect: 65)
        #expect(existing.hasPrefix("tern: ") && existing.split(separator: "\n").count == 1)
        try server.tern(["account", "remove", "bob@localhost"] + admin, expect: 65)
        try server.tern(["account", "password", "bob@localhost"] + admin, as: "x", expect: 65)
        try server.tern(["account", "add", "bob@elsewhere"] + admin, as: "x", expect: 65)
        try server.tern(["account", "add", "bob@localhost"] + admin, as: "a\u{7}", expect: 65)
        for arguments in [["account", "list"], ["account", "remove", "a@localhost"], ["status"]] {
            try server.tern(
                arguments + ["--admin", server.directory + "/none.sock"], expect: 69)
        }
        try server.stop()
    }

    @Test func aGatewayThatStoodStillIsAdministered() throws {
        let server = try TestServer()
        for _ in 0..<3 {
            server.standStill()
            #expect(try server.status()["sessions"] == 0)
        }
        try server.stop()
    }

    @Test func passwordsAreChecked() throws {
        let server = try TestServer()
        try server.addAccount("alice")
        try server.addAccount("bob")
        let send = ["send", "--as", "alice@localhost", "--to", "bob@localhost", "hi"]
        try server.tern(send + server.options, as: "alice")
        let refused = try server.tern(send + server.options, as: "wrong", expect: 77)
        #expect(refused.hasPrefix("tern: ") && refused.split(separator: "\n").count == 1)
        try server.tern(
            ["listen", "--as", "nobody@localhost"] + server.options, as: "x", expect: 77)
        try server.tern(["chat", "--as", "alice@localhost"] + server.options, as: "x", expect: 77)
        try server.tern(
            ["account", "password", "alice@localhost", "--admin", server.adminPath], as: "new")
        try server.tern(send + server.options, as: "alice", expect: 77)
        try server.tern(send + server.options, as: "new")
        try server.stop()
    }

    @Test func passwordsComeFromFiles() throws {
        let server = try TestServer()
        try server.addAccount("bob")
        let file = server.directory + "/password"
        try "pass word \n".write(toFile: file, atomically: true, encoding: .utf8)
        try server.tern(
            [
                "account", "add", "alice@localhost", "--admin", server.adminPath,
                "--password-file", file,
            ], as: "not this")
        let send = ["send", "--as", "alice@localhost", "--to", "bob@localhost", "hi"]
        // The file wins over the environment.
        try server.tern(send + ["--password-file", file] + server.options, as: "not this")
        try server.tern(send + server.options, as: "pass word ")
        try Data([0xFF, 0x0A]).write(to: URL(filePath: file))
        try server.tern(send + ["--password-file", file] + server.options, expect: 65)
        try server.tern(send + ["--password-file", file + "x"] + server.options, expect: 64)
        try server.stop()
    }

    @Test func aRemovedAccountsSessionEnds() throws {
        let server = try TestServer()
        try server.addAccount("alice")
        let listener = try listen("alice", server, ["--json"])
        try server.tern(["account", "remove", "alice@localhost", "--admin", server.adminPath])
        try listener.finish(expect: 77)
        #expect(listener.complaints.count == 1)
        #expect(listener.lines.last?.contains(#""kind":"stopped""#) == true)
        try server.stop()
    }

    @Test func aSecondLoginOfTheDeviceEndsTheFirst() throws {
        let server = try TestServer()
        try server.addAccount("alice")
        let first = try listen("alice", server, ["--json"])
        let other = try listen("alice", server, ["--json", "--device", "1"])
        let second = try listen("alice", server, ["--json"])
        try first.finish(expect: 77)
        #expect(first.complaints == ["tern: another login of the same device took over"])
        for command in [second, other] {
            command.signal(SIGINT)
            try command.finish(expect: 130)
        }
        try server.stop()
    }

    // MARK: Sending and listening

    @Test func messagesWaitForTheirRecipient() throws {
        let server = try TestServer()
        try server.addAccount("alice")
        try server.addAccount("bob")
        for index in 1...3 {
            let id = try server.tern(
                send("alice", "bob", "number \(index)") + ["--id", "N\(index)"] + server.options,
                as: "alice")
            #expect(id == "N\(index)\n")
        }
        let arguments = ["listen", "--as", "bob@localhost", "--count", "3", "--timeout", "20"]
        let listener = try RunningCommand("tern", arguments + server.options, password: "bob")
        try listener.finish()
        #expect(
            listener.lines == (1...3).map { "alice@localhost/0 N\($0): number \($0)" })
        // The receipts are with the sender, the queue is empty.
        let receipts = try listen("alice", server, [])
        try receipts.waitForLine("delivered", count: 3)
        #expect(receipts.lines.first == "bob@localhost/0 N1 delivered")
        try server.tern(
            ["listen", "--as", "bob@localhost", "--count", "1", "--timeout", "1"] + server.options,
            as: "bob", expect: 69)
        try server.tern(
            ["listen", "--as", "bob@localhost", "--timeout", "1"] + server.options, as: "bob")
        try server.stop()
    }

    /// What could not be printed is not acknowledged.
    @Test(arguments: ["listen --timeout 20", "chat --json --with alice@localhost"])
    func whatCouldNotBePrintedComesAgain(command: String) throws {
        let server = try TestServer()
        try server.addAccount("alice")
        try server.addAccount("bob")
        try server.tern(
            send("alice", "bob", "hi") + ["--id", "N1"] + server.options, as: "alice")
        let options = server.options.joined(separator: " ")
        try TestFiles.run(
            "/bin/sh",
            [
                "-c", "exec \"$0\" \(command) --as bob@localhost \(options) > /dev/full",
                TestFiles.products.appending(path: "tern").path,
            ], environment: ["TERN_PASSWORD": "bob"], expect: 74)
        let listener = try listen("bob", server, ["--count", "1", "--timeout", "20"])
        try listener.finish()
        #expect(listener.lines == ["alice@localhost/0 N1: hi"])
        try server.stop()
    }

    /// What is left in the state file goes with the command that is repeated.
    @Test func aSendThatFailedIsRepeated() throws {
        let server = try TestServer()
        try server.addAccount("alice")
        try server.addAccount("bob")
        let state = server.directory + "/state"
        let command = send("alice", "bob", "hi") + ["--id", "SAME", "--state", state]
        let nowhere = ["--server", "127.0.0.1:1", "--ca", server.ca]
        try server.tern(command + nowhere + ["--timeout", "5"], as: "alice", expect: 69)
        #expect(try server.tern(command + server.options, as: "alice") == "SAME\n")
        let listener = try listen("bob", server, ["--count", "1", "--timeout", "20"])
        try listener.finish()
        #expect(listener.lines == ["alice@localhost/0 SAME: hi"])
        try server.stop()
    }

    @Test func theSameIDIsTheSameMessage() throws {
        let server = try TestServer()
        try server.addAccount("alice")
        try server.addAccount("bob")
        let listener = try listen("bob", server, ["--json", "--count", "2"])
        let once = send("alice", "bob", "once") + ["--id", "SAME"] + server.options
        try server.tern(once, as: "alice")
        try server.tern(once, as: "alice")
        try server.tern(send("alice", "bob", "then") + server.options, as: "alice")
        try listener.finish()
        let bodies = try listener.lines.compactMap { try event($0)["body"] as? String }
        #expect(bodies == ["once", "then"])
        try server.stop()
    }

    @Test func unknownRecipientsAreRefused() throws {
        let server = try TestServer()
        try server.addAccount("alice")
        try server.tern(send("alice", "nobody", "hi") + server.options, as: "alice", expect: 65)
        try server.stop()
    }

    @Test func hostileTextIsShownNotObeyed() throws {
        let server = try TestServer()
        try server.addAccount("alice")
        try server.addAccount("bob")
        let hostile = "a\u{1B}[2J\u{7}\u{9B}1m\r\nbob\u{202E}"
        let safe = "a\\x1b[2J\\x07\\u{9b}1m\\r\\nbob\\u{202e}"
        let plain = try listen("bob", server, ["--device", "0"])
        let json = try listen("bob", server, ["--device", "1", "--json", "--count", "1"])
        let chat = try RunningCommand(
            "tern", ["chat", "--as", "bob@localhost", "--device", "2"] + server.options,
            password: "bob")
        try chat.waitForLine("connected")
        try server.tern(
            send("alice", "bob", hostile) + ["--id", "H"] + server.options, as: "alice")
        try plain.waitForLine("alice@localhost/0 H: " + safe)
        try chat.waitForLine("alice/0: " + safe)
        try json.finish()
        let last = try #require(json.lines.last)
        #expect(last.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value < 0x7F })
        #expect(try event(last)["body"] as? String == hostile)
        try server.stop()
    }

    @Test func jsonLinesHaveTheFiveMembers() throws {
        let server = try TestServer()
        try server.addAccount("alice")
        try server.addAccount("bob")
        let bob = try listen("bob", server, ["--json", "--read"])
        let alice = try RunningCommand(
            "tern",
            ["chat", "--as", "alice@localhost", "--json", "--with", "bob"] + server.options,
            password: "alice")
        alice.type("hello\n/with nobody\nlost\n")
        try alice.waitForLine(#""state":"read""#)
        try alice.waitForLine(#""kind":"failed""#)
        try bob.waitForLine("hello")
        let sent = try server.tern(
            send("alice", "bob", "more") + ["--json", "--device", "1"] + server.options,
            as: "alice")
        try alice.endInput()
        try alice.finish(expect: 65)
        try server.killAndRestart()
        try bob.waitForLine(#""kind":"online""#, count: 2)
        bob.signal(SIGTERM)
        try bob.finish(expect: 130)

        let lines = alice.lines + bob.lines + [String(sent.dropLast())]
        let value = #"(null|"[^"]*")"#
        let order = try Regex(
            #"^\{"kind":"[a-z]+","from":\#(value),"to":\#(value),"id":\#(value),"body":\#(value)[,}]"#
        )
        var kinds: Set<String> = []
        for line in lines {
            #expect(line.firstMatch(of: order) != nil, "\(line)")
            kinds.insert(try #require(try event(line)["kind"] as? String))
        }
        #expect(
            kinds.isSuperset(of: [
                "connecting", "online", "message", "ack", "receipt", "failed", "disconnected",
                "stopped",
            ]))
        let events = try alice.lines.map { try event($0) }
        let ack = try #require(events.first { $0["kind"] as? String == "ack" })
        #expect(ack["from"] as? String == "alice@localhost")
        #expect(ack["to"] as? String == "bob@localhost")
        let failed = try #require(events.first { $0["kind"] as? String == "failed" })
        #expect(failed["to"] as? String == "nobody@localhost")
        #expect(failed["body"] is NSNull)
        #expect(try event(String(sent.dropLast()))["body"] as? String == "more")
        try server.stop()
    }

    // MARK: Chats

    @Test func aChatFromAPipeSendsEachLineInOrder() throws {
        let server = try TestServer()
        try server.addAccount("alice")
        try server.addAccount("bob")
        let listener = try listen("bob", server, ["--json", "--count", "300"])
        let texts = (1...299).map { "line \($0)" } + ["/last without a line end"]
        let input = texts.dropLast().joined(separator: "\n") + "\n\n//last without a line end"
        try TestFiles.run(
            TestFiles.products.appending(path: "tern").path,
            ["chat", "--as", "alice@localhost", "--with", "bob"] + server.options,
            environment: ["TERN_PASSWORD": "alice"], input: input)
        try listener.finish()
        #expect(try listener.lines.compactMap { try event($0)["body"] as? String } == texts)
        // What nobody can get is not passed over.
        try TestFiles.run(
            TestFiles.products.appending(path: "tern").path,
            ["chat", "--as", "alice@localhost"] + server.options,
            environment: ["TERN_PASSWORD": "alice"], input: "to whom?\n", expect: 65)
        try server.stop()
    }

    @Test func peopleWhoChatSeeEachOtherComeAndGo() throws {
        let server = try TestServer()
        try server.addAccount("alice")
        try server.addAccount("bob")
        let alice = try RunningCommand(
            "tern", ["chat", "--as", "alice@localhost"] + server.options, password: "alice")
        try alice.waitForLine("connected")
        alice.type("/with bob\n")
        let bob = try RunningCommand(
            "tern", ["chat", "--as", "bob@localhost", "--with", "alice"] + server.options,
            password: "bob")
        try bob.waitForLine("* alice is available")
        try alice.waitForLine("* bob is available")
        bob.type("hello\n")
        try bob.waitForLine("read by alice/0")
        try alice.waitForLine("bob/0: hello")
        try bob.endInput()
        try bob.finish()
        try alice.waitForLine("* bob is away")
        #expect(!alice.lines.contains { $0.contains("is a contact") })
        try alice.endInput()
        try alice.finish()
        try server.stop()
    }

    // MARK: Ends

    @Test func wrongUsageIsRefused() throws {
        let server = try TestServer()
        let send = ["send", "--as", "alice@localhost", "--to", "bob@localhost"]
        let listen = ["listen", "--as", "alice@localhost"]
        for arguments in [
            ["fly"], ["send"], send, send + [""], send + ["x", "y"],
            send + ["x", "--timeout", "0"], send + ["x", "--id", ""],
            send + ["x", "--device", "256"], send + ["x", "--server", "::1"],
            send + ["x", "--password", "secret"],
            ["send", "--as", "alice", "--to", "bob@localhost", "x"],
            ["send", "--as", "alice@localhost/1", "--to", "bob@localhost", "x"],
            ["send", "--as", "alice@localhost", "--to", "localhost", "x"],
            listen + ["--count", "0"], listen + ["--timeout", "-1"], listen + ["--timeout", "x"],
            ["chat", "--as", "alice@localhost", "--with", "a b"],
            ["account", "add", "alice@localhost/1"], ["account", "add"],
            ["account", "add", "alice@localhost", "--iterations", "1"],
        ] {
            #expect(throws: Never.self, "\(arguments)") {
                try server.tern(arguments, as: "alice", expect: 64)
            }
        }
        // No password and no terminal to ask on.
        try TestFiles.run(
            "/usr/bin/env",
            [
                "-u", "TERN_PASSWORD", "setsid", "--wait",
                TestFiles.products.appending(path: "tern").path,
            ] + listen + server.options, expect: 64)
        try server.stop()
    }

    @Test func aGatewayThatIsAwayIsUnavailable() throws {
        let server = try TestServer()
        try server.addAccount("alice")
        server.kill()
        try server.tern(send("alice", "bob", "hi") + server.options, as: "alice", expect: 69)
        try server.tern(
            ["listen", "--as", "alice@localhost", "--timeout", "1"] + server.options, as: "alice",
            expect: 69)
        try server.tern(["account", "list", "--admin", server.adminPath], expect: 69)
    }

    @Test func aGatewayThatSaysNothingDoesNotHoldUpTheEnd() throws {
        let address = try #require(SocketAddress("127.0.0.1:0"))
        let silent = try Socket.listen(address)
        let bound = silent.localAddress
        let port = try #require(bound).port
        let arguments = send("alice", "bob", "hi") + ["--server", "127.0.0.1:\(port)"]
        let slow = try RunningCommand(
            "tern", arguments + ["--timeout", "0.5", "--ca", ca()], password: "x")
        try slow.finish(expect: 69, seconds: 8)
        #expect(slow.complaints == ["tern: not acked within 0.5 s"])
        let interrupted = try RunningCommand("tern", arguments + ["--ca", ca()], password: "x")
        usleep(500_000)
        interrupted.signal(SIGINT)
        try interrupted.finish(expect: 130, seconds: 8)
        #expect(interrupted.complaints == ["tern: interrupted"])
        // It has listened until here.
        let descriptor = silent.rawValue
        #expect(descriptor >= 0)
    }

    @Test func signalsEndInGoodOrder() throws {
        let server = try TestServer()
        try server.addAccount("alice")
        for number in [SIGINT, SIGTERM] {
            let listener = try listen("alice", server, ["--json"])
            listener.signal(number)
            try listener.finish(expect: 130)
            #expect(listener.complaints == ["tern: interrupted"])
            #expect(listener.lines.last?.contains(#""kind":"stopped""#) == true)
            let chat = try RunningCommand(
                "tern", ["chat", "--as", "alice@localhost"] + server.options, password: "alice")
            try chat.waitForLine("connected")
            chat.signal(number)
            try chat.finish(expect: 130)
        }
        try server.stop()
    }

    /// Also while lines of a pipe wait for room, which here never comes.
    @Test func aSignalEndsAChatThatWaits() throws {
        let chat = try RunningCommand(
            "tern",
            [
                "chat", "--as", "alice@localhost", "--with", "bob@localhost", "--server",
                "127.0.0.1:1", "--ca", try ca(),
            ], password: "alice")
        chat.type((1...2_000).map { "line \($0)\n" }.joined())
        try chat.waitForLine("line 1000")
        chat.signal(SIGTERM)
        try chat.finish(expect: 130)
    }

    @Test func certificatesThatCannotBeTrustedEndItAtOnce() throws {
        let server = try TestServer()
        let other = server.directory + "/other"
        try TestFiles.run(
            "/bin/sh", [TestFiles.root.appending(path: "certs/generate.sh").path, other])
        let address = ["--server", "127.0.0.1:\(server.port)"]
        let strangers = address + ["--ca", other + "/ca.pem"]
        let misnamed = server.options + ["--server-name", "gateway.example"]
        for options in [strangers, misnamed] {
            for arguments in [
                send("alice", "bob", "hi"), ["listen", "--as", "alice@localhost"],
                ["chat", "--as", "alice@localhost"],
            ] {
                let command = try RunningCommand("tern", arguments + options, password: "alice")
                try command.finish(expect: 77, seconds: 10)
                #expect(command.complaints.count == 1)
                #expect(command.complaints.first?.contains("certificate rejected") == true)
            }
        }
        try server.tern(
            send("alice", "bob", "hi") + address + ["--ca", server.directory + "/none.pem"],
            as: "alice", expect: 65)
        try server.stop()
    }

    // MARK: Help

    private func send(_ name: String, _ recipient: String, _ text: String) -> [String] {
        ["send", "--as", "\(name)@localhost", "--to", "\(recipient)@localhost", text]
    }

    private func ca() throws -> String {
        try TestFiles.certificates.get() + "/ca.pem"
    }

    /// A listener that is logged in.
    private func listen(
        _ name: String, _ server: TestServer, _ options: [String]
    ) throws -> RunningCommand {
        let before = try server.status()["logins", default: 0]
        let command = try RunningCommand(
            "tern", ["listen", "--as", "\(name)@localhost"] + options + server.options,
            password: name)
        if options.contains("--json") {
            try command.waitForLine(#""kind":"online""#)
        } else {
            let deadline = Date().addingTimeInterval(20)
            while Date() < deadline, try server.status()["logins", default: 0] <= before {
                usleep(10_000)
            }
        }
        return command
    }

    private func event(_ line: String) throws -> [String: Any] {
        let object = try JSONSerialization.jsonObject(with: Data(line.utf8))
        guard let event = object as? [String: Any] else { throw TestFailure("no object: \(line)") }
        for key in ["kind", "from", "to", "id", "body"] where event[key] == nil {
            throw TestFailure("no \(key): \(line)")
        }
        return event
    }
}
