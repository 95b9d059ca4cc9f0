// One SSL_CTX of a server with the certificates of one set of names: an ECDSA, an Ed25519 and an RSA one
// may stand side by side, and OpenSSL takes the first in that order which the client can verify.

internal import COpenSSL

/// Certificates for one set of names. Owned by a context; immutable once that is made.
final class Credentials: @unchecked Sendable {
    let owner: ContextHandle
    /// The names of the certificates, which all have the same.
    let dnsNames: Set<String>
    private(set) var staples: [Staple] = []
    private(set) var facts: [(path: String, facts: CertificateFacts)] = []
    private var keyTypes: [CInt: String] = [:]

    var handle: OpaquePointer { owner.pointer }

    init(_ owner: consuming ContextHandle, dnsNames: Set<String>) {
        self.owner = owner
        self.dnsNames = dnsNames
    }

    /// Loads one certificate, its key and its staple. `leaf` is the certificate.
    func load(_ files: TLSCertificateFiles, _ leaf: OpaquePointer) throws(TLSError) {
        let type = tern_X509_type_id(leaf)
        if let other = keyTypes[type] {
            throw .configuration(
                "\(files.chainPath) and \(other) have the same names and the same type of key")
        }
        keyTypes[type] = files.chainPath
        try owner.load(files)
        facts.append((files.chainPath, CertificateFacts(leaf)))
        guard let path = files.staplePath else { return }
        staples.append(try Staple(path: path, for: leaf))
    }

    /// Offers staples to clients that ask.
    func offerStaples() {
        guard !staples.isEmpty else { return }
        tern_SSL_CTX_set_tlsext_status_cb(handle, ternStaple)
        tern_SSL_CTX_set_tlsext_status_arg(handle, Unmanaged.passUnretained(self).toOpaque())
    }
}

extension ContextHandle {
    /// Loads a certificate's chain and its key.
    func load(_ files: TLSCertificateFiles) throws(TLSError) {
        ERR_clear_error()
        guard SSL_CTX_use_certificate_chain_file(pointer, files.chainPath) == 1 else {
            throw .certificateFile(path: files.chainPath, reason: DrainedErrors().text)
        }
        let path = files.privateKeyPath
        // Without this an encrypted key would make OpenSSL ask on the terminal.
        SSL_CTX_set_default_passwd_cb(pointer, ternNoPassword)
        ERR_clear_error()
        guard SSL_CTX_use_PrivateKey_file(pointer, path, SSL_FILETYPE_PEM) == 1 else {
            let errors = DrainedErrors()
            if errors.isKeyMismatch {
                throw .keyMismatch(certificatePath: files.chainPath, privateKeyPath: path)
            }
            throw .privateKeyFile(path: path, reason: errors.text)
        }
        guard SSL_CTX_check_private_key(pointer) == 1 else {
            _ = DrainedErrors()
            throw .keyMismatch(certificatePath: files.chainPath, privateKeyPath: path)
        }
    }
}

/// Calls `body` with each certificate of a PEM file.
func withCertificates(
    _ path: String, countMax: Int = .max, _ body: (OpaquePointer) throws(TLSError) -> Void
) throws(TLSError) {
    ERR_clear_error()
    guard let file = BIO_new_file(path, "r") else {
        throw .certificateFile(path: path, reason: DrainedErrors().text)
    }
    defer { BIO_free(file) }
    var count = 0
    while count < countMax, let certificate = PEM_read_bio_X509(file, nil, ternNoPassword, nil) {
        defer { X509_free(certificate) }
        count += 1
        try body(certificate)
    }
    let errors = DrainedErrors()
    guard count > 0 else { throw .certificateFile(path: path, reason: errors.text) }
}

/// Gives no password.
@c func ternNoPassword(
    _ buffer: UnsafeMutablePointer<CChar>?, _ size: CInt, _ writing: CInt,
    _ argument: UnsafeMutableRawPointer?
) -> CInt {
    -1
}

extension DrainedErrors {
    /// Whether a key was refused for not being that of the certificate.
    var isKeyMismatch: Bool {
        firstLibrary == ERR_LIB_X509
            && (firstReason == X509_R_KEY_VALUES_MISMATCH
                || firstReason == X509_R_KEY_TYPE_MISMATCH)
    }
}
