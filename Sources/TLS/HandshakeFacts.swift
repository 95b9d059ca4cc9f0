// What a handshake settled, as values of their own: taken from the SSL object when the handshake is
// over and handed to the caller once, so that nothing of it stays with an idle connection.

/// Keying material that both ends can compute and no other connection has (RFC 8446, section 7.5).
public struct ExporterRequest: Equatable, Sendable {
    /// The label, as "EXPORTER-Channel-Binding".
    public var label: String
    /// How many bytes, 1 to 8,160.
    public var size: Int

    /// Channel binding for logins: 32 bytes (RFC 9266).
    public static let channelBinding = ExporterRequest(label: "EXPORTER-Channel-Binding", size: 32)

    /// `size` bytes under `label`.
    public init(label: String, size: Int) {
        self.label = label
        self.size = size
    }
}

/// What one connection's handshake settled.
package struct HandshakeFacts: Sendable {
    /// The protocol version, as "TLSv1.3".
    package var version: String
    /// The suite's name, as "TLS_AES_128_GCM_SHA256".
    package var cipherSuite: String
    /// The key exchange's group, as "x25519"; nil when there was none, or OpenSSL does not know its name.
    package var group: String?
    /// The application protocol agreed on.
    package var alpn: String?
    /// The name the client asked for; nil if it asked for none, as for an IP address.
    package var serverName: String?
    /// Whether an earlier session was resumed.
    package var isResumed: Bool
    /// The exporter value that the configuration asked for. Nil if it asked for none, and on TLS 1.2
    /// without extended master secret, where it would not be unique (RFC 7627).
    package var exporter: [UInt8]?
    /// On a server: the client's certificate as DER, if it showed one.
    package var peerCertificate: [UInt8]?
}
