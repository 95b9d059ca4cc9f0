// Asks a gateway over its administration socket. Blocking, with a deadline; for the command line.

internal import Base
internal import FoundationEssentials
internal import Glibc

/// Why an administration request failed.
public enum AdminError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The socket's path is empty or too long.
    case invalidPath(String)
    /// The gateway could not be reached, or went away.
    case unavailable(String)
    /// The gateway's reply is not one.
    case malformedReply(String)
    /// The gateway refused.
    case refused(AdminErrorCode, String)

    /// One line for people.
    public var description: String {
        switch self {
        case .invalidPath(let path): "not a socket path: \(path)"
        case .unavailable(let text): text
        case .malformedReply(let text): "malformed reply: \(text)"
        case .refused(let code, let message):
            message.isEmpty ? code.rawValue : "\(code.rawValue): \(message)"
        }
    }
}

/// A gateway's administration socket.
public struct AdminClient: Sendable {
    /// How long one request may take.
    public static let timeoutMs: UInt64 = 30_000

    private let path: String

    /// The gateway whose socket stands at `path`.
    public init(path: String) {
        self.path = path
    }

    /// Sends one request and gives its reply. Blocks. Throws `refused` when the reply is a refusal.
    public func request(_ request: AdminRequest) throws(AdminError) -> AdminReply {
        guard let address = ResolvedAddress.unix(path: path) else { throw .invalidPath(path) }
        let socket: ClientSocket
        do throws(SocketFailure) {
            socket = try ClientSocket.connect(to: address)
        } catch {
            throw .unavailable("\(path): \(errorText(error.code))")
        }
        let line = try exchange(try Self.encoded(request), over: socket)
        let reply: AdminReply
        do {
            reply = try JSONDecoder().decode(AdminReply.self, from: Data(line))
        } catch {
            throw .malformedReply("not the JSON expected")
        }
        guard reply.ok else {
            throw .refused(reply.error ?? .badRequest, reply.message ?? "")
        }
        return reply
    }

    private static func encoded(_ request: AdminRequest) throws(AdminError) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return [UInt8](try encoder.encode(request)) + [UInt8(ascii: "\n")]
        } catch {
            throw .malformedReply("the request cannot be written")
        }
    }

    /// Writes a line and reads one.
    private func exchange(
        _ line: [UInt8], over socket: borrowing ClientSocket
    ) throws(AdminError) -> [UInt8] {
        let deadline = currentMoment().monotonic.advanced(byMs: Self.timeoutMs)
        var output = ByteBuffer()
        output.append(line)
        var input = ByteBuffer()
        var searched = 0
        while true {
            let wanted = output.isEmpty ? POLLIN : POLLOUT
            var entry = pollfd(fd: socket.descriptor, events: Int16(wanted), revents: 0)
            let left = deadline.milliseconds(since: currentMoment().monotonic)
            guard left > 0 else { throw .unavailable("\(path): no reply in time") }
            guard poll(&entry, 1, Int32(clamping: left)) > 0 else { continue }
            let result =
                output.isEmpty
                ? socket.read(into: &input, sizeMax: 64 * 1024) : socket.write(from: &output)
            switch result {
            case .bytes, .wouldBlock: break
            case .closed: throw .unavailable("\(path): closed without a reply")
            case .failed(let code): throw .unavailable("\(path): \(errorText(code))")
            }
            let end = input.withUnsafeBytes { $0[searched...].firstIndex(of: UInt8(ascii: "\n")) }
            if let end { return input.withUnsafeBytes { [UInt8]($0[..<end]) } }
            searched = input.count
            guard input.count <= AdminReply.sizeMax else {
                throw .malformedReply("longer than \(AdminReply.sizeMax) bytes")
            }
        }
    }
}
