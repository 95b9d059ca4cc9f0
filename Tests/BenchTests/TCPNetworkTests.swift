// The user-space TCP over bad networks: what was written arrives, whole and in order, in both directions,
// and both ends agree that it is over. Every world comes from its seed.

import Base
import Testing

@testable import Bench

@Suite struct TCPNetworkTests {
    private static let faults: [Faults] = [
        Faults(),
        Faults(lost: 50),
        Faults(lost: 200),
        Faults(repeated: 300, delayMsMax: 40),
        Faults(damaged: 100),
        Faults(lost: 80, repeated: 80, damaged: 80, delayMsMax: 300),
    ]

    @Test(arguments: 0..<6, [1, 2, 3] as [UInt64]) func echoesAreWhole(
        _ kind: Int, _ seed: UInt64
    ) {
        let world = TCPWorld(seed: seed * 1_000 + UInt64(kind), faults: Self.faults[kind])
        let ids = (0..<4).map { world.connect(UInt64($0)) }
        var dice = Dice(state: seed)
        let texts = ids.map { _ in
            (0..<Int.random(in: 1...20_000, using: &dice)).map { _ in
                UInt8.random(in: 0...255, using: &dice)
            }
        }
        var written = ids.map { _ in 0 }
        var isClosed = ids.map { _ in false }
        let isDone = world.run(ms: 400_000) {
            for (index, id) in ids.enumerated() where world.news(UInt64(index)) != [] {
                let rest = texts[index][written[index]...]
                let size = min(rest.count, Int.random(in: 1...3_000, using: &dice))
                if size > 0 { written[index] += world.write(id, Array(rest.prefix(size))) }
                let echo = world.bytes[UInt64(index)]?.count ?? 0
                if echo == texts[index].count, !isClosed[index] {
                    isClosed[index] = true
                    world.stack.close(id)
                }
            }
            return isClosed.allSatisfy { $0 } && world.connectionCount == 0
        }
        #expect(isDone, "seed \(seed), faults \(kind)")
        for index in ids.indices {
            #expect(world.bytes[UInt64(index)] ?? [] == texts[index], "\(index)")
            #expect(world.news(UInt64(index)).isSuperset(of: [.connected, .data, .ended]))
            #expect(!world.news(UInt64(index)).contains(.failed))
        }
        if Self.faults[kind].lost + Self.faults[kind].damaged >= 100 {
            #expect(world.stack.counters.retransmissions > 0)
        }
        if kind == 0 { #expect(world.stack.counters.retransmissions == 0) }
        #expect((world.stack.counters.packetsBad > 0) == (Self.faults[kind].damaged > 0))
        world.stack.checkInvariants()
        #expect(world.timerCount == 0)
    }

    /// Our numbers and the peer's wrap in the middle of the bytes.
    @Test func sequencesWrap() throws {
        let probe = TCPWorld(seed: 9)
        _ = probe.connect()
        _ = probe.collect()
        let first = try #require(probe.sent.first).sequence
        // Each millisecond moves the first number by 250.
        let startMs = 5_000 + UInt64((0 &- first &- 3_000) / 250)
        let world = TCPWorld(seed: 9, startMs: startMs)
        let id = world.open()
        let wrapping = try #require(world.sent.first).sequence
        #expect(wrapping > UInt32.max - 4_000)
        let text = (0..<50_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        #expect(world.write(id, text) == text.count)
        #expect(world.run(ms: 60_000) { world.bytes[7]?.count == text.count })
        #expect(world.bytes[7] == text)
        let control = world.stack.connections.pointer(at: id.index).pointee
        #expect(control.next < 100_000 && control.expected < 100_000)
    }

    /// A million bytes ahead of a peer that takes them slowly: no more is taken than there is room for,
    /// and room is told.
    @Test func writersAreHeldUp() {
        let world = TCPWorld(seed: 4)
        world.peer.isEchoing = false
        let id = world.open()
        let text = [UInt8](repeating: 1, count: 1_000_000)
        var written = world.write(id, text)
        #expect(written == BenchLimits.unsentSizeMax)
        #expect(world.write(id, text) == 0)
        let key = world.key(id)
        var told = 0
        #expect(
            world.run(ms: 100_000) {
                if let last = world.news[7]?.last, last.news.contains(.writable) {
                    told += 1
                    world.news[7] = []
                    written += world.write(id, Array(text[written...]))
                }
                return world.peer.connections[key]?.received.count == text.count
            })
        #expect(told > 1)
        #expect(written == text.count)
    }
}
