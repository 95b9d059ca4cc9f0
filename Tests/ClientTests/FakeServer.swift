// A gateway's end of a session without sockets or TLS, scripted by the tests.

import Base
import Client
import TLS
import Testing
import Wire

let aliceJID = makeJID("alice@example.org")
let bobJID = makeJID("bob@example.org/3")

func makeJID(_ text: String) -> JID {
    guard let jid = JID(text) else { preconditionFailure(text) }
    return jid
}

func makeID(_ text: String) -> StanzaID {
    guard let id = StanzaID(text) else { preconditionFailure(text) }
    return id
}

func makeContext() -> WireContext {
    guard let context = WireContexts.context(domain: "example.org") else {
        preconditionFailure("context")
    }
    return context
}

func makeSession(
    password: String? = "secret", offersPreset: Bool = true, wantsToken: Bool = true,
    kept: ClientState = ClientState()
) -> ClientSession {
    ClientSession(
        configuration: ClientSession.Configuration(
            jid: aliceJID, device: 7, password: password.map { Array($0.utf8) },
            offersPreset: offersPreset, wantsToken: wantsToken),
        context: makeContext(), cryptography: OpenSSLCryptography(), kept: kept)
}

/// A client's session, the time it is told, and the server opposite.
struct Bench: ~Copyable {
    static let exporter = [UInt8](repeating: 0xAB, count: 32)

    var session = makeSession()
    var nowMs: UInt64 = 1_000_000
    let context = makeContext()
    let cryptography = OpenSSLCryptography()
    let keys = ScramKeys.derive(
        password: Array("secret".utf8), salt: Array("0123456789abcdef".utf8), iterations: 4_096,
        cryptography: OpenSSLCryptography())

    /// What the client sent, not yet taken.
    var sent = ByteBuffer()
    var kept = ClientState()
    var acknowledges = true
    var effects: [ClientSession.Effect] = []

    var moment: Moment {
        Moment(monotonic: Instant(milliseconds: nowMs), unixSeconds: 1_700_000_000)
    }

    // MARK: The client's side

    mutating func connect(resumedTLS: Bool = false) {
        session.connected(
            exporter: Self.exporter, resumedTLS: resumedTLS, at: moment, output: &sent)
        take()
    }

    mutating func lose() {
        session.disconnected()
        sent.clear()
        take()
    }

    mutating func tick(afterMs milliseconds: UInt64) {
        nowMs += milliseconds
        session.tick(at: moment, output: &sent)
        take()
    }

    mutating func post(_ id: String, _ body: String = "hello") throws {
        try session.send(
            OutgoingMessage(to: bobJID.bare, id: makeID(id), body: body), output: &sent)
        take()
    }

    /// What the session changed is in the store; the app acknowledges at once unless it is told not to.
    mutating func take() {
        for change in session.takeChanges() { kept.apply(change) }
        let fresh = session.takeEffects()
        effects += fresh
        guard acknowledges else { return }
        for case .event(.message(let message)) in fresh {
            session.acknowledge(message.id, from: message.from, output: &sent)
        }
        for change in session.takeChanges() { kept.apply(change) }
    }

    /// The process dies, and another goes on with what the store has.
    mutating func restart() {
        session = makeSession(kept: kept)
        sent.clear()
        effects = []
    }

    /// The events so far, which are then forgotten.
    mutating func takeEvents() -> [ClientEvent] {
        defer { effects = [] }
        return effects.compactMap { effect in
            if case .event(let event) = effect { event } else { nil }
        }
    }

    /// Why the session ended the connection, if it did.
    var disconnectReason: DisconnectReason? {
        for effect in effects {
            if case .disconnect(let reason) = effect { return reason }
        }
        return nil
    }

    // MARK: The server's side

    /// The stanzas that the client sent since the last call.
    mutating func receive() throws -> [Node] {
        var nodes: [Node] = []
        while case .frame(_, let payload, let size) = try FrameSplitter.next(
            in: sent.bytes, frameSizeMax: WireLimits.frameSizeMax)
        {
            let bytes = sent.withUnsafeBytes { [UInt8]($0[payload]) }
            nodes.append(try Node.decode(bytes.span.bytes, context: context))
            sent.consume(size)
        }
        return nodes
    }

    mutating func receivePrologue() {
        let prologue = sent.withUnsafeBytes { [UInt8]($0.prefix(Prologue.size)) }
        #expect(prologue == Prologue.bytes)
        sent.consume(Prologue.size)
    }

    func frame(_ node: Node) throws -> [UInt8] {
        var payload = ByteBuffer()
        try node.encode(into: &payload, context: context)
        var frame = ByteBuffer()
        try FrameWriter.write(payload.bytes, into: &frame)
        return frame.copy()
    }

    mutating func deliver(_ bytes: [UInt8]) {
        session.receive(bytes.span.bytes, at: moment, output: &sent)
        take()
    }

    mutating func deliver(_ nodes: Node...) throws {
        for node in nodes { deliver(try frame(node)) }
    }

    /// Carries the login through; `tamper` may change the server's signature, `deflate` is what the
    /// server answers to the client's `offer`.
    mutating func login(
        deflate: String? = nil, offer: String? = "1", token: LoginToken? = nil,
        tamper: ([UInt8]) -> [UInt8] = { $0 }
    ) throws {
        receivePrologue()
        let auth = try #require(try receive().first)
        #expect(auth.tag == "auth")
        #expect(auth["mechanism"] == "SCRAM-SHA-256-PLUS")
        #expect(auth["device"] == "7")
        #expect(auth["deflate"] == offer)
        #expect(auth["token"] == "get")
        let first = try ScramClientFirst(parsing: auth.bytes ?? [])
        #expect(first.binding == .required("tls-exporter"))
        #expect(first.username == "alice")
        let challenge = ScramServerFirst(
            nonce: first.nonce + "server", salt: keys.salt, iterations: keys.iterations)
        try deliver(Node("challenge", content: .bytes(challenge.bytes)))
        let response = try #require(try receive().first)
        #expect(response.tag == "response")
        let final = try ScramClientFinal(parsing: response.bytes ?? [])
        #expect(final.channelBinding == Array("p=tls-exporter,,".utf8) + Self.exporter)
        let message = ScramProof.authMessage(
            clientFirst: first, serverFirst: challenge, withoutProof: final.withoutProof)
        #expect(
            ScramProof.isValid(
                proof: final.proof, keys: keys, authMessage: message, cryptography: cryptography))
        let signature = ScramProof.serverSignature(
            keys: keys, authMessage: message, cryptography: cryptography)
        let success = ScramServerFinal.verifier(tamper(signature))
        var attributes = [
            Node.Attribute(key: "jid", value: "alice@example.org/7"),
            Node.Attribute(key: "t", value: "1700000000"),
        ]
        if let deflate { attributes.append(Node.Attribute(key: "deflate", value: deflate)) }
        if let token { attributes.append(Node.Attribute(key: "token", value: token.hex)) }
        try deliver(Node("success", attributes, content: .bytes(success.bytes)))
    }

    /// A session that is logged in, with what the login produced taken.
    mutating func goOnline() throws {
        connect()
        try login()
    }
}

func incoming(_ id: String, _ body: String = "hi", from: JID = bobJID) -> Node {
    Node(
        "message", ["from": from.description, "id": id, "t": "1700000001"],
        [Node("body", text: body)])
}

func ack(_ id: String) -> Node {
    Node(
        "ack",
        ["class": "message", "id": id, "from": bobJID.bare.description, "t": "1700000002"])
}

func refusal(_ id: String, type: String, condition: String, after: String? = nil) -> Node {
    var error = Node("error", ["type": type], [Node(condition)])
    if let after { error["after"] = after }
    return Node(
        "message", ["type": "error", "id": id, "from": bobJID.bare.description], [error])
}
