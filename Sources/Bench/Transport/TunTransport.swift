// Clients without sockets: a TCPStack over a TUN device that is this thread's alone, so that every packet
// of its connections comes to it. At rest a client costs its place here and its connection in the stack.
//
// The bytes of a packet are offered once, by `read` in the event that tells of them: nothing keeps them.

internal import Base
internal import Glibc
internal import Reactor

final class TunTransport: Transport {
    private static let mailboxToken: UInt64 = 0
    private static let deviceToken: UInt64 = 1

    private let device: TunDevice
    private let ids: UnsafeMutablePointer<SlotID>
    private var poller: Poller
    private var stack: TCPStack
    private let packet = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 16)
    /// What the last event is about, for `read` and `finishConnect`.
    private var current: TCPArrival?
    /// The end of a direction, told after the bytes of its packet.
    private var ended: UInt64?
    private var hasMail = false
    private var hasPackets = false
    private var packetBudget = 0

    /// Precondition: all servers are IPv4.
    init(
        servers: [SocketAddress], count: Int, device: TunDevice, mailbox: Int32
    ) throws(ReactorError) {
        self.device = device
        poller = try Poller(eventCountMax: 2)
        stack = TCPStack(
            network: device.network,
            servers: servers.map { server in
                guard let address = server.ipv4 else { preconditionFailure("\(server)") }
                return TCPServer(address: address, port: server.port)
            }, packetSizeMax: BenchLimits.packetSizeMax, seed: .random(in: 0...UInt64.max),
            now: MonotonicClock.now())
        ids = .allocate(capacity: max(1, count))
        ids.initialize(repeating: SlotID(word: 0), count: count)
        try poller.add(mailbox, token: Self.mailboxToken, interest: [.readable])
        try poller.add(device.descriptor, token: Self.deviceToken, interest: [.readable])
    }

    deinit {
        ids.deallocate()
        packet.deallocate()
    }

    // MARK: Turns

    func wait(timeoutMs: Int?) {
        stack.flush()
        flush()
        let own = stack.nextDeadlineMs
        let timeout = timeoutMs.map { min($0, own ?? $0) } ?? own
        let count = poller.wait(timeoutMs: timeout)
        for position in 0..<count {
            if poller.event(at: position).token == Self.mailboxToken {
                hasMail = true
            } else {
                hasPackets = true
            }
        }
        packetBudget = BenchLimits.packetsPerTurnMax
    }

    func next(_ now: Instant) -> TransportEvent? {
        current = nil
        stack.now = now
        if hasMail {
            hasMail = false
            return .mailbox
        }
        if let token = ended.take() { return .connection(token: token, [.readable]) }
        if let arrival = stack.expire() { return event(arrival) }
        while hasPackets, packetBudget > 0 {
            packetBudget -= 1
            guard case .bytes(let size) = device.read(into: packet) else {
                hasPackets = false
                break
            }
            let bytes = UnsafeRawBufferPointer(rebasing: packet[..<size])
            if let arrival = stack.receive(bytes) { return event(arrival) }
        }
        return nil
    }

    private func event(_ arrival: TCPArrival) -> TransportEvent {
        current = arrival
        if arrival.news.contains(.failed) {
            return .connection(token: arrival.token, [.readable, .error])
        }
        var readiness: Readiness = []
        if !arrival.news.isDisjoint(with: [.connected, .writable]) { readiness.insert(.writable) }
        if arrival.news.contains(.data) { readiness.insert(.readable) }
        if arrival.news.contains(.ended) {
            if arrival.news.contains(.data) {
                ended = arrival.token
            } else {
                readiness.insert(.readable)
            }
        }
        return .connection(token: arrival.token, readiness)
    }

    // MARK: Connections

    func connect(
        _ index: Int, number: Int, server: Int, token: UInt64
    ) throws(ReactorError) {
        guard let id = stack.connect(toServer: server, token: token) else {
            throw ReactorError.system(operation: "connect", code: EADDRNOTAVAIL)
        }
        ids[index] = id
    }

    func finishConnect(_ index: Int) -> ConnectStatus {
        if let reason = current?.reason { return .failed(code(reason)) }
        return current?.news.contains(.connected) ?? false ? .connected : .inProgress
    }

    func read(_ index: Int, into buffer: UnsafeMutableRawBufferPointer) -> IOResult {
        guard let arrival = current else { return .closed }
        if let reason = arrival.reason { return .failed(code(reason)) }
        guard arrival.news.contains(.data) else { return .closed }
        let bytes = UnsafeRawBufferPointer(rebasing: packet[arrival.payload])
        buffer.copyMemory(from: bytes)
        return .bytes(bytes.count)
    }

    func write(_ index: Int, _ bytes: UnsafeRawBufferPointer) -> IOResult {
        let count = stack.write(ids[index], bytes)
        if stack.output.count >= BenchLimits.packetBatchSizeMax { flush() }
        return count > 0 ? .bytes(count) : .wouldBlock
    }

    /// The stack tells by itself, once, when it could not take everything.
    func awaitRoom(_ index: Int, _ isAwaited: Bool, token: UInt64) {}

    func reset(_ index: Int) {
        stack.reset(ids[index])
        ids[index] = SlotID(word: 0)
        if stack.output.count >= BenchLimits.packetBatchSizeMax { flush() }
    }

    private func code(_ reason: TCPArrival.Reason) -> Int32 {
        switch reason {
        case .refused: ECONNREFUSED
        case .reset: ECONNRESET
        case .silent: ETIMEDOUT
        }
    }

    func flush() {
        while !stack.output.isEmpty {
            let (size, isTaken) = stack.output.withUnsafeBytes { bytes in
                let size = TCPStack.packetSize(bytes)
                return (size, device.write(UnsafeRawBufferPointer(rebasing: bytes[..<size])))
            }
            stack.output.consume(size)
            if !isTaken { stack.counters.packetsRefused += 1 }
        }
    }

    func takeCounters() -> TCPCounters? {
        defer { stack.counters = TCPCounters() }
        return stack.counters
    }
}
