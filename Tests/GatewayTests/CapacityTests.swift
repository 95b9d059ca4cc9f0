// What a gateway can hold, by facts of machines that are made up.

import Base
import Gateway
import Reactor
import Testing

@Suite struct CapacityTests {
    private static let gibibyte = 1 << 30

    private func facts(
        descriptors: Int, cores: Int = 2, gibibytes: Int = 24, openFiles: Int = .max,
        tracked: Int? = nil
    ) -> MachineFacts {
        MachineFacts(
            descriptorLimit: descriptors, descriptorLimitHard: descriptors,
            openFilesMax: openFiles, coreCount: cores, memorySize: gibibytes * Self.gibibyte,
            memoryAvailableSize: gibibytes * Self.gibibyte, trackedConnectionsMax: tracked)
    }

    private func capacity(
        _ facts: MachineFacts, shards: Int? = nil, tables: DescriptorTables = .auto,
        wanted: Int? = nil
    ) -> Capacity {
        Capacity(
            facts: facts, shards: shards, tables: tables,
            connectionsPerShardMax: Limits().connectionsPerShardMax, wanted: wanted)
    }

    @Test func aHighLimitIsOneTable() {
        let capacity = capacity(facts(descriptors: 10_000_000, gibibytes: 8))
        #expect(!capacity.hasTablePerShard)
        #expect(capacity.shardCount == 2)
        #expect(capacity.bound == .memory)
        #expect(capacity.sessionCount * 5_324 <= 7 * Self.gibibyte)
        #expect(capacity.advice.isEmpty)
    }

    @Test func aLowLimitIsATableEach() {
        let two = capacity(facts(descriptors: 20_000))
        #expect(two.hasTablePerShard)
        #expect(two.bound == .descriptors)
        #expect(two.sessionCount > 39_000 && two.sessionCount < 40_000)
        #expect(two.sessionCount == 2 * two.connectionsPerShard)
        // As many shards as the advice says are enough for what is wanted.
        let wanted = capacity(facts(descriptors: 20_000), wanted: 1_000_000)
        let shards = wanted.advice.first { $0.name == "shards" }?.wanted
        #expect(shards == "51")
        let many = capacity(facts(descriptors: 20_000), shards: 51, wanted: 1_000_000)
        #expect(many.sessionCount >= 1_000_000)
        #expect(many.advice.isEmpty)
    }

    /// Who asks about few sessions is told of the gateway that would start, which goes by the memory.
    @Test func whatIsAskedForDoesNotChangeWhatIsThere() {
        let asked = capacity(facts(descriptors: 20_000), wanted: 10_000)
        let started = capacity(facts(descriptors: 20_000))
        #expect(asked.summary == started.summary && asked.hasTablePerShard)
        #expect(asked.advice.isEmpty && !started.advice.isEmpty)
    }

    @Test func oneTableIsSharedFairly() {
        let capacity = capacity(facts(descriptors: 20_000), shards: 4, tables: .shared)
        #expect(!capacity.hasTablePerShard)
        #expect(4 * capacity.connectionsPerShard <= 20_000)
        #expect(capacity.sessionCount > 19_000)
        #expect(capacity.advice.contains { $0.kind == .descriptorLimit })
        #expect(!capacity.advice.contains { $0.name == "shards" })
    }

    @Test func whatElseLimitsIsSaid() {
        #expect(capacity(facts(descriptors: 1 << 24, openFiles: 5_000)).bound == .openFiles)
        let tracked = capacity(facts(descriptors: 1 << 24, tracked: 4_000))
        #expect(tracked.bound == .trackedConnections)
        #expect(tracked.sessionCount == 4_000)
        #expect(tracked.advice.contains { $0.name == "net.netfilter.nf_conntrack_max" })
        let configured = Capacity(
            facts: facts(descriptors: 1 << 24), shards: 2, tables: .auto,
            connectionsPerShardMax: 100)
        #expect(configured.bound == .configuration)
        #expect(configured.sessionCount == 200)
        #expect(configured.advice.contains { $0.name == "limits.connections-per-shard-max" })
    }

    @Test func memoryThatIsMissingIsSaid() throws {
        let capacity = capacity(facts(descriptors: 1 << 24, gibibytes: 1), wanted: 1_000_000)
        #expect(capacity.bound == .memory)
        let advice = try #require(capacity.advice.first { $0.kind == .machine })
        #expect(advice.name == "memory")
    }

    @Test func aTinyLimitStillHoldsOne() {
        for tables in DescriptorTables.allCases {
            let capacity = capacity(facts(descriptors: 10), shards: 256, tables: tables)
            #expect(capacity.connectionsPerShard == 1)
        }
    }

    @Test func thisMachineHasFacts() throws {
        let facts = try MachineFacts.read()
        #expect(facts.coreCount >= 1)
        #expect(facts.descriptorLimit > 0 && facts.descriptorLimit <= facts.descriptorLimitHard)
        #expect(facts.memoryAvailableSize > 1 << 20)
        #expect(facts.memoryAvailableSize <= facts.memorySize)
        #expect(facts.listenBacklogMax > 0)
    }
}
