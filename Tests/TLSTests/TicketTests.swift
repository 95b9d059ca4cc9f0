// Tickets as handshakes see them.

import Base
import COpenSSL
import Foundation
import Testing

@testable import TLS

@Suite struct TicketTests {
    private let clock = TestClock(UInt64(Date().timeIntervalSince1970))

    private func ring(singleUse: Bool = false) -> TicketKeyRing {
        let clock = clock
        return TicketKeyRing(lifetimeS: 7_200, periodS: 3_600, singleUse: singleUse) { clock.now }
    }

    /// Opens a connection; whether it resumed, and the session for the next.
    private func open(
        _ client: TLSContext, _ server: TLSContext, _ session: TLSSession? = nil,
        name: String = "localhost"
    ) throws -> (resumed: Bool, session: TLSSession?) {
        let link = try Link(client, server, serverName: name, session: session)
        link.pump()
        #expect(link.client.isOpen && link.server.isOpen)
        #expect(link.client.resumed == link.server.resumed)
        return (link.server.resumed, link.client.takeSession())
    }

    @Test func contextsOfOneRingResumeEachOthersTickets() throws {
        let ring = ring()
        let client = try TLSContext(client: Certificates.ours.client)
        let before = try TLSContext(server: Certificates.ours.server, tickets: ring)
        let after = try TLSContext(server: Certificates.ours.server, tickets: ring)
        let first = try open(client, before)
        #expect(!first.resumed)
        #expect(try open(client, after, first.session).resumed)
        #expect(ring.counts == TicketCounts(accepted: 1))
    }

    @Test func gatewaysWithOneFileResumeEachOthersTickets() throws {
        let keys = try TicketKeyFile.parse(
            TicketKeyFile.text([TicketKey(startsAt: clock.now - 10)]))
        let rings = [ring(), ring()]
        for ring in rings { try ring.share(keys) }
        let client = try TLSContext(client: Certificates.ours.client)
        let servers = try rings.map {
            try TLSContext(server: Certificates.ours.server, tickets: $0)
        }
        var session: TLSSession?
        for turn in 0..<4 {
            let result = try open(client, servers[turn % 2], session)
            #expect(result.resumed == (turn > 0))
            session = result.session
        }
        #expect(rings.map(\.counts.accepted) == [1, 2])
    }

    @Test func unknownKeysAndOldTicketsMeanAFullHandshake() throws {
        let ring = ring()
        let client = try TLSContext(client: Certificates.ours.client)
        let server = try TLSContext(server: Certificates.ours.server, tickets: ring)
        let foreign = try open(
            client, try TLSContext(server: Certificates.ours.server, tickets: self.ring()))
        #expect(try !open(client, server, foreign.session).resumed)
        #expect(ring.counts == TicketCounts(unknownKey: 1))
        let session = try open(client, server).session
        clock.advance(by: 7_190)
        #expect(try open(client, server, session).resumed)
        clock.advance(by: 20)
        // The key still opens what its successor has not replaced for long; the ticket itself is old.
        #expect(try !open(client, server, session).resumed)
        #expect(ring.counts == TicketCounts(accepted: 1, unknownKey: 1, expired: 1))
        clock.advance(by: 7_200)
        ring.rotate()
        #expect(try !open(client, server, session).resumed)
        #expect(ring.counts.unknownKey == 2)
    }

    @Test(arguments: [TLSVersion.tls13, .tls12])
    func singleUseHolds(_ version: TLSVersion) throws {
        for singleUse in [false, true] {
            let ring = ring(singleUse: singleUse)
            var configuration = Certificates.ours.client
            configuration.minimumVersion = version
            configuration.maximumVersion = version
            let client = try TLSContext(client: configuration)
            var serving = Certificates.ours.server
            serving.minimumVersion = .tls12
            let server = try TLSContext(server: serving, tickets: ring)
            let session = try open(client, server).session
            #expect(session != nil)
            #expect(try open(client, server, session).resumed)
            #expect(try open(client, server, session).resumed == !singleUse)
            #expect(ring.counts.replayed == (singleUse ? 1 : 0))
        }
    }

    @Test func aTicketInBothClientHellosIsUsedOnce() throws {
        let ring = ring(singleUse: true)
        let client = try TLSContext(client: Certificates.ours.client)
        let server = try TLSContext(server: Certificates.ours.server, tickets: ring)
        let session = try open(client, server).session
        // The first share is of a group that the server does not have: HelloRetryRequest.
        #expect(tern_SSL_CTX_set1_groups_list(client.handle, "P-521:P-256") == 1)
        let link = try Link(client, server, session: session)
        let first = link.client.takeOutput()
        link.server.receive(first[...])
        link.client.receive(link.server.takeOutput()[...])
        #expect(link.client.outputSize > 200 && !link.client.isOpen)
        link.pump()
        #expect(link.server.resumed && link.server.facts?.group == "secp256r1")
        #expect(ring.counts == TicketCounts(accepted: 1))
        #expect(try !open(client, server, session).resumed)
        // Another HelloRetryRequest, so it was refused twice.
        #expect(ring.counts == TicketCounts(accepted: 1, replayed: 2))
    }

    @Test func damagedTicketsMeanAFullHandshakeOrAnAlert() throws {
        let ring = ring()
        let client = try TLSContext(client: Certificates.ours.client)
        let server = try TLSContext(server: Certificates.ours.server, tickets: ring)
        let session = try open(client, server).session
        let link = try Link(client, server, session: session)
        let hello = link.client.takeOutput()
        for offset in stride(from: 0, to: hello.count, by: 11) {
            var bytes = hello
            bytes[offset] ^= 0x21
            let end = End(try TLSConnection(server: server))
            end.receive(bytes[...])
            #expect(!end.isOpen && !end.resumed)
        }
    }

    @Test(arguments: 0...4)
    func asManyTicketsComeAsAreAskedFor(_ count: Int) throws {
        var configuration = Certificates.ours.server
        configuration.ticketCount = count
        configuration.minimumVersion = .tls12
        let server = try TLSContext(server: configuration, tickets: ring())
        for version in [TLSVersion.tls13, .tls12] {
            var serving = Certificates.ours.client
            serving.minimumVersion = version
            serving.maximumVersion = version
            let result = try open(try TLSContext(client: serving), server)
            #expect((result.session != nil) == (count > 0))
        }
    }

    @Test func ticketsStayWithTheirName() throws {
        let authority = Authority.ours
        let files = authority.issue("both", dnsNames: ["a.test", "b.test"])
        let ring = ring()
        let client = try TLSContext(client: authority.client)
        let server = try TLSContext(server: authority.server([files]), tickets: ring)
        let session = try open(client, server, name: "a.test").session
        // Our client would not offer it elsewhere, so the name is changed under way: same length.
        let link = try Link(client, server, serverName: "a.test", session: session)
        var hello = link.client.takeOutput()
        let name = Array("a.test".utf8)
        let offset = try #require(
            (0..<hello.count - name.count).first { hello[$0..<$0 + name.count].elementsEqual(name) }
        )
        hello[offset] = UInt8(ascii: "b")
        link.server.receive(hello[...])
        #expect(ring.counts == TicketCounts(otherTerms: 1))
        #expect(try open(client, server, session, name: "a.test").resumed)
    }
}
