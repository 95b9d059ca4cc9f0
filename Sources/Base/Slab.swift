// Fixed places for values with an identity: connections, mostly.
//
// Invariant: a slot is either live (its value is initialised, its generation is odd) or free (its
// value is not, its generation is even). Chunks never move, so a pointer stays good until its
// slot is removed. A SlotID outlives its slot harmlessly: the generation no longer matches.

/// Where a value sits in a slab, and which tenant of that slot it is.
public struct SlotID: Hashable, Sendable {
    /// The slot's index.
    public var index: UInt32
    /// The slot's tenant count: odd while live.
    public var generation: UInt32

    /// A slot's identity from its two halves.
    public init(index: UInt32, generation: UInt32) {
        self.index = index
        self.generation = generation
    }

    /// The identity as one word, for an epoll event: generation in the upper half.
    public init(word: UInt64) {
        index = UInt32(truncatingIfNeeded: word)
        generation = UInt32(truncatingIfNeeded: word >> 32)
    }

    /// The identity as one word, for an epoll event.
    public var word: UInt64 { UInt64(generation) << 32 | UInt64(index) }
}

/// A chunked slab of values that never move, with generations against stale identities.
public struct Slab<Element: ~Copyable>: ~Copyable {
    private struct Slot {
        var generation: UInt32
        var nextFree: UInt32
    }

    /// Slots and their values, side by side: values of free slots are not initialised.
    private struct Chunk {
        let slots: UnsafeMutablePointer<Slot>
        let elements: UnsafeMutablePointer<Element>
    }

    private static var chunkCount: Int { 256 }
    private static var noSlot: UInt32 { .max }

    private var chunks: [Chunk] = []
    private var firstFree: UInt32 = .max
    /// Live values.
    public private(set) var count = 0
    /// How many values the slab takes at most.
    public let countMax: Int

    /// An empty slab of at most `countMax` values; storage comes in chunks as needed.
    public init(countMax: Int) {
        precondition(countMax > 0 && countMax < Int(UInt32.max), "countMax \(countMax)")
        self.countMax = countMax
    }

    deinit {
        for chunk in chunks {
            for offset in 0..<Self.chunkCount where chunk.slots[offset].generation & 1 == 1 {
                (chunk.elements + offset).deinitialize(count: 1)
            }
            chunk.slots.deallocate()
            chunk.elements.deallocate()
        }
    }

    /// Places a value; nil, and the value dropped, when the slab is full.
    public mutating func insert(_ element: consuming Element) -> SlotID? {
        guard count < countMax else { return nil }
        if firstFree == Self.noSlot { addChunk() }
        let index = firstFree
        let slot = slot(at: index)
        firstFree = slot.pointee.nextFree
        slot.pointee.generation &+= 1  // wraps after 2^31 tenants of one slot: harmless
        self.element(at: index).initialize(to: element)
        count += 1
        return SlotID(index: index, generation: slot.pointee.generation)
    }

    /// Takes a value out; nil when the identity is stale.
    @discardableResult
    public mutating func remove(_ id: SlotID) -> Element? {
        guard contains(id) else { return nil }
        let slot = slot(at: id.index)
        slot.pointee.generation &+= 1  // see insert
        slot.pointee.nextFree = firstFree
        firstFree = id.index
        count -= 1
        return element(at: id.index).move()
    }

    /// Calls `body` with the value in place; nil when the identity is stale. The body must neither
    /// insert nor remove.
    public func withElement<R>(_ id: SlotID, _ body: (inout Element) -> R) -> R? {
        guard contains(id) else { return nil }
        return body(&element(at: id.index).pointee)
    }

    /// Whether the identity is that of a live value.
    public func contains(_ id: SlotID) -> Bool {
        guard id.generation & 1 == 1, Int(id.index) < chunks.count * Self.chunkCount else {
            return false
        }
        return slot(at: id.index).pointee.generation == id.generation
    }

    /// The identity of the live value at or after `index`, for a walk over all; nil at the end.
    public func next(from index: UInt32) -> SlotID? {
        var at = index
        while Int(at) < chunks.count * Self.chunkCount {
            let generation = slot(at: at).pointee.generation
            if generation & 1 == 1 { return SlotID(index: at, generation: generation) }
            at += 1
        }
        return nil
    }

    private mutating func addChunk() {
        let chunk = Chunk(
            slots: .allocate(capacity: Self.chunkCount),
            elements: .allocate(capacity: Self.chunkCount))
        let base = UInt32(chunks.count * Self.chunkCount)
        for offset in 0..<Self.chunkCount {
            let next = offset + 1 < Self.chunkCount ? base + UInt32(offset) + 1 : Self.noSlot
            (chunk.slots + offset).initialize(to: Slot(generation: 0, nextFree: next))
        }
        chunks.append(chunk)
        firstFree = base
    }

    private func slot(at index: UInt32) -> UnsafeMutablePointer<Slot> {
        chunks[Int(index) / Self.chunkCount].slots + Int(index) % Self.chunkCount
    }

    private func element(at index: UInt32) -> UnsafeMutablePointer<Element> {
        chunks[Int(index) / Self.chunkCount].elements + Int(index) % Self.chunkCount
    }
}
