// What an operator chooses about TLS. Everything else is fixed and strict: see TLSContext.

/// The oldest protocol version accepted.
public enum TLSVersion: Sendable {
    /// TLS 1.2 with forward-secret AEAD suites only, and 1.3.
    case tls12
    /// TLS 1.3 only.
    case tls13
}

/// When a TLS 1.3 connection leaves OpenSSL's records for ours, which need a hundredth of the memory.
public enum TLSDetachment: Sendable {
    /// The SSL object stays.
    case never
    /// When the handshake is over and a server's tickets are sent. A client's tickets are not kept.
    case afterHandshake
    /// When a client has its first ticket; a server does not wait.
    case afterTicket
}

/// One end's application protocol when nothing else is asked for.
public let ternApplicationProtocol = "tern/1"

/// The files of one certificate.
public struct TLSCertificateFiles: Sendable, Equatable {
    /// A PEM file: the server's certificate, then the certificates that lead to an authority.
    public var chainPath: String
    /// A PEM file: the certificate's private key, not encrypted.
    public var privateKeyPath: String
    /// A DER file: an OCSP response that is stapled to the certificate; nil for none.
    public var staplePath: String?

    /// Files by their paths.
    public init(chainPath: String, privateKeyPath: String, staplePath: String? = nil) {
        self.chainPath = chainPath
        self.privateKeyPath = privateKeyPath
        self.staplePath = staplePath
    }
}

/// Whether clients show certificates.
public enum ClientCertificates: String, Sendable, Codable {
    /// None is asked for.
    case off
    /// One is asked for; a client may have none, but one that does not verify is refused.
    case optional
    /// A client without one is refused.
    case required
}

/// What a client gets that asks for a name which no certificate has.
public enum UnknownServerName: String, Sendable, Codable {
    /// The first certificate.
    case accept
    /// The alert `unrecognized_name`. A client that asks for no name still gets the first certificate.
    case refuse
}

/// How a server presents itself.
public struct TLSServerConfiguration: Sendable {
    /// The certificates; the first is for clients that ask for no name or an unknown one. Those of the
    /// same DNS names complement each other by key type.
    public var certificates: [TLSCertificateFiles]
    /// What a client gets that asks for an unknown name.
    public var unknownServerName = UnknownServerName.accept
    /// Whether clients show certificates.
    public var clientCertificates = ClientCertificates.off
    /// A PEM file: the authorities of client certificates. Needed unless they are off.
    public var clientAuthorityPath: String?
    /// The oldest protocol version accepted.
    public var minimumVersion: TLSVersion = .tls13
    /// Application protocols in the server's order; a client must offer one of them. Empty: any client.
    public var alpn: [String] = [ternApplicationProtocol]
    /// Tickets sent after a full handshake, 0 to 4; each resumes one later connection.
    public var ticketCount = 1
    /// How long a ticket resumes, in seconds; at most a week (RFC 8446, section 4.6.1).
    public var ticketLifetimeS = 7_200
    /// The keying material that comes with a connection's facts.
    public var exporter: ExporterRequest? = .channelBinding
    /// When connections leave OpenSSL's records.
    public var detachment = TLSDetachment.afterHandshake

    /// A strict configuration with this one certificate.
    public init(certificateChainPath: String, privateKeyPath: String) {
        certificates = [
            TLSCertificateFiles(chainPath: certificateChainPath, privateKeyPath: privateKeyPath)
        ]
    }

    /// The first certificate's chain.
    public var certificateChainPath: String {
        get { certificates[0].chainPath }
        set { certificates[0].chainPath = newValue }
    }

    /// The first certificate's key.
    public var privateKeyPath: String {
        get { certificates[0].privateKeyPath }
        set { certificates[0].privateKeyPath = newValue }
    }
}

/// Whom a client trusts. The server's certificate and name are always checked.
public struct TLSClientConfiguration: Sendable {
    /// A PEM file of trusted authorities; nil for the system's.
    public var caPath: String?
    /// The files of a certificate to show when the server asks for one; nil for none.
    public var certificate: TLSCertificateFiles?
    /// The oldest protocol version accepted.
    public var minimumVersion: TLSVersion = .tls13
    /// The newest protocol version offered.
    public var maximumVersion: TLSVersion = .tls13
    /// Application protocols offered, in the client's order; the server must choose one. Empty: none.
    public var alpn: [String] = [ternApplicationProtocol]
    /// The keying material that comes with a connection's facts.
    public var exporter: ExporterRequest? = .channelBinding
    /// When connections leave OpenSSL's records.
    public var detachment = TLSDetachment.never

    /// A strict configuration that trusts the authorities in `caPath`, or the system's.
    public init(caPath: String? = nil) {
        self.caPath = caPath
    }
}
