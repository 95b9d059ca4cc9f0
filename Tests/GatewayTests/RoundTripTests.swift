// How often a client must wait for the network until its first message is there: counted, not timed. A
// client's session over TLS, whose every flight is written here, and no more of them than the test allows.

import Base
import Client
import Foundation
import Reactor
import TLS
import Testing
import Wire

/// A device with what it keeps from one connection to the next.
private final class Phone {
    private let server: TestServer
    private let jid: JID
    private let tlsContext: TLSContext
    private let context: WireContext
    private var tlsSession: TLSSession?
    private(set) var kept = ClientState()

    init(_ name: String, _ server: TestServer) throws {
        self.server = server
        jid = try #require(JID("\(name)@localhost"))
        context = try #require(WireContext(domain: "localhost"))
        tlsContext = try TLSContext(client: TLSClientConfiguration(caPath: server.ca))
    }

    /// Connects and goes on until the event comes, writing at most so many flights. Gives how many it wrote
    /// and whether TLS resumed.
    func connect(
        password: String?, flightsMax: Int, until isDone: (ClientEvent) -> Bool
    ) throws -> (flights: Int, isResumed: Bool) {
        let socket = try Socket.connect(to: SocketAddress(ipv4: 0x7F00_0001, port: server.port))
        let ciphers = RecordCiphers()
        var tls = try TLSConnection(
            client: tlsContext, serverName: "localhost", session: tlsSession)
        var session = ClientSession(
            configuration: ClientSession.Configuration(
                jid: jid, device: 0, password: password.map { Array($0.utf8) }),
            context: context, cryptography: OpenSSLCryptography(), kept: kept)
        var plaintext = ByteBuffer()
        var wanted = ByteBuffer()
        var ciphertext = ByteBuffer()
        var flights = 0
        var isResumed = false
        try tls.start(output: &ciphertext, ciphers: ciphers)
        let deadline = Date().addingTimeInterval(20)
        while Date() < deadline {
            if !wanted.isEmpty {
                try tls.send(wanted.bytes, output: &ciphertext, ciphers: ciphers)
                wanted.clear()
            }
            if !ciphertext.isEmpty, flights < flightsMax {
                flights += 1
                try write(&ciphertext, to: socket)
            }
            var input = ByteBuffer()
            try read(&input, from: socket)
            _ = try input.withUnsafeBytes {
                try tls.receive($0, plaintext: &plaintext, output: &ciphertext, ciphers: ciphers)
            }
            if let facts = tls.takeFacts() {
                isResumed = facts.isResumed
                session.connected(
                    exporter: try #require(facts.exporter), resumedTLS: isResumed, at: moment,
                    output: &wanted)
            }
            session.receive(plaintext.bytes, at: moment, output: &wanted)
            plaintext.clear()
            for change in session.takeChanges() { kept.apply(change) }
            for case .event(let event) in session.takeEffects() where isDone(event) {
                tlsSession = tls.takeSession() ?? tlsSession
                return (flights, isResumed)
            }
        }
        throw TestFailure("nothing came after \(flights) flights")
    }

    private var moment: Moment {
        Moment(monotonic: MonotonicClock.now(), unixSeconds: UInt64(Date().timeIntervalSince1970))
    }

    private func write(_ bytes: inout ByteBuffer, to socket: borrowing Socket) throws {
        while !bytes.isEmpty {
            switch bytes.withUnsafeBytes({ socket.write($0) }) {
            case .bytes(let count): bytes.consume(count)
            case .wouldBlock: try wait(socket.rawValue, [.writable])
            case .closed, .failed: throw TestFailure("closed while writing")
            }
        }
    }

    private func read(_ bytes: inout ByteBuffer, from socket: borrowing Socket) throws {
        while bytes.isEmpty {
            var status = IOResult.wouldBlock
            bytes.appendUpTo(65_536) { spare in
                status = socket.read(into: spare)
                if case .bytes(let count) = status { return count }
                return 0
            }
            switch status {
            case .bytes: return
            case .wouldBlock: try wait(socket.rawValue, [.readable])
            case .closed, .failed: throw TestFailure("closed while reading")
            }
        }
    }

    private func wait(_ descriptor: Int32, _ interest: Interest) throws {
        var poller = try Poller(eventCountMax: 1)
        try poller.add(descriptor, token: 0, interest: interest)
        guard poller.wait(timeoutMs: 10_000) > 0 else { throw TestFailure("nothing for 10 s") }
    }
}

@Suite struct RoundTripTests {
    @Test func theFirstWaitingMessageIsTwoRoundTripsBehindTCP() async throws {
        let server = try TestServer()
        for name in ["alice", "bob"] { try server.addAccount(name) }
        let phone = try Phone("bob", server)
        func isOnline(_ event: ClientEvent) -> Bool {
            if case .online = event { true } else { false }
        }
        func isMessage(_ event: ClientEvent) -> Bool {
            if case .message = event { true } else { false }
        }
        let first = try phone.connect(password: "bob", flightsMax: 9, until: isOnline)
        #expect(!first.isResumed && first.flights == 3, "hello; auth; response")
        #expect(phone.kept.token != nil)

        let alice = try #require(JID("alice@localhost"))
        let bob = try #require(JID("bob@localhost"))
        let sender = try Client(
            ClientConfiguration(
                host: "127.0.0.1", port: server.port, serverName: "localhost", jid: alice,
                password: "alice", caFile: server.ca))
        try sender.start()
        _ = try await sender.send(to: bob, body: "waits for you")
        await sender.close()

        // No password, and the third flight is never written.
        let back = try phone.connect(password: nil, flightsMax: 2, until: isMessage)
        #expect(back.isResumed)
        #expect(back.flights == 2, "hello; finished with prologue and auth")
        try server.stop()
    }
}
