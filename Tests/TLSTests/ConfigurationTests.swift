import Foundation
import TLS
import Testing

@Suite struct ConfigurationTests {
    private let files = Certificates.ours

    private func failure(_ configuration: TLSServerConfiguration) -> TLSError? {
        do throws(TLSError) {
            _ = try TLSContext(server: configuration)
            return nil
        } catch {
            return error
        }
    }

    @Test func missingFilesAreNamed() {
        var configuration = files.server
        configuration.certificateChainPath = "/nowhere/server.pem"
        #expect(
            failure(configuration)?.description.hasPrefix(
                "certificate chain /nowhere/server.pem: No such file or directory") == true)
        configuration = files.server
        configuration.privateKeyPath = "/nowhere/key.pem"
        #expect(
            failure(configuration)?.description.hasPrefix(
                "private key /nowhere/key.pem: No such file or directory") == true)
        #expect(throws: TLSError.self) {
            _ = try TLSContext(client: TLSClientConfiguration(caPath: "/nowhere/ca.pem"))
        }
    }

    @Test func brokenFilesAreNamed() throws {
        let broken = try files.write("not a certificate\n", to: "broken.pem")
        var configuration = files.server
        configuration.certificateChainPath = broken
        guard case .certificateFile(broken, _) = failure(configuration) else {
            Issue.record("\(String(describing: failure(configuration)))")
            return
        }
        configuration = files.server
        configuration.privateKeyPath = broken
        guard case .privateKeyFile(broken, _) = failure(configuration) else {
            Issue.record("\(String(describing: failure(configuration)))")
            return
        }
        #expect(throws: TLSError.self) {
            _ = try TLSContext(client: TLSClientConfiguration(caPath: broken))
        }
    }

    @Test func mismatchedKeyIsNamed() {
        var configuration = files.server
        configuration.privateKeyPath = files.path("client-key.pem")
        #expect(
            failure(configuration)
                == .keyMismatch(
                    certificatePath: files.path("server.pem"),
                    privateKeyPath: files.path("client-key.pem")))
    }

    @Test func encryptedKeyAsksNobody() throws {
        let encrypted = files.path("encrypted.pem")
        let arguments = [
            "openssl", "pkcs8", "-topk8", "-in", files.path("server-key.pem"), "-out", encrypted,
            "-passout", "pass:secret",
        ]
        #expect(runProgram(arguments) == 0)
        var configuration = files.server
        configuration.privateKeyPath = encrypted
        guard case .privateKeyFile(encrypted, _) = failure(configuration) else {
            Issue.record("\(String(describing: failure(configuration)))")
            return
        }
    }

    @Test func limitsAreChecked() {
        for (count, works) in [(-1, false), (0, true), (4, true), (5, false)] {
            var configuration = files.server
            configuration.ticketCount = count
            #expect((failure(configuration) == nil) == works, "ticketCount \(count)")
        }
        for (lifetimeS, works) in [(0, false), (1, true), (604_800, true), (604_801, false)] {
            var configuration = files.server
            configuration.ticketLifetimeS = lifetimeS
            #expect((failure(configuration) == nil) == works, "ticketLifetimeS \(lifetimeS)")
        }
        for (size, works) in [(0, false), (1, true), (255, true), (256, false)] {
            var configuration = files.server
            configuration.alpn = [String(repeating: "a", count: size)]
            #expect((failure(configuration) == nil) == works, "ALPN name of \(size)")
        }
    }

    @Test func systemAuthoritiesLoad() throws {
        _ = try TLSContext(client: TLSClientConfiguration())
    }

    @Test func keysAreForTheirOwnerOnly() throws {
        for name in ["ca-key.pem", "server-key.pem", "client-key.pem"] {
            let attributes = try FileManager.default.attributesOfItem(atPath: files.path(name))
            let mode = try #require(attributes[.posixPermissions] as? NSNumber)
            #expect(mode.intValue & 0o777 == 0o600, "\(name)")
        }
    }
}
