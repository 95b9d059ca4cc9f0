// The loop that holds the simulated devices: one thread, one poller.

internal import Base
internal import Client
internal import Reactor
internal import TLS
internal import Wire

/// Holds and drives the load generator's devices.
final class BenchLoop {
    /// Handshakes under way at once while the connections are made.
    static let pendingCountMax = 64

    private var poller: Poller
    private(set) var connections: [BenchConnection] = []
    private let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 16)
    private let address: SocketAddress
    private let serverName: String
    private let tls: TLSContext
    private let context: WireContext
    private var isWriteWatched: [Bool] = []
    /// Failures by text, with how often each came.
    private(set) var failures: [String: Int] = [:]
    private(set) var onlineCount = 0

    init(options: BenchOptions) throws {
        guard let server = ServerAddress(argument: options.server) else {
            throw Failure(.usage, "--server \(options.server) is not HOST:PORT")
        }
        guard let address = try SocketAddress.resolve(host: server.host, port: server.port).first,
            let context = WireContext(domain: options.domain)
        else { throw Failure(.usage, "no such server or domain") }
        self.address = address
        serverName = options.serverName ?? server.host
        self.context = context
        tls = try TLSContext(client: TLSClientConfiguration(caPath: options.certificateAuthority))
        let poller = try Poller(eventCountMax: 1_024)
        self.poller = poller
    }

    deinit { scratch.deallocate() }

    /// Makes one more connection for this account.
    func add(_ jid: JID, password: [UInt8]) throws {
        let session = ClientSession(
            configuration: .init(jid: jid, device: 0, password: password, isAvailable: false),
            context: context, cryptography: OpenSSLCryptography())
        let socket = try Socket.connect(to: address)
        let tls = try TLSConnection(client: tls, serverName: serverName)
        let connection = BenchConnection(
            index: connections.count, socket: socket, tls: tls, session: session)
        connections.append(connection)
        isWriteWatched.append(true)
        try poller.add(
            connection.socket.rawValue, token: UInt64(connection.index),
            interest: [.readable, .writable])
    }

    /// Waits for what is ready and handles it; `body` gets each event.
    func turn(timeoutMs: Int, _ body: (BenchConnection, ClientEvent) throws -> Void) throws {
        let count = poller.wait(timeoutMs: timeoutMs)
        let moment = SystemClock.moment()
        for position in 0..<count {
            let event = poller.event(at: position)
            let connection = connections[Int(event.token)]
            let wasOnline = connection.isOnline
            let hadFailed = connection.failure != nil
            for event in connection.handle(event.readiness, scratch: scratch, at: moment) {
                try body(connection, event)
            }
            if !wasOnline && connection.isOnline { onlineCount += 1 }
            settle(connection, hadFailed: hadFailed)
        }
    }

    /// Flushes a connection that was given something to send.
    func flush(_ connection: BenchConnection, at moment: Moment) throws {
        try connection.turn(at: moment)
        settle(connection, hadFailed: connection.failure != nil)
    }

    private func settle(_ connection: BenchConnection, hadFailed: Bool) {
        if let failure = connection.failure {
            guard !hadFailed else { return }
            failures[failure, default: 0] += 1
            if connection.isOnline { onlineCount -= 1 }
            poller.remove(connection.socket.rawValue)
            return
        }
        guard isWriteWatched[connection.index] != connection.wantsWrite else { return }
        isWriteWatched[connection.index] = connection.wantsWrite
        poller.modify(
            connection.socket.rawValue, token: UInt64(connection.index),
            interest: connection.wantsWrite ? [.readable, .writable] : [.readable])
    }

    /// Connects and logs in all accounts, so many at once; returns how long it took, in seconds.
    func logIn(_ accounts: [JID], password: [UInt8]) throws -> Double {
        let start = MonotonicClock.nanoseconds()
        var next = 0
        while onlineCount + failures.values.reduce(0, +) < accounts.count {
            while next < accounts.count,
                next - onlineCount - failures.values.reduce(0, +) < Self.pendingCountMax
            {
                try add(accounts[next], password: password)
                next += 1
            }
            try turn(timeoutMs: 100) { _, _ in }
        }
        return Double(MonotonicClock.nanoseconds() - start) / 1e9
    }
}
