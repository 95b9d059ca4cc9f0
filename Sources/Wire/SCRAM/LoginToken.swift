// Login tokens: what a device that has logged in once logs in with from then on, in one flight. What both
// sides compute is SCRAM's proof (RFC 5802) with the token in the place of the salted password and the TLS
// connection's exporter value in the place of the nonces, so that the server keeps nothing with which
// anybody could log in, and a proof is worth nothing on another connection.

package import Base

/// What a server keeps of a token: enough to check a proof, not to make one.
package struct LoginTokenKeys: Hashable, Sendable {
    /// SHA-256 of the client's key, 32 bytes.
    package var storedKey: [UInt8]
    /// What the server proves itself with, 32 bytes.
    package var serverKey: [UInt8]
    /// Seconds since 1970; not valid from then on.
    package var expiresAt: UInt64

    package init(storedKey: [UInt8], serverKey: [UInt8], expiresAt: UInt64) {
        self.storedKey = storedKey
        self.serverKey = serverKey
        self.expiresAt = expiresAt
    }

    /// The keys of a token.
    package init(of token: LoginToken, expiresAt: UInt64, cryptography: some Cryptography) {
        let clientKey = token.clientKey(cryptography)
        self.init(
            storedKey: cryptography.sha256(clientKey), serverKey: token.serverKey(cryptography),
            expiresAt: expiresAt)
    }
}

/// A token. Its description does not show it.
package struct LoginToken: Hashable, Sendable, CustomStringConvertible, CustomReflectable {
    package static let size = 32
    package static let mechanism = "TOKEN-SHA-256-PLUS"

    package let bytes: [UInt8]

    /// Nil unless there are 32 bytes.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.size else { return nil }
        self.bytes = bytes
    }

    /// A fresh token.
    package init(cryptography: some Cryptography) {
        bytes = cryptography.randomBytes(Self.size)
        precondition(bytes.count == Self.size, "\(bytes.count) random bytes")
    }

    /// From the 64 upper-case hex digits in which it travels.
    package init?(hex: String) {
        let digits = Array(hex.utf8)
        guard digits.count == 2 * Self.size else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = Self.value(digits[index]), let low = Self.value(digits[index + 1])
            else { return nil }
            bytes.append(high << 4 | low)
        }
        self.bytes = bytes
    }

    /// 64 upper-case hex digits: the wire packs them.
    package var hex: String {
        let alphabet = Array("0123456789ABCDEF".utf8)
        let digits = bytes.flatMap { [alphabet[Int($0 >> 4)], alphabet[Int($0 & 15)]] }
        return String(decoding: digits, as: UTF8.self)
    }

    package var description: String { "a login token" }

    package var customMirror: Mirror { Mirror(self, children: [] as [Mirror.Child]) }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    fileprivate func clientKey(_ cryptography: some Cryptography) -> [UInt8] {
        cryptography.hmacSHA256(key: bytes, Array("Client Key".utf8))
    }

    fileprivate func serverKey(_ cryptography: some Cryptography) -> [UInt8] {
        cryptography.hmacSHA256(key: bytes, Array("Server Key".utf8))
    }
}

/// Who logs in with a token, and over which connection: what both proofs are made over.
package struct LoginTokenExchange: Sendable {
    private let subject: [UInt8]

    /// `exporter` is the connection's `tls-exporter` value.
    package init(user: [UInt8], device: UInt8, exporter: [UInt8]) {
        subject = user + [0, device] + exporter
    }

    private var initiator: [UInt8] { Array("Initiator".utf8) + subject }
    private var responder: [UInt8] { Array("Responder".utf8) + subject }

    /// The client's proof that it has the token, 32 bytes.
    package func proof(of token: LoginToken, cryptography: some Cryptography) -> [UInt8] {
        let clientKey = token.clientKey(cryptography)
        let signature = cryptography.hmacSHA256(
            key: cryptography.sha256(clientKey), initiator)
        return zip(clientKey, signature).map { $0 ^ $1 }
    }

    /// What the server must answer to it.
    package func signature(
        expectedFor token: LoginToken, cryptography: some Cryptography
    ) -> [UInt8] {
        cryptography.hmacSHA256(key: token.serverKey(cryptography), responder)
    }

    /// Whether a client's proof shows the token behind `keys`.
    package func isValid(
        _ proof: [UInt8], keys: LoginTokenKeys, cryptography: some Cryptography
    ) -> Bool {
        ScramProof.isValid(
            proof: proof, storedKey: keys.storedKey, authMessage: initiator,
            cryptography: cryptography)
    }

    /// The server's proof that it knows the keys.
    package func signature(keys: LoginTokenKeys, cryptography: some Cryptography) -> [UInt8] {
        cryptography.hmacSHA256(key: keys.serverKey, responder)
    }
}

/// The content of a token's `auth`: `user 00 proof`.
package struct LoginTokenMessage: Sendable {
    package var user: [UInt8]
    package var proof: [UInt8]

    package init(user: [UInt8], proof: [UInt8]) {
        self.user = user
        self.proof = proof
    }

    /// Nil unless there is a user, a zero and 32 bytes.
    package init?(parsing bytes: [UInt8]) {
        guard let end = bytes.firstIndex(of: 0), end > 0,
            bytes.count == end + 1 + LoginToken.size
        else { return nil }
        user = Array(bytes[..<end])
        proof = Array(bytes[(end + 1)...])
    }

    package var bytes: [UInt8] { user + [0] + proof }
}
