// One simulated device. What it keeps while it is idle stands in the struct: the TLS record state and a
// few numbers; its connection is the transport's. All else exists only while it logs in or while the
// connection is behind.

internal import Base
internal import Reactor
internal import TLS
internal import Wire

/// A device of the load generator; its thread alone touches it.
struct BenchClient: ~Copyable {
    enum Phase: UInt8 {
        /// No connection; perhaps a timer or the thread's queue knows about it.
        case absent
        case connecting
        case handshaking
        case sentAuth
        case sentResponse
        case online
    }

    var tls: TLSConnection?
    /// While not logged in.
    var attempt: LoginAttempt?
    /// Bytes that could not be sent yet, or a frame that has not come whole.
    var spill: Spill?
    /// Messages that await their ack.
    var unackedCount: UInt32 = 0
    /// Tells events and timers of an earlier connection apart.
    var incarnation: UInt32 = 0
    var attemptCount: UInt8 = 0
    var phase = Phase.absent
    /// Whether it may resume with a ticket of its thread.
    var hasLoggedIn = false
}

/// What a client needs to know only until it is logged in.
final class LoginAttempt {
    /// When the login was due: its latency counts from here.
    let intendedNs: UInt64
    var timer: TimerID
    var isResumed = false
    var exporter: [UInt8] = []
    var clientFirst: ScramClientFirst?
    var serverSignature: [UInt8] = []

    init(intendedNs: UInt64, timer: TimerID) {
        self.intendedNs = intendedNs
        self.timer = timer
    }
}

/// What a socket or a frame left over.
final class Spill {
    var output = ByteBuffer()
    var input = ByteBuffer()

    var isEmpty: Bool { output.isEmpty && input.isEmpty }
}

/// SCRAM-SHA-256-PLUS as a client, with the costly part done once for each password, salt and
/// iteration count: the simulated accounts share all three.
struct BenchScram {
    private struct Keys {
        var salt: [UInt8]
        var iterations: Int
        var clientKey: [UInt8]
        var storedKey: [UInt8]
        var serverKey: [UInt8]
    }

    private let password: [UInt8]
    private let cryptography = OpenSSLCryptography()
    private var cached: Keys?

    init(password: [UInt8]) { self.password = password }

    /// The client-first-message of a user.
    func begin(_ user: Localpart) -> ScramClientFirst {
        ScramClientFirst(
            binding: .required("tls-exporter"), username: user.text,
            nonce: Base64.encoded(cryptography.randomBytes(18)))
    }

    /// The client-final-message for a challenge, and the signature the server must show.
    mutating func respond(
        to challenge: [UInt8], _ first: ScramClientFirst, exporter: [UInt8]
    ) throws(WireError) -> (message: [UInt8], serverSignature: [UInt8]) {
        let serverFirst = try ScramServerFirst(parsing: challenge, clientNonce: first.nonce)
        let keys = keys(salt: serverFirst.salt, iterations: serverFirst.iterations)
        let binding = ScramProof.channelBinding(header: first.header, data: exporter)
        let message = ScramProof.authMessage(
            clientFirst: first, serverFirst: serverFirst,
            withoutProof: ScramClientFinal.withoutProof(
                channelBinding: binding, nonce: serverFirst.nonce))
        let signature = cryptography.hmacSHA256(key: keys.storedKey, message)
        let final = ScramClientFinal(
            channelBinding: binding, nonce: serverFirst.nonce,
            proof: zip(keys.clientKey, signature).map { $0 ^ $1 })
        return (final.bytes, cryptography.hmacSHA256(key: keys.serverKey, message))
    }

    /// Whether a server-final-message shows this signature.
    func verify(_ serverFinal: [UInt8], _ signature: [UInt8]) -> Bool {
        guard case .verifier(let shown)? = try? ScramServerFinal(parsing: serverFinal) else {
            return false
        }
        return cryptography.constantTimeEqual(shown, signature)
    }

    private mutating func keys(salt: [UInt8], iterations: Int) -> Keys {
        if let cached, cached.salt == salt, cached.iterations == iterations { return cached }
        let salted = cryptography.pbkdf2SHA256(
            password: password, salt: salt, iterations: iterations)
        let clientKey = cryptography.hmacSHA256(key: salted, Array("Client Key".utf8))
        let keys = Keys(
            salt: salt, iterations: iterations, clientKey: clientKey,
            storedKey: cryptography.sha256(clientKey),
            serverKey: cryptography.hmacSHA256(key: salted, Array("Server Key".utf8)))
        cached = keys
        return keys
    }
}
