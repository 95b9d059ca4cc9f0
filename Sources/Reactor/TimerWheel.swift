// Deadlines in a hierarchical wheel: four levels of 64 slots and a list for what lies beyond them.
// No clock inside; the caller says what time it is.
//
// A timer's tick is its deadline rounded up. It lies in the level of the highest group of six bits in
// which its tick differs from the current tick, in the slot which that group names.
// Invariant: all higher groups are those of the current tick, and the slot is later than the current
// one of its level. So the earliest slot of the lowest level in use is the next to look at, an empty
// wheel jumps any distance at once, and each timer moves at most four times.
//
// A slot of a high level may hold every timer there is, so its move can be spread over several calls:
// until it is done, `currentTick` stands at the slot's beginning.

package import Base

/// Which timer, and which tenant of its place. A stale one is harmless.
package struct TimerID: Hashable, Sendable {
    fileprivate let slot: SlotID

    /// No timer: to cancel it does nothing.
    package static var none: TimerID { TimerID(slot: SlotID(word: 0)) }
}

/// Timers with a token each, in milliseconds, rounded up to ticks.
package struct TimerWheel: ~Copyable {
    // 24 bytes without padding: there is one for each connection. Not private: modules that own a wheel
    // need the node's metadata to lay it out.
    struct Node {
        private static var tickMax: UInt64 { 1 << 48 - 1 }

        private let tokenLow: UInt32
        private let tokenHigh: UInt32
        private let tickLow: UInt32
        private let tickHigh: UInt16
        var list: UInt16 = 0
        var next: UInt32 = .max
        var previous: UInt32 = .max

        init(token: UInt64, tick: UInt64) {
            tokenLow = UInt32(truncatingIfNeeded: token)
            tokenHigh = UInt32(truncatingIfNeeded: token >> 32)
            let tick = min(tick, Self.tickMax)
            tickLow = UInt32(truncatingIfNeeded: tick)
            tickHigh = UInt16(truncatingIfNeeded: tick >> 32)
        }

        var token: UInt64 { UInt64(tokenHigh) << 32 | UInt64(tokenLow) }

        /// Ticks that do not fit, thousands of years away, are the end of time.
        var tick: UInt64 {
            let tick = UInt64(tickHigh) << 32 | UInt64(tickLow)
            return tick == Self.tickMax ? .max : tick
        }
    }

    private struct List {
        var first: UInt32 = .max
        var last: UInt32 = .max
    }

    private static var noNode: UInt32 { .max }
    private static var levelCount: Int { 4 }
    private static var slotCount: Int { 64 }
    private static var slotBits: Int { 6 }
    private static var beyondList: Int { levelCount * slotCount }
    private static var expiredList: Int { beyondList + 1 }

    private var nodes = Slab<Node>(countMax: Int(UInt32.max) - 1)
    private var lists = [List](repeating: List(), count: 4 * 64 + 2)
    // One bit a slot that is not empty, one word a level.
    private var occupied: InlineArray<4, UInt64> = InlineArray(repeating: 0)
    private var currentTick: UInt64
    /// The list whose timers are being moved down.
    private var moving: Int?
    /// The wheel's resolution.
    package let tickMs: UInt64

    /// An empty wheel at the time `start`.
    package init(start: Instant, tickMs: UInt64) {
        precondition(tickMs > 0, "tickMs 0")
        self.tickMs = tickMs
        currentTick = start.milliseconds / tickMs
    }

    // MARK: Timers

    /// Sets a timer; one whose deadline is past fires with the next tick. O(1). The caller bounds the
    /// number of timers, as a rule by its connections.
    package mutating func schedule(deadline: Instant, token: UInt64) -> TimerID {
        let tick = max(tick(of: deadline), currentTick + 1)
        guard let slot = nodes.insert(Node(token: token, tick: tick)) else {
            preconditionFailure("2^32 timers")
        }
        append(slot.index, to: place(of: node(at: slot.index).pointee.tick))
        return TimerID(slot: slot)
    }

    /// Takes a timer back, also one that expired and was not popped yet; false when it fired, was
    /// cancelled before, or never was. O(1).
    @discardableResult
    package mutating func cancel(_ id: TimerID) -> Bool {
        guard isLive(id) else { return false }
        unlink(id.slot.index)
        nodes.remove(id.slot)
        return true
    }

    /// Whether the timer neither fired nor was cancelled.
    package func isLive(_ id: TimerID) -> Bool {
        nodes.contains(id.slot)
    }

    /// Whether the timer is set and fires no later than one would that were set for `deadline`.
    package func fires(_ id: TimerID, by deadline: Instant) -> Bool {
        isLive(id) && node(at: id.slot.index).pointee.tick <= tick(of: deadline)
    }

    private func tick(of deadline: Instant) -> UInt64 {
        let (whole, rest) = deadline.milliseconds.quotientAndRemainder(dividingBy: tickMs)
        // Cannot wrap: `whole` is the largest number only with one-millisecond ticks and then rest is 0.
        return rest == 0 ? whole : whole &+ 1
    }

    /// Moves the wheel on; timers that are due then wait for `popExpired`. A time before the last one
    /// changes nothing. About `moveMax` timers at most change their slot in one call: if more have to, the
    /// wheel asks to be called again at once, and stands still until it is done.
    package mutating func advance(to now: Instant, moveMax: Int = .max) {
        let target = now.milliseconds / tickMs
        var left = moveMax
        while left > 0 {
            if let list = moving {
                left -= moveDown(list, countMax: left)
                continue
            }
            guard let (tick, list) = nextSlot(), tick <= target else {
                currentTick = max(currentTick, target)
                return
            }
            if list == Self.beyondList {
                currentTick = firstBlockBeyond(notAfter: target)
                redistributeBeyond()
            } else {
                currentTick = tick
                moving = list
            }
        }
    }

    /// Moves the wheel on and calls `body` with the token of each timer that is due, in order of ticks.
    package mutating func advance(to now: Instant, _ body: (UInt64) -> Void) {
        advance(to: now)
        while let token = popExpired() { body(token) }
    }

    /// The token of the next timer that is due, which is thereby over; nil when there is none.
    /// Between two calls timers may be set and cancelled.
    package mutating func popExpired() -> UInt64? {
        let index = lists[Self.expiredList].first
        guard index != Self.noNode else { return nil }
        let token = node(at: index).pointee.token
        unlink(index)
        nodes.remove(nodes.id(at: index))
        return token
    }

    /// Milliseconds from `now` until the wheel must be advanced again, rounded up to a tick; 0 when timers
    /// are due, nil when there are none. The look may find that nothing is due yet.
    package func nextDeadlineMs(after now: Instant) -> Int? {
        if moving != nil || lists[Self.expiredList].first != Self.noNode { return 0 }
        guard let (tick, _) = nextSlot() else { return nil }
        let (time, overflow) = tick.multipliedReportingOverflow(by: tickMs)
        let next = Instant(milliseconds: overflow ? .max : time)
        return Int(clamping: next.milliseconds(since: now))
    }

    // MARK: Slots

    /// The next slot to look at and the tick at which it begins.
    private func nextSlot() -> (tick: UInt64, list: Int)? {
        for level in 0..<Self.levelCount where occupied[level] != 0 {
            let slot = occupied[level].trailingZeroBitCount
            let shift = level * Self.slotBits
            let above = (currentTick >> UInt64(shift + Self.slotBits)) << UInt64(Self.slotBits)
            return ((above | UInt64(slot)) << UInt64(shift), level * Self.slotCount + slot)
        }
        guard lists[Self.beyondList].first != Self.noNode else { return nil }
        let shift = UInt64(Self.levelCount * Self.slotBits)
        return (((currentTick >> shift) + 1) << shift, Self.beyondList)
    }

    /// Where to look next when nothing lies within the levels: so that a long sleep is not walked block by
    /// block. O(timers beyond).
    private func firstBlockBeyond(notAfter target: UInt64) -> UInt64 {
        var earliest = target
        var index = lists[Self.beyondList].first
        while index != Self.noNode {
            earliest = min(earliest, node(at: index).pointee.tick)
            index = node(at: index).pointee.next
        }
        let shift = UInt64(Self.levelCount * Self.slotBits)
        return (earliest >> shift) << shift
    }

    /// The list for a timer, by the current tick.
    private func place(of tick: UInt64) -> Int {
        let difference = tick ^ currentTick
        if difference == 0 { return Self.expiredList }
        let level = (63 - difference.leadingZeroBitCount) / Self.slotBits
        guard level < Self.levelCount else { return Self.beyondList }
        let slot = Int(truncatingIfNeeded: tick >> UInt64(level * Self.slotBits)) & 63
        return level * Self.slotCount + slot
    }

    /// Places timers of the list anew, by the current tick, which is where the list's slot begins: all
    /// come to lie in lower levels. Returns how many.
    private mutating func moveDown(_ list: Int, countMax: Int) -> Int {
        var count = 0
        while count < countMax {
            let index = lists[list].first
            guard index != Self.noNode else {
                moving = nil
                break
            }
            unlink(index)
            append(index, to: place(of: node(at: index).pointee.tick))
            count += 1
        }
        return max(1, count)
    }

    /// The same for what lay beyond the levels, some of which may still do. O(timers beyond): nothing
    /// that a gateway has by the thousand lies so far away.
    private mutating func redistributeBeyond() {
        var index = lists[Self.beyondList].first
        lists[Self.beyondList] = List()
        while index != Self.noNode {
            let next = node(at: index).pointee.next
            append(index, to: place(of: node(at: index).pointee.tick))
            index = next
        }
    }

    // MARK: Lists and nodes

    private mutating func append(_ index: UInt32, to list: Int) {
        let node = node(at: index)
        let last = lists[list].last
        node.pointee.list = UInt16(list)
        node.pointee.next = Self.noNode
        node.pointee.previous = last
        if last == Self.noNode {
            lists[list].first = index
        } else {
            self.node(at: last).pointee.next = index
        }
        lists[list].last = index
        if list < Self.beyondList { occupied[list / Self.slotCount] |= 1 << UInt64(list & 63) }
    }

    private mutating func unlink(_ index: UInt32) {
        let node = node(at: index).pointee
        let list = Int(node.list)
        if node.previous == Self.noNode {
            lists[list].first = node.next
        } else {
            self.node(at: node.previous).pointee.next = node.next
        }
        if node.next == Self.noNode {
            lists[list].last = node.previous
        } else {
            self.node(at: node.next).pointee.previous = node.previous
        }
        if list < Self.beyondList, lists[list].first == Self.noNode {
            occupied[list / Self.slotCount] &= ~(1 << UInt64(list & 63))
        }
    }

    private func node(at index: UInt32) -> UnsafeMutablePointer<Node> { nodes.pointer(at: index) }

    /// Timers that neither fired nor were cancelled.
    package var count: Int { nodes.count }

    /// Bytes of memory that timers take.
    package var allocatedSize: Int { nodes.allocatedSize }

    // MARK: Checks

    /// Traps when the wheel contradicts itself. O(timers): for tests and the simulator.
    package func checkInvariants() {
        var linked = 0
        for list in lists.indices {
            var previous = Self.noNode
            var index = lists[list].first
            while index != Self.noNode {
                let node = node(at: index).pointee
                precondition(Int(node.list) == list, "node \(index) of \(node.list) in \(list)")
                precondition(node.previous == previous, "broken link at node \(index)")
                if list != Self.expiredList && list != moving {
                    precondition(node.tick > currentTick, "tick \(node.tick) at \(currentTick)")
                    precondition(place(of: node.tick) == list, "node \(index) misplaced in \(list)")
                }
                linked += 1
                previous = index
                index = node.next
            }
            precondition(lists[list].last == previous, "wrong end of list \(list)")
            guard list < Self.beyondList else { continue }
            let isMarked = occupied[list / Self.slotCount] >> UInt64(list & 63) & 1 == 1
            precondition(isMarked == (previous != Self.noNode), "wrong mark of slot \(list)")
        }
        precondition(linked == count, "\(linked) linked of \(count)")
    }
}
