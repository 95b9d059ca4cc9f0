// What the stack sends: first, again, and when nobody answers.

internal import Base
internal import Reactor

extension TCPStack {
    /// Sends what was not sent yet and the peer takes: bytes, then the FIN.
    /// Precondition: the connection is open and has a flight.
    mutating func transmit(_ id: SlotID) {
        let connection = connections.pointer(at: id.index)
        let size = flights.pointer(at: connection.pointee.flight).pointee.bytes.count
        guard !connection.pointee.flags.contains(.hasSentFin) else { return }
        while true {
            let sent = Int(connection.pointee.next &- connection.pointee.unacknowledged)
            let room = Int(
                Int32(bitPattern: connection.pointee.windowEnd &- connection.pointee.next))
            let count = min(size - sent, room, Int(connection.pointee.segmentSize))
            guard count > 0 else { break }
            let isLast = sent + count == size
            send(id, isLast ? [.ack, .push] : [.ack], sent..<sent + count)
            connection.pointee.next &+= UInt32(count)  // sequence numbers wrap
        }
        let isAllSent = Int(connection.pointee.next &- connection.pointee.unacknowledged) == size
        if connection.pointee.flags.contains(.isClosing), isAllSent {
            // A FIN needs no window.
            send(id, [.ack, .fin])
            connection.pointee.flags.insert(.hasSentFin)
            connection.pointee.next &+= 1  // see above
        }
    }

    /// Sends the oldest segment again.
    mutating func retransmit(_ id: SlotID) {
        let connection = connections.pointer(at: id.index)
        guard connection.pointee.flags.contains(.isOpen) else {
            counters.retransmissions += 1
            return sendSyn(id)
        }
        let next = connection.pointee.next
        let outstanding = Int(next &- connection.pointee.unacknowledged)
        guard outstanding > 0 else {
            // The window is shut: a number that has been used makes the peer say how wide it is.
            connection.pointee.next &-= 1
            send(id, [.ack])
            connection.pointee.next = next
            return
        }
        counters.retransmissions += 1
        let size = flights.pointer(at: connection.pointee.flight).pointee.bytes.count
        let count = min(outstanding, size, Int(connection.pointee.segmentSize))
        // Everything up to and with the FIN when it fits.
        let hasFin = connection.pointee.flags.contains(.hasSentFin) && count == outstanding - 1
        connection.pointee.next = connection.pointee.unacknowledged
        send(id, hasFin ? [.ack, .fin, .push] : [.ack, .push], 0..<count)
        connection.pointee.next = next
    }

    /// Does what is due; the first news of it, and nil when everything is done.
    mutating func expire() -> TCPArrival? {
        timers.advance(to: now)
        while let token = timers.popExpired() {
            let id = SlotID(word: token)
            guard connections.contains(id) else { continue }
            let connection = connections.pointer(at: id.index)
            let flight = flights.pointer(at: connection.pointee.flight)
            guard Int(flight.pointee.attemptCount) < BenchLimits.retransmitCountMax else {
                counters.silences += 1
                let token = connection.pointee.token
                if connection.pointee.flags.contains(.isOpen) { send(id, [.reset, .ack]) }
                forget(id)
                return TCPArrival(token: token, news: [.failed], reason: .silent)
            }
            flight.pointee.attemptCount += 1
            flight.pointee.repeatCount = 0
            if connection.pointee.next != connection.pointee.unacknowledged {
                flight.pointee.repairEnd = connection.pointee.next
                connection.pointee.flags.insert(.isRepairing)
            }
            retransmit(id)
            setTimer(id)
        }
        return nil
    }

    // MARK: Segments

    mutating func sendSyn(_ id: SlotID) {
        let connection = connections.pointer(at: id.index).pointee
        var segment = header(id, connection, [.syn])
        segment.sequence = connection.unacknowledged
        segment.acknowledged = 0
        segment.sizeMax = segmentSize
        segment.windowShift = Self.windowShift
        put(segment)
    }

    /// Sends a segment that begins with `next`, with bytes of the flight.
    mutating func send(_ id: SlotID, _ flags: SegmentFlags, _ range: Range<Int> = 0..<0) {
        let connection = connections.pointer(at: id.index)
        let segment = header(id, connection.pointee, flags)
        connection.pointee.flags.remove(.owesAck)
        guard !range.isEmpty else { return put(segment) }
        counters.packetsOut += 1
        flights.pointer(at: connection.pointee.flight).pointee.bytes.withUnsafeBytes { bytes in
            segment.write(UnsafeRawBufferPointer(rebasing: bytes[range]), into: &output)
        }
    }

    private func header(
        _ id: SlotID, _ connection: TCPControl, _ flags: SegmentFlags
    ) -> Segment {
        let server = servers[Int(connection.server)]
        return Segment(
            from: address(of: id), port(of: id), to: server.address, server.port,
            sequence: connection.next, acknowledged: connection.expected, flags: flags,
            window: Self.window)
    }

    mutating func put(_ segment: Segment) {
        counters.packetsOut += 1
        segment.write(UnsafeRawBufferPointer(start: nil, count: 0), into: &output)
    }

    /// Tells the sender of a segment of no connection that there is none (RFC 9293, 3.10.7.1).
    mutating func refuse(_ segment: Segment) {
        guard !segment.flags.contains(.reset) else { return }
        counters.strays += 1
        let hasAck = segment.flags.contains(.ack)
        put(
            Segment(
                from: segment.destination, segment.destinationPort, to: segment.source,
                segment.sourcePort, sequence: hasAck ? segment.acknowledged : 0,
                acknowledged: segment.sequence &+ segment.sequenceSize,  // wraps as they do
                flags: hasAck ? [.reset] : [.reset, .ack], window: 0))
    }
}
