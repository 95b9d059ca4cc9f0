// What all connections of one configuration share: certificate, key, trust, suites, ticket key.
//
// Fixed for both ends: TLS 1.3 (1.2 only on request and then only ECDHE with an AEAD), no
// compression, no renegotiation, no early data, security level 2, record buffers given back when
// idle. The context is immutable after init; OpenSSL guards what it changes inside (ticket keys,
// reference counts), so shards share one.

internal import COpenSSL

/// A server's or a client's TLS set-up, shared by its connections and by all threads.
public final class TLSContext: @unchecked Sendable {
    // Immutable after init; SSL_CTX does its own locking.
    private let owner: ContextHandle
    let role: TLSRole
    let protocols: ProtocolList

    /// A server's context. Errors: the operator's, with the path and OpenSSL's reason.
    public init(server configuration: TLSServerConfiguration) throws(TLSError) {
        let minimum = configuration.minimumVersion
        let handle = try ContextHandle.make(TLS_server_method(), minimum: minimum)
        let protocols = try ProtocolList(configuration.alpn)
        try handle.configure(server: configuration)
        owner = handle
        self.protocols = protocols
        role = .server
        if !protocols.isEmpty { requireProtocol() }
    }

    /// A client's context. Errors: the operator's, with the path and OpenSSL's reason.
    public init(client configuration: TLSClientConfiguration) throws(TLSError) {
        let minimum = configuration.minimumVersion
        let handle = try ContextHandle.make(TLS_client_method(), minimum: minimum)
        let protocols = try ProtocolList(configuration.alpn)
        try handle.configure(client: configuration, protocols: protocols)
        owner = handle
        self.protocols = protocols
        role = .client
    }

    /// The SSL_CTX, valid as long as this context.
    var handle: OpaquePointer { owner.pointer }
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
    private static let groups = "X25519:P-256:P-384"

    let pointer: OpaquePointer

    /// A context with what both ends have in common.
    static func make(
        _ method: OpaquePointer?, minimum: TLSVersion
    ) throws(TLSError) -> ContextHandle {
        ERR_clear_error()
        guard let pointer = SSL_CTX_new(method) else {
            throw .configuration(DrainedErrors().text)
        }
        let handle = ContextHandle(pointer: pointer)
        try handle.configureStrictly(minimum)
        return handle
    }

    deinit {
        SSL_CTX_free(pointer)
    }

    private func configureStrictly(_ minimum: TLSVersion) throws(TLSError) {
        let oldest = minimum == .tls12 ? TLS1_2_VERSION : TLS1_3_VERSION
        tern_SSL_CTX_set_strict_options(pointer)
        tern_SSL_CTX_set_mode(pointer, Int(SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN))
        tern_SSL_CTX_set_session_cache_mode(pointer, Int(SSL_SESS_CACHE_OFF))
        SSL_CTX_set_security_level(pointer, 2)
        try require(tern_SSL_CTX_set_min_proto_version(pointer, oldest), "minimum version")
        try require(tern_SSL_CTX_set_max_proto_version(pointer, TLS1_3_VERSION), "maximum version")
        try require(SSL_CTX_set_ciphersuites(pointer, Self.suites13), "TLS 1.3 suites")
        try require(SSL_CTX_set_cipher_list(pointer, Self.suites12), "TLS 1.2 suites")
        try require(tern_SSL_CTX_set1_groups_list(pointer, Self.groups), "groups")
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
