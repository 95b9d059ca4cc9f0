// A non-blocking TCP or Unix socket and a wake pipe, on poll(2). The only file of the module that
// makes system calls besides `Driver` and `AdminClient`.

internal import Base
internal import Glibc

/// What a system call on a socket came to.
enum SocketResult: Equatable {
    case bytes(Int)
    case wouldBlock
    case closed
    case failed(Int32)
}

/// The system's words for an error number.
func errorText(_ code: Int32) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
        guard let base = buffer.baseAddress, strerror_r(code, base, buffer.count) == 0 else {
            return "error \(code)"
        }
        return String(cString: base)
    }
}

/// A system call that failed.
struct SocketFailure: Error {
    let code: Int32
}

/// A socket, closed with its owner.
struct ClientSocket: ~Copyable {
    let descriptor: Int32

    init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit {
        close(descriptor)
    }

    /// Begins a connection to `address`; poll(2) and `connectionError` tell how it went.
    static func connect(to address: ResolvedAddress) throws(SocketFailure) -> ClientSocket {
        let flags = Int32(SOCK_STREAM.rawValue) | O_NONBLOCK | O_CLOEXEC
        let descriptor = socket(address.family, flags, 0)
        guard descriptor >= 0 else { throw SocketFailure(code: errno) }
        let opened = ClientSocket(descriptor: descriptor)
        if address.family != AF_UNIX {
            var one: Int32 = 1
            setsockopt(
                descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one,
                socklen_t(MemoryLayout<Int32>.size))
        }
        let code = address.bytes.withUnsafeBytes { raw -> Int32 in
            guard let base = raw.baseAddress else { return EINVAL }
            let pointer = base.assumingMemoryBound(to: sockaddr.self)
            // An interrupted connect goes on by itself; poll tells the outcome.
            return Glibc.connect(descriptor, pointer, socklen_t(raw.count)) == 0 ? 0 : errno
        }
        guard code == 0 || code == EINPROGRESS || code == EINTR else {
            throw SocketFailure(code: code)
        }
        return opened
    }

    /// How a connection attempt ended: 0, or the error number.
    func connectionError() -> Int32 {
        var code: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size) == 0 else { return errno }
        return code
    }

    /// Reads what is there, at most `sizeMax` bytes, behind the buffer's content.
    func read(into buffer: inout ByteBuffer, sizeMax: Int) -> SocketResult {
        var result = SocketResult.wouldBlock
        buffer.appendUpTo(sizeMax) { spare in
            while true {
                let count = recv(descriptor, spare.baseAddress, min(spare.count, sizeMax), 0)
                if count > 0 {
                    result = .bytes(count)
                    return count
                }
                if count == 0 {
                    result = .closed
                    return 0
                }
                if errno == EINTR { continue }
                result = errno == EAGAIN ? .wouldBlock : .failed(errno)
                return 0
            }
        }
        return result
    }

    /// Writes what the socket takes and drops it from the buffer.
    func write(from buffer: inout ByteBuffer) -> SocketResult {
        let result = buffer.withUnsafeBytes { bytes -> SocketResult in
            while true {
                let count = send(
                    descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
                if count >= 0 { return .bytes(count) }
                if errno == EINTR { continue }
                return errno == EAGAIN ? .wouldBlock : .failed(errno)
            }
        }
        if case .bytes(let count) = result { buffer.consume(count) }
        return result
    }
}

/// A socket address as the system keeps it.
struct ResolvedAddress: Sendable, Equatable {
    var family: Int32
    var bytes: [UInt8]

    /// The addresses of a host; blocks as long as the resolver does.
    static func resolve(host: String, port: UInt16) -> (addresses: [ResolvedAddress], text: String)
    {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICSERV
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, String(port), &hints, &list)
        guard code == 0 else {
            let text = code == EAI_SYSTEM ? errorText(errno) : String(cString: gai_strerror(code))
            return ([], text)
        }
        defer { freeaddrinfo(list) }
        var addresses: [ResolvedAddress] = []
        var next = list
        while let entry = next {
            let info = entry.pointee
            if let address = info.ai_addr {
                let raw = UnsafeRawBufferPointer(start: address, count: Int(info.ai_addrlen))
                addresses.append(ResolvedAddress(family: info.ai_family, bytes: [UInt8](raw)))
            }
            next = info.ai_next
        }
        return (addresses, addresses.isEmpty ? "no address" : "")
    }

    /// A Unix socket's address; nil when the path is too long.
    static func unix(path: String) -> ResolvedAddress? {
        let pathBytes = Array(path.utf8)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard !pathBytes.isEmpty, pathBytes.count < MemoryLayout.size(ofValue: address.sun_path),
            !pathBytes.contains(0)
        else { return nil }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: pathBytes) }
        return ResolvedAddress(
            family: AF_UNIX, bytes: withUnsafeBytes(of: &address) { [UInt8]($0) })
    }
}

/// A pipe that ends another thread's poll(2).
final class WakePipe: Sendable {
    let readEnd: Int32
    private let writeEnd: Int32

    init() throws(ClientError) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw .unavailable("pipe: \(errorText(errno))") }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        readEnd = ends[0]
        writeEnd = ends[1]
    }

    deinit {
        close(readEnd)
        close(writeEnd)
    }

    /// Wakes the thread; a full pipe has woken it already.
    func wake() {
        var byte: UInt8 = 1
        _ = write(writeEnd, &byte, 1)
    }

    /// Forgets all wakes.
    func drain() {
        var bytes = [UInt8](repeating: 0, count: 64)
        while read(readEnd, &bytes, bytes.count) == bytes.count {}
    }
}

/// Both clocks, now.
func currentMoment() -> Moment {
    var monotonic = timespec()
    clock_gettime(CLOCK_MONOTONIC, &monotonic)
    var real = timespec()
    clock_gettime(CLOCK_REALTIME, &real)
    let milliseconds = UInt64(monotonic.tv_sec) * 1000 + UInt64(monotonic.tv_nsec) / 1_000_000
    return Moment(
        monotonic: Instant(milliseconds: milliseconds), unixSeconds: UInt64(max(real.tv_sec, 0)))
}
