// OpenSSL's AEADs and key derivation as one thread's tools for all its detached connections.
//
// A shard, a client's loop or a test owns one and lends it to each call. Ciphers and the derivation are
// fetched once. Between calls the contexts hold the keys of whoever came last; no call uses a context
// before it has put its own key in, so nothing of one connection reaches another.

internal import COpenSSL

/// The record ciphers of one thread; not to be shared between threads.
package final class RecordCiphers {
    private let tools: [SuiteTools?]

    /// Fetches what OpenSSL has. A suite it lacks keeps its connections with OpenSSL's own records.
    package init() {
        tools = RecordSuite.allCases.map { SuiteTools($0) }
        ERR_clear_error()
    }

    /// Whether records of `suite` can be handled here.
    package func supports(_ suite: RecordSuite) -> Bool { tools[Int(suite.rawValue)] != nil }

    /// The tools for `suite`. Precondition: it is supported.
    package func tools(_ suite: RecordSuite) -> SuiteTools {
        guard let tools = tools[Int(suite.rawValue)] else {
            preconditionFailure("\(suite) is not there")
        }
        return tools
    }
}

/// The contexts of one suite.
package final class SuiteTools {
    package let suite: RecordSuite
    private let cipher: OpaquePointer
    private let sealing: OpaquePointer
    private let opening: OpaquePointer
    private let derivation: OpaquePointer
    /// Parameters and an end, so that no call allocates: a tag, or a key with its label.
    private let parameters: UnsafeMutablePointer<OSSL_PARAM>
    private let nonce: UnsafeMutableRawPointer
    private let zeros: UnsafeMutableRawPointer

    /// The label of a key, a vector, or a following secret (RFC 8446, sections 7.2 and 7.3).
    package enum Label {
        case key
        case vector
        case update
    }

    /// Nil when OpenSSL lacks a part.
    init?(_ suite: RecordSuite) {
        let label = suite.cipherName
        guard let cipher = EVP_CIPHER_fetch(nil, label, nil) else { return nil }
        let sealing = EVP_CIPHER_CTX_new()
        let opening = EVP_CIPHER_CTX_new()
        let derivation = Self.makeDerivation(suite)
        guard let sealing, let opening, let derivation,
            EVP_EncryptInit_ex2(sealing, cipher, nil, nil, nil) == 1,
            EVP_DecryptInit_ex2(opening, cipher, nil, nil, nil) == 1
        else {
            EVP_CIPHER_CTX_free(sealing)
            EVP_CIPHER_CTX_free(opening)
            EVP_KDF_CTX_free(derivation)
            EVP_CIPHER_free(cipher)
            return nil
        }
        self.suite = suite
        self.cipher = cipher
        self.sealing = sealing
        self.opening = opening
        self.derivation = derivation
        parameters = .allocate(capacity: 3)
        parameters.initialize(repeating: OSSL_PARAM_construct_end(), count: 3)
        nonce = .allocate(byteCount: RecordSuite.vectorSize, alignment: 4)
        zeros = .allocate(byteCount: suite.secretSize, alignment: 8)
        zeros.initializeMemory(as: UInt8.self, repeating: 0, count: suite.secretSize)
    }

    deinit {
        EVP_CIPHER_CTX_free(sealing)
        EVP_CIPHER_CTX_free(opening)
        EVP_KDF_CTX_free(derivation)
        EVP_CIPHER_free(cipher)
        OPENSSL_cleanse(nonce, RecordSuite.vectorSize)
        nonce.deallocate()
        zeros.deallocate()
        parameters.deallocate()
    }

    /// HKDF-Expand-Label with the suite's hash, waiting for key and label.
    private static func makeDerivation(_ suite: RecordSuite) -> OpaquePointer? {
        guard let algorithm = EVP_KDF_fetch(nil, "TLS13-KDF", nil) else { return nil }
        defer { EVP_KDF_free(algorithm) }
        guard let derivation = EVP_KDF_CTX_new(algorithm) else { return nil }
        var mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY
        var digest = Array(suite.digestName.utf8CString)
        var prefix = Array("tls13 ".utf8)
        let result = withUnsafeMutablePointer(to: &mode) { mode in
            digest.withUnsafeMutableBufferPointer { digest in
                prefix.withUnsafeMutableBytes { prefix in
                    let fixed = [
                        OSSL_PARAM_construct_int(tern_OSSL_KDF_PARAM_MODE, mode),
                        OSSL_PARAM_construct_utf8_string(
                            tern_OSSL_KDF_PARAM_DIGEST, digest.baseAddress, 0),
                        OSSL_PARAM_construct_octet_string(
                            tern_OSSL_KDF_PARAM_PREFIX, prefix.baseAddress, prefix.count),
                        OSSL_PARAM_construct_end(),
                    ]
                    return EVP_KDF_CTX_set_params(derivation, fixed)
                }
            }
        }
        guard result == 1 else {
            EVP_KDF_CTX_free(derivation)
            return nil
        }
        return derivation
    }

    /// HKDF-Expand-Label(secret, label, "", count) into `output`, which may not be the secret itself.
    package func derive(
        _ label: Label, from secret: UnsafeMutableRawPointer, into output: UnsafeMutableRawPointer,
        count: Int
    ) -> Bool {
        let text: StaticString
        switch label {
        case .key: text = "key"
        case .vector: text = "iv"
        case .update: text = "traffic upd"
        }
        // OpenSSL copies what it is given; `forgetSecret` has it wipe its copy of the secret.
        parameters[0] = OSSL_PARAM_construct_octet_string(
            tern_OSSL_KDF_PARAM_KEY, secret, suite.secretSize)
        parameters[1] = OSSL_PARAM_construct_octet_string(
            tern_OSSL_KDF_PARAM_LABEL, UnsafeMutableRawPointer(mutating: text.utf8Start),
            text.utf8CodeUnitCount)
        let bytes = output.assumingMemoryBound(to: UInt8.self)
        return EVP_KDF_derive(derivation, bytes, count, parameters) == 1
    }

    /// Has OpenSSL wipe the secret that `derive` was last given: zeros take its place.
    package func forgetSecret() {
        parameters[0] = OSSL_PARAM_construct_octet_string(
            tern_OSSL_KDF_PARAM_KEY, zeros, suite.secretSize)
        parameters[1] = OSSL_PARAM_construct_end()
        _ = EVP_KDF_CTX_set_params(derivation, parameters)
    }
}

// One record at a time (RFC 8446, sections 5.2 and 5.3).
extension SuiteTools {
    /// Seals `content` and a type into `record`, which begins with its header and has room for the
    /// type and the tag. A nil `key` means: the one of the call before.
    package func seal(
        _ content: UnsafeRawBufferPointer, type: UInt8, key: UnsafeMutableRawPointer?,
        vector: UnsafeRawPointer, sequence: UInt32, into record: UnsafeMutableRawPointer
    ) -> Bool {
        let bytes = record.assumingMemoryBound(to: UInt8.self)
        let body = bytes + RecordLayer.headerSize
        setNonce(vector, sequence)
        var count: CInt = 0
        let key = key?.assumingMemoryBound(to: UInt8.self)
        guard EVP_EncryptInit_ex2(sealing, nil, key, noncePointer, nil) == 1,
            EVP_EncryptUpdate(sealing, nil, &count, bytes, CInt(RecordLayer.headerSize)) == 1
        else { return false }
        let size = content.count
        if size <= Self.copiedSizeMax {
            // A copy of so little costs less than a second call.
            if let base = content.baseAddress {
                UnsafeMutableRawPointer(body).copyMemory(from: base, byteCount: size)
            }
            body[size] = type
            guard EVP_EncryptUpdate(sealing, body, &count, body, CInt(size + 1)) == 1
            else { return false }
        } else {
            var type = type
            guard
                EVP_EncryptUpdate(
                    sealing, body, &count, content.baseAddress?.assumingMemoryBound(to: UInt8.self),
                    CInt(size)) == 1,
                EVP_EncryptUpdate(sealing, body + size, &count, &type, 1) == 1
            else { return false }
        }
        guard EVP_EncryptFinal_ex(sealing, body + size + 1, &count) == 1 else { return false }
        setTag(body + size + 1)
        return EVP_CIPHER_CTX_get_params(sealing, parameters) == 1
    }

    /// Opens `body` under its header into `output`, which has room for all but the tag. False when the
    /// tag does not fit; the output then means nothing. A nil `key` means: the one of the call before.
    package func open(
        header: UnsafePointer<UInt8>, body: UnsafePointer<UInt8>, size: Int,
        key: UnsafeMutableRawPointer?, vector: UnsafeRawPointer, sequence: UInt32,
        into output: UnsafeMutablePointer<UInt8>
    ) -> Bool {
        let innerSize = size - RecordSuite.tagSize
        setNonce(vector, sequence)
        setTag(UnsafeMutablePointer(mutating: body) + innerSize)
        var count: CInt = 0
        let key = key?.assumingMemoryBound(to: UInt8.self)
        return EVP_DecryptInit_ex2(opening, nil, key, noncePointer, parameters) == 1
            && EVP_DecryptUpdate(opening, nil, &count, header, CInt(RecordLayer.headerSize)) == 1
            && EVP_DecryptUpdate(opening, output, &count, body, CInt(innerSize)) == 1
            && EVP_DecryptFinal_ex(opening, output + innerSize, &count) == 1
    }

    /// Measured: below it one call over a copy is faster than two without.
    private static var copiedSizeMax: Int { 1_024 }

    private var noncePointer: UnsafePointer<UInt8> {
        UnsafePointer(nonce.assumingMemoryBound(to: UInt8.self))
    }

    /// The vector with the sequence number, 64 bits big-endian, folded into its end; ours has 32.
    private func setNonce(_ vector: UnsafeRawPointer, _ sequence: UInt32) {
        nonce.copyMemory(from: vector, byteCount: RecordSuite.vectorSize)
        let end = nonce.load(fromByteOffset: 8, as: UInt32.self)
        nonce.storeBytes(of: end ^ sequence.bigEndian, toByteOffset: 8, as: UInt32.self)
    }

    private func setTag(_ tag: UnsafeMutablePointer<UInt8>) {
        parameters[0] = OSSL_PARAM_construct_octet_string(
            tern_OSSL_CIPHER_PARAM_AEAD_TAG, tag, RecordSuite.tagSize)
        parameters[1] = OSSL_PARAM_construct_end()
    }
}
