// Fixed places for values with an identity: connections, online users, timers.
//
// Invariant: a slot is either live (its value is initialised, its generation is odd) or free (its
// value is not, its generation is even). Values never move, so a pointer stays good until its slot is
// removed. A SlotID outlives its slot harmlessly: the generation no longer matches, also when the chunk
// went back to the system in between and came again.
//
// It grows by a chunk at a time, without copying, and fills the lowest chunk that has room, so that
// those above it run empty and are given back. Each slot costs its value and six bytes.

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
    /// Values, generations and free lists of some slots, in one allocation. Without one while no slot
    /// is live, but for one spare chunk.
    @usableFromInline struct Chunk {
        @usableFromInline var memory: UnsafeMutableRawPointer?
        @usableFromInline var firstFree: UInt16 = 0
        @usableFromInline var liveCount = 0
        /// Where the generations of new slots begin: not below any that was ever given out here.
        @usableFromInline var generationBase: UInt32 = 0
    }

    /// Slots of one chunk. Large enough that a chunk of connections is a mapping of its own, which goes
    /// back to the system when it is freed.
    @usableFromInline static var slotCount: Int { 1_024 }
    @usableFromInline static var noSlot: UInt16 { .max }

    @usableFromInline var chunks: [Chunk] = []
    /// Chunks with memory and a free slot.
    @usableFromInline var roomy = ChunkSet()
    /// Chunks without memory.
    @usableFromInline var absent = ChunkSet()
    /// A chunk with memory and no live slot: kept, so that one value coming and going costs nothing.
    @usableFromInline var spare: Int?
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
        for index in chunks.indices where chunks[index].memory != nil {
            for offset in 0..<Self.slotCount where generations(index)[offset] & 1 == 1 {
                (elements(index) + offset).deinitialize(count: 1)
            }
            chunks[index].memory?.deallocate()
        }
    }

    /// Places a value; nil, and the value dropped, when the slab is full.
    public mutating func insert(_ element: consuming Element) -> SlotID? {
        guard count < countMax else { return nil }
        let chunk = roomy.first ?? addChunk()
        if chunk == spare { spare = nil }
        let offset = Int(chunks[chunk].firstFree)
        chunks[chunk].firstFree = nextFree(chunk)[offset]
        if chunks[chunk].firstFree == Self.noSlot { roomy.remove(chunk) }
        chunks[chunk].liveCount += 1
        count += 1
        generations(chunk)[offset] &+= 1  // wraps after 2^31 tenants of one slot: harmless
        (elements(chunk) + offset).initialize(to: element)
        return SlotID(
            index: UInt32(chunk * Self.slotCount + offset),
            generation: generations(chunk)[offset])
    }

    /// Takes a value out; nil when the identity is stale.
    @discardableResult
    public mutating func remove(_ id: SlotID) -> Element? {
        guard contains(id) else { return nil }
        let (chunk, offset) = Int(id.index).quotientAndRemainder(dividingBy: Self.slotCount)
        let element = (elements(chunk) + offset).move()
        generations(chunk)[offset] &+= 1  // see insert
        nextFree(chunk)[offset] = chunks[chunk].firstFree
        chunks[chunk].firstFree = UInt16(offset)
        chunks[chunk].liveCount -= 1
        count -= 1
        roomy.insert(chunk)
        if chunks[chunk].liveCount == 0 { retire(chunk) }
        return element
    }

    /// Calls `body` with the value in place; nil when the identity is stale. The body must neither
    /// insert nor remove.
    @inlinable
    public func withElement<R>(_ id: SlotID, _ body: (inout Element) -> R) -> R? {
        guard contains(id) else { return nil }
        return body(&place(id.index).pointee)
    }

    /// Where the value of a live slot lies, until it is removed. Precondition: the slot is live.
    @inlinable
    package func pointer(at index: UInt32) -> UnsafeMutablePointer<Element> {
        place(index)
    }

    /// Whether the identity is that of a live value.
    @inlinable
    public func contains(_ id: SlotID) -> Bool {
        let (chunk, offset) = Int(id.index).quotientAndRemainder(dividingBy: Self.slotCount)
        guard id.generation & 1 == 1, chunk < chunks.count, chunks[chunk].memory != nil else {
            return false
        }
        return generations(chunk)[offset] == id.generation
    }

    /// The identity of the live value in a slot. Precondition: the slot is live.
    public func id(at index: UInt32) -> SlotID {
        let (chunk, offset) = Int(index).quotientAndRemainder(dividingBy: Self.slotCount)
        return SlotID(index: index, generation: generations(chunk)[offset])
    }

    /// The identity of the value in a slot; nil when there is none, also for an index beyond all slots.
    @inlinable
    public func liveID(at index: UInt32) -> SlotID? {
        let (chunk, offset) = Int(index).quotientAndRemainder(dividingBy: Self.slotCount)
        guard chunk < chunks.count, chunks[chunk].memory != nil else { return nil }
        let generation = generations(chunk)[offset]
        return generation & 1 == 1 ? SlotID(index: index, generation: generation) : nil
    }

    /// The identity of the live value at or after `index`, for a walk over all; nil at the end.
    @inlinable
    public func next(from index: UInt32) -> SlotID? {
        var (chunk, start) = Int(index).quotientAndRemainder(dividingBy: Self.slotCount)
        while chunk < chunks.count {
            if chunks[chunk].liveCount > 0 {
                // The pointer once for a chunk: a walk looks at each of its slots.
                let generations = generations(chunk)
                for offset in start..<Self.slotCount where generations[offset] & 1 == 1 {
                    return SlotID(
                        index: UInt32(chunk * Self.slotCount + offset),
                        generation: generations[offset])
                }
            }
            chunk += 1
            start = 0
        }
        return nil
    }

    /// Whether no value is live.
    public var isEmpty: Bool { count == 0 }

    /// Bytes of memory that the slab's chunks take.
    public var allocatedSize: Int { chunks.count { $0.memory != nil } * Self.chunkSize }

    // MARK: Chunks

    private mutating func addChunk() -> Int {
        if absent.first == nil {
            absent.insert(chunks.count)
            chunks.append(Chunk())
        }
        guard let index = absent.first else { preconditionFailure("no chunk to fill") }
        absent.remove(index)
        roomy.insert(index)
        chunks[index].memory = .allocate(
            byteCount: Self.chunkSize, alignment: max(16, MemoryLayout<Element>.alignment))
        chunks[index].firstFree = 0
        generations(index).initialize(
            repeating: chunks[index].generationBase, count: Self.slotCount)
        for offset in 0..<Self.slotCount {
            let next = offset + 1 < Self.slotCount ? UInt16(offset + 1) : Self.noSlot
            (nextFree(index) + offset).initialize(to: next)
        }
        return index
    }

    /// Gives an empty chunk back, or keeps it as the spare one.
    private mutating func retire(_ index: Int) {
        guard let spare, spare != index else {
            spare = index
            return
        }
        // The lower one stays: it is filled first.
        let gone = max(spare, index)
        self.spare = min(spare, index)
        var base: UInt32 = 0
        for offset in 0..<Self.slotCount { base = max(base, generations(gone)[offset]) }
        chunks[gone].generationBase = base
        chunks[gone].memory?.deallocate()
        chunks[gone].memory = nil
        roomy.remove(gone)
        absent.insert(gone)
    }

    // Values first, then generations, then free lists.

    private static var chunkSize: Int {
        slotCount
            * (MemoryLayout<Element>.stride + MemoryLayout<UInt32>.size + MemoryLayout<UInt16>.size)
    }

    @inlinable
    func elements(_ chunk: Int) -> UnsafeMutablePointer<Element> {
        memory(chunk).assumingMemoryBound(to: Element.self)
    }

    @inlinable
    func generations(_ chunk: Int) -> UnsafeMutablePointer<UInt32> {
        (memory(chunk) + Self.slotCount * MemoryLayout<Element>.stride)
            .assumingMemoryBound(to: UInt32.self)
    }

    private func nextFree(_ chunk: Int) -> UnsafeMutablePointer<UInt16> {
        UnsafeMutableRawPointer(generations(chunk) + Self.slotCount)
            .assumingMemoryBound(to: UInt16.self)
    }

    @inlinable
    func memory(_ chunk: Int) -> UnsafeMutableRawPointer {
        guard let memory = chunks[chunk].memory else {
            preconditionFailure("chunk \(chunk) has no memory")
        }
        return memory
    }

    @inlinable
    func place(_ index: UInt32) -> UnsafeMutablePointer<Element> {
        let (chunk, offset) = Int(index).quotientAndRemainder(dividingBy: Self.slotCount)
        return elements(chunk) + offset
    }
}

/// Some of a slab's chunks; the lowest is found by looking at a word for each 64.
@usableFromInline struct ChunkSet {
    private var words: [UInt64] = []

    @usableFromInline init() {}

    mutating func insert(_ index: Int) {
        while index / 64 >= words.count { words.append(0) }
        words[index / 64] |= 1 << UInt64(index % 64)
    }

    mutating func remove(_ index: Int) {
        guard index / 64 < words.count else { return }
        words[index / 64] &= ~(1 << UInt64(index % 64))
    }

    var first: Int? {
        guard let word = words.firstIndex(where: { $0 != 0 }) else { return nil }
        return word * 64 + words[word].trailingZeroBitCount
    }
}
