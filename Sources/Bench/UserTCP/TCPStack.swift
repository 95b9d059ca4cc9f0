// A TCP for clients, over IPv4, without sockets: packets, bytes and the time go in, packets and news come
// out. Sans-IO; the load generator's TunTransport moves the packets, tests move them themselves.
//
// A connection's address and port are its place in the slab: the low 16 bits of the place are those of the
// address, the rest and the place's tenant make the port. So nothing has to be looked up, every connection
// has ports of its own, and a place that is used again has another port for 256 tenants. There is no
// TIME_WAIT.
//
// What comes in order goes to the user at once, so there is no receive buffer and the window is always the
// same. What comes out of order is dropped and asked for again. Nothing is sent faster or slower for
// congestion: the network is a queue within one machine, and the peer's window bounds each connection.
//
// Invariant: a connection has a flight, with its timer set, exactly while its SYN, bytes or FIN are not
// acknowledged.

internal import Base
internal import Reactor

/// TCP connections of one network, a /16 whose addresses are all ours.
struct TCPStack: ~Copyable {
    /// Ports begin here; each block of 2^16 connections has 256.
    static let firstPort = 1_024
    static let tenantCount = 256
    static let connectionCountMax = (65_536 - firstPort) / tenantCount * 65_536
    /// What we take at a time, and its shift: 262,140 bytes.
    static let windowShift: UInt8 = 2
    static let window = UInt16.max
    /// How far ahead of what is expected a segment may be.
    static let windowSize = UInt32(window) << UInt32(windowShift)

    let network: UInt32
    let servers: [TCPServer]
    /// The largest payload that fits a packet.
    let segmentSize: UInt16
    private let seed: UInt64
    var connections: Slab<TCPControl>
    var flights = Slab<TCPFlight>(countMax: connectionCountMax)
    var firstFreeFlight = TCPControl.noFlight
    var freeFlightCount = 0
    var timers: TimerWheel
    var now: Instant
    /// Connections that owe an acknowledgement, which goes with their next bytes or with `flush`.
    var indebted: [SlotID] = []
    /// Packets to be sent, one behind the other: each begins with its own size.
    var output = ByteBuffer()
    var counters = TCPCounters()

    /// A stack without connections. `seed` makes the first sequence numbers hard to guess.
    init(
        network: UInt32, servers: [TCPServer], packetSizeMax: Int, seed: UInt64, now: Instant
    ) {
        precondition(network & 0xFFFF == 0, "network \(network)")
        precondition((1...256).contains(servers.count), "\(servers.count) servers")
        precondition((576...65_535).contains(packetSizeMax), "packets of \(packetSizeMax)")
        self.network = network
        self.servers = servers
        segmentSize = UInt16(packetSizeMax - Segment.headerSize)
        self.seed = seed
        self.now = now
        connections = Slab(countMax: Self.connectionCountMax)
        timers = TimerWheel(start: now, tickMs: 10)
    }

    // MARK: The user's calls

    /// Begins a connection; nil when there are as many as there can be.
    mutating func connect(toServer server: Int, token: UInt64) -> SlotID? {
        precondition(servers.indices.contains(server), "server \(server)")
        guard connections.count < Self.connectionCountMax else { return nil }
        let control = TCPControl(
            token: token, first: 0, segmentSize: segmentSize,
            server: UInt8(truncatingIfNeeded: server))
        guard let id = connections.insert(control) else { return nil }
        let first = firstSequence(id)
        let connection = connections.pointer(at: id.index)
        connection.pointee.unacknowledged = first
        connection.pointee.next = first &+ 1  // sequence numbers wrap
        connection.pointee.windowEnd = first
        takeOff(id)
        sendSyn(id)
        return id
    }

    /// Takes bytes to send, as many as there is room for. Before the handshake is over, after `close` and
    /// on a connection that is gone, none.
    mutating func write(_ id: SlotID, _ bytes: UnsafeRawBufferPointer) -> Int {
        guard connections.contains(id) else { return 0 }
        let connection = connections.pointer(at: id.index)
        guard connection.pointee.flags.contains(.isOpen),
            !connection.pointee.flags.contains(.isClosing)
        else { return 0 }
        let waiting = waitingSize(connection.pointee.flight)
        let count = min(bytes.count, max(0, BenchLimits.unsentSizeMax - waiting))
        if count < bytes.count { connection.pointee.flags.insert(.isAwaited) }
        guard count > 0 else { return 0 }
        takeOff(id)
        flights.pointer(at: connection.pointee.flight).pointee.bytes.append(
            UnsafeRawBufferPointer(rebasing: bytes[..<count]))
        transmit(id)
        return count
    }

    /// Sends no more than what was written, then the end. What the peer sends still arrives.
    mutating func close(_ id: SlotID) {
        guard connections.contains(id) else { return }
        let connection = connections.pointer(at: id.index)
        guard connection.pointee.flags.contains(.isOpen) else { return reset(id) }
        guard !connection.pointee.flags.contains(.isClosing) else { return }
        connection.pointee.flags.insert(.isClosing)
        takeOff(id)
        transmit(id)
    }

    /// Resets the connection and forgets it.
    mutating func reset(_ id: SlotID) {
        guard connections.contains(id) else { return }
        send(id, [.reset, .ack])
        forget(id)
    }

    /// Sends the acknowledgements that nothing else has carried.
    mutating func flush() {
        for id in indebted {
            guard connections.contains(id) else { continue }
            let connection = connections.pointer(at: id.index)
            guard connection.pointee.flags.contains(.owesAck) else { continue }
            send(id, [.ack])
        }
        indebted.removeAll(keepingCapacity: true)
    }

    /// Milliseconds until `expire` has something to do; nil for never.
    var nextDeadlineMs: Int? { timers.nextDeadlineMs(after: now) }

    /// Bytes of memory for connections at rest.
    var allocatedSize: Int { connections.allocatedSize }

    // MARK: Places

    func address(of id: SlotID) -> UInt32 { network | id.index & 0xFFFF }

    func port(of id: SlotID) -> UInt16 {
        let block = Int(id.index >> 16) * Self.tenantCount
        return UInt16(Self.firstPort + block + Int(id.generation >> 1) % Self.tenantCount)
    }

    /// The connection of an address and a port of ours.
    func connection(at address: UInt32, _ port: UInt16) -> SlotID? {
        guard Int(port) >= Self.firstPort else { return nil }
        let (block, _) = (Int(port) - Self.firstPort).quotientAndRemainder(
            dividingBy: Self.tenantCount)
        let index = UInt32(block) << 16 | address & 0xFFFF
        guard let id = connections.liveID(at: index), self.port(of: id) == port else { return nil }
        return id
    }

    func connection(of segment: Segment) -> SlotID? {
        guard let id = connection(at: segment.destination, segment.destinationPort) else {
            return nil
        }
        let server = servers[Int(connections.pointer(at: id.index).pointee.server)]
        let isFrom = server == TCPServer(address: segment.source, port: segment.sourcePort)
        return isFrom ? id : nil
    }

    /// Moves on with time, so that a tenant's numbers are ahead of those of the one before (RFC 9293, 3.4.1).
    private func firstSequence(_ id: SlotID) -> UInt32 {
        var mixed = (seed ^ UInt64(id.index)) &* 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ mixed >> 32) &* 0xD6E8_FEB8_6659_FD93
        let clock = now.milliseconds &* 250  // one in 4 us
        return UInt32(truncatingIfNeeded: mixed >> 32) &+ UInt32(truncatingIfNeeded: clock)
    }

    mutating func forget(_ id: SlotID) {
        land(connections.pointer(at: id.index))
        connections.remove(id)
    }

    // MARK: Flights

    /// Gives the connection a flight if it has none.
    mutating func takeOff(_ id: SlotID) {
        let connection = connections.pointer(at: id.index)
        guard connection.pointee.flight == TCPControl.noFlight else { return }
        if firstFreeFlight != TCPControl.noFlight {
            let place = firstFreeFlight
            firstFreeFlight = flights.pointer(at: place).pointee.nextFree
            freeFlightCount -= 1
            connection.pointee.flight = place
        } else {
            guard let slot = flights.insert(TCPFlight()) else {
                preconditionFailure("more flights than connections")
            }
            connection.pointee.flight = slot.index
        }
        setTimer(id)
    }

    /// Takes the flight away; some are kept with their memory for the next.
    mutating func land(_ connection: UnsafeMutablePointer<TCPControl>) {
        let place = connection.pointee.flight
        guard place != TCPControl.noFlight else { return }
        connection.pointee.flight = TCPControl.noFlight
        connection.pointee.flags.remove(.isRepairing)
        let flight = flights.pointer(at: place)
        timers.cancel(flight.pointee.timer)
        guard freeFlightCount < BenchLimits.spareFlightCountMax else {
            flights.remove(flights.id(at: place))
            return
        }
        flight.pointee.timer = .none
        flight.pointee.attemptCount = 0
        flight.pointee.repeatCount = 0
        flight.pointee.bytes.clear()
        if flight.pointee.bytes.allocatedSize > BenchLimits.spareFlightSizeMax {
            flight.pointee.bytes.release()
        }
        flight.pointee.nextFree = firstFreeFlight
        firstFreeFlight = place
        freeFlightCount += 1
    }

    /// Starts the connection's timer anew.
    mutating func setTimer(_ id: SlotID) {
        let flight = flights.pointer(at: connections.pointer(at: id.index).pointee.flight)
        timers.cancel(flight.pointee.timer)
        let doubled =
            BenchLimits.retransmitTimeoutMs << UInt64(min(flight.pointee.attemptCount, 16))
        let pause = min(doubled, BenchLimits.retransmitTimeoutMsMax)
        flight.pointee.timer = timers.schedule(
            deadline: now.advanced(byMs: pause), token: id.word)
    }

    private func waitingSize(_ flight: UInt32) -> Int {
        flight == TCPControl.noFlight ? 0 : flights.pointer(at: flight).pointee.bytes.count
    }

    // MARK: Checks

    /// Traps when the stack contradicts itself. O(connections): for tests.
    func checkInvariants() {
        var flying = 0
        var place: UInt32 = 0
        while let id = connections.next(from: place) {
            place = id.index + 1
            let connection = connections.pointer(at: id.index).pointee
            precondition(
                !Sequence.isBefore(connection.next, connection.unacknowledged), "order of \(id)")
            guard connection.flight != TCPControl.noFlight else {
                precondition(connection.next == connection.unacknowledged, "\(id) has no flight")
                continue
            }
            flying += 1
            let flight = flights.pointer(at: connection.flight)
            precondition(timers.isLive(flight.pointee.timer), "\(id) has no timer")
            let outstanding = Int(connection.next &- connection.unacknowledged)
            precondition(
                outstanding > 0 || !flight.pointee.bytes.isEmpty, "\(id) flies for nothing")
            precondition(outstanding <= flight.pointee.bytes.count + 1, "\(id) sent too much")
        }
        precondition(flying + freeFlightCount == flights.count, "lost flights")
        precondition(timers.count == flying, "\(timers.count) timers for \(flying) flights")
    }
}
