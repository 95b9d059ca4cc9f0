// What a server keeps of a password (RFC 5802 section 3): enough to check a proof, not to make one.

package import Base

/// A SCRAM-SHA-256 verifier.
package struct ScramKeys: Hashable, Sendable {
    /// The salt, 16 bytes when we make it.
    package var salt: [UInt8]
    /// The PBKDF2 iteration count.
    package var iterations: Int
    /// StoredKey, 32 bytes.
    package var storedKey: [UInt8]
    /// ServerKey, 32 bytes.
    package var serverKey: [UInt8]

    package init(salt: [UInt8], iterations: Int, storedKey: [UInt8], serverKey: [UInt8]) {
        self.salt = salt
        self.iterations = iterations
        self.storedKey = storedKey
        self.serverKey = serverKey
    }

    /// Derives the keys of an already prepared password. Cost: `iterations` HMACs.
    package static func derive(
        password: [UInt8], salt: [UInt8], iterations: Int, cryptography: some Cryptography
    ) -> ScramKeys {
        let salted = cryptography.pbkdf2SHA256(
            password: password, salt: salt, iterations: iterations)
        let clientKey = cryptography.hmacSHA256(key: salted, Array("Client Key".utf8))
        return ScramKeys(
            salt: salt, iterations: iterations, storedKey: cryptography.sha256(clientKey),
            serverKey: cryptography.hmacSHA256(key: salted, Array("Server Key".utf8)))
    }
}
