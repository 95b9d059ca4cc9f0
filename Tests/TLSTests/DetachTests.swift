import Base
import COpenSSL
import Testing

@testable import TLS

/// The moment when OpenSSL's part ends, with OpenSSL alone at the other end.
@Suite struct DetachTests {
    private func exchange(_ link: MixedLink, chunkSize: Int = .max) throws {
        for size in [1, 100, 20_000] {
            link.peer.send(pattern(size))
            try link.ours.send(pattern(size + 1))
            link.pump(chunkSize: chunkSize)
            #expect(link.ours.failure == nil && !link.peer.hasFailed)
            #expect(link.ours.takePlaintext() == pattern(size))
            #expect(link.peer.takePlaintext() == pattern(size + 1))
        }
    }

    @Test(arguments: RecordSuite.allCases, [0, 1, 2])
    func serverDetaches(_ suite: RecordSuite, _ ticketCount: Int) throws {
        let context = try MixedLink.context(isClient: false, ticketCount: ticketCount)
        let link = try MixedLink(PeerOptions(suite: suite), context: context)
        link.pump()
        #expect(link.ours.isDetached && link.ours.facts?.alpn == "tern/1")
        #expect(link.ours.facts?.serverName == nil)
        try exchange(link)
        #expect(!link.ours.hasLeftover)
    }

    @Test(arguments: RecordSuite.allCases, [0, 1, 2, 4])
    func clientDetaches(_ suite: RecordSuite, _ ticketCount: Int) throws {
        for detachment in [TLSDetachment.afterHandshake, .afterTicket] {
            let context = try MixedLink.context(isClient: true, detachment: detachment)
            let options = PeerOptions(isServer: true, suite: suite, ticketCount: ticketCount)
            let link = try MixedLink(options, context: context)
            link.pump()
            let waits = detachment == .afterTicket
            #expect(link.ours.isDetached == (!waits || ticketCount > 0))
            let session = link.ours.takeSession()
            #expect((session != nil) == (waits && ticketCount > 0))
            try exchange(link)
            if link.ours.isDetached { #expect(!link.ours.hasLeftover) }
        }
    }

    /// What was taken before detaching is what the client has.
    @Test(arguments: RecordSuite.allCases, ["EXPORTER-Channel-Binding", "x", ""])
    func exporterIsOpenSSLs(_ suite: RecordSuite, _ label: String) throws {
        for size in [1, 32, 48, 100] {
            var server = Certificates.ours.server
            server.exporter = ExporterRequest(label: label, size: size)
            let link = try MixedLink(
                PeerOptions(suite: suite), context: try TLSContext(server: server))
            link.pump()
            var value = [UInt8](repeating: 0, count: size)
            let result = SSL_export_keying_material(
                link.peer.ssl, &value, size, label, label.utf8.count, nil, 0, 0)
            #expect(result == 1 && link.ours.isDetached && link.ours.exporter == value)
        }
    }

    @Test func detachedClientResumes() throws {
        var client = Certificates.ours.client
        client.detachment = .afterTicket
        let contexts = try Contexts(client: client)
        let first = try contexts.openLink()
        #expect(first.client.isDetached && first.server.isDetached)
        let session = try #require(first.client.takeSession())
        #expect(first.client.takeSession() == nil)
        let second = try contexts.openLink(session: session)
        #expect(second.client.resumed && second.server.resumed && second.client.isDetached)
        try second.client.send([1])
        try second.server.send([2])
        second.pump()
        #expect(second.server.takePlaintext() == [1] && second.client.takePlaintext() == [2])
    }

    @Test func helloRetryRequest() throws {
        for isServer in [false, true] {
            // The client's key share is of a group that the server does not take.
            let context = try MixedLink.context(isClient: isServer)
            let groups = isServer ? "P-384" : "P-521:P-384"
            let link = try MixedLink(
                PeerOptions(isServer: isServer, groups: groups), context: context)
            link.pump()
            #expect(link.ours.isDetached && link.ours.facts?.group == "secp384r1")
            try exchange(link)
        }
    }

    @Test func keepsOpenSSLOnRequest() throws {
        for isServer in [false, true] {
            let context = try MixedLink.context(isClient: isServer, detachment: .never)
            let link = try MixedLink(PeerOptions(isServer: isServer), context: context)
            link.pump()
            #expect(!link.ours.isDetached && link.ours.isOpen)
            try exchange(link)
        }
    }

    @Test func keyUpdateBeforeTheTicketKeepsOpenSSL() throws {
        let context = try MixedLink.context(isClient: true, detachment: .afterTicket)
        let link = try MixedLink(
            PeerOptions(isServer: true, ticketCount: 0), context: context)
        link.pump()
        link.peer.updateKeys(asking: false)
        link.pump()
        // A ticket now comes under keys that we were not told.
        #expect(SSL_new_session_ticket(link.peer.ssl) == 1)
        try exchange(link)
        #expect(!link.ours.isDetached && link.ours.takeSession() != nil)
    }

    @Test func dripsByByte() throws {
        for isServer in [false, true] {
            for detachment in [TLSDetachment.afterHandshake, .afterTicket] {
                let context = try MixedLink.context(isClient: isServer, detachment: detachment)
                let link = try MixedLink(PeerOptions(isServer: isServer), context: context)
                link.pump(chunkSize: 1)
                #expect(link.ours.isDetached)
                try exchange(link, chunkSize: 1)
            }
        }
    }

    /// Data and a close_notify in the segment with Finished, cut in two at every byte.
    @Test func dataWithFinishedCutAnywhere() throws {
        let context = try MixedLink.context(isClient: false)
        var cut = 0
        var size = 1
        while cut < size {
            let link = try MixedLink(PeerOptions(), context: context)
            link.ours.receive(link.peer.takeOutput()[...])
            link.peer.receive(link.ours.takeOutput()[...])
            link.peer.send(pattern(40))
            link.peer.updateKeys(asking: true)
            link.peer.send(pattern(50))
            link.peer.close()
            let flight = link.peer.takeOutput()
            size = flight.count
            link.ours.receive(flight[..<cut])
            link.ours.receive(flight[cut...])
            #expect(link.ours.failure == nil && link.ours.status == .closed, "cut at \(cut)")
            #expect(link.ours.takePlaintext() == pattern(40) + pattern(50), "cut at \(cut)")
            cut += 1
        }
        #expect(cut > 150)
    }

    /// The server's flight behind Finished, tickets and data, cut in two at every byte.
    @Test(arguments: [TLSDetachment.afterHandshake, .afterTicket])
    func ticketsAndDataCutAnywhere(_ detachment: TLSDetachment) throws {
        let context = try MixedLink.context(isClient: true, detachment: detachment)
        var cut = 0
        var size = 1
        while cut < size {
            let link = try MixedLink(PeerOptions(isServer: true), context: context)
            link.peer.receive(link.ours.takeOutput()[...])
            link.ours.receive(link.peer.takeOutput()[...])
            link.peer.receive(link.ours.takeOutput()[...])
            link.peer.send(pattern(40))
            let flight = link.peer.takeOutput()
            size = flight.count
            link.ours.receive(flight[..<cut])
            link.ours.receive(flight[cut...])
            #expect(link.ours.failure == nil && link.ours.isDetached, "cut at \(cut)")
            #expect(link.ours.takePlaintext() == pattern(40), "cut at \(cut)")
            try link.ours.send(pattern(30))
            link.pump()
            #expect(link.peer.takePlaintext() == pattern(30), "cut at \(cut)")
            cut += 7
        }
        #expect(cut > 500)
    }

    @Test func refusesLikeOpenSSL() throws {
        let context = try MixedLink.context(isClient: false)
        for (bytes, alert) in [
            ([20, 3, 3, 0, 1, 1], 10), ([23, 3, 3, 0x41, 1], 22), ([22, 3, 3, 0, 1, 1], 10),
            ([23, 3, 3, 0, 20] + pattern(20), 20),
        ] as [([UInt8], UInt8)] {
            let link = try MixedLink(PeerOptions(), context: context)
            link.pump()
            link.ours.receive(bytes[...])
            link.peer.receive(link.ours.takeOutput()[...])
            #expect(link.peer.receivedAlert == alert)
            #expect(throws: TLSError.notOpen) { try link.ours.send([1]) }
        }
    }

    @Test func halfClose() throws {
        let context = try MixedLink.context(isClient: false)
        let link = try MixedLink(PeerOptions(), context: context)
        link.pump()
        link.peer.close()
        link.pump()
        #expect(link.ours.status == .closed && link.ours.isOpen)
        try link.ours.send(pattern(70_000))
        link.ours.close()
        link.pump()
        #expect(link.peer.isClosedByPeer && link.peer.takePlaintext() == pattern(70_000))
        #expect(!link.ours.isOpen)
    }
}
