// What the stack does about a segment that came (RFC 9293, 3.10.7, with RFC 5961 against forgers).

internal import Base

extension TCPStack {
    /// Acknowledgements that say nothing new before the segment they ask for is sent again.
    private static var repeatCountMax: UInt8 { 3 }

    /// Takes a packet; what it means for a connection, if anything. Anything may be in it.
    mutating func receive(_ packet: UnsafeRawBufferPointer) -> TCPArrival? {
        counters.packetsIn += 1
        guard let segment = Segment(parsing: packet),
            segment.destination & 0xFFFF_0000 == network
        else {
            counters.packetsBad += 1
            return nil
        }
        guard let id = connection(of: segment) else {
            refuse(segment)
            return nil
        }
        let connection = connections.pointer(at: id.index)
        var arrival = TCPArrival(token: connection.pointee.token)
        if connection.pointee.flags.contains(.isOpen) {
            takeSegment(id, connection, segment, &arrival)
        } else {
            takeAnswer(id, connection, segment, &arrival)
        }
        return arrival.news.isEmpty ? nil : arrival
    }

    /// A segment before the handshake is over.
    private mutating func takeAnswer(
        _ id: SlotID, _ connection: UnsafeMutablePointer<TCPControl>, _ segment: Segment,
        _ arrival: inout TCPArrival
    ) {
        guard segment.flags.contains(.ack) else { return }
        guard segment.acknowledged == connection.pointee.next else { return refuse(segment) }
        if segment.flags.contains(.reset) { return fail(id, .refused, &arrival) }
        guard segment.flags.contains(.syn) else { return }
        connection.pointee.expected = segment.sequence &+ 1  // wraps
        connection.pointee.unacknowledged = connection.pointee.next
        connection.pointee.flags.insert(.isOpen)
        // Without our option in the answer neither end shifts; ours then takes less than it could.
        connection.pointee.windowShift = segment.windowShift ?? 0
        connection.pointee.windowEnd = segment.acknowledged &+ UInt32(segment.window)  // wraps
        let theirs = max(1, segment.sizeMax ?? 536)
        connection.pointee.segmentSize = min(segmentSize, theirs)
        land(connection)
        owe(id, connection)
        arrival.news = [.connected]
    }

    private mutating func takeSegment(
        _ id: SlotID, _ connection: UnsafeMutablePointer<TCPControl>, _ segment: Segment,
        _ arrival: inout TCPArrival
    ) {
        let expected = connection.pointee.expected
        if segment.flags.contains(.reset) {
            if segment.sequence == expected { return fail(id, .reset, &arrival) }
            if segment.sequence &- expected < Self.windowSize { send(id, [.ack]) }
            return
        }
        // The peer's answer again, or a forger's: say where we are.
        if segment.flags.contains(.syn) { return send(id, [.ack]) }
        guard segment.flags.contains(.ack) else { return }
        guard !Sequence.isBefore(connection.pointee.next, segment.acknowledged) else {
            return send(id, [.ack])
        }
        takeAcknowledgement(id, connection, segment, &arrival)
        takePayload(id, connection, segment, &arrival)
        if connection.pointee.isOver {
            if connection.pointee.flags.contains(.owesAck) { send(id, [.ack]) }
            forget(id)
        }
    }

    // MARK: What the peer has

    private mutating func takeAcknowledgement(
        _ id: SlotID, _ connection: UnsafeMutablePointer<TCPControl>, _ segment: Segment,
        _ arrival: inout TCPArrival
    ) {
        guard !Sequence.isBefore(segment.acknowledged, connection.pointee.unacknowledged) else {
            return
        }
        // A window never moves back, so the greatest end is the newest.
        let windowEnd =
            segment.acknowledged
            &+ UInt32(segment.window) << UInt32(connection.pointee.windowShift)  // wraps
        let isWider = Sequence.isBefore(connection.pointee.windowEnd, windowEnd)
        if isWider { connection.pointee.windowEnd = windowEnd }
        guard connection.pointee.flight != TCPControl.noFlight else { return }
        let flight = flights.pointer(at: connection.pointee.flight)
        let count = segment.acknowledged &- connection.pointee.unacknowledged
        if count > 0 {
            takeProgress(id, connection, flight, Int(count), &arrival)
        } else if connection.pointee.next == connection.pointee.unacknowledged {
            // The answer to a question about the window: the peer lives.
            flight.pointee.attemptCount = 0
        } else if segment.payload.isEmpty, !segment.flags.contains(.fin), !isWider {
            countRepeat(id, connection, flight)
        }
        if connection.pointee.flight != TCPControl.noFlight { transmit(id) }
    }

    /// The peer has more than before.
    private mutating func takeProgress(
        _ id: SlotID, _ connection: UnsafeMutablePointer<TCPControl>,
        _ flight: UnsafeMutablePointer<TCPFlight>, _ count: Int, _ arrival: inout TCPArrival
    ) {
        connection.pointee.unacknowledged &+= UInt32(count)  // wraps
        // The last of them may be the FIN.
        flight.pointee.bytes.consume(min(count, flight.pointee.bytes.count))
        flight.pointee.attemptCount = 0
        flight.pointee.repeatCount = 0
        let left = flight.pointee.bytes.count
        if connection.pointee.flags.contains(.isAwaited), left <= BenchLimits.unsentSizeMax / 2 {
            connection.pointee.flags.remove(.isAwaited)
            arrival.news.insert(.writable)
        }
        let isClosing = connection.pointee.flags.contains(.isClosing)
        let owesFin = isClosing && !connection.pointee.flags.contains(.hasSentFin)
        guard connection.pointee.next != connection.pointee.unacknowledged || left > 0 || owesFin
        else { return land(connection) }
        if connection.pointee.flags.contains(.isRepairing) {
            let end = flight.pointee.repairEnd
            if Sequence.isBefore(connection.pointee.unacknowledged, end) {
                // What followed the lost segment was lost or dropped as well.
                retransmit(id)
            } else {
                connection.pointee.flags.remove(.isRepairing)
            }
        }
        setTimer(id)
    }

    private mutating func countRepeat(
        _ id: SlotID, _ connection: UnsafeMutablePointer<TCPControl>,
        _ flight: UnsafeMutablePointer<TCPFlight>
    ) {
        guard flight.pointee.repeatCount < Self.repeatCountMax else { return }
        flight.pointee.repeatCount += 1
        guard flight.pointee.repeatCount == Self.repeatCountMax,
            !connection.pointee.flags.contains(.isRepairing)
        else { return }
        flight.pointee.repairEnd = connection.pointee.next
        connection.pointee.flags.insert(.isRepairing)
        retransmit(id)
    }

    // MARK: What the peer sends

    private mutating func takePayload(
        _ id: SlotID, _ connection: UnsafeMutablePointer<TCPControl>, _ segment: Segment,
        _ arrival: inout TCPArrival
    ) {
        let expected = connection.pointee.expected
        let isNothing = segment.sequenceSize == 0
        if Sequence.isBefore(expected, segment.sequence) {
            guard !isNothing else { return }
            counters.outOfOrder += 1
            // At once and each time: three of them make the peer send what is missing.
            return send(id, [.ack])
        }
        let known = Int(expected &- segment.sequence)
        guard known == 0 || known < Int(segment.sequenceSize) else {
            // Sent again because our acknowledgement was lost, or a question whether we live.
            if !isNothing { counters.duplicates += 1 }
            return owe(id, connection)
        }
        guard !isNothing, !connection.pointee.flags.contains(.isEnded) else { return }
        let payload = segment.payload.dropFirst(known)
        if !payload.isEmpty {
            connection.pointee.expected &+= UInt32(payload.count)  // wraps
            arrival.news.insert(.data)
            arrival.payload = payload
        }
        if segment.flags.contains(.fin) {
            connection.pointee.expected &+= 1  // wraps
            connection.pointee.flags.insert(.isEnded)
            arrival.news.insert(.ended)
        }
        owe(id, connection)
    }

    /// An acknowledgement is due, with the next bytes or at the end of the turn.
    private mutating func owe(_ id: SlotID, _ connection: UnsafeMutablePointer<TCPControl>) {
        guard !connection.pointee.flags.contains(.owesAck) else { return }
        connection.pointee.flags.insert(.owesAck)
        indebted.append(id)
    }

    private mutating func fail(
        _ id: SlotID, _ reason: TCPArrival.Reason, _ arrival: inout TCPArrival
    ) {
        arrival.news.insert(.failed)
        arrival.reason = reason
        forget(id)
    }
}
