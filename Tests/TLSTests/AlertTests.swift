import Base
import FuzzTargets
import Testing

@testable import TLS

/// The same mistakes, sealed with the right keys, to our record layer and to OpenSSL's: the same alerts.
@Suite struct AlertTests {
    /// A mistake of a client, as bytes after its handshake.
    struct Mistake: CustomTestStringConvertible, Sendable {
        let name: String
        /// OpenSSL's alert where it is not ours.
        var opensslAlert: UInt8??
        let make: @Sendable (RecordForger) -> [UInt8]

        var testDescription: String { name }

        init(
            _ name: String, openssl: UInt8?? = nil,
            _ make: @escaping @Sendable (RecordForger) -> [UInt8]
        ) {
            self.name = name
            opensslAlert = openssl
            self.make = make
        }
    }

    static let mistakes: [Mistake] = [
        Mistake("data") { $0.record([1], type: 23) },
        Mistake("padded data") { $0.record([1], type: 23, padding: 900) },
        Mistake("type 0 inside") { $0.record(inner: [0, 0, 0]) },
        Mistake("type 20 inside") { $0.record([1], type: 20) },
        Mistake("type 24 inside") { $0.record([1, 2, 3], type: 24) },
        Mistake("empty handshake record") { $0.record([], type: 22) },
        Mistake("empty alert") { $0.record([], type: 21) },
        // RFC 8446, section 6.2, has decode_error for what cannot be parsed.
        Mistake("short alert", openssl: 10) { $0.record([1], type: 21) },
        Mistake("long alert", openssl: 10) { $0.record([1, 0, 0], type: 21) },
        Mistake("content of 16,384") { $0.record(pattern(16_384), type: 23) },
        Mistake("content of 16,385") { $0.record(pattern(16_385), type: 23) },
        // RFC 8446, section 5.4, counts the padding; OpenSSL does not.
        Mistake("padded beyond the limit", openssl: .some(nil)) {
            $0.record([1], type: 23, padding: 16_384)
        },
        Mistake("ciphertext of 16,641") { _ in [23, 3, 3, 0x41, 1] + pattern(200) },
        Mistake("ciphertext of 16 bytes") { _ in [23, 3, 3, 0, 16] + pattern(16) },
        Mistake("ciphertext of no bytes") { _ in [23, 3, 3, 0, 0] },
        Mistake("no ciphertext of ours") { _ in [23, 3, 3, 0, 40] + pattern(40) },
        Mistake("repeated record") {
            let record = $0.record([1], type: 23)
            return record + record
        },
        Mistake("header authenticated wrongly") {
            $0.record(inner: [1, 23], header: [23, 3, 3, 0, 19])
        },
        Mistake("late change_cipher_spec") { _ in [20, 3, 3, 0, 1, 1] },
        Mistake("plain alert") { _ in [21, 3, 3, 0, 2, 2, 40] },
        Mistake("plain handshake") { _ in [22, 3, 3, 0, 5, 24, 0, 0, 1, 0] },
        Mistake("unknown outer type") { _ in [99, 3, 3, 0, 20] + pattern(20) },
        Mistake("version 3.1") { _ in [23, 3, 1, 0, 20] + pattern(20) },
        Mistake("version 2.3") { _ in [23, 2, 3, 0, 20] + pattern(20) },
        Mistake("KeyUpdate with 2") { $0.record([24, 0, 0, 1, 2], type: 22) },
        Mistake("KeyUpdate of no bytes") { $0.record([24, 0, 0, 0], type: 22) },
        Mistake("KeyUpdate with data behind") { $0.record([24, 0, 0, 1, 0, 24], type: 22) },
        Mistake("ClientHello") { $0.record([1, 0, 0, 1, 0], type: 22) },
        Mistake("NewSessionTicket from a client") { $0.record([4, 0, 0, 1, 0], type: 22) },
        Mistake("Certificate unasked") { $0.record([11, 0, 0, 4, 0, 0, 0, 0], type: 22) },
        Mistake("empty records, one too many") { forger in
            (0...32).flatMap { _ in forger.record([], type: 23) }
        },
        Mistake("as many empty records as are allowed") { forger in
            (0..<32).flatMap { _ in forger.record([], type: 23) }
        },
        Mistake("user_canceled") { $0.record([1, 90], type: 21) },
        Mistake("unknown alert") { $0.record([1, 200], type: 21) },
        Mistake("fatal alert") { $0.record([2, 40], type: 21) },
        Mistake("close_notify as fatal") { $0.record([2, 0], type: 21) },
    ]

    @Test(arguments: mistakes, RecordSuite.allCases)
    func sameAlert(_ mistake: Mistake, _ suite: RecordSuite) throws {
        let options = PeerOptions(suite: suite)
        // Ours.
        let link = try MixedLink(options, context: try MixedLink.context(isClient: false))
        link.pump()
        try #require(link.ours.isDetached)
        let forger = try Self.forger(suite, link.peer)
        link.ours.receive(mistake.make(forger)[...])
        let closes = link.ours.status == .closed
        link.peer.receive(link.ours.takeOutput()[...])
        // OpenSSL's.
        var server = PeerOptions(isServer: true, suite: suite)
        server.ticketCount = 1
        let other = try OpenSSLPeer(server)
        let client = try OpenSSLPeer(options)
        for _ in 0..<3 {
            other.receive(client.takeOutput()[...])
            client.receive(other.takeOutput()[...])
        }
        try #require(other.isOpen && client.isOpen)
        other.receive(mistake.make(try Self.forger(suite, client))[...])
        client.receive(other.takeOutput()[...])

        let expected = mistake.opensslAlert ?? link.peer.receivedAlert
        #expect(client.receivedAlert == expected)
        #expect((mistake.opensslAlert == nil) || link.peer.receivedAlert != expected)
        if mistake.opensslAlert != .some(nil) {
            #expect(other.hasFailed == (link.ours.failure != nil))
        }
        #expect(other.isClosedByPeer == closes)
        #expect(other.receivedAlert == link.ours.receivedAlert)
    }

    private static func forger(_ suite: RecordSuite, _ peer: OpenSSLPeer) throws -> RecordForger {
        let secret = try #require(peer.secrets["CLIENT_TRAFFIC_SECRET_0"])
        return RecordForger(suite, secret: secret, ciphers: RecordCiphers())
    }
}
