// A SCRAM exchange from the server's side (RFC 5802, RFC 7677), with tls-exporter binding (RFC 9266).
// An unknown account is answered like a known one, from keys that nobody has, so that neither the
// answers nor their cost tell the two apart.

internal import Base
internal import Wire

/// A login in progress. One a session, gone when the login is over.
final class LoginExchange {
    enum Step {
        /// Nothing yet.
        case start
        /// The account's keys were asked for.
        case lookUp
        /// The challenge was sent.
        case challenge(Verification)
        /// The proof was right; the device was claimed.
        case claim
    }

    /// What the client's proof is checked against.
    struct Verification {
        var keys: ScramKeys
        var isKnown: Bool
        var serverFirst: ScramServerFirst
    }

    var step = Step.start
    var device: UInt8 = 0
    var user: Localpart?
    var clientFirst: ScramClientFirst?
    var serverFinal: [UInt8] = []

    /// Whether the session reads nothing until an answer has come.
    var awaitsAnswer: Bool {
        switch step {
        case .lookUp, .claim: true
        case .start, .challenge: false
        }
    }

    /// The device that was claimed, to be released if the connection goes.
    var claimedDevice: DeviceAddress? {
        guard case .claim = step, let user else { return nil }
        return DeviceAddress(user: user, device: device)
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
