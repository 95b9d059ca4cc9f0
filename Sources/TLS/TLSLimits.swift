// The maxima of this module, each with its unit and reason.

/// TLS limits.
enum TLSLimits {
    /// Plaintext bytes of one record (RFC 8446, section 5.1).
    static let recordPlaintextSizeMax = 16_384
    /// Bytes of a server name: a DNS name has at most 255 (RFC 1035, section 2.3.4).
    static let serverNameSizeMax = 255
    /// Bytes of one application protocol name: its length is one byte (RFC 7301, section 3.1).
    static let protocolNameSizeMax = 255
    /// Bytes one exporter call gives: 255 blocks of SHA-256, HKDF's maximum (RFC 5869).
    static let exporterSizeMax = 255 * 32
}
