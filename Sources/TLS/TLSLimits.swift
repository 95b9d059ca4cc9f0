// The maxima of this module, each with its unit and reason.

/// TLS limits.
enum TLSLimits {
    /// Plaintext bytes of one record (RFC 8446, section 5.1).
    static let recordPlaintextSizeMax = 16_384
    /// Bytes of a sealed record behind its header (RFC 8446, section 5.2).
    static let recordCiphertextSizeMax = 16_384 + 256
    /// Records sealed under one key, then we change it; and opened, then we ask the peer to. AES-GCM
    /// allows about 2^24.5 (RFC 8446, section 5.5).
    static let recordsPerKeyMax = 1 << 24
    /// Records opened under one key, when the peer does not change it though asked.
    static let receivedRecordsPerKeyMax = 1 << 25
    /// Empty records, KeyUpdates and cancellations from the peer without data between them; as many
    /// empty records as OpenSSL takes.
    static let recordsWithoutDataMax = 32
    /// Bytes of a NewSessionTicket with all its fields at their longest (RFC 8446, section 4.6.1).
    static let ticketMessageSizeMax = 8 + 256 + 2 + 65_535 + 2 + 65_534
    /// Bytes of a server name: a DNS name has at most 255 (RFC 1035, section 2.3.4).
    static let serverNameSizeMax = 255
    /// Bytes of one application protocol name: its length is one byte (RFC 7301, section 3.1).
    static let protocolNameSizeMax = 255
    /// Bytes one exporter call gives: 255 blocks of SHA-256, HKDF's maximum (RFC 5869).
    static let exporterSizeMax = 255 * 32
    /// Bytes of a ClientHello: the largest of today's, with a hybrid group, has about 2,000.
    static let clientHelloSizeMax = 16_384
    /// Certificates of one server: each is asked for its names at the start only.
    static let certificateCountMax = 64
    /// Tickets after one handshake; a client needs no more than it opens connections at a time.
    static let ticketCountMax = 4
    /// Seconds a ticket resumes at most (RFC 8446, section 4.6.1).
    static let ticketLifetimeSMax = 604_800
    /// Ticket keys in force at once: a week of hourly ones.
    static let ticketKeyCountMax = 256
    /// Tickets remembered against a second use, in each of two spans of a ticket's lifetime.
    static let spentTicketCountMax = 1_048_576
    /// Bytes of a staple: responses have a few hundred to a few thousand.
    static let stapleSizeMax = 16_384
}
