// Descriptor tables, full shards, floods: what the real gateway does at its limits.

import Base
import Foundation
import Reactor
import Testing
import Wire

@Suite(.serialized) struct ScaleTests {
    /// Connects without a word; nil when the gateway refuses.
    private func knock(_ server: TestServer) throws -> Socket? {
        let socket = try Socket.connect(to: SocketAddress(ipv4: 0x7F00_0001, port: server.port))
        var poller = try Poller(eventCountMax: 1)
        try poller.add(socket.rawValue, token: 0, interest: [.writable])
        poller.wait(timeoutMs: 5_000)
        guard socket.finishConnect() == .connected else { return nil }
        return socket
    }

    @Test func eachShardsTableHasItsOwnLimit() throws {
        let server = try TestServer(
            configuration: """
                shards = 4
                descriptor-tables = "per-shard"
                """, descriptorLimit: 256)
        try server.addAccount("alice")
        let table = try server.status()["connections-max"] ?? 0
        // A privileged gateway raises the limit, and then this is no test of it.
        guard table < 1_024 else { return }
        #expect(table > 256)
        let sessions = try (0..<16).map { number in
            let client = try RawClient(port: server.port, ca: server.ca)
            #expect(try client.logIn("alice", device: UInt8(number)).tag == "success")
            return client
        }
        // More connections than one table holds, without a word: they wait for their handshake.
        var silent = SocketList()
        for _ in 0..<400 {
            if let socket = try knock(server) { silent.append(socket) }
        }
        #expect(silent.count > 256)
        try server.waitForStatus("connections", 16 + silent.count)
        // Messages go from table to table as ever, and the administration and the store go on.
        for (number, client) in sessions.enumerated() {
            try client.send(pingNode)
            #expect(try client.nextNode()["type"] == "result", "session \(number)")
        }
        try server.addAccount("bob")
        silent = SocketList()
        try server.waitForStatus("connections", 16)
        try server.stop()
        #expect(!server.logged.contains("no descriptors left"), "\(server.logged)")
    }

    @Test func aFullGatewayRefusesAndListensAgain() throws {
        let server = try TestServer(
            configuration: """
                shards = 2
                [limits]
                connections-per-shard-max = 8
                unauthenticated-per-shard-max = 8
                unauthenticated-per-source-max = 8
                """)
        try server.addAccount("alice")
        let alice = try RawClient(port: server.port, ca: server.ca)
        #expect(try alice.logIn("alice").tag == "success")
        var silent = SocketList()
        // The listener of a full shard closes, so the other one fills too; then nobody listens.
        var refused = 0
        for _ in 0..<200 where refused < 3 {
            if let socket = try knock(server) { silent.append(socket) } else { refused += 1 }
            usleep(2_000)
        }
        #expect(refused == 3)
        try server.waitForStatus("times-full", 2)
        try alice.send(pingNode)
        #expect(try alice.nextNode()["type"] == "result")
        silent = SocketList()
        try server.waitForStatus("connections", 1)
        let again = try RawClient(port: server.port, ca: server.ca)
        #expect(try again.logIn("alice", device: 1).tag == "success")
        try server.stop()
    }

    @Test func aFloodDoesNotStarveOthers() throws {
        let server = try TestServer(configuration: "shards = 1")
        try server.addAccount("flood")
        try server.addAccount("bystander")
        let bystander = try RawClient(port: server.port, ca: server.ca)
        #expect(try bystander.logIn("bystander").tag == "success")
        let isOver = Mutexed(false)
        let answered = Mutexed(0)
        let threads = try (0..<4).map { number in
            let client = UnsafeTransfer(try RawClient(port: server.port, ca: server.ca))
            #expect(try client.value.logIn("flood", device: UInt8(number)).tag == "success")
            let ping = try client.value.frame(pingNode)
            let burst = Array(repeatElement(ping, count: 2_000).joined())
            return try ShardThread(name: "flood") {
                while !isOver.read {
                    guard (try? client.value.send(burst)) != nil else { return }
                    for _ in 0..<2_000 {
                        guard (try? client.value.nextNode()) != nil else { return }
                    }
                    answered.change { $0 += 2_000 }
                }
            }
        }
        _ = try server.status()
        var slowestMs: UInt64 = 0
        for _ in 0..<50 {
            let sentAt = MonotonicClock.now()
            try bystander.send(pingNode)
            #expect(try bystander.nextNode()["type"] == "result")
            slowestMs = max(slowestMs, MonotonicClock.now().milliseconds(since: sentAt))
            usleep(10_000)
        }
        isOver.change { $0 = true }
        for thread in threads { thread.join() }
        print(
            "flood: \(answered.read) answers beside, slowest \(slowestMs) ms,",
            "longest turn \(try server.status()["turn-max-us"] ?? 0) us")
        #expect(answered.read > 0)
        // Not a measurement: the flood has no end before the last answer, so one that starved would wait for ever.
        #expect(slowestMs < 30_000)
        try server.stop()
    }

    @Test func capacityIsLoggedAtTheStart() throws {
        let server = try TestServer(configuration: "shards = 3")
        #expect(server.logged.contains("sessions at most, bound by"))
        #expect(server.logged.contains("3 shards with"))
        let status = try server.status()
        #expect(status["shards"] == 3)
        #expect(status["connections-max"] ?? 0 >= 3)
        try server.stop()
    }
}

/// Sockets to be closed together.
private struct SocketList: ~Copyable {
    private final class Box {
        let socket: Socket
        init(_ socket: consuming Socket) { self.socket = socket }
    }

    private var boxes: [Box] = []

    mutating func append(_ socket: consuming Socket) { boxes.append(Box(socket)) }
    var count: Int { boxes.count }
}

/// A client that a thread of the test takes over.
private struct UnsafeTransfer: @unchecked Sendable {
    // Given to one thread and used by no other afterwards.
    let value: RawClient
    init(_ value: RawClient) { self.value = value }
}
