// What people and metrics want to know of a certificate, read out of OpenSSL's object once.

internal import COpenSSL

/// One certificate in plain values.
public struct CertificateFacts: Sendable, Equatable {
    /// The subject's distinguished name (RFC 4514).
    public var subject: String
    /// The issuer's distinguished name (RFC 4514).
    public var issuer: String
    /// DNS names of the subject, in lower case.
    public var dnsNames: [String]
    /// IP addresses of the subject.
    public var addresses: [String]
    /// Seconds since 1970 from which it is good.
    public var notBefore: Int64
    /// Seconds since 1970 after which it is not.
    public var notAfter: Int64
    /// The key's type and size, as "EC 256".
    public var key: String
    /// How it was signed, as "ecdsa-with-SHA256".
    public var signature: String
    /// SHA-256 of its DER form.
    public var fingerprint: [UInt8]

    /// Days left at `unixSeconds`, rounded down; negative once it is over.
    public func daysLeft(at unixSeconds: UInt64) -> Int {
        let left = notAfter - Int64(clamping: unixSeconds)
        return Int(left >= 0 ? left / 86_400 : (left - 86_399) / 86_400)
    }
}

extension CertificateFacts {
    /// Reads `certificate`, an X509 that the caller keeps.
    init(_ certificate: OpaquePointer) {
        subject = Self.text(X509_get_subject_name(certificate))
        issuer = Self.text(X509_get_issuer_name(certificate))
        dnsNames = []
        addresses = []
        notBefore = unixSeconds(X509_get0_notBefore(certificate)) ?? 0
        notAfter = unixSeconds(X509_get0_notAfter(certificate)) ?? 0
        key = Self.key(certificate)
        let algorithm = X509_get_signature_nid(certificate)
        signature = OBJ_nid2ln(algorithm).map { String(cString: $0) } ?? "unknown"
        fingerprint = certificateFingerprint(certificate)
        readNames(certificate)
    }

    private mutating func readNames(_ certificate: OpaquePointer) {
        let found = X509_get_ext_d2i(certificate, NID_subject_alt_name, nil, nil)
        guard let found else { return }
        let names = OpaquePointer(found)
        defer { GENERAL_NAMES_free(names) }
        for index in 0..<tern_sk_GENERAL_NAME_num(names) {
            guard let name = tern_sk_GENERAL_NAME_value(names, index),
                let text = tern_GENERAL_NAME_string(name)
            else { continue }
            let bytes = UnsafeBufferPointer(
                start: ASN1_STRING_get0_data(text), count: Int(ASN1_STRING_length(text)))
            switch tern_GENERAL_NAME_type(name) {
            case GEN_DNS: dnsNames.append(String(decoding: bytes, as: UTF8.self).lowercased())
            case GEN_IPADD: addresses.append(Self.address(bytes))
            default: continue
            }
        }
    }

    private static func address(_ bytes: UnsafeBufferPointer<UInt8>) -> String {
        guard bytes.count == 16 else {
            return bytes.map { "\($0)" }.joined(separator: ".")
        }
        return stride(from: 0, to: 16, by: 2).map { index in
            String(UInt16(bytes[index]) << 8 | UInt16(bytes[index + 1]), radix: 16)
        }.joined(separator: ":")
    }

    private static func key(_ certificate: OpaquePointer) -> String {
        guard let key = X509_get0_pubkey(certificate) else { return "unknown" }
        let bits = EVP_PKEY_get_bits(key)
        switch EVP_PKEY_get_base_id(key) {
        case EVP_PKEY_EC: return "EC \(bits)"
        case EVP_PKEY_RSA: return "RSA \(bits)"
        case EVP_PKEY_RSA_PSS: return "RSA-PSS \(bits)"
        case EVP_PKEY_ED25519: return "Ed25519"
        case EVP_PKEY_ED448: return "Ed448"
        default: return "unknown"
        }
    }

    private static func text(_ name: OpaquePointer?) -> String {
        guard let name, let bio = BIO_new(BIO_s_mem()) else { return "" }
        defer { BIO_free(bio) }
        guard X509_NAME_print_ex(bio, name, 0, tern_XN_FLAG_RFC2253) >= 0 else { return "" }
        var bytes = [UInt8](repeating: 0, count: 1_024)
        let size = BIO_read(bio, &bytes, CInt(bytes.count))
        return String(decoding: bytes.prefix(Int(max(0, size))), as: UTF8.self)
    }
}

/// SHA-256 of a certificate's DER form.
func certificateFingerprint(_ certificate: OpaquePointer) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: 32)
    var size: CUnsignedInt = 0
    guard X509_digest(certificate, EVP_sha256(), &digest, &size) == 1 else { return [] }
    return digest
}

/// An ASN.1 time in seconds since 1970; nil when it is malformed.
func unixSeconds(_ time: UnsafePointer<ASN1_TIME>?) -> Int64? {
    guard let time, let epoch = ASN1_TIME_set(nil, 0) else { return nil }
    defer { ASN1_TIME_free(epoch) }
    var days: CInt = 0
    var seconds: CInt = 0
    guard ASN1_TIME_diff(&days, &seconds, epoch, time) == 1 else { return nil }
    return Int64(days) * 86_400 + Int64(seconds)
}

extension CertificateFacts {
    /// Reads a certificate in DER, as a handshake's facts carry a client's; nil when it is not one.
    public init?(der: [UInt8]) {
        let certificate = der.withUnsafeBufferPointer { bytes in
            var start = bytes.baseAddress
            return d2i_X509(nil, &start, bytes.count)
        }
        guard let certificate else {
            ERR_clear_error()
            return nil
        }
        defer { X509_free(certificate) }
        self.init(certificate)
    }
}
