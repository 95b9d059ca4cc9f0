import Base
import COpenSSL
import Testing

@testable import TLS

@Suite struct RecordTests {
    @Test(arguments: [1, 16_383, 16_384, 16_385, 1 << 20])
    func dataBothWays(_ size: Int) throws {
        let link = try Contexts().openLink()
        let bytes = pattern(size)
        try link.client.send(bytes)
        try link.server.send(bytes)
        link.pump()
        #expect(link.server.takePlaintext() == bytes)
        #expect(link.client.takePlaintext() == bytes)
    }

    @Test func nothingSentIsNoRecord() throws {
        let link = try Contexts().openLink()
        try link.client.send([])
        #expect(link.client.outputSize == 0)
    }

    @Test func dataInTheSameFlightAsFinished() throws {
        let link = try Contexts().link()
        link.server.receive(link.client.takeOutput()[...])
        link.client.receive(link.server.takeOutput()[...])
        #expect(link.client.isOpen)
        try link.client.send([7, 8])
        link.server.receive(link.client.takeOutput()[...])
        #expect(link.server.status == .open)
        #expect(link.server.takePlaintext() == [7, 8])
    }

    /// The client's and the server's whole stream, cut in two at every byte.
    @Test(arguments: [true, false])
    func splitAtEveryByte(_ cutsClient: Bool) throws {
        let contexts = try Contexts()
        var cut = 0
        var size = 1
        while cut < size {
            let link = try contexts.link()
            size = try exchange(link, cutsClient: cutsClient, cut: cut)
            cut += 1
        }
        #expect(cut > 300)
    }

    private func exchange(_ link: Link, cutsClient: Bool, cut: Int) throws -> Int {
        var carried = 0
        func carry(_ bytes: [UInt8], _ end: End, _ cuts: Bool) {
            let at = cuts ? min(max(cut - carried, 0), bytes.count) : 0
            if cuts { carried += bytes.count }
            end.receive(bytes[..<at])
            end.receive(bytes[at...])
        }
        var hasSent = false
        while link.client.outputSize > 0 || link.server.outputSize > 0 {
            carry(link.client.takeOutput(), link.server, cutsClient)
            carry(link.server.takeOutput(), link.client, !cutsClient)
            if !hasSent, link.client.status == .open, link.server.status == .open {
                hasSent = true
                try link.client.send(pattern(40))
                try link.server.send(pattern(30))
            }
        }
        #expect(link.server.takePlaintext() == pattern(40), "cut at \(cut)")
        #expect(link.client.takePlaintext() == pattern(30), "cut at \(cut)")
        return carried
    }

    @Test func truncatedRecordWaits() throws {
        let link = try Contexts().openLink()
        try link.client.send(pattern(100))
        let bytes = link.client.takeOutput()
        link.server.receive(bytes.dropLast())
        #expect(link.server.status == .open && link.server.plaintextSize == 0)
        link.server.receive(bytes.suffix(1))
        #expect(link.server.takePlaintext() == pattern(100))
    }

    @Test func flippedBitsAreRefusedWithAnAlert() throws {
        let contexts = try Contexts()
        for offset in [0, 1, 4, 5, 20, 121] {
            let link = try contexts.openLink()
            try link.client.send(pattern(100))
            var bytes = link.client.takeOutput()
            bytes[offset] ^= 0x40
            link.server.receive(bytes[...])
            guard case .recordRejected = link.server.failure else {
                Issue.record("offset \(offset): \(String(describing: link.server.failure))")
                continue
            }
            #expect(link.server.plaintextSize == 0)
            #expect(link.server.outputSize > 0)
            link.client.receive(link.server.takeOutput()[...])
            guard case .peerAlert = link.client.failure else {
                Issue.record("offset \(offset): \(String(describing: link.client.failure))")
                continue
            }
            #expect(throws: TLSError.notOpen) { try link.server.send([1]) }
        }
    }

    @Test func replayedRecordIsRefused() throws {
        let link = try Contexts().openLink()
        try link.client.send(pattern(10))
        let bytes = link.client.takeOutput()
        link.server.receive((bytes + bytes)[...])
        #expect(link.server.takePlaintext() == pattern(10))
        guard case .recordRejected = link.server.failure else {
            Issue.record("server: \(String(describing: link.server.failure))")
            return
        }
    }

    @Test func oversizedRecordIsRefusedByItsHeader() throws {
        let link = try Contexts().openLink()
        link.server.receive([23, 3, 3, 0x41, 0x01])  // 16,641 = 2^14 + 257
        guard case .recordRejected = link.server.failure else {
            Issue.record("server: \(String(describing: link.server.failure))")
            return
        }
        #expect(link.server.outputSize > 0)
    }

    @Test func closesBothWays() throws {
        let link = try Contexts().openLink()
        try link.client.send([1])
        link.client.close()
        #expect(!link.client.isOpen)
        #expect(throws: TLSError.notOpen) { try link.client.send([2]) }
        link.pump()
        #expect(link.server.status == .closed)
        #expect(link.server.takePlaintext() == [1])
        // The other direction is still open.
        try link.server.send([3])
        link.server.close()
        link.pump()
        #expect(link.client.takePlaintext() == [3])
        #expect(link.client.status == .closed)
    }

    @Test func closesOnce() throws {
        let link = try Contexts().openLink()
        link.server.close()
        #expect(link.server.outputSize > 0)
        _ = link.server.takeOutput()
        link.server.close()
        #expect(link.server.outputSize == 0)
    }

    @Test func closeInTheHandshakeEndsIt() throws {
        let link = try Contexts().link()
        link.server.close()
        #expect(link.server.outputSize == 0)
        link.server.receive(link.client.takeOutput()[...])
        #expect(link.server.failure == .notOpen)
    }

    @Test func bytesBehindTheCloseAreDropped() throws {
        let link = try Contexts().openLink()
        link.client.close()
        link.server.receive((link.client.takeOutput() + pattern(50))[...])
        link.server.receive(pattern(50)[...])
        #expect(link.server.failure == nil && link.server.status == .closed)
        #expect(link.server.plaintextSize == 0)
    }

    @Test func keyUpdatesAreAnswered() throws {
        let link = try Contexts().openLink()
        for turn in 0..<20 {
            let ssl = try #require(link.client.connection.engine?.ssl)
            SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED)
            try link.client.send(pattern(turn + 1))
            link.pump()
            #expect(link.server.takePlaintext() == pattern(turn + 1))
            try link.server.send(pattern(turn + 2))
            link.pump()
            #expect(link.client.takePlaintext() == pattern(turn + 2))
        }
    }

    @Test func connectionMovesBetweenThreads() async throws {
        let contexts = try Contexts()
        let link = try contexts.openLink()
        nonisolated(unsafe) let server = link.server
        try link.client.send(pattern(5_000))
        let bytes = link.client.takeOutput()
        await Task.detached { server.receive(bytes[...]) }.value
        #expect(link.server.takePlaintext() == pattern(5_000))
    }
}
