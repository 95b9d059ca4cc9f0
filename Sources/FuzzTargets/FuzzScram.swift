// The messages of a login: what is parsed is written as it came, and a proof over any of it can be checked.

internal import Base
internal import TLS
internal import Wire

/// Takes the bytes as each of SCRAM's messages and as Base64.
public func fuzzScram(_ bytes: UnsafeRawBufferPointer) {
    let message = [UInt8](bytes)
    let first = parsed(message) { bytes throws(WireError) in try ScramClientFirst(parsing: bytes) }
    if let first {
        precondition(first.bytes == message, "client-first is written as \(first.bytes)")
        precondition(!first.username.isEmpty && ScramText.isNonce(first.nonce), "\(first)")
    }
    let final = parsed(message) { bytes throws(WireError) in try ScramClientFinal(parsing: bytes) }
    if let final {
        precondition(final.bytes == message, "client-final is written as \(final.bytes)")
    }
    let challenge = parsed(message) { bytes throws(WireError) in
        try ScramServerFirst(parsing: bytes, clientNonce: "n")
    }
    if let challenge {
        precondition(challenge.bytes == message, "server-first is written as \(challenge.bytes)")
        precondition(!challenge.salt.isEmpty && challenge.iterations > 0, "\(challenge)")
    }
    let end = parsed(message) { bytes throws(WireError) in try ScramServerFinal(parsing: bytes) }
    if let end {
        let again = parsed(end.bytes) { bytes throws(WireError) in
            try ScramServerFinal(parsing: bytes)
        }
        precondition(again == end, "\(end) is read again as \(String(describing: again))")
    }
    checkBase64(message)
    if let first { checkLogin(first) }
}

private func parsed<Value>(
    _ bytes: [UInt8], _ parse: ([UInt8]) throws(WireError) -> Value
) -> Value? {
    do throws(WireError) {
        return try parse(bytes)
    } catch {
        return nil
    }
}

private func checkBase64(_ bytes: [UInt8]) {
    precondition(Base64.decoded(Base64.encoded(bytes)) == bytes, "\(bytes) does not come back")
    guard let text = String(validating: bytes, as: UTF8.self),
        let decoded = Base64.decoded(text)
    else { return }
    precondition(
        Base64.encoded(decoded).utf8.elementsEqual(bytes), "\(text) is no canonical Base64")
}

/// The right password is let in under any name and nonce, a wrong proof is not.
private func checkLogin(_ first: ScramClientFirst) {
    let cryptography = OpenSSLCryptography()
    let password = Array("pencil".utf8)
    let keys = ScramKeys.derive(
        password: password, salt: [1, 2, 3], iterations: 1, cryptography: cryptography)
    let challenge = ScramServerFirst(
        nonce: first.nonce + "server", salt: keys.salt, iterations: keys.iterations)
    let (final, signature) = ScramProof.clientFinal(
        password: password, clientFirst: first, serverFirst: challenge, channelBindingData: [],
        cryptography: cryptography)
    let message = ScramProof.authMessage(
        clientFirst: first, serverFirst: challenge, withoutProof: final.withoutProof)
    let accepts = { (proof: [UInt8]) in
        ScramProof.isValid(
            proof: proof, keys: keys, authMessage: message, cryptography: cryptography)
    }
    precondition(accepts(final.proof), "the right proof is refused")
    var wrong = final.proof
    wrong[0] ^= 1
    precondition(!accepts(wrong), "a wrong proof is accepted")
    let expected = ScramProof.serverSignature(
        keys: keys, authMessage: message, cryptography: cryptography)
    precondition(signature == expected, "client and server disagree on the signature")
}
