// The [tls] table, key by key: what is read, what is refused, and what a gateway then does.

import Foundation
import TLS
import Testing
import Wire

@testable import Gateway

@Suite(.serialized) struct TLSSettingsTests {
    private func settings(_ text: String) throws -> GatewayConfiguration {
        let configuration = try GatewayConfiguration(toml: text, path: "ternd.toml")
        try configuration.validate()
        return configuration
    }

    @Test func everyKeyIsRead() throws {
        let read = try settings(
            """
            certificate = "a.pem"
            key = "a-key.pem"
            minimum-tls = "1.2"
            [tls]
            staple = "a.ocsp"
            unknown-server-name = "refuse"
            client-certificates = "required"
            client-ca = "clients.pem"
            tickets = 2
            ticket-lifetime-s = 600
            ticket-rotation-s = 300
            ticket-keys = "keys"
            ticket-single-use = true
            [[tls.certificates]]
            certificate = "b.pem"
            key = "b-key.pem"
            [[tls.certificates]]
            certificate = "c.pem"
            key = "c-key.pem"
            staple = "c.ocsp"
            """)
        let server = read.serverTLS
        #expect(
            server.certificates == [
                TLSCertificateFiles(
                    chainPath: "a.pem", privateKeyPath: "a-key.pem", staplePath: "a.ocsp"),
                TLSCertificateFiles(chainPath: "b.pem", privateKeyPath: "b-key.pem"),
                TLSCertificateFiles(
                    chainPath: "c.pem", privateKeyPath: "c-key.pem", staplePath: "c.ocsp"),
            ])
        #expect(server.unknownServerName == .refuse && server.minimumVersion == .tls12)
        #expect(server.clientCertificates == .required)
        #expect(server.clientAuthorityPath == "clients.pem")
        #expect(server.ticketCount == 2 && server.ticketLifetimeS == 600)
        #expect(read.tls.ticketRotationS == 300 && read.tls.ticketKeyPath == "keys")
        #expect(read.tls.ticketSingleUse)
        #expect(try settings("[tls]\n").tls == TLSSettings())
    }

    @Test(arguments: [
        ("[tls]\nstaples = \"x\"", "staples"), ("[tls]\ntickets = 5", "tls.tickets"),
        ("[tls]\ntickets = -1", "tls.tickets"), ("[tls]\ntickets = \"one\"", "tickets"),
        ("[tls]\nticket-lifetime-s = 0", "tls.ticket-lifetime-s"),
        ("[tls]\nticket-lifetime-s = 604801", "tls.ticket-lifetime-s"),
        ("[tls]\nticket-rotation-s = 59", "tls.ticket-rotation-s"),
        ("[tls]\nticket-rotation-s = 60\nticket-lifetime-s = 60000", "tls.ticket-rotation-s"),
        ("[tls]\nclient-certificates = \"maybe\"", "client-certificates"),
        ("[tls]\nclient-certificates = \"optional\"", "tls.client-ca"),
        ("[tls]\nclient-ca = \"x\"", "tls.client-certificates"),
        ("[tls]\nunknown-server-name = \"ignore\"", "unknown-server-name"),
        ("[[tls.certificates]]\ncertificate = \"x\"", "key"),
        ("[[tls.certificates]]\ncertificate = \"x\"\nkey = \"y\"\nname = \"z\"", "name"),
        ("[tls]\nticket-single-use = 1", "ticket-single-use"),
    ])
    func nonsenseIsRefusedByName(_ text: String, _ word: String) {
        do {
            _ = try settings(text)
            Issue.record("accepted: \(text)")
        } catch {
            #expect("\(error)".contains(word), "\(error)")
        }
    }

    @Test func namesClientsAndStaplesWorkEndToEnd() throws {
        let files = try ServerFiles()
        try files.issue("other", dnsNames: "DNS:other.test,DNS:*.other.test")
        try files.issue("device", dnsNames: "DNS:device.test", purpose: "clientAuth")
        try files.staple("other")
        let server = try TestServer(
            configuration: """
                [tls]
                unknown-server-name = "refuse"
                client-certificates = "optional"
                client-ca = "\(files.ca)"
                tickets = 2
                ticket-lifetime-s = 300
                [[tls.certificates]]
                certificate = "\(files.directory)/other.pem"
                key = "\(files.directory)/other-key.pem"
                staple = "\(files.directory)/other.ocsp"
                """, arguments: files.arguments)
        func look(_ name: String, _ more: [String] = [], expect: Int32 = 0) throws -> String {
            try server.tern(
                [
                    "tls", "--server", "127.0.0.1:\(server.port)", "--server-name", name, "--ca",
                    files.ca,
                ] + more, expect: expect)
        }
        let first = try look("localhost")
        #expect(first.contains("CN=localhost") && first.contains("OCSP staple   none"), "\(first)")
        #expect(first.contains("tickets       2, good for 300 s"), "\(first)")
        let second = try look("any.other.test")
        #expect(second.contains("CN=other"), "\(second)")
        #expect(second.firstMatch(of: /OCSP staple   \d+ bytes/) != nil, "\(second)")
        #expect(try look("unknown.test", expect: 76).contains("alert 112"))
        let shown = [
            "--certificate", "\(files.directory)/device.pem", "--key",
            "\(files.directory)/device-key.pem",
        ]
        #expect(try look("localhost", shown).contains("a second connection resumed"))
        // A server's certificate does not make a client.
        let wrong = [
            "--certificate", "\(files.directory)/other.pem", "--key",
            "\(files.directory)/other-key.pem",
        ]
        #expect(try look("localhost", wrong, expect: 76).contains("alert"))
        try server.stop()
    }

    @Test func clientCertificatesCanBeRequired() throws {
        let files = try ServerFiles()
        try files.issue("device", dnsNames: "DNS:device.test", purpose: "clientAuth")
        let server = try TestServer(
            configuration: """
                [tls]
                client-certificates = "required"
                client-ca = "\(files.ca)"
                """, arguments: files.arguments)
        let options = ["tls", "--server", "127.0.0.1:\(server.port)", "--ca", files.ca]
        #expect(try server.tern(options, expect: 76).contains("alert 116"))
        let shown = [
            "--certificate", "\(files.directory)/device.pem", "--key",
            "\(files.directory)/device-key.pem",
        ]
        #expect(try server.tern(options + shown).contains("a second connection resumed"))
        try server.stop()
    }

    @Test func aTicketIsGoodOnceIfTheOperatorSaysSo() throws {
        let server = try TestServer(configuration: "[tls]\nticket-single-use = true\n")
        let tls = try TLSContext(client: TLSClientConfiguration(caPath: server.ca))
        try server.addAccount("alice")
        let first = try RawClient(port: server.port, tls: tls, session: nil)
        #expect(try first.logIn("alice").tag == "success")
        let session = first.takeSession()
        for isResumed in [true, false] {
            let client = try RawClient(port: server.port, tls: tls, session: session)
            #expect(client.isResumed == isResumed)
        }
        // The client is done before the gateway has taken the end of its handshake.
        try server.waitForStatus("handshakes", 3)
        let status = try server.status()
        #expect(status["tickets-replayed"] == 1 && status["tickets-accepted"] == 1)
        #expect(status["resumptions"] == 1)
        try server.stop()
    }

    @Test func filesThatCannotBeUsedKeepTheGatewayFromStarting() throws {
        let files = try ServerFiles()
        try "garbage".write(
            toFile: files.directory + "/bad", atomically: true, encoding: .utf8)
        for (line, word) in [
            ("staple = \"\(files.directory)/bad\"", "OCSP"),
            ("staple = \"/nowhere/x.ocsp\"", "/nowhere/x.ocsp"),
            ("client-certificates = \"optional\"\nclient-ca = \"\(files.directory)/bad\"", "bad"),
            ("ticket-keys = \"/nowhere/keys\"", "/nowhere/keys"),
            (
                "[[tls.certificates]]\ncertificate = \"/nowhere/c.pem\"\nkey = \"x\"",
                "/nowhere/c.pem"
            ),
            (
                """
                [[tls.certificates]]
                certificate = "\(files.certificate)"
                key = "\(files.directory)/client-key.pem"
                """, "same names"
            ),
        ] {
            let file = files.directory + "/ternd.toml"
            try "[tls]\n\(line)\n".write(toFile: file, atomically: true, encoding: .utf8)
            let command = try RunningCommand(
                "ternd",
                [
                    "--config", file, "--listen", "127.0.0.1:0", "--data",
                    files.directory + "/data",
                ] + files.arguments)
            try command.finish(expect: 69)
            #expect(command.complaints.first?.contains(word) == true, "\(command.complaints)")
        }
    }

    @Test func loginsWorkOverTLS12() throws {
        let server = try TestServer(configuration: "minimum-tls = \"1.2\"\n")
        for name in ["alice", "bob"] { try server.addAccount(name) }
        var configuration = TLSClientConfiguration(caPath: server.ca)
        configuration.minimumVersion = .tls12
        configuration.maximumVersion = .tls12
        let tls = try TLSContext(client: configuration)
        var session: TLSSession?
        for isResumed in [false, true] {
            let client = try RawClient(port: server.port, tls: tls, session: session)
            #expect(client.isResumed == isResumed)
            #expect(try client.logIn("alice").tag == "success")
            try client.send(pingNode)
            #expect(try client.nextNode()["type"] == "result")
            session = client.takeSession()
        }
        // Beside it, 1.3 with our own client, and messages between the two.
        try server.tern(
            ["send", "--as", "bob@localhost", "--to", "alice@localhost", "over 1.3"]
                + server.options, as: "bob")
        let late = try RawClient(port: server.port, tls: tls, session: session)
        #expect(try late.logIn("alice").tag == "success")
        #expect(try late.nextNode().tag == "message")
        let report = try server.tern(["tls"] + server.options)
        #expect(report.contains("tls-1.2       accepted (TLSv1.2, TLS_ECDHE_"), "\(report)")
        try server.stop()
    }
}
