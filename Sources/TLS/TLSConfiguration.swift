// What an operator chooses about TLS. Everything else is fixed and strict: see TLSContext.

/// The oldest protocol version accepted.
public enum TLSVersion: Sendable {
    /// TLS 1.2 with forward-secret AEAD suites only, and 1.3.
    case tls12
    /// TLS 1.3 only.
    case tls13
}

/// One end's application protocol when nothing else is asked for.
public let ternApplicationProtocol = "tern/1"

/// How a server presents itself.
public struct TLSServerConfiguration: Sendable {
    /// A PEM file: the server's certificate, then the certificates that lead to an authority.
    public var certificateChainPath: String
    /// A PEM file: the certificate's private key, not encrypted.
    public var privateKeyPath: String
    /// The oldest protocol version accepted.
    public var minimumVersion: TLSVersion = .tls13
    /// Application protocols in the server's order; a client must offer one of them. Empty: any client.
    public var alpn: [String] = [ternApplicationProtocol]
    /// Tickets sent after a full handshake, 0 to 4; each resumes one later connection.
    public var ticketCount = 1
    /// How long a ticket resumes, in seconds; at most a week (RFC 8446, section 4.6.1).
    public var ticketLifetimeS = 7_200

    /// A strict configuration with these files.
    public init(certificateChainPath: String, privateKeyPath: String) {
        self.certificateChainPath = certificateChainPath
        self.privateKeyPath = privateKeyPath
    }
}

/// Whom a client trusts. The server's certificate and name are always checked.
public struct TLSClientConfiguration: Sendable {
    /// A PEM file of trusted authorities; nil for the system's.
    public var caPath: String?
    /// The oldest protocol version accepted.
    public var minimumVersion: TLSVersion = .tls13
    /// Application protocols offered, in the client's order; the server must choose one. Empty: none.
    public var alpn: [String] = [ternApplicationProtocol]

    /// A strict configuration that trusts the authorities in `caPath`, or the system's.
    public init(caPath: String? = nil) {
        self.caPath = caPath
    }
}
