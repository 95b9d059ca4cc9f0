import Base
import COpenSSL
import Testing

@testable import TLS

/// Keeps a context from speaking TLS 1.3.
private func holdBack(_ context: TLSContext) {
    SSL_CTX_ctrl(context.handle, SSL_CTRL_SET_MAX_PROTO_VERSION, Int(TLS1_2_VERSION), nil)
}

/// The alert in the clear at the end of what an end sent before it had keys; nil if there is none.
private func plainAlert(_ bytes: [UInt8]) -> UInt8? {
    guard bytes.count >= 7, bytes[bytes.count - 7] == 21, bytes[bytes.count - 2] == 2 else {
        return nil
    }
    return bytes.last
}

@Suite struct HandshakeTests {
    @Test func agreesOnTheStrictDefaults() throws {
        let link = try Contexts().openLink()
        #expect(link.client.status == .open && link.server.status == .open)
        #expect(link.client.isOpen && link.server.isOpen)
        for end in [link.client, link.server] {
            #expect(end.version == "TLSv1.3")
            #expect(end.cipherSuite == "TLS_AES_128_GCM_SHA256")
            #expect(end.alpn == "tern/1")
            #expect(end.facts?.group == "x25519")
            #expect(end.facts?.peerCertificate == nil)
            #expect(!end.resumed)
            #expect(end.connection.takeFacts() == nil)
        }
        #expect(link.server.serverName == "localhost")
    }

    @Test func knowsNothingBeforeTheHandshake() throws {
        let link = try Contexts().link()
        #expect(!link.server.isOpen)
        #expect(link.server.version == nil)
        #expect(link.server.connection.takeFacts() == nil)
        #expect(throws: TLSError.notOpen) { try link.server.send([1]) }
        #expect(link.server.outputSize == 0)
    }

    @Test func everyOneByteDripWorks() throws {
        let link = try Contexts().link()
        link.pump(chunkSize: 1)
        try link.client.send(pattern(3_000))
        link.pump(chunkSize: 1)
        #expect(link.server.takePlaintext() == pattern(3_000))
    }

    @Test(arguments: ["127.0.0.1", "::1"])
    func checksAddresses(_ address: String) throws {
        let link = try Contexts().link(serverName: address)
        link.pump()
        #expect(link.client.status == .open)
        #expect(link.server.serverName == nil)
    }

    @Test(arguments: ["example.org", "127.0.0.2", "localhost.example.org", "host"])
    func wrongNameIsRefused(_ name: String) throws {
        let link = try Contexts().link(serverName: name)
        link.pump()
        guard case .certificateRejected = link.client.failure else {
            Issue.record("client: \(String(describing: link.client.failure))")
            return
        }
        guard case .peerAlert(let code, _) = link.server.failure else {
            Issue.record("server: \(String(describing: link.server.failure))")
            return
        }
        #expect(code == 42 || code == 46)  // bad_certificate, certificate_unknown
    }

    @Test func otherAuthorityIsRefused() throws {
        let link = try Contexts(client: Certificates.others.client).openLink()
        guard case .certificateRejected = link.client.failure else {
            Issue.record("client: \(String(describing: link.client.failure))")
            return
        }
        guard case .peerAlert(48, _) = link.server.failure else {  // unknown_ca
            Issue.record("server: \(String(describing: link.server.failure))")
            return
        }
        #expect(throws: TLSError.notOpen) { try link.client.send([1]) }
    }

    @Test func clientCertificateDoesNotServe() throws {
        let files = Certificates.ours
        let server = TLSServerConfiguration(
            certificateChainPath: files.path("client.pem"),
            privateKeyPath: files.path("client-key.pem"))
        let link = try Contexts(server: server).openLink()
        guard case .certificateRejected = link.client.failure else {
            Issue.record("client: \(String(describing: link.client.failure))")
            return
        }
    }

    @Test(arguments: ["", "a b", "host\0.example.org", "\u{e9}.example.org"])
    func unusableNamesAreRefused(_ name: String) throws {
        let contexts = try Contexts()
        #expect(throws: TLSError.self) { _ = try contexts.link(serverName: name) }
    }

    @Test(arguments: [[], ["h2"], ["tern/2", "http/1.1"]])
    func otherProtocolsAreRefusedWithAnAlert(_ alpn: [String]) throws {
        var client = Certificates.ours.client
        client.alpn = alpn
        let link = try Contexts(client: client).openLink()
        #expect(link.server.failure == .applicationProtocolRefused)
        #expect(plainAlert(link.server.sentBytes) == 120)
        guard case .peerAlert(120, _) = link.client.failure else {
            Issue.record("client: \(String(describing: link.client.failure))")
            return
        }
    }

    @Test func oneProtocolInCommonIsEnough() throws {
        var client = Certificates.ours.client
        client.alpn = ["h2", "tern/1"]
        let link = try Contexts(client: client).openLink()
        #expect(link.server.alpn == "tern/1")
    }

    @Test func serverWithoutProtocolIsRefusedByTheClient() throws {
        var server = Certificates.ours.server
        server.alpn = []
        let link = try Contexts(server: server).openLink()
        #expect(link.client.failure == .applicationProtocolRefused)
        #expect(link.server.status == .closed)
    }

    @Test func oldVersionIsRefusedByDefault() throws {
        var client = Certificates.ours.client
        client.minimumVersion = .tls12
        let contexts = try Contexts(client: client)
        holdBack(contexts.client)
        let link = try contexts.openLink()
        guard case .handshakeFailed = link.server.failure else {
            Issue.record("server: \(String(describing: link.server.failure))")
            return
        }
        #expect(plainAlert(link.server.sentBytes) == 70)  // protocol_version
    }

    @Test func oldVersionIsAcceptedOnRequest() throws {
        var configuration = Certificates.ours.server
        configuration.minimumVersion = .tls12
        var client = Certificates.ours.client
        client.minimumVersion = .tls12
        let contexts = try Contexts(client: client, server: configuration)
        holdBack(contexts.client)
        let link = try contexts.openLink()
        #expect(link.server.version == "TLSv1.2")
        #expect(
            link.server.cipherSuite == "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")
        try link.client.send([1, 2, 3])
        try link.server.send([4, 5])
        link.pump()
        #expect(link.server.takePlaintext() == [1, 2, 3])
        #expect(link.client.takePlaintext() == [4, 5])
        #expect(link.client.exporter?.count == 32)
        #expect(link.client.exporter == link.server.exporter)
        let session = try #require(link.client.takeSession())
        let second = try contexts.openLink(session: session)
        #expect(second.client.resumed && second.server.resumed)
    }

    @Test func resumes() throws {
        let contexts = try Contexts()
        let first = try contexts.openLink()
        let session = try #require(first.client.takeSession())
        let second = try contexts.openLink(session: session)
        #expect(second.client.resumed && second.server.resumed)
        #expect(second.server.serverName == "localhost")
        #expect(second.server.alpn == "tern/1")
        try second.client.send(pattern(100))
        second.pump()
        #expect(second.server.takePlaintext() == pattern(100))
        let next = try #require(second.client.takeSession())
        #expect(try contexts.openLink(session: next).server.resumed)
    }

    @Test func sessionsStayWithTheirNameAndContext() throws {
        let contexts = try Contexts()
        let first = try contexts.openLink()
        let session = try #require(first.client.takeSession())
        let elsewhere = try contexts.link(serverName: "127.0.0.1", session: session)
        elsewhere.pump()
        #expect(elsewhere.client.status == .open && !elsewhere.client.resumed)
        let stranger = try Link(
            try TLSContext(client: Certificates.ours.client), contexts.server, session: session)
        stranger.pump()
        #expect(stranger.client.status == .open && !stranger.client.resumed)
    }

    @Test func otherServersTicketFallsBackToAFullHandshake() throws {
        let contexts = try Contexts()
        let session = try #require(try contexts.openLink().client.takeSession())
        let restarted = try TLSContext(server: Certificates.ours.server)
        let link = try Link(contexts.client, restarted, session: session)
        link.pump()
        #expect(link.client.status == .open && !link.client.resumed)
    }

    @Test func noTicketsOnRequest() throws {
        var server = Certificates.ours.server
        server.ticketCount = 0
        let link = try Contexts(server: server).openLink()
        #expect(link.client.status == .open)
        #expect(link.client.takeSession() == nil)
    }

    @Test func exporterIsSharedAndUnique() throws {
        let contexts = try Contexts()
        let link = try contexts.openLink()
        let ours = try #require(link.client.exporter)
        #expect(ours.count == 32)
        #expect(link.server.exporter == ours)
        #expect(try contexts.openLink().server.exporter != ours)
        var server = Certificates.ours.server
        server.exporter = ExporterRequest(label: "EXPORTER-other", size: 48)
        let other = try Contexts(server: server).openLink()
        #expect(other.server.exporter?.count == 48)
        #expect(other.server.exporter?.starts(with: other.client.exporter ?? []) == false)
    }

    @Test(arguments: [
        Array("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8), [UInt8](repeating: 0, count: 64),
        [UInt8](repeating: 0xFF, count: 64), Array("TN\u{1}\u{1}".utf8) + [UInt8](0...40),
    ])
    func garbageIsRefused(_ bytes: [UInt8]) throws {
        let server = End(try TLSConnection(server: try Contexts().server))
        server.receive(bytes[...])
        guard case .handshakeFailed = server.failure else {
            Issue.record("server: \(String(describing: server.failure))")
            return
        }
        #expect(server.isOpen == false)
    }

    @Test func flippedHandshakeBytesNeverOpen() throws {
        let contexts = try Contexts()
        let hello = try contexts.link().client.takeOutput()
        for offset in stride(from: 0, to: hello.count, by: 7) {
            var bytes = hello
            bytes[offset] ^= 0x10
            let server = End(try TLSConnection(server: contexts.server))
            server.receive(bytes[...])
            #expect([TLSStatus.awaitingHello, .handshaking].contains(server.status))
        }
    }

    /// A server says when the costly step is done: not with a part of a ClientHello, nor with a HelloRetryRequest.
    @Test(arguments: ["X25519", "P-521:P-256"])
    func awaitsTheHelloThatItAnswers(groups: String) throws {
        let contexts = try Contexts()
        #expect(tern_SSL_CTX_set1_groups_list(contexts.client.handle, groups) == 1)
        let link = try contexts.link()
        let hellos = groups == "X25519" ? 1 : 2
        for number in 1...hellos {
            let hello = link.client.takeOutput()
            link.server.receive(hello[..<100])
            #expect(link.server.status == .awaitingHello && link.server.outputSize == 0)
            link.server.receive(hello[100...])
            #expect(link.server.status == (number == hellos ? .handshaking : .awaitingHello))
            #expect(link.server.outputSize > 0)
            link.client.receive(link.server.takeOutput()[...])
        }
        link.pump()
        #expect(link.server.status == .open && link.client.status == .open)
    }

    @Test func flippedServerFlightNeverOpens() throws {
        let contexts = try Contexts()
        var offset = 0
        var size = 1
        while offset < size {
            let link = try contexts.link()
            link.server.receive(link.client.takeOutput()[...])
            var bytes = link.server.takeOutput()
            size = bytes.count
            bytes[offset] ^= 0x04
            link.client.receive(bytes[...])
            #expect(!link.client.isOpen, "offset \(offset)")
            offset += 13
        }
    }

    @Test func threadsShareContexts() async throws {
        let contexts = try Contexts()
        let client = contexts.client
        let server = contexts.server
        let opened = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<4 {
                group.addTask { Self.openLinks(client, server, count: 25) }
            }
            return await group.reduce(0, +)
        }
        #expect(opened == 100)
    }

    private static func openLinks(_ client: TLSContext, _ server: TLSContext, count: Int) -> Int {
        var opened = 0
        var session: TLSSession?
        for _ in 0..<count {
            guard let link = try? Link(client, server, session: session) else { continue }
            link.pump()
            if link.client.isOpen, link.server.isOpen { opened += 1 }
            session = link.client.takeSession()
        }
        return opened
    }
}
