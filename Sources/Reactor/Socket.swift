// Stream sockets, always non-blocking and close-on-exec. A socket is one value with one owner;
// nothing here waits, so every call is safe on a shard's thread.

internal import CLinux
internal import Glibc

/// What a read or a write came to.
package enum IOResult: Equatable, Sendable {
    /// That many bytes went through, at least one.
    case bytes(Int)
    /// Nothing now: wait for the poller.
    case wouldBlock
    /// The peer sent its last byte (reads only).
    case closed
    /// The connection is gone; the errno.
    case failed(Int32)
}

/// How far a connection attempt is.
package enum ConnectStatus: Equatable, Sendable {
    /// The peer took the connection.
    case connected
    /// No answer yet: wait until the poller says writable.
    case inProgress
    /// The attempt failed; the errno.
    case failed(Int32)
}

/// Who is at the other end of a Unix socket, as the kernel saw it when it connected.
package struct PeerCredentials: Equatable, Sendable {
    /// The process.
    package let process: Int32
    /// Its effective user.
    package let user: UInt32
    /// Its effective group.
    package let group: UInt32
}

/// Two sockets connected to each other.
@frozen package struct SocketPair: ~Copyable {
    /// One end.
    package var first: Socket
    /// The other end.
    package var second: Socket
}

/// A stream socket: listening, connecting or connected.
package struct Socket: ~Copyable, Sendable {
    /// The descriptor; the socket closes it when it goes.
    package let descriptor: FileDescriptor

    /// Takes over an open, non-blocking stream socket.
    package init(_ descriptor: consuming FileDescriptor) {
        self.descriptor = descriptor
    }

    /// The descriptor's number, for the poller.
    package var rawValue: Int32 { descriptor.rawValue }

    /// Two connected Unix sockets.
    package static func pair() throws(ReactorError) -> SocketPair {
        var first: Int32 = -1
        var second: Int32 = -1
        try checkedCall("socketpair") { Int(clinux_socket_pair(&first, &second)) }
        return SocketPair(
            first: Socket(FileDescriptor(owning: first)),
            second: Socket(FileDescriptor(owning: second)))
    }

    // MARK: Bytes

    /// Reads at most `buffer.count` bytes, which is at least one.
    package func read(into buffer: UnsafeMutableRawBufferPointer) -> IOResult {
        precondition(!buffer.isEmpty, "read into no room")
        let result = systemCall { clinux_receive(rawValue, buffer.baseAddress, buffer.count) }
        switch result {
        case .value(0): return .closed
        case .value(let size): return .bytes(size)
        case .wouldBlock: return .wouldBlock
        case .failed(let code): return .failed(code)
        }
    }

    /// Writes what the kernel takes of `bytes`, which is at least one byte. Never raises SIGPIPE.
    package func write(_ bytes: UnsafeRawBufferPointer) -> IOResult {
        precondition(!bytes.isEmpty, "write of nothing")
        switch systemCall({ clinux_send(rawValue, bytes.baseAddress, bytes.count) }) {
        case .value(let size): return .bytes(size)
        case .wouldBlock: return .wouldBlock
        case .failed(let code): return .failed(code)
        }
    }

    /// Ends our direction: the peer reads to the last byte, then sees the end. A connection that is
    /// gone already stays gone.
    package func shutdownWrite() {
        _ = systemCall { Int(clinux_shutdown_write(rawValue)) }
    }

    /// Closes; the kernel goes on delivering what was written.
    package consuming func close() {}

    /// Closes at once: unsent bytes are dropped and the peer gets a reset.
    package consuming func reset() {
        _ = systemCall { Int(clinux_set_reset_on_close(rawValue)) }
    }

    // MARK: Connecting

    /// Starts a connection, from `source` when given (its port 0 leaves the choice until then, so that
    /// one source port serves many destinations). Wait until writable, then ask `finishConnect`.
    package static func connect(
        to address: SocketAddress, from source: SocketAddress? = nil
    ) throws(ReactorError) -> Socket {
        let socket = try open(address.version)
        if let source {
            if source.port == 0 {
                try checkedCall("bind") { Int(clinux_set_bind_no_port(socket.rawValue)) }
            }
            var raw = source.raw
            try checkedCall("bind") { Int(clinux_bind(socket.rawValue, &raw)) }
        }
        var raw = address.raw
        switch systemCall({ Int(clinux_connect(socket.rawValue, &raw)) }) {
        case .value, .failed(EINPROGRESS), .failed(EALREADY), .failed(EISCONN): return socket
        case .wouldBlock: throw ReactorError.system(operation: "connect", code: EAGAIN)
        case .failed(let code): throw ReactorError.system(operation: "connect", code: code)
        }
    }

    /// How far the attempt is; takes the socket's pending error with it.
    package func finishConnect() -> ConnectStatus {
        var pending: Int32 = 0
        if case .failed(let code) = systemCall({ Int(clinux_take_error(rawValue, &pending)) }) {
            return .failed(code)
        }
        if pending != 0 { return .failed(pending) }
        var peer = clinux_address()
        switch systemCall({ Int(clinux_peer_address(rawValue, &peer)) }) {
        case .value: return .connected
        case .wouldBlock, .failed(ENOTCONN): return .inProgress
        case .failed(let code): return .failed(code)
        }
    }

    static func open(_ version: SocketAddress.Version) throws(ReactorError) -> Socket {
        let raw = try checkedCall("socket") { Int(clinux_socket(Int32(version.rawValue))) }
        return Socket(FileDescriptor(owning: Int32(raw)))
    }

    // MARK: Facts and options

    /// Our address; nil on a Unix socket.
    package var localAddress: SocketAddress? {
        var raw = clinux_address()
        guard case .value = systemCall({ Int(clinux_local_address(rawValue, &raw)) }) else {
            return nil
        }
        return SocketAddress(raw)
    }

    /// The peer's address; nil on a Unix socket and when not connected.
    package var peerAddress: SocketAddress? {
        var raw = clinux_address()
        guard case .value = systemCall({ Int(clinux_peer_address(rawValue, &raw)) }) else {
            return nil
        }
        return SocketAddress(raw)
    }

    /// The process at the other end of a Unix socket.
    package func peerCredentials() throws(ReactorError) -> PeerCredentials {
        var raw = clinux_credentials()
        try checkedCall("getsockopt") { Int(clinux_peer_credentials(rawValue, &raw)) }
        return PeerCredentials(process: raw.process, user: raw.user, group: raw.group)
    }

    /// Sends small segments at once. TCP only; a peer that is gone does not matter.
    package func setNoDelay(_ isOn: Bool = true) {
        _ = systemCall { Int(clinux_set_no_delay(rawValue, isOn)) }
    }

    /// Gives up when sent bytes stay unacknowledged for so long; 0 is the system's own patience.
    package func setUserTimeout(ms: UInt32) {
        _ = systemCall { Int(clinux_set_user_timeout(rawValue, ms)) }
    }

    /// Sets the kernel's buffer sizes in bytes (the kernel doubles them); nil leaves one alone.
    package func setBufferSizes(send: Int32? = nil, receive: Int32? = nil) {
        if let send { _ = systemCall { Int(clinux_set_send_buffer(rawValue, send)) } }
        if let receive { _ = systemCall { Int(clinux_set_receive_buffer(rawValue, receive)) } }
    }
}
