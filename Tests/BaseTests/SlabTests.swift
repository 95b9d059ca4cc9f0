import Base
import Testing

// The macros copy what they look at, and a slab cannot be copied: values are taken out first.
@Suite struct SlabTests {
    @Test func staleIdentityFindsNothing() throws {
        var slab = Slab<Int>(countMax: 2)
        let inserted = slab.insert(1)
        let first = try #require(inserted)
        let removed = slab.remove(first)
        #expect(removed == 1)
        let insertedAgain = slab.insert(2)
        let second = try #require(insertedAgain)
        #expect(second.index == first.index)
        let stale = slab.withElement(first) { $0 }
        let live = slab.withElement(second) { $0 }
        let removedAgain = slab.remove(first)
        #expect(stale == nil && live == 2 && removedAgain == nil)
    }

    @Test func refusesBeyondItsMaximum() throws {
        var slab = Slab<Int>(countMax: 1)
        let inserted = slab.insert(1)
        let id = try #require(inserted)
        let refused = slab.insert(2)
        #expect(refused == nil)
        slab.remove(id)
        let taken = slab.insert(3)
        #expect(taken != nil)
    }

    @Test func walksLiveSlotsOnly() throws {
        var slab = Slab<Int>(countMax: 1_000)
        var ids: [SlotID] = []
        for value in 0..<600 {
            let inserted = slab.insert(value)
            ids.append(try #require(inserted))
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
