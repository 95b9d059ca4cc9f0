// What the fuzzed connections need: a certificate of our own, made once and trusted by the clients.

internal import COpenSSL
internal import Glibc
internal import TLS

/// A client's and a server's context.
struct FuzzContexts: Sendable {
    static let serverName = "localhost"

    let client: TLSContext
    let server: TLSContext

    /// Every way to detach; the first three with TLS 1.3, the last with whatever there is.
    static let all: [FuzzContexts] = {
        guard let files = CertificateFiles() else { preconditionFailure("no certificate") }
        do {
            return try [
                FuzzContexts(files, .never, minimumVersion: .tls13),
                FuzzContexts(files, .afterHandshake, minimumVersion: .tls13),
                FuzzContexts(files, .afterTicket, minimumVersion: .tls13),
                FuzzContexts(files, .afterHandshake, minimumVersion: .tls12),
            ]
        } catch {
            preconditionFailure("\(error)")
        }
    }()

    private init(
        _ files: CertificateFiles, _ detachment: TLSDetachment, minimumVersion: TLSVersion
    ) throws(TLSError) {
        var server = TLSServerConfiguration(
            certificateChainPath: files.certificate, privateKeyPath: files.key)
        server.detachment = detachment
        server.minimumVersion = minimumVersion
        var client = TLSClientConfiguration(caPath: files.certificate)
        client.detachment = detachment
        client.minimumVersion = minimumVersion
        self.server = try TLSContext(server: server)
        self.client = try TLSContext(client: client)
    }
}

/// A self-signed certificate and its key, in files that have no name and go with the process.
private struct CertificateFiles {
    let certificate: String
    let key: String

    init?() {
        guard let pair = tern_EVP_EC_gen(), let certificate = X509_new() else { return nil }
        defer {
            EVP_PKEY_free(pair)
            X509_free(certificate)
        }
        X509_set_version(certificate, 2)
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1)
        X509_gmtime_adj(X509_getm_notBefore(certificate), -86_400)
        X509_gmtime_adj(X509_getm_notAfter(certificate), 86_400 * 3_650)
        let name = X509_get_subject_name(certificate)
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, "fuzz", -1, -1, 0)
        X509_set_issuer_name(certificate, name)
        X509_set_pubkey(certificate, pair)
        for (kind, value) in [
            (NID_basic_constraints, "critical,CA:TRUE"), (NID_subject_alt_name, "DNS:localhost"),
        ] {
            guard let part = X509V3_EXT_conf_nid(nil, nil, kind, value) else { return nil }
            X509_add_ext(certificate, part, -1)
            X509_EXTENSION_free(part)
        }
        guard X509_sign(certificate, pair, EVP_sha256()) > 0,
            let certificateFile = tmpfile(), let keyFile = tmpfile(),
            PEM_write_X509(certificateFile, certificate) == 1,
            PEM_write_PrivateKey(keyFile, pair, nil, nil, 0, nil, nil) == 1,
            fflush(certificateFile) == 0, fflush(keyFile) == 0
        else { return nil }
        self.certificate = "/proc/self/fd/\(fileno(certificateFile))"
        key = "/proc/self/fd/\(fileno(keyFile))"
    }
}
