// Small things the suites share. Checks compare with `== true` where a value that cannot be copied is
// asked, because the macros cannot take such a value apart.

import Base
import Glibc
import Reactor
import Testing

/// All suites with sockets, one test at a time: a test that starts a process holds copies of the
/// others' descriptors for a moment, and a closed socket would seem open.
@Suite(.serialized) enum DescriptorTests {}

/// A seeded generator, so that a random test can be run again: TERN_SEED=<seed>.
struct SeededRandom: RandomNumberGenerator {
    let seed: UInt64
    private var state: UInt64

    init(_ test: String) {
        let given = getenv("TERN_SEED").flatMap { UInt64(String(cString: $0)) }
        seed = given ?? UInt64.random(in: 0...UInt64.max)
        state = seed
        print("\(test): TERN_SEED=\(seed)")
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
        return word ^ word >> 31
    }

    /// A number below 2^`bitCountMax`, all magnitudes equally likely.
    mutating func magnitude(bitCountMax: Int) -> UInt64 {
        let bitCount = Int.random(in: 0...bitCountMax, using: &self)
        return bitCount == 0 ? 0 : next() >> UInt64(64 - bitCount)
    }
}

extension Socket {
    func write(_ text: String) -> IOResult {
        Array(text.utf8).withUnsafeBytes { write($0) }
    }

    /// Waits for readiness, ten seconds at most; whether it came.
    func waits(for interest: Interest) throws -> Bool {
        var poller = try Poller(eventCountMax: 1)
        try poller.add(rawValue, token: 0, interest: interest)
        return poller.wait(timeoutMs: 10_000) == 1
    }

    /// Reads text, waiting for it; nil at the end.
    func readText() throws -> String? {
        var buffer = [UInt8](repeating: 0, count: 1024)
        while try waits(for: .readable) {
            let result = buffer.withUnsafeMutableBytes { read(into: $0) }
            switch result {
            case .bytes(let count): return String(decoding: buffer[..<count], as: UTF8.self)
            case .wouldBlock: continue
            case .closed: return nil
            case .failed(let code): throw ReactorError.system(operation: "read", code: code)
            }
        }
        throw ReactorError.system(operation: "read", code: ETIMEDOUT)
    }

    /// The local address of an IP socket.
    func boundAddress() throws -> SocketAddress {
        guard let address = localAddress else {
            throw ReactorError.system(operation: "getsockname", code: EINVAL)
        }
        return address
    }

    /// One read, without waiting.
    func readNow() -> IOResult {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        return buffer.withUnsafeMutableBytes { read(into: $0) }
    }

    /// Accepts one connection, waiting for it.
    func acceptOne() throws -> AcceptedSocket {
        while try waits(for: .readable) {
            switch accept() {
            case .accepted(let accepted): return accepted
            case .wouldBlock: continue
            case .descriptorsExhausted: throw ReactorError.system(operation: "accept", code: EMFILE)
            case .failed(let code): throw ReactorError.system(operation: "accept", code: code)
            }
        }
        throw ReactorError.system(operation: "accept", code: ETIMEDOUT)
    }
}

/// Both ends of a TCP connection over loopback.
struct Connection: ~Copyable {
    var client: Socket
    var server: Socket

    init(_ text: String = "127.0.0.1:0") throws {
        let listener = try Socket.listen(#require(SocketAddress(text)))
        let client = try Socket.connect(to: listener.boundAddress())
        let accepted = try listener.acceptOne()
        self.client = client
        server = accepted.socket
    }
}

/// A directory that goes with everything in it.
final class TemporaryDirectory {
    let path: String

    init() throws {
        var template = Array("/tmp/tern-test-XXXXXX".utf8CString)
        path = try #require(mkdtemp(&template).map { String(cString: $0) })
    }

    deinit {
        for name in names { unlink("\(path)/\(name)") }
        rmdir(path)
    }

    /// What lies in it now; directories in it there are none.
    private var names: [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }

    func file(_ name: String) -> String { "\(path)/\(name)" }
}
