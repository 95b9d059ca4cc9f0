// What a client's store is for: tokens, and a process that dies anywhere.

import Base
import Client
import TLS
import Testing
import Wire

@Suite struct ClientRestartTests {
    static let token = [UInt8](repeating: 0x5A, count: 32)

    /// A bench whose client has a token.
    private func benchWithToken(
        password: String? = "secret", wantsToken: Bool = true
    ) throws -> Bench {
        var bench = Bench()
        bench.kept.token = ClientSecret(Self.token)
        bench.session = makeSession(
            password: password, wantsToken: wantsToken, kept: bench.kept)
        bench.connect()
        bench.receivePrologue()
        return bench
    }

    private func exchange() -> LoginTokenExchange {
        LoginTokenExchange(user: Array("alice".utf8), device: 7, exporter: Bench.exporter)
    }

    private func success(_ signature: [UInt8], token: String? = nil) -> Node {
        var attributes = [
            Node.Attribute(key: "jid", value: "alice@example.org/7"),
            Node.Attribute(key: "t", value: "1700000000"),
        ]
        if let token { attributes.append(Node.Attribute(key: "token", value: token)) }
        return Node("success", attributes, content: .bytes(signature))
    }

    private func success(of bench: borrowing Bench, token: String? = nil) throws -> Node {
        let own = try #require(LoginToken(Self.token))
        return success(
            exchange().signature(expectedFor: own, cryptography: bench.cryptography), token: token)
    }

    @Test func aTokenIsKeptAndLogsInInOneFlight() throws {
        var bench = Bench()
        bench.connect()
        let issued = LoginToken(Self.token)
        try bench.login(token: issued)
        #expect(bench.kept.token == ClientSecret(Self.token))
        bench.restart()
        bench.connect()
        bench.receivePrologue()
        let auth = try #require(try bench.receive().first)
        #expect(auth["mechanism"] == LoginToken.mechanism)
        #expect(auth["resume"] == nil)
        let message = try #require(LoginTokenMessage(parsing: auth.bytes ?? []))
        #expect(message.user == Array("alice".utf8))
        let token = try #require(LoginToken(Self.token))
        #expect(
            exchange().isValid(
                message.proof,
                keys: LoginTokenKeys(
                    of: token, expiresAt: 0, cryptography: bench.cryptography),
                cryptography: bench.cryptography))
        let next = String(repeating: "A1", count: 32)
        try bench.deliver(try success(of: bench, token: next))
        let isOnline = bench.session.isOnline
        #expect(isOnline)
        #expect(bench.kept.token == ClientSecret([UInt8](repeating: 0xA1, count: 32)))
    }

    @Test func aTokenThatIsRefusedGivesWayToThePassword() throws {
        var bench = try benchWithToken()
        _ = try bench.receive()
        try bench.deliver(Node("failure", [:], [Node("not-authorized")]))
        #expect(bench.disconnectReason == .tokenRefused)
        #expect(bench.kept.token == nil)
        bench.effects = []
        bench.connect()
        try bench.login()
        let isOnline = bench.session.isOnline
        #expect(isOnline)
    }

    @Test func withoutAPasswordARefusedTokenIsTheEnd() throws {
        var bench = try benchWithToken(password: nil)
        _ = try bench.receive()
        try bench.deliver(Node("failure", [:], [Node("not-authorized")]))
        #expect(bench.disconnectReason == .authenticationFailed(condition: "not-authorized"))
        #expect(bench.disconnectReason?.finalError != nil)
    }

    @Test func aStoreThatIsAwayDoesNotCostTheToken() throws {
        var bench = try benchWithToken()
        _ = try bench.receive()
        try bench.deliver(Node("failure", [:], [Node("temporary-auth-failure")]))
        #expect(bench.kept.token != nil)
        #expect(bench.disconnectReason?.finalError == nil)
    }

    @Test func aTokenThatWasNotAskedForIsNotKept() throws {
        var bench = try benchWithToken(wantsToken: false)
        let auth = try #require(try bench.receive().first)
        #expect(auth["token"] == nil)
        let other = String(repeating: "A1", count: 32)
        try bench.deliver(try success(of: bench, token: other))
        let isOnline = bench.session.isOnline
        #expect(!isOnline)
        #expect(bench.kept.token == ClientSecret(Self.token))
    }

    @Test func aServerThatDoesNotKnowTheTokenIsNotBelieved() throws {
        var bench = try benchWithToken()
        _ = try bench.receive()
        try bench.deliver(success([UInt8](repeating: 1, count: 32)))
        #expect(bench.disconnectReason == .serverNotVerified)
        var other = try benchWithToken()
        _ = try other.receive()
        try other.deliver(try success(of: other, token: "abc"))
        #expect(other.disconnectReason?.finalError == nil)
        let isOnline = other.session.isOnline
        #expect(!isOnline)
        #expect(other.kept.token == ClientSecret(Self.token))
    }

    @Test func aLoginSaysWhatTheClientHas() throws {
        var bench = try benchWithToken()
        _ = try bench.receive()
        try bench.deliver(try success(of: bench))
        try bench.deliver(incoming("M1"))
        try bench.deliver(
            Node("receipt", ["from": bobJID.description, "id": "A9", "t": "1700000001"]))
        bench.lose()
        bench.connect()
        bench.receivePrologue()
        let nodes = try bench.receive()
        #expect(nodes.map(\.tag) == ["auth", "resume"])
        #expect(nodes.first?["resume"] == "true")
        let acks = nodes.last?.children ?? []
        #expect(acks.compactMap { $0["id"] } == ["M1", "A9"])
        #expect(acks.compactMap { $0["class"] } == ["message", "receipt"])
    }

    @Test func aLoginSaysNoMoreThanEveryServerTakes() throws {
        var bench = try benchWithToken()
        _ = try bench.receive()
        try bench.deliver(try success(of: bench))
        for number in 0..<200 { try bench.deliver(incoming("message-\(number)")) }
        bench.lose()
        bench.connect()
        bench.receivePrologue()
        let resume = try #require(try bench.receive().last)
        #expect(try bench.frame(resume).count <= 1_024)
        // The newest: what is older is likelier known to the server.
        #expect(resume.children.first?["id"] == "message-199")
        #expect(resume.children.count > 10)
    }

    /// A server takes `resume` only from a login that announced it.
    @Test func whatTheAppAcknowledgesDuringALoginIsNotSaidInIt() throws {
        var bench = Bench()
        bench.acknowledges = false
        try bench.goOnline()
        try bench.deliver(incoming("M1"))
        bench.lose()
        bench.connect()
        bench.receivePrologue()
        let auth = try #require(try bench.receive().first)
        #expect(auth["mechanism"] == "SCRAM-SHA-256-PLUS" && auth["resume"] == nil)
        bench.session.acknowledge(makeID("M1"), from: bobJID, output: &bench.sent)
        bench.take()
        let first = try ScramClientFirst(parsing: auth.bytes ?? [])
        let challenge = ScramServerFirst(
            nonce: first.nonce + "server", salt: bench.keys.salt, iterations: bench.keys.iterations)
        try bench.deliver(Node("challenge", content: .bytes(challenge.bytes)))
        #expect(try bench.receive().map(\.tag) == ["response"])
        #expect(bench.session.receiptCount == 1)
    }

    @Test func whatTheAppHasNotAcknowledgedComesAgainOnlyToTheNextProcess() throws {
        var bench = Bench()
        bench.acknowledges = false
        try bench.goOnline()
        _ = try bench.receive()
        try bench.deliver(incoming("M1"), incoming("M1"))
        #expect(bench.takeEvents().count { if case .message = $0 { true } else { false } } == 1)
        #expect(try bench.receive().isEmpty, "no receipt before the app has dealt with it")
        bench.restart()
        bench.connect()
        try bench.login()
        _ = bench.takeEvents()
        _ = try bench.receive()
        try bench.deliver(incoming("M1"))
        #expect(bench.takeEvents().count == 1)
        bench.session.acknowledge(makeID("M1"), from: bobJID, output: &bench.sent)
        bench.take()
        #expect(try bench.receive().map(\.tag) == ["receipt"])
        bench.restart()
        bench.connect()
        try bench.login()
        _ = bench.takeEvents()
        _ = try bench.receive()
        try bench.deliver(incoming("M1"))
        #expect(bench.takeEvents().isEmpty)
        #expect(try bench.receive().map(\.tag) == ["receipt"])
    }

    @Test func theOutboxAndTheTicksOutliveTheProcess() throws {
        var bench = Bench()
        try bench.post("A1", "one")
        try bench.post("A2", "two")
        bench.restart()
        let pending = bench.session.state(of: makeID("A1"))
        #expect(pending == .pending)
        bench.connect()
        try bench.login()
        #expect(try bench.receive().compactMap { $0["id"] } == ["A1", "A2"])
        try bench.deliver(ack("A1"), ack("A2"))
        try bench.deliver(
            Node("receipt", ["from": bobJID.description, "id": "A1", "t": "1700000001"]))
        bench.restart()
        let states = ["A1", "A2", "A3"].map { bench.session.state(of: makeID($0)) }
        #expect(states == [.delivered, .accepted, nil])
        let count = bench.session.outboxCount
        #expect(count == 0)
    }

    @Test func theServersHintIsHeeded() throws {
        var bench = Bench()
        try bench.goOnline()
        try bench.deliver(
            Node("stream:error", ["after": "60"], [Node("system-shutdown")]))
        let retryAfterMs = bench.session.retryAfterMs
        #expect(retryAfterMs == 60_000)
        var backoff = Backoff(policy: ReconnectPolicy())
        for random in [UInt64.min, 12_345, .max] {
            let pause = backoff.nextPauseMs(afterOnlineMs: nil, hintMs: 60_000, random: random)
            #expect(pause.map { (60_000...90_000).contains($0) } == true)
        }
        let longest = backoff.nextPauseMs(afterOnlineMs: nil, hintMs: .max, random: .max)
        #expect(longest.map { $0 <= ClientLimits.retryHintMsMax * 3 / 2 } == true)
    }

    @Test func theHintOfARefusedLoginIsHeeded() throws {
        var bench = Bench()
        bench.connect()
        try bench.deliver(
            Node("failure", ["after": "7"], [Node("temporary-auth-failure")]))
        #expect(bench.disconnectReason?.finalError == nil)
        let retryAfterMs = bench.session.retryAfterMs
        #expect(retryAfterMs == 7_000)
    }

    @Test func whatARetryCannotMendIsTheEnd() {
        for condition in [
            "bad-format", "policy-violation", "unsupported-version", "unsupported-stanza-type",
            "invalid-from", "not-authorized", "host-unknown",
        ] {
            let reason = DisconnectReason.streamError(condition: condition, text: nil)
            #expect(reason.finalError != nil, "\(condition)")
        }
        for condition in [
            "connection-timeout", "resource-constraint", "internal-server-error",
            "reset", "system-shutdown",
        ] {
            let reason = DisconnectReason.streamError(condition: condition, text: nil)
            #expect(reason.finalError == nil, "\(condition)")
        }
    }

    @Test func secretsDoNotShowThemselves() {
        let secret = ClientSecret(Self.token)
        let token = LoginToken(Self.token)
        for text in ["\(secret)", String(reflecting: secret), "\(ClientChange.token(secret))"] {
            #expect(!text.contains("90"), "\(text)")
        }
        #expect(!String(reflecting: token).contains("90"))
        var dumped = ""
        dump(secret, to: &dumped)
        #expect(!dumped.contains("90"))
    }
}
