// What the client's functions throw and why a connection ended.

public import Wire

/// Why an operation of the client failed.
public enum ClientError: Error, Sendable, Equatable {
    /// The configuration is unusable; the text says what is wrong with it.
    case invalidConfiguration(String)
    /// The outbox holds as many messages, or bytes, as it may.
    case outboxFull
    /// The body is empty or larger than `ClientLimits.bodySizeMax`.
    case bodySize(Int)
    /// A message with this id is already waiting in the outbox.
    case duplicateID(StanzaID)
    /// The address cannot be written to: it names no user.
    case invalidAddress
    /// Too many requests or commands wait.
    case tooManyRequests
    /// The server refused the stanza: its condition and, if any, its words.
    case refused(condition: String, text: String?)
    /// The connection was lost before the server answered; nothing is known of the outcome.
    case disconnected
    /// The client has been closed, or has stopped for good.
    case closed
    /// The server refused the login; the condition is the server's.
    case authenticationFailed(condition: String)
    /// The server could not prove that it knows the password's verifier.
    case serverNotVerified
    /// The server's certificate is not to be trusted, or not for the name asked for.
    case certificateRejected(String)
    /// Another login of the same device replaced this one.
    case replaced
    /// The server could not be reached; the text is the last reason.
    case unavailable(String)
    /// The server broke the protocol.
    case protocolViolation(String)
    /// The store could not keep the client's state.
    case storeFailed(String)
}

extension ClientError: CustomStringConvertible {
    /// One line for people.
    public var description: String {
        switch self {
        case .invalidConfiguration(let text): text
        case .outboxFull: "the outbox is full"
        case .bodySize(let size):
            "the body has \(size) bytes; 1 to \(ClientLimits.bodySizeMax) are allowed"
        case .duplicateID(let id): "a message with the id \(id) is already waiting"
        case .invalidAddress: "the address names no user"
        case .tooManyRequests: "too many requests are waiting"
        case .refused(let condition, let text):
            "refused by the server: \(condition)" + (text.map { " (\($0))" } ?? "")
        case .disconnected: "the connection was lost before the server answered"
        case .closed: "the client is closed"
        case .authenticationFailed(let condition): "login refused: \(condition)"
        case .serverNotVerified: "the server did not prove its identity in the login"
        case .certificateRejected(let text): text
        case .replaced: "another login of the same device took over"
        case .unavailable(let reason): "cannot reach the server: \(reason)"
        case .protocolViolation(let text): "protocol error: \(text)"
        case .storeFailed(let text): "the client's store: \(text)"
        }
    }
}

/// Why a connection ended.
public enum DisconnectReason: Sendable, Equatable {
    /// The TCP connection could not be made or broke; the text is the system's.
    case network(String)
    /// The server's certificate is not to be trusted, or not for the name asked for.
    case certificateRejected(String)
    /// TLS failed otherwise: nothing in common, a broken record.
    case tls(String)
    /// The server did not answer in time.
    case timeout(String)
    /// The server refused the login.
    case authenticationFailed(condition: String)
    /// The server does not take the login token, or not any more; the password comes next.
    case tokenRefused
    /// The store could not keep the client's state.
    case storeFailed(String)
    /// The server's signature was wrong.
    case serverNotVerified
    /// The server closed the stream with this condition.
    case streamError(condition: String, text: String?)
    /// Another login of the same device took over.
    case replaced
    /// The server sent what the protocol does not allow.
    case protocolViolation(String)
    /// The server closed the connection in order.
    case closedByServer
    /// The application asked for it.
    case requested

    /// The error that stops the client for good; nil when it is worth trying again.
    package var finalError: ClientError? {
        switch self {
        case .authenticationFailed("temporary-auth-failure"): nil
        case .authenticationFailed(let condition): .authenticationFailed(condition: condition)
        case .serverNotVerified: .serverNotVerified
        case .certificateRejected(let text): .certificateRejected(text)
        case .replaced: .replaced
        case .streamError(let condition, let text):
            // Only what docs/PROTOCOL.md says to come back after: nothing else gets better by itself.
            switch condition {
            case "connection-timeout", "internal-server-error", "reset", "resource-constraint",
                "see-other-host", "system-shutdown", "undefined-condition":
                nil
            default: .refused(condition: condition, text: text)
            }
        case .storeFailed(let text): .storeFailed(text)
        case .network, .tls, .timeout, .protocolViolation, .closedByServer, .requested,
            .tokenRefused:
            nil
        }
    }

    /// The error for an operation that gives up because of this.
    package var error: ClientError {
        switch self {
        // The server's trouble, not the password's.
        case .authenticationFailed("temporary-auth-failure"): .unavailable(description)
        case .authenticationFailed(let condition): .authenticationFailed(condition: condition)
        case .serverNotVerified: .serverNotVerified
        case .certificateRejected(let text): .certificateRejected(text)
        case .replaced: .replaced
        case .protocolViolation(let text): .protocolViolation(text)
        case .requested: .closed
        case .storeFailed(let text): .storeFailed(text)
        case .network, .tls, .timeout, .streamError, .closedByServer, .tokenRefused:
            .unavailable(description)
        }
    }
}

extension DisconnectReason: CustomStringConvertible {
    /// One line for people.
    public var description: String {
        switch self {
        case .network(let text): text
        case .certificateRejected(let text): text
        case .tls(let text): "TLS: \(text)"
        case .timeout(let text): "\(text) timed out"
        case .authenticationFailed(let condition): "login refused: \(condition)"
        case .tokenRefused: "the login token is not valid any more"
        case .storeFailed(let text): "the client's store: \(text)"
        case .serverNotVerified: "the server did not prove its identity in the login"
        case .streamError(let condition, let text):
            "closed by the server: \(condition)" + (text.map { " (\($0))" } ?? "")
        case .replaced: "another login of the same device took over"
        case .protocolViolation(let text): "protocol error: \(text)"
        case .closedByServer: "closed by the server"
        case .requested: "closed"
        }
    }
}
