// Why a stanza or a stream was refused: XMPP's conditions, as tokens of the dictionary.

package import Wire

/// A stanza error's type (RFC 6120 section 8.3.2): what the sender should do about it.
package enum StanzaErrorType: Sendable {
    case auth
    case cancel
    case modify
    case wait

    var token: Token {
        switch self {
        case .auth: .auth
        case .cancel: .cancel
        case .modify: .modify
        case .wait: .wait
        }
    }
}

/// Why a stanza was refused (RFC 6120 section 8.3.3).
package enum StanzaCondition: Sendable {
    case badRequest
    case featureNotImplemented
    case forbidden
    case internalServerError
    case itemNotFound
    case jidMalformed
    case notAcceptable
    case remoteServerNotFound
    case resourceConstraint
    case serviceUnavailable

    /// The condition's word.
    package var token: Token {
        switch self {
        case .badRequest: .badRequest
        case .featureNotImplemented: .featureNotImplemented
        case .forbidden: .forbidden
        case .internalServerError: .internalServerError
        case .itemNotFound: .itemNotFound
        case .jidMalformed: .jidMalformed
        case .notAcceptable: .notAcceptable
        case .remoteServerNotFound: .remoteServerNotFound
        case .resourceConstraint: .resourceConstraint
        case .serviceUnavailable: .serviceUnavailable
        }
    }

    /// What the sender should do.
    package var type: StanzaErrorType {
        switch self {
        case .badRequest, .jidMalformed, .notAcceptable: .modify
        case .resourceConstraint, .internalServerError: .wait
        case .forbidden: .auth
        case .featureNotImplemented, .itemNotFound, .remoteServerNotFound, .serviceUnavailable:
            .cancel
        }
    }
}

/// Why a stream ends (RFC 6120 section 4.9.3). The peer is told, then the connection closes.
package enum StreamError: Error, Sendable, Equatable, CaseIterable {
    case badFormat
    case conflictReplaced
    case connectionTimeout
    case internalServerError
    case invalidFrom
    case notAuthorized
    case policyViolation
    case reset
    case resourceConstraint
    case systemShutdown
    case unsupportedStanzaType
    case unsupportedVersion

    /// The condition's word.
    package var token: Token {
        switch self {
        case .badFormat: .badFormat
        case .conflictReplaced: .conflict
        case .connectionTimeout: .connectionTimeout
        case .internalServerError: .internalServerError
        case .invalidFrom: .invalidFrom
        case .notAuthorized: .notAuthorized
        case .policyViolation: .policyViolation
        case .reset: Self.resetToken
        case .resourceConstraint: .resourceConstraint
        case .systemShutdown: .systemShutdown
        case .unsupportedStanzaType: .unsupportedStanzaType
        case .unsupportedVersion: .unsupportedVersion
        }
    }

    /// `reset` stands in the first of the double-byte tables, whose words have no names here.
    private static let resetToken = Token(unchecked: 0x10E)

    /// Whether it ends a session because something does not work that may soon work again.
    var waitsForStore: Bool { self == .resourceConstraint || self == .internalServerError }
}

/// Why a login failed (RFC 6120 section 6.5).
package enum LoginFailure: Sendable, Equatable {
    case invalidMechanism
    case malformedRequest
    case notAuthorized
    case temporaryAuthFailure

    /// The condition's word.
    package var token: Token {
        switch self {
        case .invalidMechanism: .invalidMechanism
        case .malformedRequest: .malformedRequest
        case .notAuthorized: .notAuthorized
        case .temporaryAuthFailure: .temporaryAuthFailure
        }
    }
}

extension WireError {
    /// What a peer is told whose bytes made no sense.
    var streamError: StreamError {
        switch self {
        case .frameSize, .inflatedSizeExceeded: .policyViolation
        default: .badFormat
        }
    }
}
