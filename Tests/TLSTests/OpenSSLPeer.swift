// OpenSSL by itself at the other end: its own handshake and its own record layer, over memory.

import COpenSSL
import FuzzTargets

@testable import TLS

/// What an OpenSSL end is like.
struct PeerOptions {
    var isServer = false
    var suite = RecordSuite.aes128GCM
    var groups = "X25519:P-256:P-384"
    var ticketCount = 2
    /// Records are padded to a multiple of so many bytes.
    var padding = 0
    var fragmentSize = 16_384

    var suiteName: String {
        switch suite {
        case .aes128GCM: "TLS_AES_128_GCM_SHA256"
        case .aes256GCM: "TLS_AES_256_GCM_SHA384"
        case .chaCha20Poly1305: "TLS_CHACHA20_POLY1305_SHA256"
        }
    }
}

/// One end of a connection that is OpenSSL alone.
final class OpenSSLPeer {
    private let context: OpaquePointer
    let ssl: OpaquePointer
    private let input: OpaquePointer
    private let outgoing: OpaquePointer
    private var scratch = [UInt8](repeating: 0, count: 32_768)
    private(set) var plaintext: [UInt8] = []
    private(set) var isOpen = false
    private(set) var isClosedByPeer = false
    /// The alert the other end sent.
    private(set) var receivedAlert: UInt8?
    private(set) var hasFailed = false
    /// Keylog lines by label.
    fileprivate(set) var secrets: [String: [UInt8]] = [:]

    init(_ options: PeerOptions) throws {
        let method = options.isServer ? TLS_server_method() : TLS_client_method()
        guard let context = SSL_CTX_new(method), let ssl = Self.connect(context, options),
            let input = BIO_new(BIO_s_mem()), let outgoing = BIO_new(BIO_s_mem())
        else { throw TLSError.configuration(DrainedErrors().text) }
        self.context = context
        self.ssl = ssl
        self.input = input
        self.outgoing = outgoing
        SSL_set_bio(ssl, input, outgoing)
        tern_SSL_set_app_data(ssl, Unmanaged.passUnretained(self).toOpaque())
        SSL_CTX_set_keylog_callback(context) { ssl, line in
            guard let ssl, let line, let data = tern_SSL_get_app_data(ssl) else { return }
            let words = String(cString: line).split(separator: " ").map { String($0) }
            Unmanaged<OpenSSLPeer>.fromOpaque(data).takeUnretainedValue()
                .secrets[words[0]] = bytes(words[2])
        }
        advance()
    }

    deinit {
        SSL_free(ssl)
        SSL_CTX_free(context)
    }

    private static func connect(_ context: OpaquePointer, _ options: PeerOptions) -> OpaquePointer?
    {
        let files = Certificates.ours
        tern_SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION)
        SSL_CTX_set_ciphersuites(context, options.suiteName)
        tern_SSL_CTX_set1_groups_list(context, options.groups)
        SSL_CTX_set_num_tickets(context, options.ticketCount)
        SSL_CTX_set_block_padding(context, options.padding)
        if options.isServer {
            SSL_CTX_use_certificate_chain_file(context, files.path("server.pem"))
            SSL_CTX_use_PrivateKey_file(context, files.path("server-key.pem"), SSL_FILETYPE_PEM)
            SSL_CTX_set_alpn_select_cb(
                context,
                { _, selected, size, offered, _, _ in
                    // The one protocol that our client offers.
                    selected?.pointee = offered.map { $0 + 1 }
                    size?.pointee = offered?.pointee ?? 0
                    return SSL_TLSEXT_ERR_OK
                }, nil)
        } else {
            SSL_CTX_load_verify_file(context, files.path("ca.pem"))
            let name = Array("tern/1".utf8)
            SSL_CTX_set_alpn_protos(
                context, [UInt8(name.count)] + name, CUnsignedInt(name.count + 1))
        }
        guard let ssl = SSL_new(context) else { return nil }
        SSL_ctrl(ssl, SSL_CTRL_SET_MAX_SEND_FRAGMENT, options.fragmentSize, nil)
        if options.isServer { SSL_set_accept_state(ssl) } else { SSL_set_connect_state(ssl) }
        return ssl
    }

    func receive(_ bytes: ArraySlice<UInt8>) {
        bytes.withUnsafeBytes { bytes in
            _ = BIO_write(input, bytes.baseAddress, CInt(bytes.count))
        }
        advance()
    }

    private func advance() {
        guard !hasFailed else { return }
        ERR_clear_error()
        if !isOpen {
            let result = SSL_do_handshake(ssl)
            guard result == 1 else { return note(SSL_get_error(ssl, result)) }
            isOpen = true
        }
        while true {
            var count = 0
            let result = SSL_read_ex(ssl, &scratch, scratch.count, &count)
            guard result == 1 else { return note(SSL_get_error(ssl, result)) }
            plaintext += scratch[..<count]
        }
    }

    private func note(_ code: CInt) {
        switch code {
        case SSL_ERROR_WANT_READ: return
        case SSL_ERROR_ZERO_RETURN: isClosedByPeer = true
        default:
            hasFailed = true
            receivedAlert = DrainedErrors().peerAlert
        }
    }

    func send(_ bytes: [UInt8]) {
        var count = 0
        ERR_clear_error()
        let result = SSL_write_ex(ssl, bytes, bytes.count, &count)
        precondition(result == 1 && count == bytes.count, DrainedErrors().text)
    }

    func updateKeys(asking: Bool) {
        let type = asking ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED
        precondition(SSL_key_update(ssl, type) == 1, DrainedErrors().text)
        // Without this it would go out with the next data.
        precondition(SSL_do_handshake(ssl) == 1, DrainedErrors().text)
    }

    func close() { _ = SSL_shutdown(ssl) }

    func takeOutput() -> [UInt8] {
        var bytes: [UInt8] = []
        while true {
            let count = BIO_read(outgoing, &scratch, CInt(scratch.count))
            guard count > 0 else { return bytes }
            bytes += scratch[..<Int(count)]
        }
    }

    func takePlaintext() -> [UInt8] {
        defer { plaintext = [] }
        return plaintext
    }
}

/// One of our connections with OpenSSL at the other end.
struct MixedLink {
    let ours: End
    let peer: OpenSSLPeer

    /// `options` are the peer's; our end has the other role.
    init(_ options: PeerOptions, context: TLSContext) throws {
        if options.isServer {
            ours = End(try TLSConnection(client: context, serverName: "localhost"))
        } else {
            ours = End(try TLSConnection(server: context))
        }
        peer = try OpenSSLPeer(options)
        try ours.start()
    }

    static func context(
        isClient: Bool, detachment: TLSDetachment = .afterHandshake, ticketCount: Int = 1
    ) throws -> TLSContext {
        if isClient {
            var client = Certificates.ours.client
            client.detachment = detachment
            return try TLSContext(client: client)
        }
        var server = Certificates.ours.server
        server.detachment = detachment
        server.ticketCount = ticketCount
        return try TLSContext(server: server)
    }

    func pump(chunkSize: Int = .max) {
        while true {
            let sent = peer.takeOutput()
            var rest = sent[...]
            while !rest.isEmpty {
                ours.receive(rest.prefix(chunkSize))
                rest = rest.dropFirst(chunkSize)
            }
            let answered = ours.takeOutput()
            if sent.isEmpty, answered.isEmpty { return }
            var answer = answered[...]
            while !answer.isEmpty {
                peer.receive(answer.prefix(chunkSize))
                answer = answer.dropFirst(chunkSize)
            }
        }
    }
}
