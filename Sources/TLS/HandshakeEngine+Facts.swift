// What the handshake settled, read out of the SSL object when it is over.

internal import COpenSSL

extension HandshakeEngine {
    /// Everything the caller may want to know. Call after the handshake only.
    func facts(exporter request: ExporterRequest?) -> HandshakeFacts {
        HandshakeFacts(
            version: SSL_get_version(ssl).map { String(cString: $0) } ?? "",
            cipherSuite: SSL_CIPHER_standard_name(SSL_get_current_cipher(ssl))
                .map { String(cString: $0) } ?? "",
            group: group,
            alpn: alpn,
            serverName: SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name)
                .map { String(cString: $0) },
            isResumed: SSL_session_reused(ssl) == 1,
            exporter: request.flatMap { exporter($0) },
            peerCertificate: SSL_is_server(ssl) == 1 ? peerCertificate : nil)
    }

    /// The application protocol.
    var alpn: String? {
        var name: UnsafePointer<UInt8>?
        var size: CUnsignedInt = 0
        SSL_get0_alpn_selected(ssl, &name, &size)
        guard let name, size > 0 else { return nil }
        return String(decoding: UnsafeBufferPointer(start: name, count: Int(size)), as: UTF8.self)
    }

    private var group: String? {
        let group = tern_SSL_get_negotiated_group(ssl)
        guard group != 0 else { return nil }
        return SSL_group_to_name(ssl, group).map { String(cString: $0) }
    }

    private func exporter(_ request: ExporterRequest) -> [UInt8]? {
        if SSL_version(ssl) < TLS1_3_VERSION, tern_SSL_get_extms_support(ssl) != 1 { return nil }
        ERR_clear_error()
        var material = [UInt8](repeating: 0, count: request.size)
        let label = request.label
        let result = SSL_export_keying_material(
            ssl, &material, material.count, label, label.utf8.count, nil, 0, 0)
        guard result == 1 else {
            ERR_clear_error()
            return nil
        }
        return material
    }

    private var peerCertificate: [UInt8]? {
        guard let certificate = SSL_get0_peer_certificate(ssl) else { return nil }
        let size = i2d_X509(certificate, nil)
        guard size > 0 else { return nil }
        var der = [UInt8](repeating: 0, count: Int(size))
        return der.withUnsafeMutableBufferPointer { buffer in
            // OpenSSL moves the pointer it is given.
            var end = buffer.baseAddress
            return i2d_X509(certificate, &end) == size
        } ? der : nil
    }
}

extension ExporterRequest {
    /// The request, if it can be met.
    func checked() throws(TLSError) -> ExporterRequest {
        guard size > 0, size <= TLSLimits.exporterSizeMax else {
            throw .configuration("exporter of \(size) bytes")
        }
        return self
    }
}
