// Owns one SSL object for as long as OpenSSL has the connection: the handshake. HandshakeEngine+Facts.swift holds what it settled,
// HandshakeEngine+Records.swift the use of the same object as a record layer afterwards. TLSConnection is the only caller.
// HandshakeEngine+Detach.swift takes the connection out of OpenSSL.
//
// A class, because OpenSSL's callbacks point at it. Invariant: `bio` is both the read and the write side of `ssl`, which owns its references.

internal import Base
internal import COpenSSL

/// One end of a TLS connection inside OpenSSL.
final class HandshakeEngine: @unchecked Sendable {
    // One owner at a time; OpenSSL objects may move between threads between calls.
    let ssl: OpaquePointer
    let bio: OpaquePointer
    // The context outlives the SSL object: OpenSSL's callbacks point into it.
    let context: TLSContext
    /// The name a client asked for; nil on a server.
    let expectedName: String?
    var isOpen = false
    var hasSentClose = false
    var hasReceivedClose = false
    /// What the handshake settled, until it is taken.
    var facts: HandshakeFacts?
    /// What the record layer needs that is to take over.
    var watch = RecordWatch()
    /// A server's look at what its client sends in clear; nil on a client.
    private var helloGuard: ClientHelloGuard?
    /// A server has not answered a ClientHello yet, but for a HelloRetryRequest.
    private var isHelloDue = false

    /// A server's end.
    static func server(_ context: TLSContext) throws(TLSError) -> HandshakeEngine {
        precondition(context.role == .server, "a client's context for a server")
        let engine = try HandshakeEngine(context, expectedName: nil)
        SSL_set_accept_state(engine.ssl)
        engine.helloGuard = ClientHelloGuard()
        engine.isHelloDue = true
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
        let engine = try HandshakeEngine(context, expectedName: serverName)
        SSL_set_connect_state(engine.ssl)
        try engine.expect(serverName)
        session?.offer(in: engine.ssl, context: context, serverName: serverName)
        return engine
    }

    private init(_ context: TLSContext, expectedName: String?) throws(TLSError) {
        ERR_clear_error()
        guard let ssl = SSL_new(context.handle) else {
            throw .configuration(DrainedErrors().text)
        }
        guard let bio = TransferBIO.make() else {
            SSL_free(ssl)
            throw .configuration(DrainedErrors().text)
        }
        SSL_set_bio(ssl, bio, bio)
        self.ssl = ssl
        self.bio = bio
        self.context = context
        self.expectedName = expectedName
        if context.detachment != .never { watchRecords() }
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

    /// Refuses a ClientHello that is too large before OpenSSL makes room for it. Appends the alert.
    func refuseHuge(
        _ input: UnsafeRawBufferPointer, output: inout ByteBuffer
    ) throws(TLSError) {
        let isTLS13 = SSL_version(ssl) == TLS1_3_VERSION
        guard let size = helloGuard?.oversize(in: input, isTLS13: isTLS13) else { return }
        // A record with a fatal illegal_parameter (RFC 8446, section 6), as OpenSSL answers those it refuses.
        output.append([21, 3, 3, 0, 2, 2, 47])
        throw .handshakeFailed("a ClientHello of \(size) bytes")
    }

    /// Whether a server still waits for the ClientHello that it answers in earnest, now that `output` has
    /// what it said last from `start` on.
    func awaitsHello(answered output: borrowing ByteBuffer, from start: Int) -> Bool {
        guard isHelloDue, output.count > start else { return isHelloDue }
        isHelloDue = output.withUnsafeBytes {
            HelloRetryRequest.begins(UnsafeRawBufferPointer(rebasing: $0[start...]))
        }
        return isHelloDue
    }

    /// Takes the handshake as far as the input goes; whether it is over. On an error the output holds
    /// an alert.
    func handshake(_ transfer: inout Transfer) throws(TLSError) -> Bool {
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
        if errors.isNameRefusal { return .serverNameRefused }
        let verdict = SSL_get_verify_result(ssl)
        if SSL_is_server(ssl) == 0, verdict != Int(X509_V_OK),
            let reason = X509_verify_cert_error_string(verdict)
        {
            return .certificateRejected(String(cString: reason))
        }
        return .handshakeFailed(errors.text)
    }
}

extension DrainedErrors {
    /// Whether a server found no application protocol in common, or a ClientHello without any.
    var isProtocolRefusal: Bool {
        firstLibrary == ERR_LIB_SSL && firstReason == SSL_R_NO_APPLICATION_PROTOCOL
            || firstLibrary == ERR_LIB_USER && firstReason == OwnReason.noProtocol
    }

    /// Whether a server refused the name that its client asked for.
    var isNameRefusal: Bool {
        firstLibrary == ERR_LIB_USER && firstReason == OwnReason.unknownName
    }
}
