// Handshakes come at the rate the shard can stand; who is logged in does not notice.

import Base
import Foundation
import Reactor
import Synchronization
import TLS
import Testing
import Wire

@testable import Gateway

@Suite(.serialized) struct AdmissionTests {
    /// Connections that have sent a ClientHello and not yet got an answer.
    private func hellos(_ server: TestServer, _ count: Int) throws -> [Socket.Box] {
        let context = try TLSContext(client: TLSClientConfiguration(caPath: server.ca))
        return try (0..<count).map { _ in
            var hello = ByteBuffer()
            var tls = try TLSConnection(client: context, serverName: "localhost")
            try tls.start(output: &hello, ciphers: RecordCiphers())
            let box = try connect(server)
            _ = hello.withUnsafeBytes { box.socket.write($0) }
            return box
        }
    }

    private func connect(_ server: TestServer) throws -> Socket.Box {
        let socket = try Socket.connect(to: SocketAddress(ipv4: 0x7F00_0001, port: server.port))
        var poller = try Poller(eventCountMax: 1)
        try poller.add(socket.rawValue, token: 0, interest: [.writable])
        poller.wait(timeoutMs: 2_000)
        return Socket.Box(socket)
    }

    /// Whether anything has come, without waiting.
    private func isAnswered(_ box: Socket.Box) -> Bool {
        withUnsafeTemporaryAllocation(byteCount: 65_536, alignment: 16) { scratch in
            if case .bytes = box.socket.read(into: scratch) { return true }
            return false
        }
    }

    @Test func overTheRateConnectionsWaitInOrder() throws {
        let server = try TestServer(
            configuration: """
                shards = 1
                [limits]
                handshakes-per-second-max = 10
                handshake-burst-max = 5
                handshakes-per-turn-max = 5
                handshake-timeout-ms = 20000
                """)
        try server.addAccount("alice")
        let bystander = try RawClient(port: server.port, ca: server.ca)
        #expect(try bystander.logIn("alice").tag == "success")
        let waiting = try hellos(server, 25)
        var order: [Int] = []
        let deadline = MonotonicClock.now().advanced(byMs: 10_000)
        var longestWaitMs: UInt64 = 0
        while order.count < waiting.count, MonotonicClock.now() < deadline {
            for (index, box) in waiting.enumerated() where !order.contains(index) {
                if isAnswered(box) { order.append(index) }
            }
            // The session keeps its turn all the while.
            let asked = MonotonicClock.now()
            try bystander.send(pingNode)
            #expect(try bystander.nextNode()["type"] == "result")
            longestWaitMs = max(longestWaitMs, MonotonicClock.now().milliseconds(since: asked))
            usleep(5_000)
        }
        // A sweep sees those answered since the last one together, in order.
        #expect(order == Array(0..<25))
        let status = try server.status()
        #expect((status["handshakes-delayed"] ?? 0) >= 10)
        #expect(status["handshakes-waiting"] == 0 && status["handshakes-in-flight"] == 25)
        #expect(longestWaitMs < 5_000)
        try server.stop()
    }

    @Test func handshakesInFlightAreBoundedAndTheirEndMakesRoom() throws {
        let server = try TestServer(
            configuration: """
                shards = 1
                [limits]
                handshakes-in-flight-per-shard-max = 3
                handshake-timeout-ms = 20000
                """)
        var waiting = try hellos(server, 5)
        try server.waitForStatus("handshakes-waiting", 2)
        #expect(try server.status()["handshakes-in-flight"] == 3)
        #expect(waiting.map { isAnswered($0) } == [true, true, true, false, false])
        waiting.removeFirst(2)
        try server.waitForStatus("handshakes-waiting", 0)
        #expect(try server.status()["handshakes-in-flight"] == 3)
        let late = try hellos(server, 1)
        try server.waitForStatus("handshakes-waiting", 1)
        waiting = []
        try server.waitForStatus("handshakes-waiting", 0)
        _ = late.count
        try server.waitForStatus("handshakes-in-flight", 1)
        // Finished handshakes do not count.
        let whole = try (0..<5).map { _ in try RawClient(port: server.port, ca: server.ca) }
        try server.waitForStatus("handshakes-in-flight", 1)
        #expect(whole.count == 5)
        try server.stop()
    }

    /// The costly step waits its turn also when its ClientHello comes in pieces.
    @Test func aHelloInPiecesWaitsItsTurn() throws {
        let server = try TestServer(configuration: "shards = 1")
        let context = try TLSContext(client: TLSClientConfiguration(caPath: server.ca))
        var hello = ByteBuffer()
        var tls = try TLSConnection(client: context, serverName: "localhost")
        try tls.start(output: &hello, ciphers: RecordCiphers())
        let bytes = hello.copy()
        let box = try connect(server)
        for (index, byte) in bytes.enumerated() {
            #expect(withUnsafeBytes(of: byte) { box.socket.write($0) } == .bytes(1))
            if index == 0 { try server.waitForStatus("handshakes-in-flight", 1) }
            if index % 32 == 0 { usleep(1_000) }
        }
        let deadline = Date().addingTimeInterval(20)
        while !isAnswered(box), Date() < deadline { usleep(1_000) }
        let status = try server.status()
        #expect(Date() < deadline && (status["handshakes-delayed"] ?? 0) >= 1)
        #expect(status["handshakes-in-flight"] == 1 && status["handshakes-waiting"] == 0)
        try server.stop()
    }

    /// So does that of the second ClientHello: the answer to the first, a HelloRetryRequest, costs little.
    @Test func aSecondHelloWaitsItsTurn() throws {
        let server = try TestServer(configuration: "shards = 1")
        let text = try TestFiles.run(
            "/usr/bin/openssl",
            [
                "s_client", "-connect", "127.0.0.1:\(server.port)", "-CAfile", server.ca, "-alpn",
                "tern/1", "-groups", "P-521:P-256",
            ], input: "")
        #expect(text.contains("New, TLSv1.3"))
        #expect((try server.status()["handshakes-delayed"] ?? 0) >= 1)
        try server.stop()
    }

    /// One that has failed holds nobody up while its last words go out.
    @Test func aFailedHandshakeMakesRoomAtOnce() throws {
        let server = try TestServer(
            configuration: """
                shards = 1
                [limits]
                handshakes-in-flight-per-shard-max = 1
                close-timeout-ms = 20000
                """)
        // A ClientHello of 131,396 bytes, as its first nine say.
        let box = try connect(server)
        let head: [UInt8] = [22, 3, 1, 0, 4, 1, 2, 1, 0x44]
        #expect(head.withUnsafeBytes { box.socket.write($0) } == .bytes(9))
        try server.waitForStatus("handshakes-failed", 1)
        let status = try server.status()
        #expect(status["handshakes-in-flight"] == 0 && status["connections"] == 1)
        let deadline = Date().addingTimeInterval(10)
        while !isAnswered(box), Date() < deadline { usleep(1_000) }
        #expect(Date() < deadline, "no alert")
        _ = try RawClient(port: server.port, ca: server.ca)
        #expect(server.logged.contains("a ClientHello of 131396 bytes"))
        try server.stop()
    }

    @Test func waitingEndsWithTheDeadline() throws {
        let server = try TestServer(
            configuration: """
                shards = 1
                [limits]
                handshakes-in-flight-per-shard-max = 1
                handshake-timeout-ms = 3000
                """)
        let waiting = try hellos(server, 4)
        try server.waitForStatus("handshakes-waiting", 3)
        try server.waitForStatus("handshake-timeouts", 4)
        try server.waitForStatus("connections", 0)
        #expect(try server.status()["handshakes-in-flight"] == 0)
        #expect(waiting.count == 4)
        // Clients that went while they waited are gone at once, and cost no handshake.
        let first = try hellos(server, 1)
        try server.waitForStatus("handshakes-in-flight", 1)
        var gone = try hellos(server, 3)
        try server.waitForStatus("handshakes-waiting", 3)
        for box in gone { box.resetOnClose() }
        gone = []
        try server.waitForStatus("connections", 1)
        #expect(first.count == 1)
        try server.stop()
    }

    @Test func theOldestSilentConnectionMakesRoom() throws {
        let server = try TestServer(
            configuration: """
                shards = 1
                [limits]
                half-open-per-shard-max = 3
                handshake-timeout-ms = 20000
                """)
        let silent = try (0..<3).map { _ in try connect(server) }
        try server.waitForStatus("connections", 3)
        let speaking = try hellos(server, 1)
        try server.waitForStatus("handshakes-in-flight", 1)
        // Accepted in silence it pushed out the first, or it spoke in time and pushed out none.
        let before = try server.status()["shed"] ?? 0
        #expect(before <= 1)
        let further = try (0..<2).map { _ in try connect(server) }
        try server.waitForStatus("connections", 4)
        #expect(try server.status()["shed"] == 2)
        #expect(silent.count + further.count + speaking.count == 6)
        let client = try RawClient(port: server.port, ca: server.ca)
        try client.send(Prologue.bytes)
        try server.stop()
    }

    @Test func gateLetsInNoMoreThanItMay() async {
        let gate = HandshakeGate(countMax: 2, shardCount: 8)
        #expect(gate.tryEnter(shard: 0) && gate.tryEnter(shard: 1))
        #expect(!gate.tryEnter(shard: 2) && !gate.tryEnter(shard: 3) && !gate.tryEnter(shard: 2))
        // Who waited longest is told, once; until it comes the place is anybody's.
        #expect(gate.leave() == 2)
        #expect(gate.tryEnter(shard: 4))
        #expect(!gate.tryEnter(shard: 2))
        #expect(gate.leave() == 3)
        #expect(gate.leave() == 2)
        #expect(gate.tryEnter(shard: 5))
        #expect(gate.leave() == nil)
        // By many at once: never more inside than may be, and nobody's place is lost.
        let room = Room()
        await withTaskGroup { group in
            for shard in 0..<8 {
                group.addTask {
                    for _ in 0..<2_000 where gate.tryEnter(shard: shard) {
                        let (_, count) = room.inside.add(1, ordering: .relaxed)
                        #expect(count <= 2)
                        room.inside.subtract(1, ordering: .relaxed)
                        _ = gate.leave()
                    }
                }
            }
        }
        #expect(gate.tryEnter(shard: 0) && gate.tryEnter(shard: 1))
        #expect(!gate.tryEnter(shard: 2))
    }

    @Test func anyOrderOfEventsKeepsTheBooks() throws {
        var limits = Limits()
        limits.unauthenticatedPerShardMax = 40
        limits.halfOpenPerShardMax = 20
        limits.handshakesPerSecondMax = 50
        limits.handshakeBurstMax = 4
        limits.handshakesInFlightPerShardMax = 6
        let seed = UInt64.random(in: 0...UInt64.max)
        print("admission seed \(seed)")
        let world = ArrivalWorld(limits, seed: seed)
        for _ in 0..<2_000 { try world.step() }
    }
}

private final class Room: Sendable {
    let inside = Atomic<Int>(0)
}

/// Arrivals under random events, beside a plain list of what must hold.
private final class ArrivalWorld {
    private var arrivals: Arrivals
    private let limits: Limits
    private var state: UInt64
    private var silent: [SlotID] = []
    private var waiting: [SlotID] = []
    private var inFlight = 0
    private var now = Instant(milliseconds: 0)

    init(_ limits: Limits, seed: UInt64) {
        self.limits = limits
        state = seed
        arrivals = Arrivals(limits: limits, at: now)
    }

    private func random(_ bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33) % bound
    }

    private func expectThere(_ slot: SlotID) {
        if arrivals.remove(slot) == nil { Issue.record("\(slot) is gone") }
    }

    func step() throws {
        switch random(6) {
        case 0, 1:
            let pair = try Socket.pair()
            let slot = arrivals.add(Arrival(socket: pair.first, peer: nil, deadline: now))
            let isFull = silent.count + waiting.count == limits.unauthenticatedPerShardMax
            #expect((slot == nil) == isFull)
            if let slot { silent.append(slot) }
            while let surplus = arrivals.surplus() {
                #expect(surplus == silent.removeFirst())
                expectThere(surplus)
            }
            #expect(silent.count <= limits.halfOpenPerShardMax)
        case 2:
            guard !silent.isEmpty else { return }
            let slot = silent.remove(at: random(silent.count))
            let isFirst = arrivals.hear(slot)
            let isSecond = arrivals.hear(slot)
            #expect(isFirst && !isSecond)
            waiting.append(slot)
        case 3:
            now = now.advanced(byMs: UInt64(random(30)))
            let waitMs = arrivals.waitMs(inFlight: inFlight, at: now)
            let next = arrivals.next(inFlight: inFlight, at: now)
            #expect((next != nil) == (waitMs == 0))
            guard let next else { return }
            #expect(next == waiting.removeFirst())
            expectThere(next)
            inFlight += 1
            #expect(inFlight <= limits.handshakesInFlightPerShardMax)
        case 4:
            inFlight = max(0, inFlight - 1)
        default:
            let all = silent + waiting
            guard !all.isEmpty else { return }
            let slot = all[random(all.count)]
            silent.removeAll { $0 == slot }
            waiting.removeAll { $0 == slot }
            expectThere(slot)
            if arrivals.remove(slot) != nil { Issue.record("\(slot) was there twice") }
        }
        #expect(arrivals.waitingCount == waiting.count)
        #expect(arrivals.count == waiting.count + silent.count)
        arrivals.checkInvariants()
    }
}

extension Socket {
    /// A socket that lists can hold.
    final class Box {
        let socket: Socket
        init(_ socket: consuming Socket) { self.socket = socket }

        /// Makes the close an abortive one, as a phone's that lost its network.
        func resetOnClose() {
            var option = linger(l_onoff: 1, l_linger: 0)
            setsockopt(
                socket.rawValue, SOL_SOCKET, SO_LINGER, &option,
                socklen_t(MemoryLayout<linger>.size))
        }
    }
}
