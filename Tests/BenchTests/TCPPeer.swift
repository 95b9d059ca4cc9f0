// A TCP server to test the user-space TCP against: slow and plain, with its own code for everything but
// the format of segments. It echoes what it gets, keeps what comes early, checks what it may check.

import Base
import Testing

@testable import Bench

/// The server's end of one connection.
struct PeerConnection {
    var client: (address: UInt32, port: UInt16)
    var firstTheirs: UInt32
    var first: UInt32
    /// All that came in order.
    var received: [UInt8] = []
    var early: [Int: [UInt8]] = [:]
    /// All that is to be sent, and how much of it was acknowledged and sent.
    var toSend: [UInt8] = []
    var acknowledged = 0
    var sent = 0
    var hasEnd = false
    var endOfTheirs: Int?
    var hasTheirEnd = false
    var isEndAcknowledged = false
    var timerMs: UInt64?
    /// The furthest window end we told, as an offset in their bytes.
    var windowEnd = 0
    var isReset = false
    var isOpen = false
    var synCount = 0
}

final class TCPPeer {
    static let server = TCPServer(address: 0x7F00_0001, port: 5_223)

    var connections: [UInt64: PeerConnection] = [:]
    var output: [[UInt8]] = []
    /// What it tells: bytes, before the shift.
    var window = 20_000
    var windowShift: UInt8? = 3
    var sizeMax: UInt16? = 700
    var firstSequence: UInt32 = 0xFFFF_FF00
    var isEchoing = true
    var isSilent = false
    var nowMs: UInt64 = 0
    var resetCount = 0

    func key(_ segment: Segment) -> UInt64 {
        UInt64(segment.source) << 16 | UInt64(segment.sourcePort)
    }

    func receive(_ bytes: [UInt8]) {
        guard let segment = bytes.withUnsafeBytes({ Segment(parsing: $0) }) else { return }
        guard !isSilent else { return }
        let key = key(segment)
        if segment.flags.contains(.reset) {
            resetCount += 1
            connections[key]?.isReset = true
            return
        }
        if segment.flags.contains(.syn) {
            var connection = PeerConnection(
                client: (segment.source, segment.sourcePort), firstTheirs: segment.sequence,
                first: firstSequence)
            connection.synCount = (connections[key]?.synCount ?? 0) + 1
            connection.windowEnd = min(window, 65_535)
            connection.timerMs = nowMs + 700
            #expect(segment.sizeMax != nil && segment.windowShift != nil)
            if connections[key] == nil { connections[key] = connection }
            send(key, [.syn, .ack], at: firstSequence)
            return
        }
        guard var connection = connections[key], !connection.isReset else { return }
        take(segment, bytes, &connection, key)
        connections[key] = connection
        pump(key)
    }

    private func take(
        _ segment: Segment, _ bytes: [UInt8], _ connection: inout PeerConnection, _ key: UInt64
    ) {
        let start = Int(Int32(bitPattern: segment.sequence &- connection.firstTheirs &- 1))
        let payload = Array(bytes[segment.payload])
        #expect(payload.count <= Int(sizeMax ?? 536))
        #expect(start + payload.count <= connection.windowEnd, "beyond the window")
        connection.isOpen = true
        // Acknowledgement: ours counts from behind the SYN.
        let count = Int(Int32(bitPattern: segment.acknowledged &- connection.first &- 1))
        #expect(count <= connection.sent + (connection.hasEnd ? 1 : 0), "acks the future")
        if count > connection.acknowledged {
            connection.acknowledged = min(count, connection.toSend.count)
            if count > connection.toSend.count { connection.isEndAcknowledged = true }
            connection.timerMs = nowMs + 700
        }
        // Bytes.
        if !payload.isEmpty { connection.early[start] = payload }
        if segment.flags.contains(.fin) { connection.endOfTheirs = start + payload.count }
        let before = connection.received.count
        while let (place, bytes) = connection.early.first(where: {
            $0.key <= connection.received.count
        }) {
            connection.early[place] = nil
            let known = connection.received.count - place
            if known < bytes.count { connection.received += bytes[known...] }
        }
        if isEchoing { connection.toSend += connection.received[before...] }
        if connection.endOfTheirs == connection.received.count, !connection.hasTheirEnd {
            connection.hasTheirEnd = true
            connection.hasEnd = true
        }
        let isAck = payload.isEmpty && !segment.flags.contains(.fin)
        if !isAck || start < connection.received.count {
            connections[key] = connection
            acknowledge(key)
            if let told = connections[key]?.windowEnd { connection.windowEnd = told }
        }
    }

    func acknowledge(_ key: UInt64) {
        guard let connection = connections[key] else { return }
        send(key, [.ack], at: connection.first &+ 1 &+ UInt32(connection.sent))
    }

    /// Sends what was not sent.
    func pump(_ key: UInt64) {
        guard var connection = connections[key], !connection.isReset, connection.isOpen else {
            return
        }
        while connection.sent < connection.toSend.count,
            connection.sent - connection.acknowledged < 30_000
        {
            let count = min(900, connection.toSend.count - connection.sent)
            let bytes = Array(connection.toSend[connection.sent..<connection.sent + count])
            send(
                key, [.ack], at: connection.first &+ 1 &+ UInt32(connection.sent), bytes,
                isFin: connection.hasEnd && connection.sent + count == connection.toSend.count)
            connection.sent += count
            if connection.timerMs == nil { connection.timerMs = nowMs + 700 }
        }
        let told = connections[key]?.windowEnd ?? 0
        connection.windowEnd = told
        connections[key] = connection
        if connection.hasEnd, connection.toSend.count == connection.sent,
            !connection.isEndAcknowledged, connection.timerMs == nil
        {
            end(key)
        }
    }

    private func end(_ key: UInt64) {
        guard let connection = connections[key] else { return }
        connections[key]?.timerMs = nowMs + 700
        send(
            key, [.ack], at: connection.first &+ 1 &+ UInt32(connection.sent), [], isFin: true)
    }

    /// Our end follows all that is to be sent.
    func close(_ key: UInt64) {
        connections[key]?.hasEnd = true
        connections[key]?.timerMs = nil
        pump(key)
    }

    /// Sends again what was not acknowledged in time.
    func expire() {
        for (key, connection) in connections.sorted(by: { $0.key < $1.key }) {
            guard let due = connection.timerMs, due <= nowMs, !connection.isReset else { continue }
            connections[key]?.timerMs = nil
            if !connection.isOpen {
                send(key, [.syn, .ack], at: connection.first)
                connections[key]?.timerMs = nowMs + 700
            } else if connection.acknowledged < connection.toSend.count {
                connections[key]?.sent = connection.acknowledged
                pump(key)
            } else if connection.hasEnd, !connection.isEndAcknowledged {
                end(key)
            }
        }
    }

    func send(
        _ key: UInt64, _ flags: SegmentFlags, at sequence: UInt32, _ payload: [UInt8] = [],
        isFin: Bool = false
    ) {
        guard let connection = connections[key] else { return }
        let end = connection.hasTheirEnd ? 1 : 0
        let shift = Int(windowShift ?? 0)
        let isSyn = flags.contains(.syn)
        let told = isSyn ? min(window, 65_535) : (window >> shift) << shift
        var segment = Segment(
            from: Self.server.address, Self.server.port, to: connection.client.address,
            connection.client.port, sequence: sequence,
            acknowledged: connection.firstTheirs &+ 1
                &+ UInt32(connection.received.count + end),
            flags: isFin ? flags.union([.fin]) : flags,
            window: UInt16(isSyn ? told : told >> shift))
        if isSyn {
            segment.sizeMax = sizeMax
            segment.windowShift = windowShift
        }
        connections[key]?.windowEnd = max(
            connection.windowEnd, connection.received.count + told)
        output.append(TCPWorld.packet(segment, payload))
    }
}
