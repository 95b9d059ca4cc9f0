// The login: SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677, RFC 9266), client's side. The server must prove
// that it knows the verifier before the session counts as online.

internal import Base
internal import Wire

extension ClientSession {
    mutating func receiveLogin(_ node: Node, at moment: Moment, output: inout ByteBuffer) {
        switch (state, node.tag) {
        case (_, "failure"):
            let condition = node.children.first?.tag ?? "not-authorized"
            disconnect(.authenticationFailed(condition: condition))
        case (.sentAuth, "challenge"):
            do throws(WireError) {
                let response = try scram.respond(to: node.bytes ?? [])
                state = .sentResponse
                write(Node("response", content: .bytes(response)), to: &output)
            } catch {
                disconnect(.protocolViolation("the server's challenge: \(error)"))
            }
        case (.sentResponse, "success"):
            receiveSuccess(node, output: &output)
        default:
            disconnect(.protocolViolation("\(node.tag) during the login"))
        }
    }

    private mutating func receiveSuccess(_ node: Node, output: inout ByteBuffer) {
        guard scram.verify(node.bytes ?? []) else {
            disconnect(.serverNotVerified)
            return
        }
        var expected = configuration.jid
        expected.device = configuration.device
        guard node.jid("jid") == expected else {
            disconnect(.protocolViolation("logged in as another than \(expected)"))
            return
        }
        state = .online
        loginDeadline = nil
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
