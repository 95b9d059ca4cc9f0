// TLS scanners against the gateway's default settings: run by `make scan`, which says where the reports
// go. Scanners know no ALPN of ours, and a gateway refuses whoever has none; so they look at the echo server
// with the gateway's own settings, and once at a gateway to see that it refuses them.

import Foundation
import TLS
import Testing

@testable import Gateway

private let reports = ProcessInfo.processInfo.environment["TERN_SCAN"]

@Suite(.serialized, .enabled(if: reports != nil)) struct ScannerTests {
    private let directory: String
    private let certificates: String

    init() throws {
        directory = reports ?? "/tmp"
        certificates = try TestFiles.certificates.get()
    }

    private func server() throws -> EchoServer {
        var settings = GatewayConfiguration()
        settings.certificatePath = certificates + "/server.pem"
        settings.keyPath = certificates + "/server-key.pem"
        var configuration = settings.serverTLS
        configuration.alpn = []
        return try EchoServer(configuration)
    }

    /// Runs a scanner and keeps what it says.
    private func scan(_ name: String, _ port: UInt16, _ command: String) throws -> String {
        let text = try TestFiles.run(
            "/bin/sh", ["-c", command + " 2>&1 || true"],
            environment: ["port": "\(port)", "ca": certificates + "/ca.pem", "LC_ALL": "C"])
        try text.write(toFile: "\(directory)/\(name).txt", atomically: true, encoding: .utf8)
        return text
    }

    @Test func sslscanFindsTLS13Only() throws {
        let server = try server()
        let text = try scan("sslscan", server.port, "sslscan --no-colour localhost:$port")
        for version in ["SSLv2", "SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2"] {
            #expect(text.contains(try Regex("\(version) +disabled")), "\(text)")
        }
        #expect(text.contains("TLSv1.3   enabled"))
        #expect(!text.contains("vulnerable to heartbleed") || text.contains("not vulnerable"))
    }

    @Test func sslyzeFindsNothing() throws {
        let server = try server()
        let text = try scan(
            "sslyze", server.port,
            "\"${SSLYZE:-sslyze}\" --certinfo_ca_file \"$ca\" localhost:$port")
        #expect(text.contains("OK - Not vulnerable to Heartbleed"), "\(text)")
        #expect(!text.contains("VULNERABLE -"), "\(text)")
    }

    @Test func testsslFindsNothing() throws {
        let server = try server()
        let text = try scan(
            "testssl", server.port,
            "testssl --quiet --color 0 --warnings off --ip 127.0.0.1 --add-ca \"$ca\" localhost:$port"
        )
        #expect(text.contains("TLS 1.3    offered (OK)"), "\(text)")
        #expect(!text.contains("VULNERABLE (NOT ok)"))
    }

    @Test func aGatewayRefusesThemAll() throws {
        let gateway = try TestServer()
        let text = try scan("sslscan-gateway", gateway.port, "sslscan --no-colour localhost:$port")
        #expect(!text.contains("Accepted") && !text.contains("Preferred"), "\(text)")
        #expect(gateway.logged.contains("no application protocol"))
        try gateway.stop()
    }
}
