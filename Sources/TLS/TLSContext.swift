// What all connections of one configuration share: certificates, keys, trust, suites, ticket keys.
//
// Fixed for both ends: TLS 1.3 (1.2 only on request and then only ECDHE with an AEAD), no
// compression, no renegotiation, no early data, security level 2, record buffers given back when
// idle. The context is immutable after init; OpenSSL guards what it changes inside (reference counts),
// so shards share one. A reload makes another context; connections keep the one they began with.

internal import COpenSSL

/// A server's or a client's TLS set-up, shared by its connections and by all threads.
public final class TLSContext: @unchecked Sendable {
    // Immutable after init; SSL_CTX and the ring do their own locking.
    /// A server's certificates by name; a client's one and only SSL_CTX.
    let credentials: [Credentials]
    let names: ServerNames
    let refusesUnknownNames: Bool
    let clientPolicy: UInt64
    let role: TLSRole
    let protocols: ProtocolList
    let exporter: ExporterRequest?
    /// A server's ticket keys; nil for a client.
    let tickets: TicketKeyRing?
    let detachment: TLSDetachment

    /// A server's context whose tickets are sealed by `tickets`. Errors: the operator's, with the path
    /// and OpenSSL's reason.
    public init(
        server configuration: TLSServerConfiguration, tickets: TicketKeyRing = .fixed()
    ) throws(TLSError) {
        let parts = try ServerParts(configuration)
        credentials = parts.credentials
        names = parts.names
        clientPolicy = parts.clientPolicy
        refusesUnknownNames = configuration.unknownServerName == .refuse
        protocols = try ProtocolList(configuration.alpn)
        exporter = try configuration.exporter?.checked()
        detachment = configuration.detachment
        self.tickets = tickets
        role = .server
        for set in credentials {
            watchClientHello(set.handle)
            useTickets(set.handle)
            if detachment != .never { set.owner.takeSecrets() }
        }
    }

    /// A client's context. Errors: the operator's, with the path and OpenSSL's reason.
    public init(client configuration: TLSClientConfiguration) throws(TLSError) {
        let handle = try ContextHandle.make(
            TLS_client_method(), minimum: configuration.minimumVersion,
            maximum: configuration.maximumVersion)
        let protocols = try ProtocolList(configuration.alpn)
        try handle.configure(client: configuration, protocols: protocols)
        if configuration.detachment != .never { handle.takeSecrets() }
        credentials = [Credentials(handle, dnsNames: [])]
        names = ServerNames()
        refusesUnknownNames = false
        clientPolicy = 0
        exporter = try configuration.exporter?.checked()
        detachment = configuration.detachment
        self.protocols = protocols
        tickets = nil
        role = .client
    }

    /// The SSL_CTX that connections begin with, valid as long as this context.
    var handle: OpaquePointer { credentials[0].handle }

    /// A server's certificates with the paths they came from, in no order.
    public var certificates: [(path: String, facts: CertificateFacts)] {
        credentials.flatMap(\.facts)
    }
}

/// Which end of a connection a context is for.
enum TLSRole: Sendable {
    case server
    case client
}

/// Owns one SSL_CTX.
struct ContextHandle: ~Copyable {
    private static let suites13 =
        "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
    private static let suites12 = """
        ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:\
        ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:\
        ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305
        """
    /// The hybrid group first, for those who record today to read later; OpenSSL knows it from 3.5 on.
    private static let groups = ["X25519MLKEM768:X25519:P-256:P-384", "X25519:P-256:P-384"]

    let pointer: OpaquePointer

    /// A context with what both ends have in common.
    static func make(
        _ method: OpaquePointer?, minimum: TLSVersion, maximum: TLSVersion = .tls13
    ) throws(TLSError) -> ContextHandle {
        ERR_clear_error()
        guard let pointer = SSL_CTX_new(method) else {
            throw .configuration(DrainedErrors().text)
        }
        let handle = ContextHandle(pointer: pointer)
        try handle.configureStrictly(minimum, maximum)
        return handle
    }

    deinit {
        SSL_CTX_free(pointer)
    }

    private func configureStrictly(
        _ minimum: TLSVersion, _ maximum: TLSVersion
    ) throws(TLSError) {
        let oldest = minimum == .tls12 ? TLS1_2_VERSION : TLS1_3_VERSION
        let newest = maximum == .tls12 ? TLS1_2_VERSION : TLS1_3_VERSION
        tern_SSL_CTX_set_strict_options(pointer)
        tern_SSL_CTX_set_mode(pointer, Int(SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN))
        tern_SSL_CTX_set_session_cache_mode(pointer, Int(SSL_SESS_CACHE_OFF))
        SSL_CTX_set_security_level(pointer, 2)
        try require(tern_SSL_CTX_set_min_proto_version(pointer, oldest), "minimum version")
        try require(tern_SSL_CTX_set_max_proto_version(pointer, newest), "maximum version")
        try require(SSL_CTX_set_ciphersuites(pointer, Self.suites13), "TLS 1.3 suites")
        try require(SSL_CTX_set_cipher_list(pointer, Self.suites12), "TLS 1.2 suites")
        let hasGroups = Self.groups.contains { tern_SSL_CTX_set1_groups_list(pointer, $0) == 1 }
        try require(hasGroups ? 1 : 0, "groups")
        ERR_clear_error()
        try require(SSL_CTX_set_max_early_data(pointer, 0), "early data")
    }

    /// Throws with OpenSSL's reason unless `result` is 1.
    func require(_ result: CInt, _ what: String) throws(TLSError) {
        guard result == 1 else {
            throw .configuration("\(what): \(DrainedErrors().text)")
        }
    }
}

/// Application protocol names as they stand in the extension (RFC 7301): each behind its length.
/// A class, because OpenSSL keeps pointers into it for as long as the context lives.
final class ProtocolList: @unchecked Sendable {
    // Immutable after init.
    let bytes: UnsafeMutableBufferPointer<UInt8>

    init(_ names: [String]) throws(TLSError) {
        var list: [UInt8] = []
        for name in names {
            let size = name.utf8.count
            guard size > 0, size <= TLSLimits.protocolNameSizeMax else {
                throw .configuration("ALPN name of \(size) bytes")
            }
            list.append(UInt8(size))
            list.append(contentsOf: name.utf8)
        }
        guard list.count <= UInt16.max else { throw .configuration("ALPN list too long") }
        bytes = .allocate(capacity: list.count)
        _ = bytes.initialize(from: list)
    }

    deinit {
        bytes.deallocate()
    }

    var isEmpty: Bool { bytes.isEmpty }
}
