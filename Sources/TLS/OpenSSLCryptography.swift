// The hashes, MACs and random bytes that logins need, from libcrypto.

public import Base
internal import COpenSSL

/// `Cryptography` by OpenSSL. Stateless; any thread.
public struct OpenSSLCryptography: Cryptography {
    private static let digestSize = 32

    /// Ready to use.
    public init() {}

    /// SHA-256 of `data`, 32 bytes (FIPS 180-4).
    public func sha256(_ data: [UInt8]) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: Self.digestSize)
        let result = EVP_Digest(data, data.count, &digest, nil, EVP_sha256(), nil)
        precondition(result == 1, "EVP_Digest failed")
        return digest
    }

    /// HMAC-SHA-256, 32 bytes (RFC 2104).
    public func hmacSHA256(key: [UInt8], _ data: [UInt8]) -> [UInt8] {
        precondition(key.count <= Int(CInt.max), "key of \(key.count) bytes")
        var code = [UInt8](repeating: 0, count: Self.digestSize)
        let result = HMAC(
            EVP_sha256(), key, CInt(key.count), data, data.count, &code, nil)
        precondition(result != nil, "HMAC failed")
        return code
    }

    /// PBKDF2 with HMAC-SHA-256, 32 bytes (RFC 8018). Cost: `iterations` HMACs.
    /// Precondition: `iterations > 0`.
    public func pbkdf2SHA256(password: [UInt8], salt: [UInt8], iterations: Int) -> [UInt8] {
        precondition(iterations > 0 && iterations <= Int(CInt.max), "\(iterations) iterations")
        precondition(password.count <= Int(CInt.max) && salt.count <= Int(CInt.max), "sizes")
        var key = [UInt8](repeating: 0, count: Self.digestSize)
        let result = password.withUnsafeBytes { bytes in
            PKCS5_PBKDF2_HMAC(
                bytes.baseAddress?.assumingMemoryBound(to: CChar.self), CInt(password.count),
                salt, CInt(salt.count), CInt(iterations), EVP_sha256(), CInt(key.count), &key)
        }
        precondition(result == 1, "PKCS5_PBKDF2_HMAC failed")
        return key
    }

    /// `count` bytes from OpenSSL's generator, which the operating system's seeds.
    public func randomBytes(_ count: Int) -> [UInt8] {
        precondition(count >= 0 && count <= Int(CInt.max), "\(count) random bytes")
        var bytes = [UInt8](repeating: 0, count: count)
        // Without randomness nothing may go on, and no caller could do better.
        precondition(RAND_bytes(&bytes, CInt(count)) == 1, "no random bytes")
        return bytes
    }

    /// Compares in time that depends on the sizes only.
    public func constantTimeEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        left.count == right.count && CRYPTO_memcmp(left, right, left.count) == 0
    }
}
