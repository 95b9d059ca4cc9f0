// Deadlines in a hierarchical wheel: four levels of 64 slots and a list for what lies beyond them.
// No clock inside; the caller says what time it is.
//
// A timer's tick is its deadline rounded up. It lies in the level of the highest group of six bits in
// which its tick differs from the current tick, in the slot which that group names.
// Invariant: all higher groups are those of the current tick, and the slot is later than the current
// one of its level. So the earliest slot of the lowest level in use is the next to look at, an empty
// wheel jumps any distance at once, and each timer moves at most four times.

package import Base

/// Which timer, and which tenant of its place. A stale one is harmless.
package struct TimerID: Hashable, Sendable {
    fileprivate(set) var index: UInt32
    fileprivate(set) var generation: UInt32

    /// No timer: to cancel it does nothing.
    package static var none: TimerID { TimerID(index: 0, generation: 0) }
}

/// Timers with a token each, in milliseconds, rounded up to ticks.
package struct TimerWheel: ~Copyable {
    private struct Node {
        var tick: UInt64 = 0
        var token: UInt64 = 0
        var next: UInt32 = .max
        var previous: UInt32 = .max
        // Odd while the timer lives.
        var generation: UInt32 = 0
        var list: UInt16 = 0
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
    private static var chunkCount: Int { 1024 }

    private var chunks: [UnsafeMutablePointer<Node>] = []
    private var firstFree: UInt32 = .max
    private var lists = [List](repeating: List(), count: 4 * 64 + 2)
    // One bit a slot that is not empty, one word a level.
    private var occupied: InlineArray<4, UInt64> = InlineArray(repeating: 0)
    private var currentTick: UInt64
    /// Timers that neither fired nor were cancelled.
    package private(set) var count = 0
    /// The wheel's resolution.
    package let tickMs: UInt64

    /// An empty wheel at the time `start`.
    package init(start: Instant, tickMs: UInt64) {
        precondition(tickMs > 0, "tickMs 0")
        self.tickMs = tickMs
        currentTick = start.milliseconds / tickMs
    }

    deinit {
        for chunk in chunks { chunk.deallocate() }
    }

    // MARK: Timers

    /// Sets a timer; one whose deadline is past fires with the next tick. O(1). The caller bounds the
    /// number of timers, as a rule by its connections.
    package mutating func schedule(deadline: Instant, token: UInt64) -> TimerID {
        if firstFree == Self.noNode { addChunk() }
        let index = firstFree
        let node = node(at: index)
        firstFree = node.pointee.next
        let (whole, rest) = deadline.milliseconds.quotientAndRemainder(dividingBy: tickMs)
        // Cannot wrap: `whole` is the largest number only with one-millisecond ticks and then rest is 0.
        let rounded = rest == 0 ? whole : whole &+ 1
        node.pointee.tick = max(rounded, currentTick + 1)
        node.pointee.token = token
        node.pointee.generation &+= 1  // wraps after 2^31 tenants of one place: harmless
        append(index, to: place(of: node.pointee.tick))
        count += 1
        return TimerID(index: index, generation: node.pointee.generation)
    }

    /// Takes a timer back, also one that expired and was not popped yet; false when it fired, was
    /// cancelled before, or never was. O(1).
    @discardableResult
    package mutating func cancel(_ id: TimerID) -> Bool {
        guard isLive(id) else { return false }
        unlink(id.index)
        free(id.index)
        return true
    }

    /// Whether the timer neither fired nor was cancelled.
    package func isLive(_ id: TimerID) -> Bool {
        guard id.generation & 1 == 1, Int(id.index) < chunks.count * Self.chunkCount else {
            return false
        }
        return node(at: id.index).pointee.generation == id.generation
    }

    /// Moves the wheel on; timers that are due then wait for `popExpired`. A time before the last one
    /// changes nothing.
    package mutating func advance(to now: Instant) {
        let target = now.milliseconds / tickMs
        while let (tick, list) = nextSlot(), tick <= target {
            currentTick = list == Self.beyondList ? firstBlockBeyond(notAfter: target) : tick
            redistribute(list)
        }
        currentTick = max(currentTick, target)
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
        free(index)
        return token
    }

    /// Milliseconds from `now` until the wheel must be advanced again, rounded up to a tick; 0 when timers
    /// are due, nil when there are none. The look may find that nothing is due yet.
    package func nextDeadlineMs(after now: Instant) -> Int? {
        if lists[Self.expiredList].first != Self.noNode { return 0 }
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

    /// Places the timers of a list anew, by the current tick, which is where the list's slot begins.
    private mutating func redistribute(_ list: Int) {
        var index = lists[list].first
        lists[list] = List()
        if list < Self.beyondList { occupied[list / Self.slotCount] &= ~(1 << UInt64(list & 63)) }
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

    private mutating func free(_ index: UInt32) {
        let node = node(at: index)
        node.pointee.generation &+= 1  // see schedule
        node.pointee.next = firstFree
        firstFree = index
        count -= 1
    }

    private mutating func addChunk() {
        let base = chunks.count * Self.chunkCount
        precondition(base + Self.chunkCount < Int(UInt32.max), "more than 2^32 timers")
        let chunk = UnsafeMutablePointer<Node>.allocate(capacity: Self.chunkCount)
        for offset in 0..<Self.chunkCount {
            let isLast = offset + 1 == Self.chunkCount
            let next = isLast ? firstFree : UInt32(base + offset + 1)
            (chunk + offset).initialize(to: Node(next: next))
        }
        chunks.append(chunk)
        firstFree = UInt32(base)
    }

    private func node(at index: UInt32) -> UnsafeMutablePointer<Node> {
        chunks[Int(index) / Self.chunkCount] + Int(index) % Self.chunkCount
    }

    // MARK: Checks

    /// Traps when the wheel contradicts itself. O(timers): for tests and the simulator.
    package func checkInvariants() {
        var linked = 0
        for list in lists.indices {
            var previous = Self.noNode
            var index = lists[list].first
            while index != Self.noNode {
                let node = node(at: index).pointee
                precondition(node.generation & 1 == 1, "free node \(index) in list \(list)")
                precondition(Int(node.list) == list, "node \(index) of \(node.list) in \(list)")
                precondition(node.previous == previous, "broken link at node \(index)")
                if list != Self.expiredList {
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
        var free = 0
        var index = firstFree
        while index != Self.noNode {
            precondition(node(at: index).pointee.generation & 1 == 0, "live node \(index) is free")
            free += 1
            index = node(at: index).pointee.next
        }
        precondition(free + linked == chunks.count * Self.chunkCount, "\(free) + \(linked) nodes")
    }
}
