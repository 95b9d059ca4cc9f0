// A client that does nothing by itself: the tests say every byte. Blocking, with deadlines.

import Base
import Foundation
import Reactor
import TLS
import Wire

/// What a client sees next.
enum Seen {
    case node(Node)
    /// close_notify, the end of TCP, or a TLS alert.
    case closed
    case nothing
}

/// One connection to a gateway, TLS included.
final class RawClient {
    static let contextOfDomain = WireContext(domain: "localhost")

    private var socket: Socket
    private var tls: TLSConnection
    private let ciphers = RecordCiphers()
    private var facts: HandshakeFacts?
    private var plaintext = ByteBuffer()
    private var output = ByteBuffer()
    private(set) var isClosed = false
    /// Whether the peer said close_notify before it closed.
    private(set) var sawCloseNotify = false
    /// The error with which TLS ended, if it did.
    private(set) var tlsError: TLSError?
    let context: WireContext
    /// Every application byte this client has sent.
    private(set) var sent: [UInt8] = []
    /// Whether each byte goes out in a TLS record of its own.
    var dripsBytes = false

    /// Connects and shakes hands.
    convenience init(port: UInt16, ca: String) throws {
        let tls = try TLSContext(client: TLSClientConfiguration(caPath: ca))
        try self.init(port: port, tls: tls, session: nil)
    }

    /// Connects and shakes hands, resuming a session of the same context.
    init(port: UInt16, tls: TLSContext, session: TLSSession?) throws {
        guard let context = Self.contextOfDomain else { throw TestFailure("no context") }
        self.context = context
        socket = try Socket.connect(to: SocketAddress(ipv4: 0x7F00_0001, port: port))
        self.tls = try TLSConnection(client: tls, serverName: "localhost", session: session)
        try self.tls.start(output: &output, ciphers: ciphers)
        try flush()
        let deadline = MonotonicClock.now().advanced(byMs: 10_000)
        while !self.tls.isOpen && !isClosed { try receive(until: deadline) }
        facts = self.tls.takeFacts()
        guard self.tls.isOpen, facts != nil else {
            throw TestFailure("handshake failed: \(String(describing: tlsError))")
        }
    }

    // MARK: Out

    func send(_ bytes: [UInt8]) throws {
        guard !isClosed else { throw TestFailure("closed before it was to send") }
        sent += bytes
        guard dripsBytes else {
            try tls.send(bytes.span.bytes, output: &output, ciphers: ciphers)
            try flush()
            return
        }
        for byte in bytes {
            try tls.send([byte].span.bytes, output: &output, ciphers: ciphers)
            try flush()
        }
    }

    func send(_ node: Node) throws { try send(try frame(node)) }

    /// A node in a plain frame.
    func frame(_ node: Node) throws -> [UInt8] {
        var payload = ByteBuffer()
        try node.encode(into: &payload, context: context)
        var frame = ByteBuffer()
        try FrameWriter.write(payload.bytes, into: &frame)
        return frame.copy()
    }

    private func flush() throws {
        while !output.isEmpty {
            switch output.withUnsafeBytes({ socket.write($0) }) {
            case .bytes(let count):
                output.consume(count)
            case .wouldBlock:
                try wait([.writable], until: MonotonicClock.now().advanced(byMs: 10_000))
            case .closed, .failed:
                isClosed = true
                output.clear()
            }
        }
    }

    // MARK: In

    /// The next node, the end, or nothing within the time.
    func next(withinMs milliseconds: UInt64 = 10_000) throws -> Seen {
        let deadline = MonotonicClock.now().advanced(byMs: milliseconds)
        while true {
            if let node = try takeNode() { return .node(node) }
            if isClosed { return .closed }
            guard MonotonicClock.now() < deadline else { return .nothing }
            try receive(until: deadline)
        }
    }

    /// The next node; anything else is an error.
    func nextNode() throws -> Node {
        switch try next() {
        case .node(let node): return node
        case .closed: throw TestFailure("closed where a node was expected")
        case .nothing: throw TestFailure("no node came")
        }
    }

    /// Everything up to the end, which must come within the time.
    func readToEnd(withinMs milliseconds: UInt64 = 10_000) throws -> [Node] {
        var nodes: [Node] = []
        let deadline = MonotonicClock.now().advanced(byMs: milliseconds)
        while true {
            let left = deadline.milliseconds(since: MonotonicClock.now())
            switch try next(withinMs: left) {
            case .node(let node): nodes.append(node)
            case .closed: return nodes
            case .nothing: throw TestFailure("still open after \(milliseconds) ms; got \(nodes)")
            }
        }
    }

    private func takeNode() throws -> Node? {
        var waiting = ByteBuffer()
        swap(&waiting, &plaintext)
        defer { swap(&waiting, &plaintext) }
        let step = try FrameSplitter.next(in: waiting.bytes, frameSizeMax: 1 << 20)
        guard case .frame(let flags, let payload, let size) = step else { return nil }
        var node = ByteBuffer()
        if flags == FrameFlags.deflated {
            var inflater = Inflater()
            try inflater.inflate(waiting.bytes.extracting(payload), into: &node)
        } else {
            node.append(waiting.bytes.extracting(payload))
        }
        waiting.consume(size)
        return try Node.decode(node.bytes, context: context)
    }

    private func receive(until deadline: Instant) throws {
        try wait([.readable], until: deadline)
        let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 16)
        defer { scratch.deallocate() }
        switch socket.read(into: scratch) {
        case .bytes(let count):
            do throws(TLSError) {
                let bytes = UnsafeRawBufferPointer(rebasing: scratch[..<count])
                let status = try tls.receive(
                    bytes, plaintext: &plaintext, output: &output, ciphers: ciphers)
                if status == .closed {
                    sawCloseNotify = true
                    isClosed = true
                }
            } catch {
                tlsError = error
                isClosed = true
            }
            try flush()
        case .wouldBlock:
            return
        case .closed, .failed:
            isClosed = true
        }
    }

    private func wait(_ interest: Interest, until deadline: Instant) throws {
        var poller = try Poller(eventCountMax: 1)
        try poller.add(socket.rawValue, token: 0, interest: interest)
        let left = deadline.milliseconds(since: MonotonicClock.now())
        poller.wait(timeoutMs: Int(min(left, 1_000)))
    }

    // MARK: Login

    /// A login with the password that waits for its last word.
    struct HalfLogin {
        let first: ScramClientFirst
        let serverFirst: ScramServerFirst
    }

    private func exporter() throws -> [UInt8] {
        guard let exporter = facts?.exporter else { throw TestFailure("no exporter") }
        return exporter
    }

    /// Prologue and SCRAM-SHA-256-PLUS; returns the node that ends the login.
    func logIn(
        _ name: String, password: String? = nil, device: UInt8 = 0, wantsToken: Bool = false
    ) throws -> Node {
        let login = try beginLogin(name, device: device, wantsToken: wantsToken)
        return try finish(login, password: password ?? name)
    }

    /// The same up to the challenge.
    func beginLogin(
        _ name: String, device: UInt8 = 0, wantsToken: Bool = false
    ) throws -> HalfLogin {
        let nonce = Base64.encoded(OpenSSLCryptography().randomBytes(18))
        let first = ScramClientFirst(
            binding: .required("tls-exporter"), username: name, nonce: nonce)
        var auth = Node("auth", content: .bytes(first.bytes))
        auth["mechanism"] = "SCRAM-SHA-256-PLUS"
        auth["device"] = String(device)
        if wantsToken { auth["token"] = "get" }
        try send(Prologue.bytes + (try frame(auth)))
        let challenge = try nextNode()
        guard challenge.tag == "challenge", let message = challenge.bytes else {
            throw TestFailure("no challenge but \(challenge)")
        }
        let serverFirst = try ScramServerFirst(parsing: message, clientNonce: nonce)
        return HalfLogin(first: first, serverFirst: serverFirst)
    }

    /// The rest of it.
    func finish(_ login: HalfLogin, password: String) throws -> Node {
        let (final, _) = ScramProof.clientFinal(
            password: Array(password.utf8), clientFirst: login.first,
            serverFirst: login.serverFirst, channelBindingData: try exporter(),
            cryptography: OpenSSLCryptography())
        try send(Node("response", content: .bytes(final.bytes)))
        return try nextNode()
    }

    /// The one flight of a login with a token, but for what the client has if it announces that.
    func beginLogin(
        _ name: String, token: LoginToken, device: UInt8 = 0, announcesResume: Bool
    ) throws {
        let cryptography = OpenSSLCryptography()
        let exchange = LoginTokenExchange(
            user: Array(name.utf8), device: device, exporter: try exporter())
        let message = LoginTokenMessage(
            user: Array(name.utf8), proof: exchange.proof(of: token, cryptography: cryptography))
        var auth = Node("auth", content: .bytes(message.bytes))
        auth["mechanism"] = LoginToken.mechanism
        auth["device"] = String(device)
        if announcesResume { auth["resume"] = "true" }
        try send(Prologue.bytes + (try frame(auth)))
    }

    /// A session to resume with, once a ticket has come.
    func takeSession() -> TLSSession? { tls.takeSession() }
    var isResumed: Bool { facts?.isResumed ?? false }
}
