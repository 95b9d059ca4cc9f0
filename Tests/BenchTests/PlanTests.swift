// Who the clients are, where they come from, when things are due, and what a client costs.

import Base
import Reactor
import Testing
import Wire

@testable import Bench

@Suite struct PlanTests {
    @Test(arguments: [(1, 1), (10, 3), (1_000, 7), (5, 8)])
    func everyClientHasOneThread(_ count: Int, _ threads: Int) {
        let population = Population(count: count, threadCount: threads)
        var clients: Set<Int> = []
        for thread in 0..<threads {
            for index in 0..<population.count(ofThread: thread) {
                clients.insert(index * threads + thread)
            }
        }
        #expect(clients == Set(0..<count))
    }

    @Test func accountsAndDevices() {
        let population = Population(
            count: 7, singleCount: 1, devicesPerAccount: 3, firstAccount: 10, threadCount: 2)
        let all = (0..<7).map { population.account(of: $0) }
        #expect(all.map(\.account) == [10, 11, 11, 11, 12, 12, 12])
        #expect(all.map(\.device) == [0, 0, 1, 2, 0, 1, 2])
        #expect(population.accountCount == 3)
        #expect(Population(count: 7, threadCount: 1).accountCount == 7)
    }

    /// No source address has more clients than it has ports for, whichever process they are in.
    @Test func sourcesHaveFewClients() {
        var counts: [SocketAddress: Int] = [:]
        for first in [0, 1_999_900, 4_000_000] {
            let population = Population(count: 200_000, firstAccount: first, threadCount: 1)
            for client in 0..<200_000 { counts[population.source(of: client), default: 0] += 1 }
        }
        #expect(counts.keys.allSatisfy { $0.isLoopback && $0.port == 0 })
        #expect(counts.values.allSatisfy { $0 <= BenchLimits.clientsPerSourceMax })
        let last = Population(
            count: 1, firstAccount: WireLimits.benchAccountCountMax - 1, threadCount: 1)
        #expect(last.source(of: 0).isLoopback)
    }

    @Test func threadsFollowTheDescriptors() throws {
        func threads(_ count: Int, asked: Int? = nil) -> (count: Int, unshares: Bool)? {
            BenchRun.threads(for: count, asked: asked, descriptorLimit: 20_000, coreCount: 2)
        }
        let room = 20_000 - BenchLimits.descriptorMarginCount
        #expect(try #require(threads(1)) == (1, false))
        #expect(try #require(threads(room)) == (2, false))
        #expect(try #require(threads(room, asked: 5)) == (5, false))
        #expect(try #require(threads(room + 1)) == (2, true))
        #expect(try #require(threads(1_000_000)) == (52, true))
        #expect(threads(1_000_000, asked: 51) == nil)
        #expect(threads(room * BenchLimits.threadCountMax + 1) == nil)
    }

    @Test func thingsAreDueInTime() {
        let pace = Pace(startNs: 1_000, rate: 1_000)
        #expect(pace.dueNs(0) == 1_000 && pace.dueNs(1) == 1_001_000)
        #expect(pace.share(1, of: 4).dueNs(1) == 4_001_000)
        #expect(Pace(startNs: 1_000, rate: nil).share(1, of: 4).dueNs(7) == nil)
    }

    @Test func idsCarryTheirTime() {
        var text = [UInt8](repeating: 0, count: MessageID.size)
        for time in [0, 1, 0x0123_4567_89AB_CDEF, UInt64.max] {
            text.withUnsafeMutableBytes { MessageID.write(time, 0xFEDC_BA98, into: $0) }
            #expect(String(decoding: text.suffix(8), as: UTF8.self) == "FEDCBA98")
            #expect(text.withUnsafeBytes { MessageID.intendedNs($0) } == time)
            #expect(StanzaID(String(decoding: text, as: UTF8.self)) != nil)
        }
        for foreign in [
            "", "0", String(repeating: "0", count: 25), "g" + String(repeating: "0", count: 23),
        ] {
            let parsed = Array(foreign.utf8).withUnsafeBytes { MessageID.intendedNs($0) }
            #expect(parsed == nil, "\(foreign)")
        }
    }

    @Test func anIdleClientIsSmall() {
        // docs/SCALE.md says so.
        #expect(MemoryLayout<BenchClient>.stride == 56)
        #expect(MemoryLayout<SlotID>.stride == 8)
    }

    @Test func kindsOfErrorsAreBounded() {
        var measurements = Measurements()
        for kind in 0..<1_000 { measurements.note("\(kind)") }
        #expect(measurements.errors.count == BenchLimits.errorKindCountMax + 1)
        #expect(measurements.errors.values.reduce(0, +) == 1_000)
    }

    @Test func kernelMemoryIsRead() {
        let memory = KernelMemory(
            meminfo: ["MemTotal:  100 kB", "MemFree:   7 kB", "Slab:  3 kB", "odd"],
            sockstat: [
                "sockets: used 188", "TCP: inuse 9 orphan 0 tw 4 alloc 10 mem 2", "UDP: inuse 1",
            ])
        #expect(memory.memFreeBytes == 7_168 && memory.slabBytes == 3_072)
        #expect(memory.tcpSockets == 9 && memory.timeWaitSockets == 4)
        #expect(memory.tcpBufferBytes == 8_192)
        #expect(KernelMemory(meminfo: [], sockstat: []).tcpSockets == 0)
    }
}
