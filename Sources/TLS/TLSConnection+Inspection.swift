// What a client can say of the server it talks to beyond what its session needs: for `tern tls`.
// Asks OpenSSL's object, which a client keeps.

internal import COpenSSL

/// What a server showed.
package struct TLSInspection: Sendable {
    /// The server's certificate, then those it sent with it.
    package var chain: [CertificateFacts]
    /// How the server signed its part of the handshake, as "ECDSA with SHA256"; nil when it resumed.
    package var signature: String?
    /// Bytes of the OCSP staple; nil without one.
    package var stapleSize: Int?
    /// Tickets that came so far.
    package var ticketCount: Int
    /// How long the latest ticket is good for, in seconds, as the server says.
    package var ticketLifetimeS: Int
}

extension TLSConnection {
    /// Makes a client ask for a staple. Call it before `start`.
    package func requestStaple() {
        guard let engine else { return }
        _ = tern_SSL_set_tlsext_status_type(engine.ssl, TLSEXT_STATUSTYPE_ocsp)
    }

    /// What the server has shown so far. Call it on a client whose handshake is over; nil when the
    /// connection has failed or left OpenSSL.
    package func inspect() -> TLSInspection? {
        guard let ssl = engine?.ssl else { return nil }
        var chain: [CertificateFacts] = []
        let certificates = SSL_get_peer_cert_chain(ssl)
        for index in 0..<tern_sk_X509_num(certificates) {
            guard let certificate = tern_sk_X509_value(certificates, index) else { continue }
            chain.append(CertificateFacts(certificate))
        }
        var staple: UnsafePointer<UInt8>?
        let stapleSize = tern_SSL_get_tlsext_status_ocsp_resp(ssl, &staple)
        let lifetime = SSL_get_session(ssl).map { SSL_SESSION_get_ticket_lifetime_hint($0) } ?? 0
        return TLSInspection(
            chain: chain,
            signature: Self.signature(ssl),
            stapleSize: stapleSize > 0 ? Int(stapleSize) : nil,
            ticketCount: Int(ExtraData.word(ssl, ExtraData.ticketCount)),
            ticketLifetimeS: Int(clamping: lifetime))
    }

    private static func signature(_ ssl: OpaquePointer) -> String? {
        let kind: String
        switch tern_SSL_get_peer_signature_nid(ssl) {
        case 0: return nil
        case EVP_PKEY_EC: kind = "ECDSA"
        case EVP_PKEY_RSA_PSS: kind = "RSA-PSS"
        case EVP_PKEY_RSA: kind = "RSA"
        case EVP_PKEY_ED25519: return "Ed25519"
        case EVP_PKEY_ED448: return "Ed448"
        case let other: kind = OBJ_nid2sn(other).map { String(cString: $0) } ?? "unknown"
        }
        let digest = tern_SSL_get_peer_signature_digest_nid(ssl)
        return digest == 0 ? kind : kind + " with " + String(cString: OBJ_nid2sn(digest))
    }
}

/// Counts a client's tickets; keeps none.
@c func ternCountTicket(_ ssl: OpaquePointer?, _ session: OpaquePointer?) -> CInt {
    // Cannot wrap: a connection does not live for 2^64 tickets.
    ExtraData.setWord(
        ssl, ExtraData.ticketCount, ExtraData.word(ssl, ExtraData.ticketCount) &+ 1)
    return 0
}
