// Several certificates, by name and by kind; client certificates; staples.

import Base
import COpenSSL
import Foundation
import Testing

@testable import TLS

/// The certificate a client was shown.
private func shown(_ link: Link) -> CertificateFacts? {
    guard let ssl = link.client.ssl, let certificate = SSL_get0_peer_certificate(ssl) else {
        return nil
    }
    return CertificateFacts(certificate)
}

private func failure(_ configuration: TLSServerConfiguration) -> TLSError? {
    do throws(TLSError) {
        _ = try TLSContext(server: configuration)
        return nil
    } catch {
        return error
    }
}

@Suite struct CertificateTests {
    private let authority = Authority.ours

    private func open(
        _ server: TLSContext, _ client: TLSClientConfiguration? = nil, name: String
    ) throws -> Link {
        let link = try Link(
            try TLSContext(client: client ?? authority.client), server, serverName: name)
        link.pump()
        return link
    }

    @Test func namesChooseTheirCertificate() throws {
        let server = try TLSContext(
            server: authority.server([
                authority.issue("first", dnsNames: ["first.test"]),
                authority.issue("second", dnsNames: ["second.test", "*.second.test"]),
                authority.issue("exact", dnsNames: ["exact.second.test"]),
            ]))
        for (name, subject) in [
            ("first.test", "CN=first"), ("second.test", "CN=second"), ("FIRST.TEST", "CN=first"),
            ("any.second.test", "CN=second"), ("exact.second.test", "CN=exact"),
        ] {
            let link = try open(server, name: name)
            #expect(link.client.isOpen && link.server.isOpen, "\(name)")
            #expect(shown(link)?.subject == subject)
            #expect(link.server.alpn == "tern/1")
        }
        // One label only, and no part of one: the first certificate, which the client refuses.
        for name in ["a.b.second.test", "second.test.evil", ".second.test", "none.test"] {
            let link = try open(server, name: name)
            guard case .certificateRejected = link.client.failure else {
                Issue.record("\(name): \(String(describing: link.client.failure))")
                continue
            }
        }
    }

    @Test func unknownNamesAreRefusedOnRequest() throws {
        var configuration = authority.server([
            authority.issue("known", dnsNames: ["known.test"])
        ])
        configuration.unknownServerName = .refuse
        let server = try TLSContext(server: configuration)
        #expect(try open(server, name: "known.test").client.isOpen)
        let link = try open(server, name: "unknown.test")
        #expect(link.server.failure == .serverNameRefused)
        guard case .peerAlert(112, _) = link.client.failure else {
            Issue.record("\(String(describing: link.client.failure))")
            return
        }
        // No name at all: the first certificate, which is not for an address.
        guard case .certificateRejected = try open(server, name: "127.0.0.1").client.failure else {
            Issue.record("a client without a name was refused by the server")
            return
        }
    }

    @Test func kindsStandSideBySide() throws {
        let files = [
            authority.issue("kind-ec", dnsNames: ["kind.test"]),
            authority.issue("kind-ed", key: "ED25519", dnsNames: ["kind.test"]),
            authority.issue(
                "kind-rsa", key: "RSA -pkeyopt rsa_keygen_bits:2048", dnsNames: ["kind.test"]),
        ]
        let server = try TLSContext(server: authority.server(files))
        #expect(server.credentials.count == 1)
        for (algorithms, key) in [
            ("ecdsa_secp256r1_sha256:ed25519:rsa_pss_rsae_sha256", "EC 256"),
            ("rsa_pss_rsae_sha256:ecdsa_secp256r1_sha256", "EC 256"),
            ("ed25519:ecdsa_secp256r1_sha256:rsa_pss_rsae_sha256", "EC 256"),
            ("ed25519:rsa_pss_rsae_sha256", "Ed25519"), ("rsa_pss_rsae_sha256", "RSA 2048"),
        ] {
            let context = try TLSContext(client: authority.client)
            // The chain is signed by the authority's EC key; only what the server signs is held back.
            #expect(tern_SSL_CTX_set1_sigalgs(context.handle, algorithms) == 1)
            let link = try Link(context, server, serverName: "kind.test")
            link.pump()
            #expect(link.server.failure == nil || key.isEmpty)
            #expect(shown(link)?.key == key, "\(algorithms)")
        }
    }

    @Test func twoOfAKindForOneNameAreRefused() throws {
        let files = [
            authority.issue("same-a", dnsNames: ["same.test"]),
            authority.issue("same-b", dnsNames: ["same.test"]),
        ]
        guard case .configuration(let text) = failure(authority.server(files)) else {
            Issue.record("accepted")
            return
        }
        #expect(text.contains("same-a.pem") && text.contains("same-b.pem"))
        let many = Array(repeating: files[0], count: 65)
        #expect(failure(authority.server(many)) != nil)
        #expect(failure(authority.server([])) != nil)
    }

    @Test func malformedNamesAreNotOurs() {
        let good: [UInt8] = [0, 6, 0, 0, 3, 0x41, 0x2E, 0x62]
        #expect(good.withUnsafeBytes { ServerNames.parse($0) } == Array("a.b".utf8))
        for size in 0..<good.count {
            #expect(good[..<size].withUnsafeBytes { ServerNames.parse($0) } == nil)
        }
        for (index, value) in [(0, 1), (1, 7), (2, 1), (3, 1), (4, 2), (4, 4)] {
            var bytes = good
            bytes[index] = UInt8(value)
            #expect(bytes.withUnsafeBytes { ServerNames.parse($0) } == nil, "\(index)")
        }
        #expect([0, 3, 0, 0, 0].withUnsafeBytes { ServerNames.parse($0) } == nil)
    }

    @Test func factsAreThoseOfTheFile() throws {
        let files = authority.issue("facts", dnsNames: ["Facts.test", "*.facts.test"])
        let server = try TLSContext(server: authority.server([files]))
        let facts = try #require(server.certificates.first?.facts)
        #expect(server.certificates.first?.path == files.chainPath)
        #expect(facts.subject == "CN=facts" && facts.issuer == "CN=Test authority")
        #expect(facts.dnsNames == ["facts.test", "*.facts.test"])
        #expect(facts.signature == "ecdsa-with-SHA256" && facts.fingerprint.count == 32)
        let now = UInt64(Date().timeIntervalSince1970)
        #expect(facts.daysLeft(at: now) == 9 || facts.daysLeft(at: now) == 10)
        #expect(facts.daysLeft(at: UInt64(facts.notAfter)) == 0)
        #expect(facts.daysLeft(at: UInt64(facts.notAfter) + 1) == -1)
        #expect(facts.daysLeft(at: UInt64(facts.notAfter) - 86_400) == 1)
        #expect(CertificateFacts(der: [0x30, 0x03, 1, 2, 3]) == nil)
        let ours = try TLSContext(server: Certificates.ours.server).certificates[0].facts
        #expect(ours.addresses == ["127.0.0.1", "0:0:0:0:0:0:0:1"])
    }
}

@Suite struct ClientCertificateTests {
    private let authority = Authority.ours

    private func server(
        _ mode: ClientCertificates, ca: String? = nil, _ ring: TicketKeyRing = .fixed()
    ) throws -> TLSContext {
        var configuration = authority.server([
            authority.issue("server-\(UUID().uuidString)", dnsNames: ["localhost"])
        ])
        configuration.clientCertificates = mode
        configuration.clientAuthorityPath = ca ?? authority.path("ca.pem")
        return try TLSContext(server: configuration, tickets: ring)
    }

    private func client(_ files: TLSCertificateFiles?) throws -> TLSContext {
        var configuration = authority.client
        configuration.certificate = files
        return try TLSContext(client: configuration)
    }

    private func identity(_ link: Link) -> CertificateFacts? {
        link.server.facts?.peerCertificate.flatMap { CertificateFacts(der: $0) }
    }

    private func open(
        _ client: TLSContext, _ server: TLSContext, session: TLSSession? = nil
    ) throws -> Link {
        let link = try Link(client, server, session: session)
        link.pump()
        return link
    }

    @Test func eachModeDoesWhatItSays() throws {
        let good = authority.issue("device-1", dnsNames: ["device-1.test"], purpose: "clientAuth")
        let wrongPurpose = authority.issue("device-2", dnsNames: [], purpose: "serverAuth")
        let stranger = Authority().issue("device-3", dnsNames: [], purpose: "clientAuth")
        for mode in [ClientCertificates.off, .optional, .required] {
            let server = try server(mode)
            let shown = try open(try client(good), server)
            #expect(shown.server.isOpen)
            #expect(identity(shown)?.subject == (mode == .off ? nil : "CN=device-1"))
            let silent = try open(try client(nil), server)
            #expect(silent.server.isOpen == (mode != .required), "\(mode)")
            #expect(identity(silent) == nil)
            if mode == .required {
                guard case .peerAlert(116, _) = silent.client.failure else {
                    Issue.record("\(String(describing: silent.client.failure))")
                    return
                }
            }
            for files in [wrongPurpose, stranger] where mode != .off {
                let link = try open(try client(files), server)
                #expect(!link.server.isOpen, "\(mode) \(files.chainPath)")
                guard case .handshakeFailed = link.server.failure else {
                    Issue.record("\(String(describing: link.server.failure))")
                    return
                }
            }
        }
    }

    @Test func identityComesBackWithTheTicketAndOnlyUnderTheSameRules() throws {
        let ring = TicketKeyRing.fixed()
        let files = authority.issue("device-4", dnsNames: ["device-4.test"], purpose: "clientAuth")
        let client = try client(files)
        let required = try server(.required, ring)
        let first = try open(client, required)
        let session = try #require(first.client.takeSession())
        let second = try open(client, required, session: session)
        #expect(second.server.resumed)
        #expect(identity(second) == identity(first) && identity(second) != nil)
        // The same rules after a reload: other objects, the same authorities.
        #expect(try open(client, try server(.required, ring), session: session).server.resumed)
        let other = Authority()
        for server in [
            try server(.optional, ring), try server(.off, ring),
            try server(.optional, ca: other.path("ca.pem"), ring),
        ] {
            let link = try open(client, server, session: session)
            #expect(!link.server.resumed)
        }
        #expect(ring.counts.otherTerms == 3)
        // Made without a certificate, a ticket does not get past the demand for one.
        let off = try open(client, try server(.off, ring))
        let anonymous = try #require(off.client.takeSession())
        #expect(try !open(client, required, session: anonymous).server.resumed)
    }

    @Test func authoritiesMustBeThere() throws {
        var configuration = Certificates.ours.server
        configuration.clientCertificates = .optional
        guard case .configuration = failure(configuration) else {
            Issue.record("no authorities")
            return
        }
        for path in ["/nowhere/ca.pem", try Certificates.ours.write("nothing\n", to: "empty.pem")] {
            configuration.clientAuthorityPath = path
            guard case .authorityFile(path, _) = failure(configuration) else {
                Issue.record("\(String(describing: failure(configuration)))")
                return
            }
        }
    }
}

@Suite struct StapleTests {
    private let authority = Authority.ours

    private func staple(_ link: Link) -> [UInt8]? {
        var bytes: UnsafePointer<UInt8>?
        let size = tern_SSL_get_tlsext_status_ocsp_resp(link.client.ssl, &bytes)
        guard size > 0, let bytes else { return nil }
        return Array(UnsafeBufferPointer(start: bytes, count: size))
    }

    private func open(_ server: TLSContext, asks: Bool = true) throws -> Link {
        let link = Link(
            client: End(
                try TLSConnection(
                    client: try TLSContext(client: authority.client), serverName: "staple.test")),
            server: End(try TLSConnection(server: server)))
        if asks { link.client.connection.requestStaple() }
        try link.client.start()
        link.pump()
        #expect(link.client.isOpen)
        return link
    }

    @Test func comesToThoseWhoAsk() throws {
        var files = authority.issue("staple", dnsNames: ["staple.test"])
        let path = authority.staple("staple")
        files.staplePath = path
        let server = try TLSContext(server: authority.server([files]))
        let bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
        #expect(try staple(open(server)) == bytes)
        #expect(try staple(open(server, asks: false)) == nil)
        files.staplePath = nil
        #expect(try staple(open(try TLSContext(server: authority.server([files])))) == nil)
    }

    @Test func oneThatHasRunOutIsNotGiven() throws {
        var files = authority.issue("late", dnsNames: ["staple.test"])
        // Responses last a minute at least, so the end is moved back in the object.
        files.staplePath = authority.staple("late", days: "-nmin 1")
        let server = try TLSContext(server: authority.server([files]))
        #expect(try staple(open(server)) != nil)
        let staple = try #require(server.credentials[0].staples.first)
        let endsAt = try #require(staple.endsAt)
        #expect(isPast(0) && !isPast(endsAt))
    }

    @Test func unusableOnesAreNamed() throws {
        var files = authority.issue("bad", dnsNames: ["bad.test"])
        _ = authority.issue("other", dnsNames: ["other.test"])
        let good = [UInt8](try Data(contentsOf: URL(filePath: authority.staple("bad"))))
        func write(_ bytes: [UInt8], _ name: String) throws -> String {
            let path = authority.path(name)
            try Data(bytes).write(to: URL(filePath: path))
            return path
        }
        // "No answer": OCSPResponse with status tryLater and nothing else.
        for (path, word) in [
            ("/nowhere/staple.der", "No such file"),
            (try write([], "empty.der"), "DER"),
            (try write(Array(good.dropLast(10)), "short.der"), "DER"),
            (try write(Array("garbage".utf8), "garbage.der"), "DER"),
            (try write(Array(repeating: 0x30, count: 20_000), "long.der"), "longer"),
            (try write([0x30, 3, 0x0A, 1, 3], "later.der"), "no answer"),
            (authority.staple("other"), "another certificate"),
            (authority.staple("bad", isRevoked: true), "revoked"),
        ] {
            files.staplePath = path
            guard case .stapleFile(path, let reason) = failure(authority.server([files])) else {
                Issue.record("\(path): \(String(describing: failure(authority.server([files]))))")
                continue
            }
            #expect(reason.contains(word), "\(path): \(reason)")
        }
    }
}
