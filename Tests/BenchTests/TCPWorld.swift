// A stack, a peer and a network between them that loses, repeats, delays and damages packets, all from one
// seed and with a clock of its own.

import Base
import Reactor
import Testing

@testable import Bench

struct Dice: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }

    mutating func isHit(_ perMille: Int) -> Bool {
        Int.random(in: 0..<1_000, using: &self) < perMille
    }
}

/// Of a thousand packets.
struct Faults {
    var lost = 0
    var repeated = 0
    var damaged = 0
    var delayMsMax: UInt64 = 0
}

final class TCPWorld {
    static let network: UInt32 = 0x0A07_0000

    var stack: TCPStack
    let peer = TCPPeer()
    var dice: Dice
    var faults: Faults
    var nowMs: UInt64
    /// What the stack said, by token.
    var news: [UInt64: [TCPArrival]] = [:]
    var bytes: [UInt64: [UInt8]] = [:]
    /// When each packet of the stack left.
    var sentMs: [UInt64] = []
    var sent: [Segment] = []
    private var wire: [(dueMs: UInt64, isToPeer: Bool, bytes: [UInt8])] = []

    init(
        seed: UInt64 = 1, faults: Faults = Faults(), startMs: UInt64 = 5_000,
        packetSizeMax: Int = 1_500
    ) {
        stack = TCPStack(
            network: Self.network, servers: [TCPPeer.server], packetSizeMax: packetSizeMax,
            seed: seed, now: Instant(milliseconds: startMs))
        dice = Dice(state: seed)
        self.faults = faults
        nowMs = startMs
        peer.nowMs = startMs
    }

    static func packet(_ segment: Segment, _ payload: [UInt8] = []) -> [UInt8] {
        var output = ByteBuffer()
        payload.withUnsafeBytes { segment.write($0, into: &output) }
        return output.copy()
    }

    /// Gives the stack a packet, and looks at what it says.
    func deliver(_ packet: [UInt8]) {
        packet.withUnsafeBytes { raw in
            guard let arrival = stack.receive(raw) else { return }
            note(arrival, raw)
        }
        stack.checkInvariants()
    }

    private func note(_ arrival: TCPArrival, _ raw: UnsafeRawBufferPointer) {
        news[arrival.token, default: []].append(arrival)
        if arrival.news.contains(.data) {
            bytes[arrival.token, default: []] += raw[arrival.payload]
        }
    }

    /// Everything that was said of a connection.
    func news(_ token: UInt64) -> TCPArrival.News {
        (news[token] ?? []).reduce(into: []) { $0.formUnion($1.news) }
    }

    func reason(_ token: UInt64) -> TCPArrival.Reason? { news[token]?.last?.reason }

    /// Time passes, a millisecond at a time, until the condition holds; whether it did.
    @discardableResult
    func run(ms: UInt64, until condition: () -> Bool = { false }) -> Bool {
        let end = nowMs + ms
        while true {
            step()
            if condition() { return true }
            guard nowMs < end else { return false }
            nowMs += 1
        }
    }

    /// Takes what the stack wants to send.
    func collect() -> [[UInt8]] {
        stack.flush()
        var packets: [[UInt8]] = []
        while !stack.output.isEmpty {
            let packet = stack.output.withUnsafeBytes { Array($0[..<TCPStack.packetSize($0)]) }
            stack.output.consume(packet.count)
            packets.append(packet)
            sentMs.append(nowMs)
            if let segment = packet.withUnsafeBytes({ Segment(parsing: $0) }) {
                sent.append(segment)
            } else {
                Issue.record("a packet of ours is broken")
            }
        }
        return packets
    }

    private func step() {
        stack.now = Instant(milliseconds: nowMs)
        peer.nowMs = nowMs
        let due = wire.filter { $0.dueMs <= nowMs }
        wire.removeAll { $0.dueMs <= nowMs }
        for packet in due {
            if packet.isToPeer { peer.receive(packet.bytes) } else { deliver(packet.bytes) }
        }
        while let arrival = stack.expire() {
            note(arrival, UnsafeRawBufferPointer(start: nil, count: 0))
        }
        peer.expire()
        for packet in collect() { send(packet, isToPeer: true) }
        for packet in peer.output { send(packet, isToPeer: false) }
        peer.output.removeAll()
    }

    private func send(_ packet: [UInt8], isToPeer: Bool) {
        guard !dice.isHit(faults.lost) else { return }
        for _ in 0..<(dice.isHit(faults.repeated) ? 2 : 1) {
            var packet = packet
            if dice.isHit(faults.damaged) {
                let bit = Int.random(in: 0..<packet.count * 8, using: &dice)
                packet[bit / 8] ^= 1 << UInt8(bit % 8)
            }
            let delay = UInt64.random(in: 0...faults.delayMsMax, using: &dice)
            wire.append((nowMs + 1 + delay, isToPeer, packet))
        }
    }

    // MARK: Connections

    var connectionCount: Int { stack.connections.count }
    var timerCount: Int { stack.timers.count }

    func connect(_ token: UInt64 = 7) -> SlotID {
        guard let id = stack.connect(toServer: 0, token: token) else {
            preconditionFailure("no room")
        }
        return id
    }

    func key(_ id: SlotID) -> UInt64 {
        UInt64(stack.address(of: id)) << 16 | UInt64(stack.port(of: id))
    }

    func write(_ id: SlotID, _ bytes: [UInt8]) -> Int {
        bytes.withUnsafeBytes { stack.write(id, $0) }
    }

    /// A connection whose handshake is over and acknowledged.
    func open(_ token: UInt64 = 7) -> SlotID {
        let id = connect(token)
        let key = key(id)
        #expect(run(ms: 20_000) { self.peer.connections[key]?.isOpen ?? false })
        return id
    }

    /// A segment as the peer would send it next.
    func fromPeer(_ id: SlotID, _ flags: SegmentFlags, offset: Int = 0, window: UInt16 = 2_000)
        -> Segment
    {
        let control = stack.connections.pointer(at: id.index).pointee
        return Segment(
            from: TCPPeer.server.address, TCPPeer.server.port, to: stack.address(of: id),
            stack.port(of: id), sequence: control.expected &+ UInt32(bitPattern: Int32(offset)),
            acknowledged: control.next, flags: flags, window: window)
    }
}
