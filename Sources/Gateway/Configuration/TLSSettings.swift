// The [tls] table of the configuration file, key by key.

public import TLS

/// What an operator decides about TLS beyond the first certificate.
public struct TLSSettings: Sendable, Equatable, Decodable {
    /// A further certificate: a table of its own in the file.
    public struct Certificate: Sendable, Equatable, Decodable {
        /// PEM file of the certificate and its chain.
        public var certificate: String
        /// PEM file of the private key.
        public var key: String
        /// DER file of the OCSP staple.
        public var staple: String?

        /// A certificate by its paths.
        public init(certificate: String, key: String, staple: String? = nil) {
            self.certificate = certificate
            self.key = key
            self.staple = staple
        }
    }

    /// DER file of the first certificate's OCSP staple.
    public var staplePath: String?
    /// Further certificates.
    public var certificates: [Certificate] = []
    /// What a client gets that asks for an unknown name.
    public var unknownServerName = UnknownServerName.accept
    /// Whether clients show certificates.
    public var clientCertificates = ClientCertificates.off
    /// PEM file of the authorities of client certificates.
    public var clientCAPath: String?
    /// Tickets after a full handshake.
    public var ticketCount = 1
    /// Seconds a ticket resumes.
    public var ticketLifetimeS = 7_200
    /// Seconds a ticket key of the gateway's own seals.
    public var ticketRotationS = 3_600
    /// File of ticket keys that gateways share; nil for keys of the gateway's own.
    public var ticketKeyPath: String?
    /// Whether a ticket resumes once only.
    public var ticketSingleUse = false

    /// The defaults.
    public init() {}

    enum CodingKeys: String, CodingKey, CaseIterable {
        case staplePath = "staple"
        case certificates
        case unknownServerName = "unknown-server-name"
        case clientCertificates = "client-certificates"
        case clientCAPath = "client-ca"
        case ticketCount = "tickets"
        case ticketLifetimeS = "ticket-lifetime-s"
        case ticketRotationS = "ticket-rotation-s"
        case ticketKeyPath = "ticket-keys"
        case ticketSingleUse = "ticket-single-use"
    }

    /// The defaults, changed by a table.
    public init(from decoder: any Decoder) throws {
        let table = try decoder.container(keyedBy: CodingKeys.self)
        func value<T: Decodable>(_ key: CodingKeys, _ fallback: T) throws -> T {
            try table.decodeIfPresent(T.self, forKey: key) ?? fallback
        }
        staplePath = try table.decodeIfPresent(String.self, forKey: .staplePath)
        certificates = try value(.certificates, certificates)
        unknownServerName = try value(.unknownServerName, unknownServerName)
        clientCertificates = try value(.clientCertificates, clientCertificates)
        clientCAPath = try table.decodeIfPresent(String.self, forKey: .clientCAPath)
        ticketCount = try value(.ticketCount, ticketCount)
        ticketLifetimeS = try value(.ticketLifetimeS, ticketLifetimeS)
        ticketRotationS = try value(.ticketRotationS, ticketRotationS)
        ticketKeyPath = try table.decodeIfPresent(String.self, forKey: .ticketKeyPath)
        ticketSingleUse = try value(.ticketSingleUse, ticketSingleUse)
    }

    /// Checks what can be checked without touching the machine.
    func validate() throws(ConfigurationError) {
        let ranges = [
            ("tickets", ticketCount, 0...4), ("ticket-lifetime-s", ticketLifetimeS, 1...604_800),
            ("ticket-rotation-s", ticketRotationS, 60...604_800),
            ("certificates", certificates.count, 0...63),
        ]
        for (name, value, range) in ranges where !range.contains(value) {
            throw .invalid("tls.\(name) \(value): \(range.lowerBound) to \(range.upperBound)")
        }
        // Each key that still opens is kept.
        guard ticketLifetimeS / ticketRotationS < 250 else {
            throw .invalid("tls.ticket-rotation-s: more than a 250th of ticket-lifetime-s")
        }
        guard clientCertificates == .off || clientCAPath != nil else {
            throw .invalid("tls.client-certificates needs tls.client-ca")
        }
        guard clientCertificates != .off || clientCAPath == nil else {
            throw .invalid("tls.client-ca without tls.client-certificates")
        }
    }
}

extension GatewayConfiguration {
    /// The same for the TLS module.
    var serverTLS: TLSServerConfiguration {
        var server = TLSServerConfiguration(
            certificateChainPath: certificatePath, privateKeyPath: keyPath)
        server.certificates[0].staplePath = tls.staplePath
        server.certificates += tls.certificates.map {
            TLSCertificateFiles(
                chainPath: $0.certificate, privateKeyPath: $0.key, staplePath: $0.staple)
        }
        server.unknownServerName = tls.unknownServerName
        server.clientCertificates = tls.clientCertificates
        server.clientAuthorityPath = tls.clientCAPath
        server.minimumVersion = minimumTLS == .tls12 ? .tls12 : .tls13
        server.ticketCount = tls.ticketCount
        server.ticketLifetimeS = tls.ticketLifetimeS
        return server
    }
}
