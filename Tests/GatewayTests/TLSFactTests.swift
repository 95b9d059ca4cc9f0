// What an unmodified TLS client sees of the gateway.

import Foundation
import TLS
import Testing
import Wire

@Suite(.serialized) struct TLSFactTests {
    private func client(
        _ server: TestServer, _ options: [String], expect: Int32 = 0
    ) throws -> String {
        try TestFiles.run(
            "/usr/bin/openssl",
            ["s_client", "-connect", "127.0.0.1:\(server.port)", "-CAfile", server.ca] + options,
            input: "", expect: expect)
    }

    @Test func speaksTLS13WithItsProtocolAndAVerifiableChain() throws {
        let server = try TestServer()
        let text = try client(
            server, ["-alpn", "tern/1", "-verify_hostname", "localhost", "-verify_return_error"])
        #expect(text.contains("New, TLSv1.3, Cipher is TLS_AES_"))
        #expect(text.contains("ALPN protocol: tern/1"))
        #expect(text.contains("Verification: OK"))
        #expect(text.contains("Verified peername: localhost"))
        try server.stop()
    }

    @Test func refusesOldVersionsAndForeignProtocols() throws {
        let server = try TestServer()
        let old = try client(server, ["-alpn", "tern/1", "-tls1_2"], expect: 1)
        #expect(old.contains("alert protocol version"))
        let foreign = try client(server, ["-alpn", "h2"], expect: 1)
        #expect(foreign.contains("no application protocol"))
        try server.stop()
    }

    @Test func speaksTLS12OnlyWhenTold() throws {
        let server = try TestServer(configuration: "minimum-tls = \"1.2\"\n")
        let text = try client(server, ["-alpn", "tern/1", "-tls1_2"])
        #expect(text.contains("New, TLSv1.2, Cipher is ECDHE-"))
        try server.stop()
    }

    @Test func resumesByTicket() throws {
        let server = try TestServer()
        let file = try TestFiles.temporaryDirectory() + "/session.pem"
        // A ticket comes after the handshake: it is waited for by asking for the end of the input late.
        let command = """
            (printf 'TN\\001\\001'; sleep 0.5) | openssl s_client -connect 127.0.0.1:\(server.port) \
            -CAfile \(server.ca) -alpn tern/1 -quiet -no_ign_eof -sess_out \(file)
            """
        try TestFiles.run("/bin/sh", ["-c", command])
        let text = try client(server, ["-alpn", "tern/1", "-sess_in", file])
        #expect(text.contains("Reused, TLSv1.3"))
        try server.waitForStatus("resumptions", 1)
        try server.stop()
    }

    @Test func resumesForOurOwnClient() throws {
        let server = try TestServer()
        try server.addAccount("alice")
        let tls = try TLSContext(client: TLSClientConfiguration(caPath: server.ca))
        var session: TLSSession?
        for isResumed in [false, true] {
            let client = try RawClient(port: server.port, tls: tls, session: session)
            #expect(client.isResumed == isResumed)
            // Channel binding holds on a resumed session too.
            #expect(try client.logIn("alice").tag == "success")
            session = client.takeSession()
            #expect(session != nil)
        }
        try server.stop()
    }
}
