// What the user-space TCP does in each state, segment by segment.

import Base
import Testing

@testable import Bench

@Suite struct TCPStackTests {
    // MARK: Beginning

    @Test func aHandshakeTakesThreeSegments() throws {
        let world = TCPWorld()
        let id = world.open()
        #expect(world.news(7) == [.connected])
        #expect(world.sent.count == 2)
        let syn = try #require(world.sent.first)
        #expect(syn.flags == [.syn] && syn.sizeMax == 1_460)
        #expect(syn.windowShift == TCPStack.windowShift)
        #expect(world.sent.last?.flags == [.ack])
        #expect(world.sent.last?.sequence == syn.sequence &+ 1)
        let control = world.stack.connections.pointer(at: id.index).pointee
        #expect(control.segmentSize == 700 && control.windowShift == 3)
        #expect(control.flight == TCPControl.noFlight && world.timerCount == 0)
    }

    /// The first bytes carry the acknowledgement.
    @Test func acknowledgementsGoWithBytes() {
        let world = TCPWorld()
        let id = world.connect()
        _ = world.collect()
        world.deliver(TCPWorld.packet(world.fromPeer(id, [.syn, .ack])))
        #expect(world.news(7) == [.connected])
        _ = world.write(id, [1, 2, 3])
        _ = world.collect()
        #expect(world.sent.map(\.flags) == [[.syn], [.ack, .push]])
        world.deliver(TCPWorld.packet(world.fromPeer(id, [.ack]), [1]))
        world.deliver(TCPWorld.packet(world.fromPeer(id, [.ack]), [2, 3]))
        _ = world.collect()
        #expect(world.sent.count == 3, "one for both")
        #expect(world.timerCount == 0, "and nothing is left")
    }

    @Test func synsAreRepeatedAndGivenUp() {
        let world = TCPWorld()
        world.peer.isSilent = true
        _ = world.connect()
        #expect(world.run(ms: 100_000) { world.news(7).contains(.failed) })
        #expect(world.reason(7) == .silent)
        let pauses = zip(world.sentMs.dropFirst(), world.sentMs).map { $0 - $1 }
        for (pause, expected) in zip(pauses, [1, 2, 4, 8, 16, 16, 16, 16] as [UInt64]) {
            #expect((expected * 1_000..<expected * 1_000 + 25).contains(pause), "\(pauses)")
        }
        #expect(world.sent.count == BenchLimits.retransmitCountMax + 1)
        #expect(world.sent.allSatisfy { $0.flags == [.syn] })
        #expect(world.connectionCount == 0 && world.stack.counters.silences == 1)
    }

    @Test func refusals() {
        let world = TCPWorld()
        let id = world.connect()
        _ = world.collect()
        // A reset that does not answer our SYN is nobody's.
        var answer = world.fromPeer(id, [.reset, .ack])
        answer.acknowledged &-= 1
        world.deliver(TCPWorld.packet(answer))
        world.deliver(TCPWorld.packet(world.fromPeer(id, [.reset])))
        #expect(world.news(7) == [])
        // Nor is a SYN-ACK for another SYN: it is told so.
        answer = world.fromPeer(id, [.syn, .ack])
        answer.acknowledged &+= 5
        world.deliver(TCPWorld.packet(answer))
        _ = world.collect()
        #expect(world.sent.last?.flags == [.reset])
        #expect(world.sent.last?.sequence == answer.acknowledged)
        world.deliver(TCPWorld.packet(world.fromPeer(id, [.reset, .ack])))
        #expect(world.news(7) == [.failed] && world.reason(7) == .refused)
        #expect(world.connectionCount == 0)
    }

    /// Our acknowledgement of the SYN-ACK was lost.
    @Test func aRepeatedSynAckIsAcknowledged() {
        let world = TCPWorld()
        let id = world.open()
        let count = world.sent.count
        world.deliver(TCPWorld.packet(world.fromPeer(id, [.syn, .ack], offset: -1)))
        _ = world.collect()
        #expect(world.sent.count == count + 1 && world.sent.last?.flags == [.ack])
        #expect(world.news(7) == [.connected])
    }

    // MARK: Ends

    @Test(arguments: [true, false]) func endsGoBothWays(_ isOurs: Bool) {
        let world = TCPWorld()
        let id = world.open()
        let key = world.key(id)
        world.peer.isEchoing = isOurs
        _ = world.write(id, Array(0..<100))
        if isOurs {
            world.stack.close(id)
            #expect(world.write(id, [1]) == 0, "nothing after the end")
        } else {
            world.peer.close(key)
            #expect(world.run(ms: 3_000) { world.news(7).contains(.ended) })
            #expect(world.connectionCount == 1, "our direction is open")
            #expect(world.write(id, [100]) == 1)
            world.run(ms: 50)
            world.stack.close(id)
        }
        #expect(world.run(ms: 5_000) { world.connectionCount == 0 })
        world.run(ms: 2_000)
        #expect(world.peer.connections[key]?.hasTheirEnd == true)
        #expect(world.peer.connections[key]?.isEndAcknowledged == true)
        #expect(world.peer.connections[key]?.received.count == (isOurs ? 100 : 101))
        #expect(world.peer.resetCount == 0)
        #expect(world.news(7).contains(.ended) && !world.news(7).contains(.failed))
    }

    @Test func resetsCountOnlyWhereTheyBelong() {
        let world = TCPWorld()
        let id = world.open()
        let count = world.sent.count
        // Outside the window: a forger's, or old.
        world.deliver(
            TCPWorld.packet(world.fromPeer(id, [.reset], offset: Int(TCPStack.windowSize))))
        world.deliver(TCPWorld.packet(world.fromPeer(id, [.reset], offset: -1)))
        _ = world.collect()
        #expect(world.sent.count == count)
        // Within, but not the next: the peer is asked by an acknowledgement (RFC 5961).
        world.deliver(TCPWorld.packet(world.fromPeer(id, [.reset], offset: 1)))
        _ = world.collect()
        #expect(world.sent.count == count + 1 && world.sent.last?.flags == [.ack])
        #expect(world.news(7) == [.connected])
        world.deliver(TCPWorld.packet(world.fromPeer(id, [.reset])))
        #expect(world.reason(7) == .reset && world.connectionCount == 0)
        #expect(world.write(id, [1]) == 0)
        world.stack.reset(id)
        world.stack.close(id)
        #expect(world.collect().isEmpty)
    }

    @Test func ourResetEndsThePeer() {
        let world = TCPWorld()
        let id = world.open()
        let key = world.key(id)
        world.stack.reset(id)
        world.run(ms: 5)
        #expect(world.peer.connections[key]?.isReset == true)
        #expect(world.connectionCount == 0)
        // What still comes for it is a stray, and answered; a reset is not.
        world.peer.connections[key]?.isReset = false
        world.peer.acknowledge(key)
        world.run(ms: 5)
        #expect(world.stack.counters.strays == 1 && world.peer.resetCount == 2)
    }

    // MARK: Bytes

    @Test func aSilentPeerIsGivenUp() {
        let world = TCPWorld()
        let id = world.open()
        world.peer.isSilent = true
        _ = world.write(id, [1])
        #expect(world.run(ms: 100_000) { world.news(7).contains(.failed) })
        #expect(world.reason(7) == .silent)
        #expect(world.stack.counters.retransmissions == BenchLimits.retransmitCountMax)
        #expect(world.sent.last?.flags == [.reset, .ack])
    }

    @Test func aShutWindowIsAskedAbout() {
        let world = TCPWorld()
        let id = world.open()
        world.peer.window = 0
        let text = [UInt8](repeating: 9, count: 60_000)
        #expect(world.write(id, text) == text.count)
        // Far longer than a silent peer would be waited for.
        world.run(ms: 300_000)
        let key = world.key(id)
        let before = world.peer.connections[key]?.received.count ?? 0
        #expect(before <= 20_000)
        #expect(world.sent.count > 20, "it was asked")
        world.peer.window = 20_000
        #expect(world.run(ms: 60_000) { world.bytes[7]?.count == text.count })
        #expect(!world.news(7).contains(.failed))
    }

    /// Three acknowledgements of the same bring what is missing before its time.
    @Test func repeatedAcknowledgementsBringTheMissing() {
        let world = TCPWorld()
        let id = world.open()
        let first = world.stack.connections.pointer(at: id.index).pointee.next
        _ = world.write(id, [UInt8](repeating: 1, count: 2_000))
        _ = world.collect()
        var repeated = world.fromPeer(id, [.ack], window: 60_000 >> 3)
        repeated.acknowledged = first
        world.deliver(TCPWorld.packet(repeated))
        let count = world.sent.count
        for _ in 0..<3 { world.deliver(TCPWorld.packet(repeated)) }
        _ = world.collect()
        #expect(world.sent.count == count + 1)
        #expect(world.sent.last?.sequence == first)
        #expect(world.stack.counters.retransmissions == 1)
        for _ in 0..<9 { world.deliver(TCPWorld.packet(repeated)) }
        _ = world.collect()
        #expect(world.sent.count == count + 1, "once")
    }

    @Test func whatComesEarlyIsAskedForAgain() {
        let world = TCPWorld()
        let id = world.open()
        let count = world.sent.count
        let early = TCPWorld.packet(world.fromPeer(id, [.ack], offset: 3), [4, 5])
        for _ in 0..<3 { world.deliver(early) }
        _ = world.collect()
        #expect(world.sent.count == count + 3, "each is answered at once")
        #expect(world.stack.counters.outOfOrder == 3)
        world.deliver(TCPWorld.packet(world.fromPeer(id, [.ack]), [1, 2, 3]))
        world.deliver(TCPWorld.packet(world.fromPeer(id, [.ack], offset: -2), [2, 3, 4, 5]))
        #expect(world.bytes[7] == [1, 2, 3, 4, 5], "only what is new of it")
        world.deliver(TCPWorld.packet(world.fromPeer(id, [.ack], offset: -2), [4, 5]))
        #expect(world.bytes[7] == [1, 2, 3, 4, 5] && world.stack.counters.duplicates == 1)
    }

    /// A question whether we live is one byte, or none, that was acknowledged before.
    @Test(arguments: [[], [0]] as [[UInt8]]) func questionsAreAnswered(_ payload: [UInt8]) {
        let world = TCPWorld()
        let id = world.open()
        let count = world.sent.count
        world.deliver(TCPWorld.packet(world.fromPeer(id, [.ack], offset: -1), payload))
        _ = world.collect()
        #expect(world.sent.count == count + 1 && world.sent.last?.flags == [.ack])
        #expect(world.bytes[7] == nil)
        #expect(world.timerCount == 0)
    }

    // MARK: Anything

    @Test func madeUpSegmentsDoNoHarm() {
        var dice = Dice(state: 77)
        for round in 0..<200 {
            let world = TCPWorld(seed: UInt64(round))
            let id = round % 4 == 0 ? world.connect() : world.open()
            if round % 3 == 0 { _ = world.write(id, [UInt8](repeating: 1, count: 5_000)) }
            if round % 5 == 0 { world.stack.close(id) }
            _ = world.collect()
            for _ in 0..<40 where world.stack.connections.contains(id) {
                let flags = SegmentFlags(rawValue: UInt8.random(in: 0...255, using: &dice))
                let offsets = [-70_000, -1_000, -1, 0, 0, 0, 1, 1_000, 300_000, Int(Int32.min)]
                var segment = world.fromPeer(
                    id, flags, offset: offsets.randomElement(using: &dice) ?? 0,
                    window: UInt16.random(in: 0...UInt16.max, using: &dice))
                segment.acknowledged &+= UInt32(
                    bitPattern: Int32(offsets.randomElement(using: &dice) ?? 0))
                let size = Int.random(in: 0...20, using: &dice)
                world.deliver(TCPWorld.packet(segment, [UInt8](repeating: 3, count: size)))
                _ = world.collect()
            }
        }
        let world = TCPWorld()
        _ = world.open()
        for _ in 0..<2_000 {
            let size = Int.random(in: 0...90, using: &dice)
            world.deliver((0..<size).map { _ in UInt8.random(in: 0...255, using: &dice) })
        }
        #expect(world.stack.counters.packetsBad == 2_000)
        #expect(world.news(7) == [.connected])
    }

    @Test func foreignSegmentsAreNotOurs() {
        let world = TCPWorld()
        let id = world.open()
        var segment = world.fromPeer(id, [.ack])
        segment.source = 0x7F00_0002
        world.deliver(TCPWorld.packet(segment, [1]))
        segment = world.fromPeer(id, [.ack])
        segment.sourcePort &+= 1
        world.deliver(TCPWorld.packet(segment, [1]))
        segment = world.fromPeer(id, [.ack])
        segment.destinationPort &+= 2
        world.deliver(TCPWorld.packet(segment, [1]))
        #expect(world.stack.counters.strays == 3)
        segment = world.fromPeer(id, [.ack])
        segment.destination = 0x0A08_0000
        world.deliver(TCPWorld.packet(segment, [1]))
        #expect(world.stack.counters.packetsBad == 1)
        #expect(world.bytes[7] == nil)
    }

    // MARK: Places and memory

    /// A connection has an address and a port that no other has, and a new one when its place is used again.
    @Test func portsAreFresh() {
        let world = TCPWorld()
        var seen: Set<UInt64> = []
        for _ in 0..<TCPStack.tenantCount {
            let id = world.connect()
            #expect(seen.insert(world.key(id)).inserted)
            #expect(
                world.stack.connection(at: world.stack.address(of: id), world.stack.port(of: id))
                    == id)
            world.stack.reset(id)
            #expect(
                world.stack.connection(
                    at: world.stack.address(of: id), world.stack.port(of: id)) == nil)
            _ = world.collect()
        }
        let ids = (0..<70_000).map { _ in world.connect() }
        #expect(Set(ids.map { world.key($0) }).count == ids.count)
        let last = SlotID(index: UInt32(TCPStack.connectionCountMax - 1), generation: 511)
        #expect(world.stack.port(of: last) == 65_535)
    }

    @Test func aConnectionAtRestIsSmall() {
        #expect(MemoryLayout<TCPControl>.stride == 36)
        let world = TCPWorld()
        for token in 0..<1_024 { _ = world.connect(UInt64(token)) }
        #expect(
            world.run(ms: 1_000) {
                world.peer.connections.values.allSatisfy { $0.isOpen }
                    && world.peer.connections.count == 1_024
            })
        #expect(world.stack.allocatedSize == 1_024 * 42)
        #expect(world.timerCount == 0)
        let flights = world.stack.flights.count
        #expect(flights <= BenchLimits.spareFlightCountMax)
    }
}
