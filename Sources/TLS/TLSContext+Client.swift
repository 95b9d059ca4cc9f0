// A client's side of a context: whom it trusts and what it offers.

internal import COpenSSL

extension ContextHandle {
    /// Loads the trusted authorities and offers `protocols`. The server is always verified.
    func configure(
        client configuration: TLSClientConfiguration, protocols: ProtocolList
    ) throws(TLSError) {
        SSL_CTX_set_verify(pointer, SSL_VERIFY_PEER, nil)
        ERR_clear_error()
        if let path = configuration.caPath {
            guard SSL_CTX_load_verify_file(pointer, path) == 1 else {
                throw .authorityFile(path: path, reason: DrainedErrors().text)
            }
        } else {
            try require(SSL_CTX_set_default_verify_paths(pointer), "the system's authorities")
        }
        // A client's own sessions are kept by TLSSession; this only tells of new ones.
        let mode = SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL
        tern_SSL_CTX_set_session_cache_mode(pointer, Int(mode))
        SSL_CTX_sess_set_new_cb(pointer, ternCountTicket)
        if let files = configuration.certificate { try load(files) }
        guard !protocols.isEmpty else { return }
        let bytes = protocols.bytes
        // This one call answers 0 for success.
        guard SSL_CTX_set_alpn_protos(pointer, bytes.baseAddress, CUnsignedInt(bytes.count)) == 0
        else { throw .configuration("ALPN: \(DrainedErrors().text)") }
    }
}
