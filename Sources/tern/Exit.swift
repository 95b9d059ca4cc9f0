// How the tool ends: exit codes after sysexits(3), diagnostics as one line on standard error.

internal import ArgumentParser
internal import Client
internal import Glibc

/// The tool's exit codes. 64 is also ArgumentParser's for wrong usage.
enum ExitStatus: Int32 {
    case done = 0
    case usage = 64
    case data = 65
    case noInput = 66
    case unavailable = 69
    case internalError = 70
    case noOutput = 74
    case protocolError = 76
    case notAuthorised = 77
    case interrupted = 130
}

/// An end with a line for the user.
struct Failure: Error {
    var status: ExitStatus
    var message: String

    init(_ status: ExitStatus, _ message: String) {
        self.status = status
        self.message = message
    }

    init(_ error: ClientError) {
        let status: ExitStatus =
            switch error {
            case .invalidConfiguration, .invalidAddress, .duplicateID, .bodySize: .data
            case .authenticationFailed, .serverNotVerified, .certificateRejected, .replaced:
                .notAuthorised
            case .refused(let condition, _):
                switch condition {
                case "forbidden", "not-allowed", "not-authorized": .notAuthorised
                case "bad-request", "item-not-found", "jid-malformed", "not-acceptable",
                    "recipient-unavailable", "remote-server-not-found", "host-unknown":
                    .data
                default: .unavailable
                }
            case .protocolViolation: .protocolError
            case .outboxFull, .tooManyRequests, .disconnected, .closed, .unavailable, .storeFailed:
                .unavailable
            }
        self.init(status, "\(error)")
    }

    init(_ error: AdminError) {
        let status: ExitStatus =
            switch error {
            case .invalidPath: .usage
            case .unavailable: .unavailable
            case .malformedReply: .protocolError
            case .refused(.storeFailed, _): .unavailable
            case .refused: .data
            }
        self.init(status, "\(error)")
    }
}

/// Prints one line on standard error.
func complain(_ message: String) {
    let line = Array("tern: \(TerminalText.neutralised(message))\n".utf8)
    writeAll(line, to: STDERR_FILENO)
}

/// Prints one line on standard output. The text must have been neutralised. Throws when it cannot be written.
func say(_ line: String) throws(Failure) {
    try output(line + "\n")
}

/// Writes to standard output. Throws when it cannot be written.
func output(_ text: String) throws(Failure) {
    guard writeAll(Array(text.utf8), to: STDOUT_FILENO) else {
        let reason = String(cString: strerror(errno))
        throw Failure(.noOutput, "standard output cannot be written: \(reason)")
    }
}

/// Writes all bytes; false, and nothing more, when the descriptor is broken or the disk full.
@discardableResult
func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
    var offset = 0
    return bytes.withUnsafeBytes { raw in
        while offset < raw.count, let base = raw.baseAddress {
            let count = write(descriptor, base + offset, raw.count - offset)
            if count > 0 {
                offset += count
            } else if errno == EAGAIN {
                var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&entry, 1, 1_000)
            } else if errno != EINTR {
                return false
            }
        }
        return true
    }
}

/// Runs a command's work and turns its failures into an exit.
func reportingFailures(_ work: () async throws -> Void) async throws {
    do {
        try await work()
    } catch let failure as Failure {
        complain(failure.message)
        throw ExitCode(failure.status.rawValue)
    } catch let error as ClientError {
        let failure = Failure(error)
        complain(failure.message)
        throw ExitCode(failure.status.rawValue)
    } catch let error as AdminError {
        let failure = Failure(error)
        complain(failure.message)
        throw ExitCode(failure.status.rawValue)
    }
}
