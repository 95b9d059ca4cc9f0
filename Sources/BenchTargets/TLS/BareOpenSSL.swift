// OpenSSL's own calls and nothing else: what ours are measured beside. One thread.
//
// The BIO reads from and writes to two fixed areas of memory, so that no time goes into buffers.

internal import COpenSSL

/// Memory between two ends, one direction.
final class BareWire {
    fileprivate let bytes: UnsafeMutableRawBufferPointer
    fileprivate(set) var head = 0
    fileprivate(set) var tail = 0

    init(size: Int) { bytes = .allocate(byteCount: size, alignment: 64) }

    deinit { bytes.deallocate() }

    /// What waits.
    var content: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[head..<tail]) }

    func clear() {
        head = 0
        tail = 0
    }

    /// Reads from the start again.
    func rewind() { head = 0 }

    func put(_ content: UnsafeRawBufferPointer) {
        precondition(tail + content.count <= bytes.count, "the wire is full")
        UnsafeMutableRawBufferPointer(rebasing: bytes[tail..<(tail + content.count)])
            .copyMemory(from: content)
        tail += content.count
    }
}

/// An SSL_CTX with the settings of ours, made by hand.
final class BareContext {
    let handle: OpaquePointer
    // Set once, before its first use, and never changed or freed.
    nonisolated(unsafe) fileprivate static let method: OpaquePointer? = {
        guard let method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "bench") else {
            return nil
        }
        BIO_meth_set_read(method, benchRead)
        BIO_meth_set_write(method, benchWrite)
        BIO_meth_set_ctrl(method, benchControl)
        BIO_meth_set_create(method, benchCreate)
        return method
    }()
    private static let protocols: [UInt8] = [6] + Array("tern/1".utf8)

    init?(isServer: Bool, suite: String, certificates: String) {
        guard let handle = SSL_CTX_new(isServer ? TLS_server_method() : TLS_client_method()) else {
            return nil
        }
        self.handle = handle
        tern_SSL_CTX_set_min_proto_version(handle, TLS1_3_VERSION)
        tern_SSL_CTX_set_mode(handle, Int(SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN))
        tern_SSL_CTX_set_session_cache_mode(handle, Int(SSL_SESS_CACHE_OFF))
        tern_SSL_CTX_set1_groups_list(handle, "X25519:P-256:P-384")
        SSL_CTX_set_security_level(handle, 2)
        guard SSL_CTX_set_ciphersuites(handle, suite) == 1 else { return nil }
        if isServer {
            let context = Array("bench".utf8)
            SSL_CTX_set_session_id_context(handle, context, CUnsignedInt(context.count))
            SSL_CTX_set_num_tickets(handle, 1)
            SSL_CTX_set_alpn_select_cb(handle, benchSelectProtocol, nil)
            guard
                SSL_CTX_use_certificate_chain_file(handle, certificates + "/server.pem") == 1,
                SSL_CTX_use_PrivateKey_file(
                    handle, certificates + "/server-key.pem", SSL_FILETYPE_PEM) == 1
            else { return nil }
        } else {
            SSL_CTX_set_verify(handle, SSL_VERIFY_PEER, nil)
            guard SSL_CTX_load_verify_file(handle, certificates + "/ca.pem") == 1,
                SSL_CTX_set_alpn_protos(
                    handle, Self.protocols, CUnsignedInt(Self.protocols.count)) == 0
            else { return nil }
        }
    }

    deinit { SSL_CTX_free(handle) }
}

/// One SSL object between two wires.
struct BareEnd: ~Copyable {
    let ssl: OpaquePointer

    init(_ context: BareContext, isServer: Bool, input: BareWire, output: BareWire) {
        guard let ssl = SSL_new(context.handle), let method = BareContext.method,
            let reader = BIO_new(method), let writer = BIO_new(method)
        else { preconditionFailure("out of memory") }
        BIO_set_data(reader, Unmanaged.passUnretained(input).toOpaque())
        BIO_set_data(writer, Unmanaged.passUnretained(output).toOpaque())
        SSL_set_bio(ssl, reader, writer)
        if isServer { SSL_set_accept_state(ssl) } else { SSL_set_connect_state(ssl) }
        self.ssl = ssl
    }

    deinit { SSL_free(ssl) }

    /// Whether the handshake is over.
    func handshake() -> Bool {
        ERR_clear_error()
        let result = SSL_do_handshake(ssl)
        precondition(
            result == 1 || SSL_get_error(ssl, result) == SSL_ERROR_WANT_READ, "handshake failed")
        return result == 1
    }

    /// Channel binding, into a buffer that is dropped.
    func export() {
        let label = "EXPORTER-Channel-Binding"
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 32) { value in
            let result = SSL_export_keying_material(
                ssl, value.baseAddress, 32, label, label.utf8.count, nil, 0, 0)
            precondition(result == 1, "no exporter")
        }
    }

    func write(_ bytes: UnsafeRawBufferPointer) {
        ERR_clear_error()
        var count = 0
        let result = SSL_write_ex(ssl, bytes.baseAddress, bytes.count, &count)
        precondition(result == 1 && count == bytes.count, "SSL_write failed")
    }

    /// How many bytes one call gave; 0 when there are none.
    func read(_ bytes: UnsafeMutableRawBufferPointer) -> Int {
        ERR_clear_error()
        var count = 0
        let result = SSL_read_ex(ssl, bytes.baseAddress, bytes.count, &count)
        precondition(
            result == 1 || SSL_get_error(ssl, result) == SSL_ERROR_WANT_READ, "SSL_read failed")
        return result == 1 ? count : 0
    }
}

@c private func benchRead(
    _ bio: OpaquePointer?, _ bytes: UnsafeMutablePointer<CChar>?, _ size: CInt
) -> CInt {
    tern_BIO_clear_retry_flags(bio)
    guard let data = BIO_get_data(bio), let bytes else { return -1 }
    let wire = Unmanaged<BareWire>.fromOpaque(data).takeUnretainedValue()
    let count = min(Int(size), wire.tail - wire.head)
    guard count > 0, let base = wire.bytes.baseAddress else {
        tern_BIO_set_retry_read(bio)
        return -1
    }
    UnsafeMutableRawPointer(bytes).copyMemory(from: base + wire.head, byteCount: count)
    wire.head += count
    return CInt(count)
}

@c private func benchWrite(
    _ bio: OpaquePointer?, _ bytes: UnsafePointer<CChar>?, _ size: CInt
) -> CInt {
    guard let data = BIO_get_data(bio), let bytes else { return -1 }
    Unmanaged<BareWire>.fromOpaque(data).takeUnretainedValue()
        .put(UnsafeRawBufferPointer(start: bytes, count: Int(size)))
    return size
}

@c private func benchControl(
    _ bio: OpaquePointer?, _ command: CInt, _ number: CLong, _ pointer: UnsafeMutableRawPointer?
) -> CLong {
    command == BIO_CTRL_FLUSH ? 1 : 0
}

@c private func benchCreate(_ bio: OpaquePointer?) -> CInt {
    BIO_set_init(bio, 1)
    return 1
}

@c private func benchSelectProtocol(
    _ ssl: OpaquePointer?, _ selected: UnsafeMutablePointer<UnsafePointer<UInt8>?>?,
    _ size: UnsafeMutablePointer<UInt8>?, _ offered: UnsafePointer<UInt8>?,
    _ offeredSize: CUnsignedInt, _ argument: UnsafeMutableRawPointer?
) -> CInt {
    // The client offers one protocol: its length and its name.
    guard let offered, offeredSize > 1 else { return SSL_TLSEXT_ERR_ALERT_FATAL }
    selected?.pointee = offered + 1
    size?.pointee = offered[0]
    return SSL_TLSEXT_ERR_OK
}
