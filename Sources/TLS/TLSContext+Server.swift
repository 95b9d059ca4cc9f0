// A server's side of a context: certificates by name, client certificates, tickets, and the
// application protocol.
//
// A client without a protocol of ours is refused in its first flight, also when it offers none at
// all: anything that speaks TLS to the port and means another protocol gets a clear alert. The name is
// read in the same place, before OpenSSL looks at tickets, so that a ticket is judged by it.

internal import COpenSSL

/// What a server's context is made of.
struct ServerParts {
    /// The first has the first certificate.
    var credentials: [Credentials] = []
    var names = ServerNames()
    /// The mark of the rules for client certificates; see `ClientAuthorities`.
    var clientPolicy: UInt64 = 0

    init(_ configuration: TLSServerConfiguration) throws(TLSError) {
        let limits = 1...TLSLimits.certificateCountMax
        guard limits.contains(configuration.certificates.count) else {
            throw .configuration("\(configuration.certificates.count) certificates: \(limits)")
        }
        for files in configuration.certificates {
            try withCertificates(files.chainPath, countMax: 1) { (leaf) throws(TLSError) in
                let dnsNames = Set(CertificateFacts(leaf).dnsNames)
                let known = credentials.first { $0.dnsNames == dnsNames }
                if known == nil { try add(dnsNames, configuration) }
                try (known ?? credentials.last)?.load(files, leaf)
            }
        }
        for set in credentials { set.offerStaples() }
    }

    private mutating func add(
        _ dnsNames: Set<String>, _ configuration: TLSServerConfiguration
    ) throws(TLSError) {
        let handle = try ContextHandle.make(
            TLS_server_method(), minimum: configuration.minimumVersion)
        try handle.configure(server: configuration)
        clientPolicy = try ClientAuthorities.configure(handle.pointer, configuration)
        for name in dnsNames { names.add(name, index: credentials.count) }
        credentials.append(Credentials(handle, dnsNames: dnsNames))
    }
}

extension ContextHandle {
    private static let sessionIDContext: [UInt8] = Array("tern".utf8)

    /// Sets up what does not depend on the certificate.
    fileprivate func configure(server configuration: TLSServerConfiguration) throws(TLSError) {
        let ticketCount = configuration.ticketCount
        let counts = 0...TLSLimits.ticketCountMax
        guard counts.contains(ticketCount) else {
            throw .configuration("ticketCount \(ticketCount) is not in \(counts)")
        }
        let lifetimeS = configuration.ticketLifetimeS
        let lifetimes = 1...TLSLimits.ticketLifetimeSMax
        guard lifetimes.contains(lifetimeS) else {
            throw .configuration("ticketLifetimeS \(lifetimeS) is not in \(lifetimes)")
        }
        SSL_CTX_set_timeout(pointer, lifetimeS)
        try require(SSL_CTX_set_num_tickets(pointer, ticketCount), "tickets")
        if ticketCount == 0 { tern_SSL_CTX_set_no_tickets(pointer) }
        let context = Self.sessionIDContext
        try require(
            SSL_CTX_set_session_id_context(pointer, context, CUnsignedInt(context.count)),
            "session context")
    }
}

/// Whose certificates clients may show.
enum ClientAuthorities {
    /// Sets up the check and gives the mark of its rules: 0 when no certificate is asked for, else a
    /// hash over whether one is needed and over the authorities. Tickets made under another mark do
    /// not resume.
    static func configure(
        _ context: OpaquePointer, _ configuration: TLSServerConfiguration
    ) throws(TLSError) -> UInt64 {
        guard configuration.clientCertificates != .off else {
            SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nil)
            return 0
        }
        guard let path = configuration.clientAuthorityPath else {
            throw .configuration("client certificates without a file of their authorities")
        }
        let isRequired = configuration.clientCertificates == .required
        var rules: [UInt8] = [isRequired ? 2 : 1]
        do throws(TLSError) {
            try withCertificates(path) { (authority) throws(TLSError) in
                guard X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority) == 1,
                    SSL_CTX_add_client_CA(context, authority) == 1
                else { throw .authorityFile(path: path, reason: DrainedErrors().text) }
                rules += certificateFingerprint(authority)
            }
        } catch {
            guard case .certificateFile(_, let reason) = error else { throw error }
            throw .authorityFile(path: path, reason: reason)
        }
        let needed = isRequired ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | needed, nil)
        return shortHash(rules)
    }
}

/// The first 64 bits of SHA-256, never 0, which stands for nothing.
func shortHash(_ bytes: [UInt8]) -> UInt64 {
    let digest = OpenSSLCryptography().sha256(bytes)
    return max(1, digest.prefix(8).reduce(0) { $0 << 8 | UInt64($1) })
}

extension TLSContext {
    /// Sets up what the first flight decides. The callbacks are given this context, which every
    /// connection retains.
    func watchClientHello(_ handle: OpaquePointer) {
        let argument = Unmanaged.passUnretained(self).toOpaque()
        SSL_CTX_set_client_hello_cb(handle, ternClientHello, argument)
        if !protocols.isEmpty { SSL_CTX_set_alpn_select_cb(handle, ternSelectProtocol, argument) }
        tern_SSL_CTX_set_tlsext_servername_callback(handle, ternServerName)
        tern_SSL_CTX_set_tlsext_servername_arg(handle, argument)
    }

    /// Chooses the certificates for the name that `ssl` asks for; false when it is to be refused.
    fileprivate func chooseCredentials(_ ssl: OpaquePointer) -> Bool {
        var bytes: UnsafePointer<UInt8>?
        var size = 0
        let type = CUnsignedInt(TLSEXT_TYPE_server_name)
        guard SSL_client_hello_get0_ext(ssl, type, &bytes, &size) == 1,
            let name = ServerNames.parse(UnsafeRawBufferPointer(start: bytes, count: size))
        else {
            ExtraData.setWord(ssl, ExtraData.name, 0)
            return true
        }
        ExtraData.setWord(ssl, ExtraData.name, shortHash(name))
        guard let index = names.index(of: name) else { return !refusesUnknownNames }
        // The first ones are those the connection was made with, unless a first ClientHello said else.
        if SSL_get_SSL_CTX(ssl) != credentials[index].handle {
            SSL_set_SSL_CTX(ssl, credentials[index].handle)
        }
        return true
    }
}

/// Our own reasons in OpenSSL's error queue.
enum OwnReason {
    static let noProtocol: CInt = 1
    static let unknownName: CInt = 2
}

/// The first look at a client: refuses one without ALPN (`ternSelectProtocol` is not asked about those)
/// or with an unknown name, and chooses the certificates.
@c func ternClientHello(
    _ ssl: OpaquePointer?, _ alert: UnsafeMutablePointer<CInt>?,
    _ argument: UnsafeMutableRawPointer?
) -> CInt {
    guard let ssl, let argument else { return SSL_CLIENT_HELLO_ERROR }
    let context = Unmanaged<TLSContext>.fromOpaque(argument).takeUnretainedValue()
    let type = CUnsignedInt(TLSEXT_TYPE_application_layer_protocol_negotiation)
    if !context.protocols.isEmpty, SSL_client_hello_get0_ext(ssl, type, nil, nil) != 1 {
        tern_ERR_raise_own(OwnReason.noProtocol)
        alert?.pointee = SSL_AD_NO_APPLICATION_PROTOCOL
        return SSL_CLIENT_HELLO_ERROR
    }
    guard context.chooseCredentials(ssl) else {
        tern_ERR_raise_own(OwnReason.unknownName)
        alert?.pointee = SSL_AD_UNRECOGNIZED_NAME
        return SSL_CLIENT_HELLO_ERROR
    }
    return SSL_CLIENT_HELLO_SUCCESS
}

/// Says to the client whether its name was used (RFC 6066, section 3).
@c func ternServerName(
    _ ssl: OpaquePointer?, _ alert: UnsafeMutablePointer<CInt>?,
    _ argument: UnsafeMutableRawPointer?
) -> CInt {
    guard let argument, let name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) else {
        return SSL_TLSEXT_ERR_NOACK
    }
    let context = Unmanaged<TLSContext>.fromOpaque(argument).takeUnretainedValue()
    let bytes = ServerNames.lowered(Array(String(cString: name).utf8))
    return context.names.index(of: bytes) == nil ? SSL_TLSEXT_ERR_NOACK : SSL_TLSEXT_ERR_OK
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
