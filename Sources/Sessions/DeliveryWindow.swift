// How far one online device is through its queue: what was sent to it and not yet acked, and whether
// new stanzas may go straight to it or must wait in the store behind older ones.
//
// Invariant: a stanza is pushed only when all that were enqueued before it for this device were
// pushed or settled, so order per sender and recipient holds; at most `inFlightPerDeviceMax` plus one
// page plus one tail are in flight.

package import Base
package import Wire

/// One device's delivery state. The store's FIFO order makes it right: a page holds exactly what was
/// enqueued before it was asked for.
package struct DeliveryWindow: Sendable {
    /// Where the device stands.
    package enum Phase: Sendable, Equatable {
        /// A page was asked for; `tail` gathers what is enqueued meanwhile.
        case reading
        /// Everything has been pushed; new stanzas go straight out.
        case live
        /// Too much is in flight: new stanzas stay in the store until the device acks.
        case behind
    }

    package private(set) var phase = Phase.reading
    private var cursor: Int64 = 0
    private var inFlight: [StanzaKey: Int] = [:]
    /// Bytes sent and not yet acked.
    package private(set) var inFlightSize = 0
    private var tail: [QueuedStanza] = []
    private var tailSize = 0
    private var tailOverflowed = false
    /// What the device acked while a page is read: the page may have been read before that.
    private var settledWhileReading: Set<StanzaKey> = []

    package init() {}

    /// A stanza was handed to the store for this device. True when it is to be pushed now.
    package mutating func enqueued(_ stanza: QueuedStanza, limits: Limits) -> Bool {
        switch phase {
        case .reading:
            let fits =
                tail.count < limits.tailCountMax
                && tailSize + stanza.payload.count <= limits.tailSizeMax
            if fits && !tailOverflowed {
                tail.append(stanza)
                tailSize += stanza.payload.count
            } else {
                tailOverflowed = true
            }
            return false
        case .behind:
            return false
        case .live:
            let isFull =
                inFlight.count >= limits.inFlightPerDeviceMax
                || inFlightSize + stanza.payload.count > limits.inFlightSizePerDeviceMax
            if isFull {
                phase = .behind
                return false
            }
            return take(stanza)
        }
    }

    /// Counts the stanza as sent; false when it already is in flight.
    private mutating func take(_ stanza: QueuedStanza) -> Bool {
        guard inFlight[stanza.key] == nil else { return false }
        inFlight[stanza.key] = stanza.payload.count
        inFlightSize += stanza.payload.count
        return true
    }

    /// A page came. Returns what is to be pushed, in order.
    package mutating func pageArrived(_ page: QueuePage) -> [QueuedStanza] {
        var pushed: [QueuedStanza] = []
        for row in page.rows {
            cursor = max(cursor, row.sequence)
            if settledWhileReading.contains(row.stanza.key) { continue }
            if take(row.stanza) { pushed.append(row.stanza) }
        }
        if page.isLast && !tailOverflowed {
            for stanza in tail where take(stanza) { pushed.append(stanza) }
            phase = .live
        } else {
            phase = .behind
        }
        dropTail()
        return pushed
    }

    /// The device acked a stanza.
    package mutating func settled(_ key: StanzaKey) {
        guard let size = inFlight.removeValue(forKey: key) else { return }
        inFlightSize -= size
        guard phase == .reading else { return }
        settledWhileReading.insert(key)
        // A repeat that came before the ack left the queue with it.
        tail.removeAll { stanza in
            guard stanza.key == key else { return false }
            tailSize -= stanza.payload.count
            return true
        }
    }

    /// The cursor to read on from, when it is time for the next page; the phase is then `reading`.
    package mutating func nextPage(limits: Limits) -> Int64? {
        guard phase == .behind, inFlight.count <= limits.inFlightPerDeviceLow,
            inFlightSize <= limits.inFlightSizePerDeviceMax / 2
        else { return nil }
        phase = .reading
        return cursor
    }

    private mutating func dropTail() {
        tail.removeAll()
        tailSize = 0
        tailOverflowed = false
        settledWhileReading = []
    }

    /// Whether the stanza was sent and not yet acked.
    package func isInFlight(_ key: StanzaKey) -> Bool { inFlight[key] != nil }

    /// Stanzas sent and not yet acked.
    package var inFlightCount: Int { inFlight.count }

    /// Traps when the window broke its invariant: called by tests, fuzzers and the simulator.
    package func checkInvariants(limits: Limits) {
        let inFlightMax = limits.inFlightPerDeviceMax + limits.pageCountMax + limits.tailCountMax
        precondition(inFlight.count <= inFlightMax, "\(inFlight.count) in flight")
        precondition(
            inFlightSize == inFlight.values.reduce(0, +), "\(inFlightSize) bytes in flight")
        precondition(tail.count <= limits.tailCountMax, "tail of \(tail.count)")
        precondition(tailSize <= limits.tailSizeMax, "tail of \(tailSize) bytes")
        precondition(phase == .reading || tail.isEmpty, "a tail while \(phase)")
        precondition(
            settledWhileReading.count <= limits.inFlightPerDeviceLow, "settled while reading")
    }
}
