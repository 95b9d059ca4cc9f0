// `tern` with a state directory: a token in the place of the password, and what was not sent.

import Client
import ClientStorage
import Foundation
import Testing
import Wire

@Suite(.serialized) struct StateTests {
    /// Runs `tern` where no password is to be had.
    @discardableResult
    private func ternWithoutPassword(_ arguments: [String], expect: Int32 = 0) throws -> String {
        try TestFiles.run(
            TestFiles.products.appending(path: "tern").path, arguments, expect: expect)
    }

    @Test func theTokenStandsInForThePasswordUntilItIsRevoked() throws {
        let server = try TestServer()
        for name in ["alice", "bob"] { try server.addAccount(name) }
        let directory = server.directory + "/state"
        let send =
            ["send", "--as", "alice@localhost", "--to", "bob@localhost", "--state", directory]
            + server.options
        try server.tern(send + ["one"], as: "alice")
        let path = directory + "/alice@localhost-0.sqlite"
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions]
        #expect(mode as? Int == 0o600)
        try ternWithoutPassword(send + ["two"])
        // The same device without its directory: its login takes nothing from the token.
        try server.tern(
            ["send", "--as", "bob@localhost", "--to", "alice@localhost", "hello"] + server.options,
            as: "bob")
        try server.tern(
            ["listen", "--as", "alice@localhost", "--count", "1", "--timeout", "20"]
                + server.options, as: "alice")
        try ternWithoutPassword(send + ["three"])

        let revoke = [
            "account", "revoke-tokens", "alice@localhost", "--admin", server.adminPath,
        ]
        try server.tern(revoke + ["--device", "9"], expect: 65)
        #expect(
            try server.tern(revoke + ["--device", "0"]) == "revoked alice@localhost\n")
        // The first time the token is refused, the second there is none to be used.
        try ternWithoutPassword(send + ["four"], expect: 77)
        try server.tern(send + ["four"], as: "alice")
        try ternWithoutPassword(send + ["five"])
        let alice = try #require(JID("alice@localhost"))
        let token = try #require(
            try SQLiteClientStore(path: path, jid: alice, device: 0).load().token)
        let hex = token.bytes.map { String($0, radix: 16, uppercase: true) }.joined()
        #expect(!server.logged.contains(hex))
        try server.stop()
    }

    @Test func whatAKilledChatHadWrittenIsSentByTheNext() throws {
        let server = try TestServer()
        for name in ["alice", "bob"] { try server.addAccount(name) }
        let tern = TestFiles.products.appending(path: "tern").path
        let directory = server.directory + "/state"
        let chat = "--as alice@localhost --with bob@localhost --state \(directory)"
        // Nobody listens there: what is written can only wait.
        try TestFiles.run(
            "/bin/sh",
            [
                "-c",
                "(echo hello; sleep 9) | timeout -s KILL 8 \(tern) chat \(chat) "
                    + "--server 127.0.0.1:1 --ca \(server.ca)",
            ], environment: ["TERN_PASSWORD": "alice"], expect: 137)
        try server.tern(
            [
                "chat", "--as", "alice@localhost", "--with", "bob@localhost", "--state", directory,
            ] + server.options, as: "alice")
        let heard = try server.tern(
            ["listen", "--as", "bob@localhost", "--count", "1", "--timeout", "20"]
                + server.options, as: "bob")
        #expect(heard.contains("hello"), "\(heard)")
        try server.stop()
    }
}
