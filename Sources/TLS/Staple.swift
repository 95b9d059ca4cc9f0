// An OCSP response from a file (RFC 6960, DER), stapled to its certificate (RFC 8446, section 4.4.2.1).
//
// It is checked for being a good answer about this certificate and in time; its signature is for the
// clients to check, who have the authority's key. One that has run out is not given to anybody.

internal import COpenSSL

/// A response that is ready to be sent. Immutable.
struct Staple: Sendable {
    let bytes: [UInt8]
    /// SHA-256 of the certificate it belongs to.
    let certificate: [UInt8]
    /// The Unix second until which it is good; nil when it does not say.
    let endsAt: Int64?

    /// Reads the file for `certificate`. Errors: `.stapleFile`, the operator's.
    init(path: String, for certificate: OpaquePointer) throws(TLSError) {
        func failure(_ reason: String) -> TLSError { .stapleFile(path: path, reason: reason) }
        let bytes = try Self.read(path)
        ERR_clear_error()
        var start = bytes.withUnsafeBufferPointer { $0.baseAddress }
        let response = bytes.withUnsafeBufferPointer { buffer in
            start = buffer.baseAddress
            return d2i_OCSP_RESPONSE(nil, &start, buffer.count)
        }
        guard let response else {
            _ = DrainedErrors()
            throw failure("not an OCSP response in DER")
        }
        defer { OCSP_RESPONSE_free(response) }
        guard OCSP_response_status(response) == OCSP_RESPONSE_STATUS_SUCCESSFUL,
            let basic = OCSP_response_get1_basic(response)
        else {
            _ = DrainedErrors()
            throw failure("the responder gave no answer")
        }
        defer { OCSP_BASICRESP_free(basic) }
        guard let single = Self.single(of: certificate, in: basic) else {
            throw failure("it is about another certificate")
        }
        var next: UnsafeMutablePointer<ASN1_GENERALIZEDTIME>?
        let status = OCSP_single_get0_status(single, nil, nil, nil, &next)
        guard status == V_OCSP_CERTSTATUS_GOOD else {
            throw failure("it says that the certificate is revoked or unknown")
        }
        self.bytes = bytes
        self.certificate = certificateFingerprint(certificate)
        endsAt = unixSeconds(next)
    }

    private static func read(_ path: String) throws(TLSError) -> [UInt8] {
        ERR_clear_error()
        guard let file = BIO_new_file(path, "rb") else {
            throw .stapleFile(path: path, reason: DrainedErrors().text)
        }
        defer { BIO_free(file) }
        var bytes = [UInt8](repeating: 0, count: TLSLimits.stapleSizeMax + 1)
        var size = 0
        while size < bytes.count {
            let count = bytes[size...].withUnsafeMutableBytes {
                BIO_read(file, $0.baseAddress, CInt($0.count))
            }
            guard count > 0 else { break }
            size += Int(count)
        }
        guard size <= TLSLimits.stapleSizeMax else {
            throw .stapleFile(path: path, reason: "longer than \(TLSLimits.stapleSizeMax) bytes")
        }
        return Array(bytes.prefix(size))
    }

    /// The answer about `certificate`: same serial number and same issuer's name.
    private static func single(
        of certificate: OpaquePointer, in basic: OpaquePointer
    ) -> OpaquePointer? {
        for index in 0..<OCSP_resp_count(basic) {
            guard let single = OCSP_resp_get0(basic, index),
                let id = tern_OCSP_SINGLERESP_id(single)
            else { continue }
            var nameHash: UnsafeMutablePointer<ASN1_OCTET_STRING>?
            var algorithm: OpaquePointer?
            var serial: UnsafeMutablePointer<ASN1_INTEGER>?
            guard OCSP_id_get0_info(&nameHash, &algorithm, nil, &serial, id) == 1,
                let nameHash,
                ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(certificate)) == 0
            else { continue }
            let digest = EVP_get_digestbyname(OBJ_nid2sn(OBJ_obj2nid(algorithm)))
            var hash = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
            var size: CUnsignedInt = 0
            guard let digest,
                X509_NAME_digest(X509_get_issuer_name(certificate), digest, &hash, &size) == 1
            else { continue }
            let theirs = UnsafeBufferPointer(
                start: ASN1_STRING_get0_data(nameHash), count: Int(ASN1_STRING_length(nameHash)))
            if theirs.elementsEqual(hash.prefix(Int(size))) { return single }
        }
        return nil
    }
}

/// Gives the staple of the certificate that was chosen, if there is one in time.
@c func ternStaple(_ ssl: OpaquePointer?, _ argument: UnsafeMutableRawPointer?) -> CInt {
    guard let ssl, let argument, let certificate = SSL_get_certificate(ssl) else {
        return SSL_TLSEXT_ERR_NOACK
    }
    let credentials = Unmanaged<Credentials>.fromOpaque(argument).takeUnretainedValue()
    let fingerprint = certificateFingerprint(certificate)
    guard let staple = credentials.staples.first(where: { $0.certificate == fingerprint }),
        staple.endsAt.map({ !isPast($0) }) ?? true,
        tern_SSL_set1_tlsext_status_ocsp_resp(ssl, staple.bytes, staple.bytes.count) == 1
    else { return SSL_TLSEXT_ERR_NOACK }
    return SSL_TLSEXT_ERR_OK
}

/// Whether a Unix second is over, by OpenSSL's clock, as it judges certificates.
func isPast(_ unixSeconds: Int64) -> Bool {
    guard let time = ASN1_TIME_set(nil, Int(unixSeconds)) else { return true }
    defer { ASN1_TIME_free(time) }
    return X509_cmp_current_time(time) < 0
}
