// Listening sockets: TCP, one per shard on the same port, and Unix sockets for the admin plane.

internal import CLinux
internal import Glibc

/// A connection just accepted.
@frozen package struct AcceptedSocket: ~Copyable {
    /// The connection.
    package var socket: Socket
    /// Where it comes from; nil on a Unix socket.
    package let peer: SocketAddress?
}

/// What accepting came to.
package enum AcceptResult: ~Copyable {
    /// A connection.
    case accepted(AcceptedSocket)
    /// Nobody waits.
    case wouldBlock
    /// No descriptor left here (EMFILE) or on the machine (ENFILE): stop polling the listener for a
    /// while, or a level-triggered poller spins.
    case descriptorsExhausted
    /// The errno; as with a lack of descriptors, pause.
    case failed(Int32)
}

extension Socket {
    // A peer that left while it waited is skipped; so many in a row are left for the next turn.
    private static var abortedCountMax: Int { 64 }

    /// Listens on an address, port 0 for one of the kernel's choice. An IPv6 listener takes IPv6 only:
    /// for both, listen twice. `reusePort` lets each shard have a listener of its own.
    package static func listen(
        _ address: SocketAddress, reusePort: Bool = false, backlog: Int32 = 4096
    ) throws(ReactorError) -> Socket {
        let socket = try bound(address, reusePort: reusePort)
        try checkedCall("listen") { Int(Glibc.listen(socket.rawValue, backlog)) }
        return socket
    }

    private static func bound(
        _ address: SocketAddress, reusePort: Bool
    ) throws(ReactorError) -> Socket {
        let socket = try open(address.version)
        let raw = socket.rawValue
        try checkedCall("SO_REUSEADDR") { Int(clinux_set_reuse_address(raw)) }
        if reusePort { try checkedCall("SO_REUSEPORT") { Int(clinux_set_reuse_port(raw)) } }
        if address.version == .v6 {
            try checkedCall("IPV6_V6ONLY") { Int(clinux_set_only_ipv6(raw)) }
        }
        var native = address.raw
        try checkedCall("bind") { Int(clinux_bind(raw, &native)) }
        return socket
    }

    /// Holds an address for listeners with `reusePort` without listening: the port stays ours, also while
    /// none of them is open. Port 0 for one of the kernel's choice.
    package static func reserve(_ address: SocketAddress) throws(ReactorError) -> Socket {
        try bound(address, reusePort: true)
    }

    /// Takes the next waiting connection.
    package func accept() -> AcceptResult {
        for _ in 0..<Self.abortedCountMax {
            var peer = clinux_address()
            switch systemCall({ Int(clinux_accept(rawValue, &peer)) }) {
            case .value(let raw):
                let socket = Socket(FileDescriptor(owning: Int32(raw)))
                return .accepted(AcceptedSocket(socket: socket, peer: SocketAddress(peer)))
            case .wouldBlock: return .wouldBlock
            case .failed(ECONNABORTED), .failed(EPROTO): continue
            case .failed(EMFILE), .failed(ENFILE): return .descriptorsExhausted
            case .failed(let code): return .failed(code)
            }
        }
        return .wouldBlock
    }

    /// Listens on a Unix socket whose file has `mode` from its first moment. A socket file that nobody
    /// answers on is replaced; one that answers, or a file that is no socket, is `pathInUse`.
    /// The file stays when the socket closes: see `removeUnix`.
    package static func listenUnix(
        path: String, mode: UInt32 = 0o600, backlog: Int32 = 64
    ) throws(ReactorError) -> Socket {
        let socket = try openUnix(path)
        let raw = socket.rawValue
        // On Linux bind gives the file the socket's own mode, less the umask: there is no moment at
        // which a stranger could connect. What the umask took is put back before anyone is heard.
        try checkedCall("fchmod") { Int(fchmod(raw, mode)) }
        switch systemCall({ Int(clinux_unix_bind(raw, path)) }) {
        case .value: break
        case .failed(EADDRINUSE):
            try removeStale(path)
            try checkedCall("bind") { Int(clinux_unix_bind(raw, path)) }
        case .wouldBlock: throw ReactorError.system(operation: "bind", code: EAGAIN)
        case .failed(let code): throw ReactorError.system(operation: "bind", code: code)
        }
        try checkedCall("chmod") { Int(chmod(path, mode)) }
        try checkedCall("listen") { Int(Glibc.listen(raw, backlog)) }
        return socket
    }

    /// Connects to a Unix socket; connected on return. A full backlog is EAGAIN.
    package static func connectUnix(path: String) throws(ReactorError) -> Socket {
        let socket = try openUnix(path)
        try checkedCall("connect") { Int(clinux_unix_connect(socket.rawValue, path)) }
        return socket
    }

    /// Removes a Unix socket's file; nothing that is not a socket.
    package static func removeUnix(path: String) {
        guard !path.utf8.contains(0), clinux_is_socket_file(path) else { return }
        _ = systemCall { Int(unlink(path)) }
    }

    private static func removeStale(_ path: String) throws(ReactorError) {
        guard clinux_is_socket_file(path) else { throw ReactorError.pathInUse(path) }
        let probe = try openUnix(path)
        switch systemCall({ Int(clinux_unix_connect(probe.rawValue, path)) }) {
        case .failed(ECONNREFUSED): try checkedCall("unlink") { Int(unlink(path)) }
        case .failed(ENOENT): return
        default: throw ReactorError.pathInUse(path)
        }
    }

    private static func openUnix(_ path: String) throws(ReactorError) -> Socket {
        let size = path.utf8.count
        guard size > 0, size <= clinux_unix_path_max(), !path.utf8.contains(0) else {
            throw ReactorError.pathInvalid(path)
        }
        let raw = try checkedCall("socket") { Int(clinux_unix_socket()) }
        return Socket(FileDescriptor(owning: Int32(raw)))
    }
}
