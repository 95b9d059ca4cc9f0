// The few cryptographic functions that logins need, as a parameter: Sessions stays free of OpenSSL.
// `TLS.OpenSSLCryptography` is the real one.

/// Hashes, MACs and random bytes. All inputs and outputs are plain bytes; digests are 32 bytes.
public protocol Cryptography: Sendable {
    /// SHA-256 of `data`, 32 bytes (FIPS 180-4).
    func sha256(_ data: [UInt8]) -> [UInt8]
    /// HMAC-SHA-256, 32 bytes (RFC 2104).
    func hmacSHA256(key: [UInt8], _ data: [UInt8]) -> [UInt8]
    /// PBKDF2 with HMAC-SHA-256, 32 bytes (RFC 8018). Cost: `iterations` HMACs.
    func pbkdf2SHA256(password: [UInt8], salt: [UInt8], iterations: Int) -> [UInt8]
    /// `count` bytes from the operating system's generator.
    func randomBytes(_ count: Int) -> [UInt8]
    /// Compares in time that depends on the sizes only.
    func constantTimeEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool
}
