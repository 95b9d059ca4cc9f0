// What client and server compute over the messages (RFC 5802 section 3). Both make the AuthMessage here.

package import Base

/// Proofs and signatures of SCRAM-SHA-256.
package enum ScramProof {
    /// The gs2-header with the channel-binding data behind it: what `c=` must hold. `data` is empty
    /// unless the client binds.
    package static func channelBinding(header: String, data: [UInt8]) -> [UInt8] {
        Array(header.utf8) + data
    }

    /// What proof and signature are made over.
    package static func authMessage(
        clientFirst: ScramClientFirst, serverFirst: ScramServerFirst, withoutProof: String
    ) -> [UInt8] {
        Array("\(clientFirst.bare),\(serverFirst.text),\(withoutProof)".utf8)
    }

    /// A client's answer to a challenge, and the signature that the server must show in return.
    /// `password` is prepared. Cost: `serverFirst.iterations` HMACs.
    package static func clientFinal(
        password: [UInt8], clientFirst: ScramClientFirst, serverFirst: ScramServerFirst,
        channelBindingData: [UInt8], cryptography: some Cryptography
    ) -> (message: ScramClientFinal, serverSignature: [UInt8]) {
        let binding = channelBinding(header: clientFirst.header, data: channelBindingData)
        let withoutProof = ScramClientFinal.withoutProof(
            channelBinding: binding, nonce: serverFirst.nonce)
        let message = authMessage(
            clientFirst: clientFirst, serverFirst: serverFirst, withoutProof: withoutProof)
        let salted = cryptography.pbkdf2SHA256(
            password: password, salt: serverFirst.salt, iterations: serverFirst.iterations)
        let clientKey = cryptography.hmacSHA256(key: salted, Array("Client Key".utf8))
        let serverKey = cryptography.hmacSHA256(key: salted, Array("Server Key".utf8))
        let signature = cryptography.hmacSHA256(key: cryptography.sha256(clientKey), message)
        let final = ScramClientFinal(
            channelBinding: binding, nonce: serverFirst.nonce,
            proof: exclusiveOr(clientKey, signature))
        return (final, cryptography.hmacSHA256(key: serverKey, message))
    }

    /// Whether a client's proof shows the password behind `keys` (RFC 5802: H(ClientKey) = StoredKey).
    package static func isValid(
        proof: [UInt8], keys: ScramKeys, authMessage: [UInt8], cryptography: some Cryptography
    ) -> Bool {
        isValid(
            proof: proof, storedKey: keys.storedKey, authMessage: authMessage,
            cryptography: cryptography)
    }

    /// The same with StoredKey alone.
    static func isValid(
        proof: [UInt8], storedKey: [UInt8], authMessage: [UInt8], cryptography: some Cryptography
    ) -> Bool {
        guard proof.count == 32 else { return false }
        let signature = cryptography.hmacSHA256(key: storedKey, authMessage)
        let shown = cryptography.sha256(exclusiveOr(proof, signature))
        return cryptography.constantTimeEqual(shown, storedKey)
    }

    /// The server's proof that it knows the keys: `v=`.
    package static func serverSignature(
        keys: ScramKeys, authMessage: [UInt8], cryptography: some Cryptography
    ) -> [UInt8] {
        cryptography.hmacSHA256(key: keys.serverKey, authMessage)
    }

    private static func exclusiveOr(_ left: [UInt8], _ right: [UInt8]) -> [UInt8] {
        precondition(left.count == right.count, "\(left.count), \(right.count)")
        return zip(left, right).map { $0 ^ $1 }
    }
}
