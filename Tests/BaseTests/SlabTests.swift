import Base
import Testing

@Suite struct SlabTests {
    @Test func staleIdentityFindsNothing() throws {
        var slab = Slab<Int>(countMax: 2)
        let placed = slab.insert(1)
        let first = try #require(placed)
        let removed = slab.remove(first)
        #expect(removed == 1)
        let placedAgain = slab.insert(2)
        let second = try #require(placedAgain)
        #expect(second.index == first.index)
        let stale = slab.withElement(first) { $0 }
        let fresh = slab.withElement(second) { $0 }
        let removedStale = slab.remove(first)
        #expect(stale == nil)
        #expect(fresh == 2)
        #expect(removedStale == nil)
    }

    @Test func refusesBeyondItsMaximum() throws {
        var slab = Slab<Int>(countMax: 1)
        let placed = slab.insert(1)
        let id = try #require(placed)
        let beyond = slab.insert(2)
        #expect(beyond == nil)
        slab.remove(id)
        let again = slab.insert(3)
        #expect(again != nil)
    }

    @Test func walksLiveSlotsOnly() throws {
        var slab = Slab<Int>(countMax: 1_000)
        var ids: [SlotID] = []
        for value in 0..<600 {
            let placed = slab.insert(value)
            ids.append(try #require(placed))
        }
        for id in ids where id.index % 3 == 0 { slab.remove(id) }
        var seen = 0
        var at: UInt32 = 0
        while let id = slab.next(from: at) {
            seen += 1
            at = id.index + 1
        }
        let count = slab.count
        #expect(seen == count)
        #expect(seen == 400)
    }

    @Test func wordHoldsIndexAndGeneration() {
        let id = SlotID(index: 7, generation: 9)
        #expect(SlotID(word: id.word) == id)
    }
}
