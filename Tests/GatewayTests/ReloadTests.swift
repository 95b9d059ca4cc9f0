// Certificates and ticket keys change while sessions go on.

import Base
import Client
import Foundation
import Logging
import TLS
import Testing
import Wire

@testable import Gateway

@Suite(.serialized) struct ReloadTests {
    private let files: ServerFiles

    init() throws { files = try ServerFiles() }

    /// The serial number of the certificate that new connections see.
    private func serial(_ server: TestServer) throws -> String {
        let text = try TestFiles.run(
            "/bin/sh",
            [
                "-c",
                """
                openssl s_client -connect 127.0.0.1:\(server.port) -alpn tern/1 -servername localhost \
                  < /dev/null 2> /dev/null | openssl x509 -noout -serial
                """,
            ])
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private func reload(_ server: TestServer, expect: Int32 = 0) throws -> String {
        try server.tern(["reload", "--admin", server.adminPath], expect: expect)
    }

    @Test func sessionsGoOnAndNewOnesSeeTheNewCertificate() throws {
        let server = try TestServer(arguments: files.arguments)
        try server.addAccount("alice")
        let client = try RawClient(port: server.port, ca: files.ca)
        #expect(try client.logIn("alice").tag == "success")
        let before = try serial(server)
        try files.issue()
        #expect(try serial(server) == before)
        #expect(try reload(server) == "reloaded tls\n")
        let after = try serial(server)
        #expect(after != before)
        try files.issue()
        server.hangUp()
        try server.waitForStatus("tls-reloads", 2)
        #expect(try serial(server) != after)
        // The session of before has noticed nothing.
        try client.send(pingNode)
        #expect(try client.nextNode()["type"] == "result")
        let status = try server.status()
        #expect(status["sessions"] == 1 && status["tls-reloads-failed"] == 0)
        try server.stop()
    }

    @Test func aBrokenFileChangesNothingAndSaysSo() throws {
        let server = try TestServer(arguments: files.arguments)
        let before = try serial(server)
        let good = try String(contentsOfFile: files.certificate, encoding: .utf8)
        let key = try String(contentsOfFile: files.key, encoding: .utf8)
        let breaks: [(String, String, String)] = [
            (files.certificate, "not PEM\n", "server.pem"),
            (files.certificate, String(good.prefix(good.count / 2)), "server.pem"),
            (files.key, String(key.prefix(key.count / 2)), "server-key.pem"),
            (files.key, try files.strangeKey(), "does not belong"),
        ]
        for (index, (path, text, word)) in breaks.enumerated() {
            try text.write(toFile: path, atomically: true, encoding: .utf8)
            let answer = try reload(server, expect: 65)
            #expect(answer.contains("not-reloaded") && answer.contains(word), "\(answer)")
            #expect(answer.contains("what was in use stays"))
            #expect(try serial(server) == before)
            #expect(try server.status()["tls-reloads-failed"] == index + 1)
            try good.write(toFile: files.certificate, atomically: true, encoding: .utf8)
            try key.write(toFile: files.key, atomically: true, encoding: .utf8)
        }
        try files.issue(dates: .expired)
        #expect(try reload(server, expect: 65).contains("expired"))
        #expect(try serial(server) == before)
        try FileManager.default.removeItem(atPath: files.certificate)
        server.hangUp()
        try server.waitForStatus("tls-reloads-failed", breaks.count + 2)
        #expect(server.logged.contains("TLS not reloaded: what was in use stays"))
        #expect(try serial(server) == before)
        #expect(!server.logged.contains("PRIVATE KEY"))
        try server.stop()
    }

    @Test func ticketsOutliveAReload() throws {
        let server = try TestServer(arguments: files.arguments)
        let tls = try TLSContext(client: TLSClientConfiguration(caPath: files.ca))
        try server.addAccount("alice")
        let first = try RawClient(port: server.port, tls: tls, session: nil)
        #expect(try first.logIn("alice").tag == "success")
        let session = first.takeSession()
        try files.issue()
        _ = try reload(server)
        let second = try RawClient(port: server.port, tls: tls, session: session)
        #expect(second.isResumed)
        #expect(try server.status()["tickets-accepted"] == 1)
        try server.stop()
    }

    @Test func gatewaysWithOneKeyFileResumeEachOthersTickets() throws {
        let keys = files.directory + "/ticket-keys"
        try server(["tls", "ticket-key", keys])
        let configuration = "[tls]\nticket-keys = \"\(keys)\"\n"
        let servers = try [1, 2].map { _ in
            try TestServer(configuration: configuration, arguments: files.arguments)
        }
        let tls = try TLSContext(client: TLSClientConfiguration(caPath: files.ca))
        var session: TLSSession?
        for (turn, server) in (servers + servers).enumerated() {
            try? server.addAccount("alice")
            let client = try RawClient(port: server.port, tls: tls, session: session)
            #expect(client.isResumed == (turn > 0))
            #expect(try client.logIn("alice").tag == "success")
            session = client.takeSession()
        }
        // A key file of other keys: the ticket is not known any more, the connection goes on.
        try FileManager.default.removeItem(atPath: keys)
        try server(["tls", "ticket-key", keys])
        for server in servers { _ = try reload(server) }
        let client = try RawClient(port: servers[0].port, tls: tls, session: session)
        #expect(!client.isResumed)
        #expect(try servers[0].status()["tickets-unknown-key"] == 1)
        for server in servers { try server.stop() }
    }

    @Test func ticketKeysAreMadeAndKeptWithCare() throws {
        let keys = files.directory + "/ticket-keys"
        #expect(try server(["tls", "ticket-key", keys]) == "2 keys, the next in 3600 s\n")
        let attributes = try FileManager.default.attributesOfItem(atPath: keys)
        #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o600)
        let text = try String(contentsOfFile: keys, encoding: .utf8)
        #expect(try server(["tls", "ticket-key", keys]).hasPrefix("2 keys"))
        #expect(try String(contentsOfFile: keys, encoding: .utf8) == text)
        let configuration = "[tls]\nticket-keys = \"\(keys)\"\n"
        let running = try TestServer(configuration: configuration, arguments: files.arguments)
        for (mode, content, word) in [
            (0o644, text, "others may open it"), (0o640, text, "others may open it"),
            (0o600, String(text.dropLast(40)), "line 3"), (0o600, "", "the first line"),
            (0o600, text + "nonsense\n", "line 4"),
        ] {
            try content.write(toFile: keys, atomically: false, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: keys)
            let answer = try reload(running, expect: 65)
            #expect(answer.contains("ticket-keys") && answer.contains(word), "\(answer)")
            // Nor does a gateway start with it.
            let other = try RunningCommand(
                "ternd",
                [
                    "--config", running.directory + "/ternd.toml", "--listen", "127.0.0.1:0",
                    "--data", files.directory + "/other",
                ] + files.arguments)
            try other.finish(expect: 69)
            #expect(other.complaints.first?.contains(word) == true, "\(other.complaints)")
        }
        try server(["tls", "ticket-key", keys], expect: 65)
        for line in text.split(separator: "\n").dropFirst() {
            let secret = line.split(separator: " ")[1]
            #expect(!running.logged.contains(secret))
        }
        try running.stop()
    }

    /// Runs `tern` without a gateway.
    @discardableResult
    private func server(_ arguments: [String], expect: Int32 = 0) throws -> String {
        try TestFiles.run(
            TestFiles.products.appending(path: "tern").path, arguments, expect: expect)
    }

    @Test func aChangedKeyFileIsTakenUpInTime() throws {
        let keys = files.directory + "/ticket-keys"
        try server(["tls", "ticket-key", keys])
        var settings = GatewayConfiguration()
        settings.certificatePath = files.certificate
        settings.keyPath = files.key
        settings.tls.ticketKeyPath = keys
        let gateway = try GatewayTLS(settings, logger: Logger(label: "test"))
        let client = try TLSContext(client: TLSClientConfiguration(caPath: files.ca))
        #expect(try handshake(client, gateway.context).isResumed == false)
        // Unchanged, then broken, then another: only the last makes a difference.
        gateway.maintain()
        let session = try handshake(client, gateway.context).session
        #expect(try handshake(client, gateway.context, session).isResumed)
        let text = try String(contentsOfFile: keys, encoding: .utf8)
        try "broken".write(toFile: keys, atomically: false, encoding: .utf8)
        gateway.maintain()
        #expect(gateway.status["tls-reloads-failed"] == 1)
        gateway.maintain()
        #expect(gateway.status["tls-reloads-failed"] == 1)
        #expect(try handshake(client, gateway.context, session).isResumed)
        try FileManager.default.removeItem(atPath: keys)
        gateway.maintain()
        try server(["tls", "ticket-key", keys])
        gateway.maintain()
        #expect(try !handshake(client, gateway.context, session).isResumed)
        #expect(gateway.status["tickets-unknown-key"] == 1)
        try text.write(toFile: keys, atomically: false, encoding: .utf8)
        gateway.maintain()
        #expect(try handshake(client, gateway.context, session).isResumed)
        // One that others may open is taken as soon as they may not.
        let failedCount = gateway.status["tls-reloads-failed"] ?? 0
        try server(["tls", "ticket-key", keys + "-new"])
        #expect(chmod(keys + "-new", 0o644) == 0 && rename(keys + "-new", keys) == 0)
        for _ in 0..<3 { gateway.maintain() }
        #expect(gateway.status["tls-reloads-failed"] == failedCount + 1)
        #expect(try handshake(client, gateway.context, session).isResumed)
        #expect(chmod(keys, 0o600) == 0)
        gateway.maintain()
        #expect(try !handshake(client, gateway.context, session).isResumed)
        // So is one behind a link.
        #expect(rename(keys, keys + "-there") == 0 && symlink(keys + "-there", keys) == 0)
        gateway.maintain()
        #expect(gateway.status["tls-reloads-failed"] == failedCount + 1)
        let fresh = try handshake(client, gateway.context).session
        #expect(try handshake(client, gateway.context, fresh).isResumed)
    }

    /// A handshake in memory.
    private func handshake(
        _ client: TLSContext, _ server: TLSContext, _ session: TLSSession? = nil
    ) throws -> (isResumed: Bool, session: TLSSession?) {
        let ciphers = RecordCiphers()
        var clientEnd = try TLSConnection(
            client: client, serverName: "localhost", session: session)
        var serverEnd = try TLSConnection(server: server)
        var plaintext = ByteBuffer()
        var toServer = ByteBuffer()
        var toClient = ByteBuffer()
        try clientEnd.start(output: &toServer, ciphers: ciphers)
        while !toServer.isEmpty || !toClient.isEmpty {
            let forServer = toServer.copy()
            toServer.clear()
            _ = try forServer.withUnsafeBytes {
                try serverEnd.receive(
                    $0, plaintext: &plaintext, output: &toClient, ciphers: ciphers)
            }
            let forClient = toClient.copy()
            toClient.clear()
            _ = try forClient.withUnsafeBytes {
                try clientEnd.receive(
                    $0, plaintext: &plaintext, output: &toServer, ciphers: ciphers)
            }
        }
        let facts = clientEnd.takeFacts()
        return (facts?.isResumed ?? false, clientEnd.takeSession())
    }

    @Test func theEndOfACertificateIsAMetricAndAWarning() throws {
        try files.issue(dates: .days(10))
        let server = try TestServer(arguments: files.arguments)
        #expect(server.logged.contains("certificate expires soon"))
        let status = try server.status()
        let days = status["certificate-days-left"] ?? 0
        #expect(days == 9 || days == 10)
        let notAfter = status["certificate-not-after"] ?? 0
        #expect(abs(notAfter - Int(Date().timeIntervalSince1970) - 10 * 86_400) < 3_600)
        try files.issue(dates: .days(15))
        _ = try reload(server)
        #expect(server.logged.ranges(of: "certificate expires soon").count == 1)
        try server.stop()
        // One that is over does not keep the gateway from starting: it may serve other names.
        try files.issue(dates: .expired)
        let late = try TestServer(arguments: files.arguments)
        #expect(late.logged.contains("certificate has expired"))
        #expect(try late.status()["certificate-days-left"] ?? 0 < 0)
        #expect(
            try late.tern(
                ["tls", "--server", "127.0.0.1:\(late.port)", "--ca", files.ca], expect: 77
            )
            .contains("expired"))
        try late.stop()
    }
}

/// A server's certificate files in a directory of their own, made anew at will.
final class ServerFiles {
    enum Dates {
        case days(Int)
        case expired
    }

    let directory: String
    var certificate: String { directory + "/server.pem" }
    var key: String { directory + "/server-key.pem" }
    var ca: String { directory + "/ca.pem" }
    var arguments: [String] { ["--certificate", certificate, "--key", key] }

    init() throws {
        directory = try TestFiles.temporaryDirectory()
        try TestFiles.run(
            "/bin/sh", [TestFiles.root.appending(path: "certs/generate.sh").path, directory])
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    private func shell(_ script: String) throws {
        try TestFiles.run("/bin/sh", ["-e", "-c", "cd '\(directory)'\n" + script])
    }

    /// Makes key and certificate anew, under the same authority.
    func issue(
        _ name: String = "server", dnsNames: String = "DNS:localhost,IP:127.0.0.1",
        purpose: String = "serverAuth", dates: Dates = .days(100)
    ) throws {
        let options: String
        switch dates {
        case .days(let count): options = "-days \(count)"
        // `openssl x509` counts from now; `ca` would want a database. A negative count is the past.
        case .expired: options = "-days -1"
        }
        try shell(
            """
            openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out new-key.pem 2> /dev/null
            openssl req -new -key new-key.pem -subj /CN=\(name) -out new.csr
            printf 'basicConstraints=critical,CA:FALSE\\nextendedKeyUsage=\(purpose)\\n\
            subjectAltName=\(dnsNames)\\n' > new.ext
            openssl x509 -req -in new.csr -CA ca.pem -CAkey ca-key.pem \
              -set_serial 0x$(openssl rand -hex 16) \(options) -extfile new.ext -out new.pem 2> /dev/null
            mv new-key.pem \(name)-key.pem
            mv new.pem \(name).pem
            """)
    }

    /// A key that belongs to nothing.
    func strangeKey() throws -> String {
        try TestFiles.run(
            "/usr/bin/openssl",
            ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"])
    }

    /// An OCSP response about `name.pem`, in `name.ocsp`.
    func staple(_ name: String = "server") throws {
        try shell(
            """
            serial=$(openssl x509 -in \(name).pem -noout -serial | cut -d= -f2)
            printf 'V\\t400101000000Z\\t\\t%s\\tunknown\\t/CN=x\\n' "$serial" > index
            openssl ocsp -issuer ca.pem -cert \(name).pem -reqout request 2> /dev/null
            openssl ocsp -index index -rsigner ca.pem -rkey ca-key.pem -CA ca.pem -reqin request \
              -ndays 7 -respout \(name).ocsp > /dev/null 2>&1
            """)
    }
}
