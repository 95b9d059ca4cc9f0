import Base
import Testing

@Suite struct SlabTests {
    @Test func staleIdentityFindsNothing() throws {
        var slab = Slab<Int>(countMax: 2)
        let inserted = slab.insert(1)
        let first = try #require(inserted)
        let removed = slab.remove(first)
        #expect(removed == 1)
        let reinserted = slab.insert(2)
        let second = try #require(reinserted)
        #expect(second.index == first.index)
        let stale = slab.withElement(first) { $0 }
        #expect(stale == nil)
        let live = slab.withElement(second) { $0 }
        #expect(live == 2)
        let removedAgain = slab.remove(first)
        #expect(removedAgain == nil)
    }

    @Test func refusesBeyondItsMaximum() throws {
        var slab = Slab<Int>(countMax: 1)
        let inserted = slab.insert(1)
        let id = try #require(inserted)
        let refused = slab.insert(2)
        #expect(refused == nil)
        slab.remove(id)
        let insertedAgain = slab.insert(3)
        #expect(insertedAgain != nil)
    }

    @Test func walksLiveSlotsOnly() throws {
        var slab = Slab<Int>(countMax: 1_000)
        var ids: [SlotID] = []
        for value in 0..<600 {
            let id = slab.insert(value)
            ids.append(try #require(id))
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
}
