// What can go wrong in TLS, sorted by whose fault it is, and how OpenSSL's error queue becomes text.
//
// Texts carry OpenSSL's reasons and the operator's own paths, never key material or peer bytes.

internal import COpenSSL

/// Why a context or a connection failed.
public enum TLSError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Operator: a setting that cannot be used.
    case configuration(String)
    /// Operator: the certificate chain is missing, unreadable or malformed.
    case certificateFile(path: String, reason: String)
    /// Operator: the private key is missing, unreadable, encrypted or malformed.
    case privateKeyFile(path: String, reason: String)
    /// Operator: the private key is not that of the certificate.
    case keyMismatch(certificatePath: String, privateKeyPath: String)
    /// Operator: the file of trusted authorities is missing, unreadable or malformed.
    case authorityFile(path: String, reason: String)
    /// Operator: the OCSP response is missing, malformed or about another certificate.
    case stapleFile(path: String, reason: String)
    /// Operator: the file of ticket keys is missing, malformed or open to others.
    case ticketKeyFile(path: String, reason: String)
    /// Peer: the server's certificate is not to be trusted, or not for the name asked for.
    case certificateRejected(String)
    /// Peer: no application protocol in common, or none offered.
    case applicationProtocolRefused
    /// Peer: it asked for a name that no certificate has, and such are refused.
    case serverNameRefused
    /// Peer: it gave up with this alert (RFC 8446, section 6.2).
    case peerAlert(code: UInt8, reason: String)
    /// Peer: the handshake broke the protocol or found nothing in common.
    case handshakeFailed(String)
    /// Peer: a record after the handshake was forged, damaged or out of place.
    case recordRejected(String)
    /// Caller: the connection is not open for sending.
    case notOpen

    /// One line for a log.
    public var description: String {
        switch self {
        case .configuration(let text): "TLS configuration: \(text)"
        case .certificateFile(let path, let reason): "certificate chain \(path): \(reason)"
        case .privateKeyFile(let path, let reason): "private key \(path): \(reason)"
        case .keyMismatch(let certificatePath, let privateKeyPath):
            "private key \(privateKeyPath) does not belong to certificate \(certificatePath)"
        case .authorityFile(let path, let reason): "trusted authorities \(path): \(reason)"
        case .stapleFile(let path, let reason): "OCSP staple \(path): \(reason)"
        case .ticketKeyFile(let path, let reason): "ticket keys \(path): \(reason)"
        case .certificateRejected(let reason): "server certificate rejected: \(reason)"
        case .applicationProtocolRefused: "no application protocol (ALPN) in common"
        case .serverNameRefused: "no certificate for the server name asked for"
        case .peerAlert(let code, let reason): "peer sent TLS alert \(code): \(reason)"
        case .handshakeFailed(let reason): "TLS handshake failed: \(reason)"
        case .recordRejected(let reason): "TLS record rejected: \(reason)"
        case .notOpen: "TLS connection is not open"
        }
    }
}

/// The calling thread's OpenSSL error queue, emptied.
struct DrainedErrors {
    /// At most so many reasons go into the text; the queue itself holds at most 16.
    private static let reasonCountMax = 4

    /// The reasons, first cause first.
    private(set) var text = ""
    /// The alert the peer sent, if one is in the queue.
    private(set) var peerAlert: UInt8?
    /// The first cause's library and its reason code there; 0 when the queue was empty.
    private(set) var firstLibrary: CInt = 0
    private(set) var firstReason: CInt = 0

    /// Empties the queue.
    init() {
        var count = 0
        while true {
            let code = ERR_get_error()
            guard code != 0 else { break }
            if count == 0 {
                firstLibrary = tern_ERR_GET_LIB(code)
                firstReason = tern_ERR_GET_REASON(code)
            }
            let alert = tern_peer_alert(code)
            if alert >= 0, peerAlert == nil { peerAlert = UInt8(truncatingIfNeeded: alert) }
            if count < Self.reasonCountMax {
                let reason = Self.reason(of: code)
                if !text.contains(reason) { text += (text.isEmpty ? "" : "; ") + reason }
            }
            count += 1
        }
        if text.isEmpty { text = "no reason given" }
    }

    private static func reason(of code: UInt) -> String {
        if let reason = ERR_reason_error_string(code) { return String(cString: reason) }
        // System errors have no reason string; the text's last field is the one of errno.
        let text = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
            guard let base = buffer.baseAddress else { return "" }
            ERR_error_string_n(code, base, buffer.count)
            return String(cString: base)
        }
        return text.split(separator: ":").last.map { String($0) } ?? text
    }
}
