// A login from the server's side: a SCRAM exchange (RFC 5802, RFC 7677) with tls-exporter binding
// (RFC 9266), or a token's proof. An unknown account is answered like a known one, and an unknown token
// like a wrong one, from keys that nobody has, so that neither the answers nor their cost tell them apart.

internal import Base
internal import Wire

/// A login in progress, and what only it needs of its session: gone when the login is over.
final class LoginExchange {
    enum Step {
        /// Nothing yet.
        case start
        /// The account's keys were asked for.
        case lookUp
        /// The challenge was sent.
        case challenge(Verification)
        /// The proof was right; what the client has comes next.
        case resume
        /// The proof was right; the device was claimed.
        case claim
    }

    /// What the client's proof is checked against.
    struct Verification {
        var keys: ScramKeys
        var isKnown: Bool
        var serverFirst: ScramServerFirst
    }

    /// The `tls-exporter` value, for SCRAM-SHA-256-PLUS; empty if TLS had none.
    let channelBinding: [UInt8]
    let acceptedAt: Instant
    let startedAt: Instant
    var step = Step.start
    var device: UInt8 = 0
    var user: Localpart?
    var clientFirst: ScramClientFirst?
    /// The StoredKeys of the tokens that the device had when its keys were looked up.
    var tokensBefore: [[UInt8]] = []
    /// The client's proof that it has a token, in the place of `clientFirst`.
    var tokenProof: [UInt8]?
    var serverFinal: [UInt8] = []
    /// Whether the client said that it will say what it has.
    var announcesResume = false
    var wantsToken = false
    /// The token that the client will be told of, and when it expires.
    var issued: (token: LoginToken, expiresAt: UInt64)?
    /// What the device is claimed with.
    var login: DeviceLogin?
    /// The preset dictionary that both sides know.
    var preset: PresetDictionary?

    init(channelBinding: [UInt8], acceptedAt: Instant, at now: Instant) {
        self.channelBinding = channelBinding
        self.acceptedAt = acceptedAt
        startedAt = now
    }

    /// Whether the session reads nothing until an answer has come.
    var awaitsAnswer: Bool {
        switch step {
        case .lookUp, .claim: true
        case .start, .challenge, .resume: false
        }
    }

    /// The device that was claimed, to be released if the connection goes.
    var claimedDevice: DeviceAddress? {
        guard case .claim = step, let user else { return nil }
        return DeviceAddress(user: user, device: device)
    }
}

extension LoginTokenKeys {
    /// Keys of a token that does not exist: no token fits them.
    static func unknown(secret: [UInt8]) -> LoginTokenKeys {
        LoginTokenKeys(storedKey: secret, serverKey: secret, expiresAt: 0)
    }
}

extension ScramKeys {
    /// Keys for an account that does not exist: the same each time, and no password fits them.
    static func unknown(
        _ name: [UInt8], secret: [UInt8], iterations: Int, cryptography: any Cryptography
    ) -> ScramKeys {
        func derived(_ label: String) -> [UInt8] {
            cryptography.hmacSHA256(key: secret, Array(label.utf8) + name)
        }
        return ScramKeys(
            salt: Array(derived("salt ").prefix(16)), iterations: iterations,
            storedKey: derived("stored "), serverKey: derived("server "))
    }
}
