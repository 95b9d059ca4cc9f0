// Owns one SSL object: the handshake and what it settled. HandshakeEngine+Records.swift holds the
// use of the same object as a record layer afterwards. TLSConnection is the only caller.
//
// Invariant: `bio` is both the read and the write side of `ssl`, which owns its references.

internal import COpenSSL

/// One end of a TLS connection inside OpenSSL.
struct HandshakeEngine: ~Copyable, @unchecked Sendable {
    // One owner at a time; OpenSSL objects may move between threads between calls.
    let ssl: OpaquePointer
    let bio: OpaquePointer

    /// A server's end.
    static func server(_ context: TLSContext) throws(TLSError) -> HandshakeEngine {
        precondition(context.role == .server, "a client's context for a server")
        let engine = try make(context)
        SSL_set_accept_state(engine.ssl)
        return engine
    }

    /// A client's end that will only talk to `serverName`, a DNS name or an IP address.
    static func client(
        _ context: TLSContext, serverName: String, session: TLSSession?
    ) throws(TLSError) -> HandshakeEngine {
        precondition(context.role == .client, "a server's context for a client")
        let size = serverName.utf8.count
        // An empty name would switch the check off, and a NUL would cut the name short.
        guard size > 0, size <= TLSLimits.serverNameSizeMax,
            serverName.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { throw .configuration("server name of \(size) bytes, or not printable ASCII") }
        let engine = try make(context)
        SSL_set_connect_state(engine.ssl)
        try engine.expect(serverName)
        session?.offer(in: engine.ssl, context: context, serverName: serverName)
        return engine
    }

    private static func make(_ context: TLSContext) throws(TLSError) -> HandshakeEngine {
        ERR_clear_error()
        guard let ssl = SSL_new(context.handle) else {
            throw .configuration(DrainedErrors().text)
        }
        guard let bio = TransferBIO.make() else {
            SSL_free(ssl)
            throw .configuration(DrainedErrors().text)
        }
        SSL_set_bio(ssl, bio, bio)
        return HandshakeEngine(ssl: ssl, bio: bio)
    }

    deinit {
        SSL_free(ssl)
    }

    private func expect(_ serverName: String) throws(TLSError) {
        ERR_clear_error()
        if X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), serverName) == 1 { return }
        ERR_clear_error()
        SSL_set_hostflags(
            ssl,
            CUnsignedInt(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT)
        )
        guard SSL_set1_host(ssl, serverName) == 1,
            tern_SSL_set_tlsext_host_name(ssl, serverName) == 1
        else { throw .configuration("server name: \(DrainedErrors().text)") }
    }

    /// Takes the handshake as far as the input goes; whether it is over. On an error the output holds
    /// an alert.
    mutating func handshake(_ transfer: inout Transfer) throws(TLSError) -> Bool {
        ERR_clear_error()
        let (result, code) = transfer.through(bio) {
            let result = SSL_do_handshake(ssl)
            return (result, SSL_get_error(ssl, result))
        }
        if result == 1 { return true }
        if code == SSL_ERROR_WANT_READ { return false }
        throw handshakeError()
    }

    private func handshakeError() -> TLSError {
        let errors = DrainedErrors()
        if let alert = errors.peerAlert { return .peerAlert(code: alert, reason: errors.text) }
        if errors.isProtocolRefusal { return .applicationProtocolRefused }
        let verdict = SSL_get_verify_result(ssl)
        if SSL_is_server(ssl) == 0, verdict != Int(X509_V_OK),
            let reason = X509_verify_cert_error_string(verdict)
        {
            return .certificateRejected(String(cString: reason))
        }
        return .handshakeFailed(errors.text)
    }
}

// What the handshake settled. Asked after the handshake only.
extension HandshakeEngine {
    /// The protocol version, as "TLSv1.3".
    var version: String { SSL_get_version(ssl).map { String(cString: $0) } ?? "" }

    /// The suite's name, as "TLS_AES_128_GCM_SHA256".
    var cipherSuite: String {
        SSL_CIPHER_standard_name(SSL_get_current_cipher(ssl)).map { String(cString: $0) } ?? ""
    }

    /// The application protocol.
    var alpn: String? {
        var name: UnsafePointer<UInt8>?
        var size: CUnsignedInt = 0
        SSL_get0_alpn_selected(ssl, &name, &size)
        guard let name, size > 0 else { return nil }
        return String(decoding: UnsafeBufferPointer(start: name, count: Int(size)), as: UTF8.self)
    }

    /// The name the client asked for.
    var serverName: String? {
        SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name).map { String(cString: $0) }
    }

    /// Whether an earlier session was resumed.
    var isResumed: Bool { SSL_session_reused(ssl) == 1 }

    /// Keying material bound to this connection, without context (RFC 8446, section 7.5). Nil where
    /// it would not be unique: TLS 1.2 without extended master secret (RFC 7627).
    func exporter(label: String, count: Int) -> [UInt8]? {
        precondition(count > 0 && count <= TLSLimits.exporterSizeMax, "exporter of \(count) bytes")
        if SSL_version(ssl) < TLS1_3_VERSION, tern_SSL_get_extms_support(ssl) != 1 { return nil }
        ERR_clear_error()
        var material = [UInt8](repeating: 0, count: count)
        let result = SSL_export_keying_material(
            ssl, &material, count, label, label.utf8.count, nil, 0, 0)
        guard result == 1 else {
            ERR_clear_error()
            return nil
        }
        return material
    }
}

extension DrainedErrors {
    /// Whether a server found no application protocol in common or a ClientHello without any. The
    /// second comes as "callback failed": ours has no other reason to fail.
    var isProtocolRefusal: Bool {
        guard firstLibrary == ERR_LIB_SSL else { return false }
        return firstReason == SSL_R_NO_APPLICATION_PROTOCOL || firstReason == SSL_R_CALLBACK_FAILED
    }
}
