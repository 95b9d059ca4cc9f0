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

    /// What is between the store and the device.
    private struct Transit {
        var cursor: Int64 = 0
        var inFlight: [StanzaKey: Int] = [:]
        /// Bytes sent and not yet acked.
        var inFlightSize = 0
        var tail: [QueuedStanza] = []
        var tailSize = 0
        var tailOverflowed = false
        /// What the device has answered while a page is read, sent to it on this connection or before:
        /// the page may have been read before that, and nobody would answer it again.
        var settledWhileReading: Set<StanzaKey> = []
        /// More than a page's worth of answers: the page is then read again.
        var settledOverflowed = false
    }

    /// None or one: a device that has everything and acked it owns nothing on the heap. What is in the
    /// store once more then lies behind nothing that was read, so the cursor begins anew.
    private var transits: [Transit] = []
    package private(set) var phase = Phase.reading

    package init() {}

    private var transit: Transit {
        _read {
            if transits.isEmpty { yield Transit() } else { yield transits[0] }
        }
        _modify {
            if transits.isEmpty { transits.append(Transit()) }
            yield &transits[0]
        }
    }

    /// Gives up what a device at rest does not need; ends each change.
    private mutating func rest() {
        if phase == .live && transit.inFlight.isEmpty { transits = [] }
    }

    /// A stanza was handed to the store for this device. True when it is to be pushed now.
    package mutating func enqueued(_ stanza: QueuedStanza, limits: Limits) -> Bool {
        switch phase {
        case .reading:
            let fits =
                transit.tail.count < limits.tailCountMax
                && transit.tailSize + stanza.payload.count <= limits.tailSizeMax
            if fits && !transit.tailOverflowed {
                transit.tail.append(stanza)
                transit.tailSize += stanza.payload.count
            } else {
                transit.tailOverflowed = true
            }
            return false
        case .behind:
            return false
        case .live:
            let isFull =
                transit.inFlight.count >= limits.inFlightPerDeviceMax
                || transit.inFlightSize + stanza.payload.count > limits.inFlightSizePerDeviceMax
            if isFull {
                phase = .behind
                return false
            }
            return take(stanza)
        }
    }

    /// Counts the stanza as sent; false when it already is in flight.
    private mutating func take(_ stanza: QueuedStanza) -> Bool {
        guard transit.inFlight[stanza.key] == nil else { return false }
        transit.inFlight[stanza.key] = stanza.payload.count
        transit.inFlightSize += stanza.payload.count
        return true
    }

    /// A page came. Returns what is to be pushed, in order.
    package mutating func pageArrived(_ page: QueuePage) -> [QueuedStanza] {
        if transit.settledOverflowed {
            // The store has settled by now what was answered: another page from the same place is right.
            phase = .behind
            dropTail()
            return []
        }
        var pushed: [QueuedStanza] = []
        for row in page.rows {
            transit.cursor = max(transit.cursor, row.sequence)
            if transit.settledWhileReading.contains(row.stanza.key) { continue }
            if take(row.stanza) { pushed.append(row.stanza) }
        }
        if page.isLast && !transit.tailOverflowed {
            for stanza in transit.tail where take(stanza) { pushed.append(stanza) }
            phase = .live
        } else {
            phase = .behind
        }
        dropTail()
        rest()
        return pushed
    }

    /// Something that was handed to the store was refused: what came behind it is taken from the store
    /// only, with the page after the one that is read.
    package mutating func distrustTail() {
        if phase == .reading, !transit.tail.isEmpty { transit.tailOverflowed = true }
    }

    /// The store may hold what was never handed to this window: it is read, with the page after the one that
    /// is read.
    package mutating func distrust() {
        switch phase {
        case .reading: transit.tailOverflowed = true
        case .live: phase = .behind
        case .behind: break
        }
    }

    /// The device acked a stanza.
    package mutating func settled(_ key: StanzaKey, limits: Limits) {
        if !isAtRest, let size = transit.inFlight.removeValue(forKey: key) {
            transit.inFlightSize -= size
        }
        guard phase == .reading else {
            rest()
            return
        }
        if transit.settledWhileReading.count < limits.pageCountMax {
            transit.settledWhileReading.insert(key)
        } else {
            transit.settledOverflowed = true
        }
        // A repeat that came before the ack left the queue with it.
        for stanza in transit.tail where stanza.key == key {
            transit.tailSize -= stanza.payload.count
        }
        transit.tail.removeAll { $0.key == key }
    }

    /// The cursor to read on from, when it is time for the next page; the phase is then `reading`.
    package mutating func nextPage(limits: Limits) -> Int64? {
        guard phase == .behind, transit.inFlight.count <= limits.inFlightPerDeviceLow,
            transit.inFlightSize <= limits.inFlightSizePerDeviceMax / 2
        else { return nil }
        phase = .reading
        return transit.cursor
    }

    /// The page that was asked for could not be read: the cursor to ask for it again; nil when none was. What
    /// was settled meanwhile is off the queue before that: if it shows again, it was stored again.
    package mutating func readAgain() -> Int64? {
        guard phase == .reading else { return nil }
        transit.settledWhileReading = []
        transit.settledOverflowed = false
        return transit.cursor
    }

    private mutating func dropTail() {
        guard !isAtRest else { return }
        transit.tail.removeAll()
        transit.tailSize = 0
        transit.tailOverflowed = false
        transit.settledWhileReading = []
        transit.settledOverflowed = false
    }

    /// Whether the stanza was sent and not yet acked.
    package func isInFlight(_ key: StanzaKey) -> Bool { transit.inFlight[key] != nil }

    /// Stanzas sent and not yet acked.
    package var inFlightCount: Int { transit.inFlight.count }

    /// Bytes sent and not yet acked.
    package var inFlightSize: Int { transit.inFlightSize }

    /// Whether the window owns nothing but itself.
    package var isAtRest: Bool { transits.isEmpty }

    /// Traps when the window broke its invariant: called by tests, fuzzers and the simulator.
    package func checkInvariants(limits: Limits) {
        let inFlightMax = limits.inFlightPerDeviceMax + limits.pageCountMax + limits.tailCountMax
        precondition(transit.inFlight.count <= inFlightMax, "\(inFlightCount) in flight")
        let size = transit.inFlight.values.reduce(0, +)
        precondition(inFlightSize == size, "\(inFlightSize) bytes in flight of \(size)")
        precondition(transit.tail.count <= limits.tailCountMax, "tail of \(transit.tail.count)")
        precondition(transit.tailSize <= limits.tailSizeMax, "tail of \(transit.tailSize) bytes")
        precondition(phase == .reading || transit.tail.isEmpty, "a tail while \(phase)")
        precondition(
            phase != .live || transits.isEmpty || inFlightCount > 0, "a transit without a stanza")
        precondition(
            transit.settledWhileReading.count <= limits.pageCountMax, "settled while reading")
    }
}
