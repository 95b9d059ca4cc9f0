// Connections between their accept and their handshake. One that has sent nothing is a socket and a few
// words here; one whose first bytes have come waits, unread, until its handshake may begin. So neither
// costs an SSL object, and the expensive step comes at a rate the shard can stand.
//
// Invariant: each arrival is silent or waiting; the counts are those of the slab; each silent one stands
// in `silent`, each waiting one in `waiting`, in the order of coming. Entries of others are stale and
// passed over. Used by its shard only.

internal import Base
internal import Reactor

/// A connection that has not begun its handshake.
struct Arrival: ~Copyable {
    let socket: Socket
    let peer: SocketAddress?
    /// When its handshake must be over.
    let deadline: Instant
    var timer = TimerID.none
    /// Whether its first bytes have come.
    var isWaiting = false
    /// Whether the poller was told to leave it alone.
    var isMuted = false

    init(socket: consuming Socket, peer: SocketAddress?, deadline: Instant) {
        self.socket = socket
        self.peer = peer
        self.deadline = deadline
    }
}

/// The arrivals of one shard.
struct Arrivals: ~Copyable {
    /// Set in the index of an arrival's poller and timer token; connections have smaller indices.
    private static let mark: UInt32 = 1 << 31

    private let limits: Limits
    private var slab: Slab<Arrival>
    private var bucket: TokenBucket
    private var silent = SlotQueue()
    private var waiting = SlotQueue()
    private(set) var waitingCount = 0

    init(limits: Limits, at now: Instant) {
        self.limits = limits
        slab = Slab(countMax: limits.unauthenticatedPerShardMax)
        bucket = TokenBucket(
            perSecond: limits.handshakesPerSecondMax, burst: limits.handshakeBurstMax, at: now)
    }

    var count: Int { slab.count }
    private var silentCount: Int { slab.count - waitingCount }

    /// An arrival's token for poller and timers.
    static func token(_ slot: SlotID) -> UInt64 {
        SlotID(index: slot.index | mark, generation: slot.generation).word
    }

    /// The arrival a token is for; nil when it is a connection's.
    static func slot(_ token: UInt64) -> SlotID? {
        let slot = SlotID(word: token)
        guard slot.index & mark != 0 else { return nil }
        return SlotID(index: slot.index & ~mark, generation: slot.generation)
    }

    /// Takes a new one; nil when there are too many.
    mutating func add(_ arrival: consuming Arrival) -> SlotID? {
        guard let slot = slab.insert(arrival) else { return nil }
        if silent.count > 2 * slab.countMax {
            // A queue may not be changed by what reads this whole value.
            var queue = silent
            queue.keep { isSilent($0) }
            silent = queue
        }
        silent.append(slot)
        return slot
    }

    /// The first bytes of a silent one have come; false when it was waiting already or is gone.
    mutating func hear(_ slot: SlotID) -> Bool {
        let isNew = slab.withElement(slot) { arrival -> Bool in
            defer { arrival.isWaiting = true }
            return !arrival.isWaiting
        }
        guard isNew == true else { return false }
        waitingCount += 1
        if waiting.count > 2 * slab.countMax {
            var queue = waiting
            queue.keep { slab.contains($0) }
            waiting = queue
        }
        waiting.append(slot)
        return true
    }

    /// The silent one to give up, if there are too many.
    mutating func surplus() -> SlotID? {
        guard silentCount > limits.halfOpenPerShardMax else { return nil }
        while let slot = silent.popFirst() {
            if isSilent(slot) { return slot }
        }
        return nil
    }

    /// The next whose handshake may begin, given how many are in flight; it has paid its token.
    mutating func next(inFlight: Int, at now: Instant) -> SlotID? {
        while let slot = waiting.first, !slab.contains(slot) { _ = waiting.popFirst() }
        guard waiting.first != nil, inFlight < limits.handshakesInFlightPerShardMax,
            bucket.take(at: now)
        else { return nil }
        return waiting.popFirst()
    }

    /// Milliseconds until `next` may give one; nil when only something else can bring that about.
    func waitMs(inFlight: Int, at now: Instant) -> Int? {
        guard waitingCount > 0, inFlight < limits.handshakesInFlightPerShardMax else { return nil }
        return Int(clamping: bucket.waitMs(at: now))
    }

    /// Takes one out.
    mutating func remove(_ slot: SlotID) -> Arrival? {
        guard let arrival = slab.remove(slot) else { return nil }
        if arrival.isWaiting { waitingCount -= 1 }
        return arrival
    }

    /// Any one of those left; nil when there is none.
    var any: SlotID? { slab.next(from: 0) }

    /// Lets `body` work on one; nil when it is gone.
    func with<R>(_ slot: SlotID, _ body: (inout Arrival) -> R) -> R? {
        slab.withElement(slot, body)
    }

    private func isSilent(_ slot: SlotID) -> Bool {
        slab.withElement(slot) { !$0.isWaiting } ?? false
    }

    /// Traps when counts and queues disagree with the slab.
    func checkInvariants() {
        var waitingCount = 0
        var position: UInt32 = 0
        while let slot = slab.next(from: position) {
            position = slot.index + 1
            let isWaiting = !isSilent(slot)
            if isWaiting { waitingCount += 1 }
            let queue = isWaiting ? waiting : silent
            precondition(queue.contains(slot), "arrival \(slot) stands in no queue")
        }
        precondition(waitingCount == self.waitingCount, "\(waitingCount) arrivals wait")
        bucket.checkInvariants()
    }
}

/// Slots in order of coming.
private struct SlotQueue {
    private static let compactAt = 256

    private var slots: [SlotID] = []
    private var head = 0

    var count: Int { slots.count - head }
    var first: SlotID? { head < slots.count ? slots[head] : nil }

    mutating func append(_ slot: SlotID) { slots.append(slot) }

    mutating func popFirst() -> SlotID? {
        guard let first else { return nil }
        head += 1
        if head >= Self.compactAt && head * 2 >= slots.count {
            slots.removeFirst(head)
            head = 0
        }
        return first
    }

    /// Drops all but those that `isWanted`.
    mutating func keep(_ isWanted: (SlotID) -> Bool) {
        slots = slots[head...].filter(isWanted)
        head = 0
    }

    func contains(_ slot: SlotID) -> Bool { slots[head...].contains(slot) }
}
