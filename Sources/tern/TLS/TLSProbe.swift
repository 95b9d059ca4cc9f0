// One connection to a gateway that looks and does not log in: connect, handshake, the stream's orderly
// end, and what was seen on the way. Blocks, with a deadline.

internal import Base
internal import Glibc
internal import Reactor
internal import TLS
internal import Wire

/// What one connection came to.
struct ProbeResult: Sendable {
    /// The address that took the connection.
    var address: String
    /// Why the handshake failed; nil when it did not.
    var failure: TLSError?
    var facts: HandshakeFacts?
    var inspection: TLSInspection?
    /// To resume with.
    var session: TLSSession?
    /// How often the handshake waited for the gateway.
    var roundTrips = 0
    /// From the start to the TCP connection, to the handshake's end, to the first byte of an answer.
    var connectedNs: UInt64
    var openNs: UInt64?
    var answeredNs: UInt64?
}

/// One probing connection.
final class TLSProbe {
    /// Prologue and stream end, which a gateway answers in kind, also before a login.
    static let farewell = Prologue.bytes + [0, 0, 4, 0, 0xF8, 1, 2]

    private let socket: Socket
    private var poller: Poller
    private var tls: TLSConnection
    private let ciphers = RecordCiphers()
    private var output = ByteBuffer()
    private var plaintext = ByteBuffer()
    private let deadline: Instant
    private let startedNs: UInt64
    private var result: ProbeResult
    /// Whether something was sent since the last byte came.
    private var isAsking = false

    /// Connects to a gateway and looks. Throws a `Failure` when it cannot be reached.
    static func run(
        _ server: ServerAddress, name: String, context: TLSContext, session: TLSSession? = nil,
        timeoutMs: UInt64
    ) throws -> ProbeResult {
        let deadline = MonotonicClock.now().advanced(byMs: timeoutMs)
        do {
            let addresses = try SocketAddress.resolve(host: server.host, port: server.port)
            let startedNs = MonotonicClock.nanoseconds()
            let socket = try connect(to: addresses, until: deadline)
            let tls = try TLSConnection(client: context, serverName: name, session: session)
            let probe = try TLSProbe(socket, tls, deadline: deadline, startedNs: startedNs)
            return try probe.look()
        } catch let error as ReactorError {
            throw Failure(.unavailable, "\(server.host): \(error)")
        } catch let error as TLSError {
            throw Failure(.usage, "\(error)")
        }
    }

    private init(
        _ socket: consuming Socket, _ tls: consuming TLSConnection, deadline: Instant,
        startedNs: UInt64
    ) throws(ReactorError) {
        result = ProbeResult(
            address: socket.peerAddress?.description ?? "",
            connectedNs: MonotonicClock.nanoseconds() - startedNs)
        poller = try Poller(eventCountMax: 1)
        try poller.add(socket.rawValue, token: 0, interest: [.readable])
        socket.setNoDelay()
        self.socket = socket
        self.tls = tls
        self.deadline = deadline
        self.startedNs = startedNs
    }

    /// The first address that takes a connection.
    private static func connect(
        to addresses: [SocketAddress], until deadline: Instant
    ) throws -> Socket {
        var reason = "no answer in time"
        for address in addresses {
            var poller = try Poller(eventCountMax: 1)
            let socket: Socket
            do throws(ReactorError) {
                socket = try Socket.connect(to: address)
            } catch {
                reason = "\(address): \(error)"
                continue
            }
            try poller.add(socket.rawValue, token: 0, interest: [.writable])
            while deadline > MonotonicClock.now() {
                let left = deadline.milliseconds(since: MonotonicClock.now())
                poller.wait(timeoutMs: Int(clamping: left))
                let status = socket.finishConnect()
                if status == .connected { return socket }
                guard case .failed(let code) = status else { continue }
                reason = "\(address): \(String(cString: strerror(code)))"
                break
            }
        }
        throw Failure(.unavailable, "cannot connect: \(reason)")
    }

    private func look() throws -> ProbeResult {
        tls.requestStaple()
        let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 16)
        defer { scratch.deallocate() }
        do {
            try tls.start(output: &output, ciphers: ciphers)
            try flush()
            while try receive(scratch) {}
        } catch let error as TLSError {
            result.failure = error
            // The alert goes out, so that the other side's log has the reason too.
            try? flush()
        }
        if tls.isOpen || result.facts != nil {
            result.inspection = tls.inspect()
            result.session = tls.takeSession()
        }
        return result
    }

    /// Takes what came; false at the end.
    private func receive(_ scratch: UnsafeMutableRawBufferPointer) throws -> Bool {
        let left = deadline.milliseconds(since: MonotonicClock.now())
        guard left > 0 else { throw Failure(.unavailable, "no answer in time") }
        poller.wait(timeoutMs: Int(clamping: left))
        switch socket.read(into: scratch) {
        case .wouldBlock:
            return true
        case .closed, .failed:
            guard result.facts != nil else {
                throw TLSError.handshakeFailed("the connection ended")
            }
            return false
        case .bytes(let count):
            let bytes = UnsafeRawBufferPointer(rebasing: scratch[..<count])
            let status = try tls.receive(
                bytes, plaintext: &plaintext, output: &output,
                ciphers: ciphers)
            note()
            try flush()
            return status != .closed
        }
    }

    /// Notes what the last bytes brought.
    private func note() {
        let now = MonotonicClock.nanoseconds() - startedNs
        if result.facts == nil, isAsking {
            result.roundTrips += 1
            isAsking = false
        }
        if let facts = tls.takeFacts() {
            result.facts = facts
            result.openNs = now
            try? tls.send(Self.farewell.span.bytes, output: &output, ciphers: ciphers)
        }
        if !plaintext.isEmpty, result.answeredNs == nil { result.answeredNs = now }
    }

    private func flush() throws {
        isAsking = isAsking || !output.isEmpty
        while !output.isEmpty {
            switch output.withUnsafeBytes({ socket.write($0) }) {
            case .bytes(let count): output.consume(count)
            case .wouldBlock:
                throw Failure(.unavailable, "the gateway does not read")
            case .closed, .failed:
                // What it said before is still to be read.
                output.clear()
            }
        }
    }
}
