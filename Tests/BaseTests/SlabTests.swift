import Base
import Testing

@Suite struct SlabTests {
    @Test func staleIdentityFindsNothing() throws {
        var slab = Slab<Int>(countMax: 2)
        let first = try #require(slab.insert(1))
        #expect(slab.remove(first) == 1)
        let second = try #require(slab.insert(2))
        #expect(second.index == first.index)
        #expect(slab.withElement(first) { $0 } == nil)
        #expect(slab.withElement(second) { $0 } == 2)
        #expect(slab.remove(first) == nil)
    }

    @Test func refusesBeyondItsMaximum() throws {
        var slab = Slab<Int>(countMax: 1)
        let id = try #require(slab.insert(1))
        #expect(slab.insert(2) == nil)
        slab.remove(id)
        #expect(slab.insert(3) != nil)
    }

    @Test func walksLiveSlotsOnly() throws {
        var slab = Slab<Int>(countMax: 1_000)
        var ids: [SlotID] = []
        for value in 0..<600 { ids.append(try #require(slab.insert(value))) }
        for id in ids where id.index % 3 == 0 { slab.remove(id) }
        var seen = 0
        var at: UInt32 = 0
        while let id = slab.next(from: at) {
            seen += 1
            at = id.index + 1
        }
        #expect(seen == slab.count)
        #expect(seen == 400)
    }
}
