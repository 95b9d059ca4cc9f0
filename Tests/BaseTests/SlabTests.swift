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

@Suite struct SlabChunkTests {
    /// A slab with `count` values and their identities.
    private func filled(_ count: Int, _ slab: inout Slab<Int>) throws -> [SlotID] {
        var ids: [SlotID] = []
        for value in 0..<count {
            let placed = slab.insert(value)
            ids.append(try #require(placed))
        }
        return ids
    }

    @Test func memoryComesByTheChunkAndGoesBack() throws {
        var slab = Slab<Int>(countMax: 1_000_000)
        let allocatedSize = slab.allocatedSize
        #expect(allocatedSize == 0)
        let ids = try filled(100_000, &slab)
        let full = slab.allocatedSize
        #expect(full >= 100_000 * (8 + 6) && full < 102_000 * (8 + 6))
        for id in ids { slab.remove(id) }
        let empty = slab.allocatedSize
        // One spare chunk stays.
        #expect(empty == 1_024 * (8 + 6))
        let isEmpty = slab.isEmpty
        #expect(isEmpty)
    }

    @Test func lowChunksAreFilledFirst() throws {
        var slab = Slab<Int>(countMax: 1_000_000)
        let ids = try filled(10 * 1_024, &slab)
        for id in ids where id.index % 2 == 0 { slab.remove(id) }
        let again = try filled(1_024, &slab)
        #expect(again.allSatisfy { $0.index < 2 * 1_024 })
    }

    @Test func identitiesAreStaleAfterTheirChunkCameBack() throws {
        var slab = Slab<Int>(countMax: 1_000_000)
        var past: Set<SlotID> = []
        for _ in 0..<5 {
            let ids = try filled(3 * 1_024, &slab)
            #expect(past.isDisjoint(with: ids))
            past.formUnion(ids)
            for id in ids.shuffled() { slab.remove(id) }
            let isAnyThere = past.contains { slab.contains($0) }
            #expect(!isAnyThere)
        }
    }

    @Test func agreesWithADictionary() throws {
        var random = SystemRandomNumberGenerator()
        var slab = Slab<Int>(countMax: 5_000)
        var model: [SlotID: Int] = [:]
        for step in 0..<60_000 {
            // Waves of coming and going, so that chunks fill and empty.
            let isComing = Int.random(in: 0..<10, using: &random) < (step / 10_000 % 2 == 0 ? 7 : 3)
            if isComing {
                if let id = slab.insert(step) {
                    #expect(model.updateValue(step, forKey: id) == nil)
                } else {
                    #expect(model.count == 5_000)
                }
            } else if let id = model.keys.first {
                let removed = slab.remove(id)
                #expect(removed == model.removeValue(forKey: id))
            }
        }
        let count = slab.count
        #expect(count == model.count)
        for (id, value) in model {
            let found = slab.withElement(id) { $0 }
            #expect(found == value)
        }
    }

    @Test func valuesDieWithTheirSlab() throws {
        final class Canary {}
        weak var canary: Canary?
        do {
            var slab = Slab<Canary>(countMax: 10)
            let value = Canary()
            canary = value
            let placed = slab.insert(value)
            #expect(placed != nil)
        }
        #expect(canary == nil)
    }
}
