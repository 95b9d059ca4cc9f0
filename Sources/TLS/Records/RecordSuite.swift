// The three TLS 1.3 suites and what a record layer must know of each (RFC 8446, appendix B.4).

internal import COpenSSL

/// An AEAD and the hash that goes with it.
package enum RecordSuite: UInt8, CaseIterable, Sendable {
    case aes128GCM
    case aes256GCM
    case chaCha20Poly1305

    /// Bytes of every suite's initial vector.
    package static let vectorSize = 12
    /// Bytes of every suite's tag.
    package static let tagSize = 16

    /// By the number in the handshake; nil for suites of TLS 1.2 and unknown ones.
    package init?(number: UInt16) {
        switch number {
        case 0x1301: self = .aes128GCM
        case 0x1302: self = .aes256GCM
        case 0x1303: self = .chaCha20Poly1305
        default: return nil
        }
    }

    /// Bytes of the AEAD's key.
    package var keySize: Int { self == .aes128GCM ? 16 : 32 }

    /// Bytes of a traffic secret: the hash's output.
    package var secretSize: Int { self == .aes256GCM ? 48 : 32 }

    /// What OpenSSL calls the AEAD.
    var cipherName: String {
        switch self {
        case .aes128GCM: "AES-128-GCM"
        case .aes256GCM: "AES-256-GCM"
        case .chaCha20Poly1305: "ChaCha20-Poly1305"
        }
    }

    /// What OpenSSL calls the hash.
    var digestName: String { self == .aes256GCM ? "SHA2-384" : "SHA2-256" }
}

/// Alerts that a record layer sends or treats apart (RFC 8446, section 6).
package enum RecordAlert: UInt8, Sendable {
    case closeNotify = 0
    case unexpectedMessage = 10
    case badRecordMAC = 20
    case recordOverflow = 22
    case illegalParameter = 47
    case decodeError = 50
    case protocolVersion = 70
    case internalError = 80
    case userCanceled = 90
}

/// Why a record layer gave up.
package enum RecordFailure: Error, Equatable {
    /// Peer, but for `internalError`: the alert to answer with, and a reason for a log.
    case fault(RecordAlert, String)
    /// Peer: it gave up with this alert.
    case peerAlert(UInt8)

    /// The module's error for it.
    var error: TLSError {
        switch self {
        case .fault(_, let reason): return .recordRejected(reason)
        case .peerAlert(let code):
            let reason = SSL_alert_desc_string_long(CInt(code)).map { String(cString: $0) }
            return .peerAlert(code: code, reason: reason ?? "unknown")
        }
    }
}
