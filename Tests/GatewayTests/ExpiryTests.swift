// A gateway that keeps nothing for longer than a second.

import Client
import Foundation
import Testing
import Wire

@Suite(.serialized) struct ExpiryTests {
    @Test func theSenderIsTold() throws {
        let server = try TestServer(configuration: "[store]\nexpiry-s = 1")
        for name in ["alice", "bob"] { try server.addAccount(name) }
        try server.tern(
            ["send", "--as", "alice@localhost", "--to", "bob@localhost", "--id", "E1", "hello"]
                + server.options, as: "alice")
        try server.waitForStatus("expiry-notices", 1)
        #expect(try server.status()["stanzas-expired"] == 1)
        #expect(try server.status()["expiry-notices-dropped"] == 0)
        // That waited for its sender and did not stay for long either; who is there is told at once.
        let chat = try RunningCommand(
            "tern",
            ["chat", "--as", "alice@localhost", "--with", "bob@localhost", "--json"]
                + server.options, password: "alice")
        try chat.waitForLine("\"kind\":\"online\"")
        chat.type("are you there?\n")
        try chat.waitForLine("\"kind\":\"expired\",\"from\":\"bob@localhost/0\"")
        chat.signal(SIGTERM)
        try server.stop()
    }
}
