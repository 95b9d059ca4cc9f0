// A server's side of a context: certificate and key, tickets, and the application protocol.
//
// A client without a protocol of ours is refused in its first flight, also when it offers none at
// all: anything that speaks TLS to the port and means another protocol gets a clear alert.

internal import COpenSSL

extension ContextHandle {
    private static let sessionIDContext: [UInt8] = Array("tern".utf8)
    private static let ticketCountMax = 4
    private static let ticketLifetimeMaxS = 7 * 24 * 3_600

    /// Loads the certificate and its key and sets up tickets.
    func configure(server configuration: TLSServerConfiguration) throws(TLSError) {
        let ticketCount = configuration.ticketCount
        guard ticketCount >= 0, ticketCount <= Self.ticketCountMax else {
            throw .configuration("ticketCount \(ticketCount) is not in 0...\(Self.ticketCountMax)")
        }
        let lifetimeS = configuration.ticketLifetimeS
        guard lifetimeS > 0, lifetimeS <= Self.ticketLifetimeMaxS else {
            throw .configuration(
                "ticketLifetimeS \(lifetimeS) is not in 1...\(Self.ticketLifetimeMaxS)")
        }
        try loadCertificate(configuration.certificateChainPath)
        try loadPrivateKey(configuration)
        SSL_CTX_set_verify(pointer, SSL_VERIFY_NONE, nil)
        SSL_CTX_set_timeout(pointer, lifetimeS)
        try require(SSL_CTX_set_num_tickets(pointer, ticketCount), "tickets")
        let context = Self.sessionIDContext
        try require(
            SSL_CTX_set_session_id_context(pointer, context, CUnsignedInt(context.count)),
            "session context")
    }

    private func loadCertificate(_ path: String) throws(TLSError) {
        ERR_clear_error()
        guard SSL_CTX_use_certificate_chain_file(pointer, path) == 1 else {
            throw .certificateFile(path: path, reason: DrainedErrors().text)
        }
    }

    private func loadPrivateKey(_ configuration: TLSServerConfiguration) throws(TLSError) {
        let path = configuration.privateKeyPath
        // Without this an encrypted key would make OpenSSL ask on the terminal.
        SSL_CTX_set_default_passwd_cb(pointer, ternNoPassword)
        ERR_clear_error()
        guard SSL_CTX_use_PrivateKey_file(pointer, path, SSL_FILETYPE_PEM) == 1 else {
            let errors = DrainedErrors()
            if errors.isKeyMismatch {
                throw .keyMismatch(
                    certificatePath: configuration.certificateChainPath, privateKeyPath: path)
            }
            throw .privateKeyFile(path: path, reason: errors.text)
        }
        guard SSL_CTX_check_private_key(pointer) == 1 else {
            _ = DrainedErrors()
            throw .keyMismatch(
                certificatePath: configuration.certificateChainPath, privateKeyPath: path)
        }
    }
}

extension TLSContext {
    /// Refuses clients that offer none of our protocols. The callbacks are given this context, which
    /// every connection retains.
    func requireProtocol() {
        let argument = Unmanaged.passUnretained(self).toOpaque()
        SSL_CTX_set_client_hello_cb(handle, ternCheckClientHello, nil)
        SSL_CTX_set_alpn_select_cb(handle, ternSelectProtocol, argument)
    }
}

/// Gives no password.
@c func ternNoPassword(
    _ buffer: UnsafeMutablePointer<CChar>?, _ size: CInt, _ writing: CInt,
    _ argument: UnsafeMutableRawPointer?
) -> CInt {
    -1
}

/// Refuses a ClientHello without the ALPN extension; `ternSelectProtocol` is not asked about those.
@c func ternCheckClientHello(
    _ ssl: OpaquePointer?, _ alert: UnsafeMutablePointer<CInt>?,
    _ argument: UnsafeMutableRawPointer?
) -> CInt {
    let type = CUnsignedInt(TLSEXT_TYPE_application_layer_protocol_negotiation)
    if SSL_client_hello_get0_ext(ssl, type, nil, nil) == 1 { return SSL_CLIENT_HELLO_SUCCESS }
    alert?.pointee = SSL_AD_NO_APPLICATION_PROTOCOL
    return SSL_CLIENT_HELLO_ERROR
}

/// Chooses the first of the server's protocols that the client offers.
@c func ternSelectProtocol(
    _ ssl: OpaquePointer?, _ selected: UnsafeMutablePointer<UnsafePointer<UInt8>?>?,
    _ selectedSize: UnsafeMutablePointer<UInt8>?, _ offered: UnsafePointer<UInt8>?,
    _ offeredSize: CUnsignedInt, _ argument: UnsafeMutableRawPointer?
) -> CInt {
    guard let argument, let offered, offeredSize > 0 else { return SSL_TLSEXT_ERR_ALERT_FATAL }
    let context = Unmanaged<TLSContext>.fromOpaque(argument).takeUnretainedValue()
    let ours = context.protocols.bytes
    var match: UnsafeMutablePointer<UInt8>?
    let outcome = SSL_select_next_proto(
        &match, selectedSize, ours.baseAddress, CUnsignedInt(ours.count), offered, offeredSize)
    guard outcome == OPENSSL_NPN_NEGOTIATED, let match else { return SSL_TLSEXT_ERR_ALERT_FATAL }
    selected?.pointee = UnsafePointer(match)
    return SSL_TLSEXT_ERR_OK
}

extension DrainedErrors {
    /// Whether a key was refused for not being that of the certificate.
    var isKeyMismatch: Bool {
        firstLibrary == ERR_LIB_X509
            && (firstReason == X509_R_KEY_VALUES_MISMATCH
                || firstReason == X509_R_KEY_TYPE_MISMATCH)
    }
}
