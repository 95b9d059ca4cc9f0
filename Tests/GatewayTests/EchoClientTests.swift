// The example of docs/CLIENT.md against a gateway: it answers, is killed, and goes on where it was.

import Client
import Foundation
import Testing

@Suite(.serialized) struct EchoClientTests {
    private func start(_ server: TestServer, password: String? = nil) throws -> RunningCommand {
        let echo = try RunningCommand(
            "echo-client",
            [
                "127.0.0.1:\(server.port)", "bob@localhost", server.directory + "/bob.sqlite",
                server.ca,
            ])
        if let password { echo.type(password + "\n") }
        try echo.endInput()
        return echo
    }

    private func say(_ text: String, _ server: TestServer) throws {
        try server.tern(
            ["send", "--as", "alice@localhost", "--to", "bob@localhost"] + server.options + [text],
            as: "alice")
    }

    /// What alice is told, as soon as it is so many messages.
    private func heard(_ count: Int, _ server: TestServer) throws -> String {
        try server.tern(
            [
                "listen", "--as", "alice@localhost", "--count", "\(count)", "--timeout", "60",
                "--state", server.directory + "/alice",
            ] + server.options, as: "alice")
    }

    @Test func itAnswersEachMessageOnceOverKillsOfBothSides() throws {
        let server = try TestServer()
        for name in ["alice", "bob"] { try server.addAccount(name) }
        let first = try start(server, password: "bob")
        try say("message-1", server)
        #expect(try heard(1, server).contains("message-1"))
        first.signal(SIGKILL)

        // From now on nobody gives the password: the token must do.
        try say("message-2", server)
        let second = try start(server)
        #expect(try heard(1, server).contains("message-2"))
        try server.killAndRestart()
        try say("message-3", server)
        #expect(try heard(1, server).contains("message-3"))
        second.signal(SIGKILL)

        try say("message-4", server)
        let third = try start(server)
        let last = try heard(1, server)
        // An answer that was made again has its first id, which alice's client knows.
        #expect(last.contains("message-4") && !last.contains("message-3"))
        third.signal(SIGKILL)
        let mode = try FileManager.default.attributesOfItem(
            atPath: server.directory + "/bob.sqlite")[.posixPermissions]
        #expect(mode as? Int == 0o600)
        try server.stop()
    }
}
