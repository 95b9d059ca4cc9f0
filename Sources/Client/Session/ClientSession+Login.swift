// The login, client's side: with a token, else SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677, RFC 9266). The
// server must prove that it knows the token's keys or the verifier before the session counts as online.

internal import Base
internal import Wire

extension ClientSession {
    /// Sends `auth`; with a token also what this client has, and then the server can answer at once.
    mutating func beginLogin(exporter: [UInt8], output: inout ByteBuffer) {
        let isBound = configuration.channelBinding == .required
        let resume = resumeNode()
        if let token, isBound {
            let exchange = LoginTokenExchange(
                user: Array(user.text.utf8), device: configuration.device, exporter: exporter)
            let proof = exchange.proof(of: token, cryptography: cryptography)
            let message = LoginTokenMessage(user: Array(user.text.utf8), proof: proof)
            writeAuth(
                LoginToken.mechanism, message.bytes, isResuming: resume != nil, to: &output)
            if let resume { write(resume, to: &output) }
            state = .sentToken(
                signature: exchange.signature(expectedFor: token, cryptography: cryptography))
        } else if let first = scram?.begin(exporter: isBound ? exporter : nil) {
            writeAuth(
                scram?.mechanism ?? "", first, isResuming: resume != nil, to: &output)
            announcedResume = resume
            state = .sentAuth
        } else {
            disconnect(.authenticationFailed(condition: "credentials-expired"))
        }
    }

    private var wantsToken: Bool {
        configuration.wantsToken && configuration.channelBinding == .required
    }

    private mutating func writeAuth(
        _ mechanism: String, _ message: [UInt8], isResuming: Bool, to output: inout ByteBuffer
    ) {
        var attributes = [
            Attribute(key: "mechanism", value: mechanism),
            Attribute(key: "device", value: String(configuration.device)),
        ]
        if configuration.offersPreset {
            attributes.append(Attribute(key: "deflate", value: PresetOffer.ours.text))
        }
        if wantsToken {
            attributes.append(Attribute(key: "token", value: "get"))
        }
        if isResuming { attributes.append(Attribute(key: "resume", value: "true")) }
        write(Node("auth", attributes, content: .bytes(message)), to: &output)
    }

    /// What the client has and the server may not know of: messages whose receipts are not acked, receipts
    /// whose acks may be lost. The newest, as many as a server takes.
    private func resumeNode() -> Node? {
        var acks: [Node] = []
        var size = 0
        var keys: [SeenKey] = []
        for receipt in (receipts + refusedReceipts).reversed() {
            let key = SeenKey(from: receipt.to, id: receipt.id, kind: .message)
            if !keys.contains(key) { keys.append(key) }
            if keys.count == WireLimits.resumeCountMax { break }
        }
        for key in keys + recentAcks.reversed() {
            let ack = Self.ack(of: key)
            // Names are counted as text: they are never longer on the wire.
            size += 16 + key.from.description.utf8.count + key.id.text.utf8.count
            guard size <= ClientLimits.resumeSizeMax, acks.count < WireLimits.resumeCountMax
            else { break }
            acks.append(ack)
        }
        return acks.isEmpty ? nil : Node("resume", content: .nodes(acks))
    }

    mutating func receiveLogin(_ node: Node, at moment: Moment, output: inout ByteBuffer) {
        switch (state, node.tag) {
        case (_, "failure"):
            retryAfterMs = node.afterMs
            receiveFailure(node.children.first?.tag ?? "not-authorized")
        case (.sentAuth, "challenge"):
            // What was announced: the app may have acknowledged more since, and that is said later.
            let resume = announcedResume.take()
            do throws(WireError) {
                guard let response = try scram?.respond(to: node.bytes ?? []) else {
                    throw .malformedSCRAM
                }
                state = .sentResponse
                write(Node("response", content: .bytes(response)), to: &output)
                if let resume { write(resume, to: &output) }
            } catch {
                disconnect(.protocolViolation("the server's challenge: \(error)"))
            }
        case (.sentResponse, "success"):
            receiveSuccess(node, isProven: scram?.verify(node.bytes ?? []) == true, &output)
        case (.sentToken(let signature), "success"):
            let isProven = cryptography.constantTimeEqual(node.bytes ?? [], signature)
            receiveSuccess(node, isProven: isProven, &output)
        default:
            disconnect(.protocolViolation("\(node.tag) during the login"))
        }
    }

    private mutating func receiveFailure(_ condition: String) {
        // A token that the server does not take, or not any more, is worth nothing: the password is.
        if case .sentToken = state, condition != "temporary-auth-failure" {
            token = nil
            changes.append(.token(nil))
            if scram != nil {
                disconnect(.tokenRefused)
                return
            }
        }
        disconnect(.authenticationFailed(condition: condition))
    }

    private mutating func receiveSuccess(
        _ node: Node, isProven: Bool, _ output: inout ByteBuffer
    ) {
        guard isProven else {
            disconnect(.serverNotVerified)
            return
        }
        var expected = configuration.jid
        expected.device = configuration.device
        guard node.jid("jid") == expected else {
            disconnect(.protocolViolation("logged in as another than \(expected)"))
            return
        }
        if let value = node["deflate"] {
            // One of those that were offered, or the server speaks of something else.
            guard configuration.offersPreset, let answer = PresetOffer(value),
                answer.versions.count == 1, let chosen = answer.chosen
            else {
                disconnect(.protocolViolation("deflate=\(value), which was not offered"))
                return
            }
            preset = chosen
        }
        if let value = node["token"] {
            // A secret that nobody asked for is not put on a disk.
            guard wantsToken, let issued = LoginToken(hex: value) else {
                disconnect(.protocolViolation("a token that is none, or was not asked for"))
                return
            }
            token = issued
            changes.append(.token(ClientSecret(issued.bytes)))
        }
        state = .online
        loginDeadline = nil
        recentAcks = []
        emit(.online(jid: expected, resumedTLS: resumedTLS))
        writePresence(to: &output)
        sendWaiting(output: &output)
    }
}

/// The client's side of one SCRAM exchange after another. The password's PBKDF2 is done once for each
/// salt and iteration count.
struct ScramClient {
    private static let nonceSize = 18

    private let user: String
    private let password: [UInt8]
    private let cryptography: any Cryptography

    private(set) var mechanism = ""
    private var first: ScramClientFirst?
    private var exporter: [UInt8] = []
    private var serverSignature: [UInt8]?
    private var cached: (salt: [UInt8], iterations: Int, saltedPassword: [UInt8])?

    /// Precondition: the user's name is not empty.
    init(user: String, password: [UInt8], cryptography: any Cryptography) {
        self.user = user
        self.password = password
        self.cryptography = cryptography
    }

    /// The client-first-message; bound to the connection when its exporter value is given.
    mutating func begin(exporter: [UInt8]?) -> [UInt8] {
        mechanism = exporter == nil ? "SCRAM-SHA-256" : "SCRAM-SHA-256-PLUS"
        self.exporter = exporter ?? []
        serverSignature = nil
        let first = ScramClientFirst(
            binding: exporter == nil ? .unsupported : .required("tls-exporter"), username: user,
            nonce: Base64.encoded(cryptography.randomBytes(Self.nonceSize)))
        self.first = first
        return first.bytes
    }

    /// The client-final-message for a server-first-message.
    mutating func respond(to challenge: [UInt8]) throws(WireError) -> [UInt8] {
        guard let first else { throw .malformedSCRAM }
        let serverFirst = try ScramServerFirst(parsing: challenge, clientNonce: first.nonce)
        let binding = ScramProof.channelBinding(header: first.header, data: exporter)
        let withoutProof = ScramClientFinal.withoutProof(
            channelBinding: binding, nonce: serverFirst.nonce)
        let message = ScramProof.authMessage(
            clientFirst: first, serverFirst: serverFirst, withoutProof: withoutProof)
        let salted = saltedPassword(salt: serverFirst.salt, iterations: serverFirst.iterations)
        let clientKey = cryptography.hmacSHA256(key: salted, Array("Client Key".utf8))
        let serverKey = cryptography.hmacSHA256(key: salted, Array("Server Key".utf8))
        let signature = cryptography.hmacSHA256(key: cryptography.sha256(clientKey), message)
        serverSignature = cryptography.hmacSHA256(key: serverKey, message)
        return ScramClientFinal(
            channelBinding: binding, nonce: serverFirst.nonce,
            proof: zip(clientKey, signature).map { $0 ^ $1 }
        ).bytes
    }

    /// Whether a server-final-message proves that the server knows the verifier.
    func verify(_ serverFinal: [UInt8]) -> Bool {
        guard let serverSignature,
            case .verifier(let signature)? = try? ScramServerFinal(parsing: serverFinal)
        else { return false }
        return cryptography.constantTimeEqual(signature, serverSignature)
    }

    private mutating func saltedPassword(salt: [UInt8], iterations: Int) -> [UInt8] {
        if let cached, cached.salt == salt, cached.iterations == iterations {
            return cached.saltedPassword
        }
        let salted = cryptography.pbkdf2SHA256(
            password: password, salt: salt, iterations: iterations)
        cached = (salt, iterations, salted)
        return salted
    }
}
