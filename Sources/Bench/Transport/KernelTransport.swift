// Clients with a socket of the kernel each. Invariant: a socket that is there is known to the poller.

internal import Base
internal import Reactor

final class KernelTransport: Transport {
    private struct Link: ~Copyable {
        var socket: Socket?
        var isRoomAwaited = false
    }

    private static let mailboxToken: UInt64 = 0

    private let servers: [SocketAddress]
    private let population: Population
    private let links: UnsafeMutablePointer<Link>
    private let count: Int
    private var poller: Poller
    private var nextEvent = 0
    private var eventCount = 0

    /// Tokens of connections are not 0.
    init(
        servers: [SocketAddress], population: Population, count: Int, mailbox: Int32
    ) throws(ReactorError) {
        self.servers = servers
        self.population = population
        self.count = count
        poller = try Poller(eventCountMax: 512)
        links = .allocate(capacity: max(1, count))
        for index in 0..<count { (links + index).initialize(to: Link()) }
        try poller.add(mailbox, token: Self.mailboxToken, interest: [.readable])
    }

    deinit {
        links.deinitialize(count: count)
        links.deallocate()
    }

    func wait(timeoutMs: Int?) {
        eventCount = poller.wait(timeoutMs: timeoutMs)
        nextEvent = 0
    }

    func next(_ now: Instant) -> TransportEvent? {
        guard nextEvent < eventCount else { return nil }
        let event = poller.event(at: nextEvent)
        nextEvent += 1
        return event.token == Self.mailboxToken
            ? .mailbox : .connection(token: event.token, event.readiness)
    }

    func connect(
        _ index: Int, number: Int, server: Int, token: UInt64
    ) throws(ReactorError) {
        let server = servers[server]
        let source = server.isLoopback && server.version == .v4
        let socket = try Socket.connect(
            to: server, from: source ? population.source(of: number) : nil)
        try poller.add(socket.rawValue, token: token, interest: [.readable, .writable])
        links[index].socket = consume socket
        links[index].isRoomAwaited = true
    }

    func finishConnect(_ index: Int) -> ConnectStatus {
        let status = links[index].socket?.finishConnect() ?? .inProgress
        if status == .connected { links[index].socket?.setNoDelay() }
        return status
    }

    func read(_ index: Int, into buffer: UnsafeMutableRawBufferPointer) -> IOResult {
        links[index].socket?.read(into: buffer) ?? .wouldBlock
    }

    func write(_ index: Int, _ bytes: UnsafeRawBufferPointer) -> IOResult {
        links[index].socket?.write(bytes) ?? .closed
    }

    func awaitRoom(_ index: Int, _ isAwaited: Bool, token: UInt64) {
        guard isAwaited != links[index].isRoomAwaited,
            let descriptor = links[index].socket?.rawValue
        else { return }
        links[index].isRoomAwaited = isAwaited
        poller.modify(
            descriptor, token: token, interest: isAwaited ? [.readable, .writable] : [.readable])
    }

    func reset(_ index: Int) {
        links[index].isRoomAwaited = false
        if let socket = links[index].socket.take() { socket.reset() }
    }

    func flush() {}

    func takeCounters() -> TCPCounters? { nil }
}
