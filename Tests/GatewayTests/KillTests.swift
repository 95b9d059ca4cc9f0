// The promise, under `kill -9`: what was acked arrives, once after the client's filter, in order.

import Client
import Foundation
import Testing
import Wire

@Suite(.serialized) struct KillTests {
    static let rounds = 50

    /// Everything one client was told.
    struct Record: Sendable {
        var acked: Set<String> = []
        var failed: [String] = []
        /// Bodies as the app saw them, by sender.
        var seen: [String: [Int]] = [:]
        var stopped: String?
    }

    @Test func nothingAckedIsLostOverFiftyKills() async throws {
        let seed = UInt64.random(in: 0..<UInt64.max)
        print("kill seed \(seed)")
        var random = SplitMix(state: seed)
        let server = try TestServer()
        let names = ["alice", "bob"]
        for name in names { try server.addAccount(name) }
        var clients: [String: Client] = [:]
        var records: [String: Mutexed<Record>] = [:]
        var readers: [Task<Void, Never>] = []
        for name in names {
            let client = try Client(try configuration(name, server))
            let record = Mutexed(Record())
            clients[name] = client
            records[name] = record
            readers.append(
                Task {
                    for await event in client.events {
                        note(event, in: record)
                        if case .message(let message) = event {
                            try? await client.acknowledge(message)
                        }
                    }
                })
            try client.start()
        }
        var posted: [String: [String]] = [:]
        func post(_ name: String, to other: String) async throws {
            guard let client = clients[name], let to = JID("\(other)@localhost") else { return }
            let number = posted[name, default: []].count
            do {
                let id = try await client.post(to: to, body: "\(number)")
                posted[name, default: []].append(id.text)
            } catch ClientError.outboxFull {
                return  // the app's to retry; not acked, so nothing is promised
            }
        }
        for _ in 0..<Self.rounds {
            let until = Date().addingTimeInterval(Double.random(in: 0.02...0.25, using: &random))
            while Date() < until {
                try await post("alice", to: "bob")
                try await post("bob", to: "alice")
                try await Task.sleep(for: .microseconds(700))
            }
            try server.killAndRestart()
        }
        try await settle(posted, records)
        for client in clients.values { await client.close() }
        for reader in readers { await reader.value }

        for (name, other) in [("alice", "bob"), ("bob", "alice")] {
            let sender = try #require(records[name]?.read)
            let receiver = try #require(records[other]?.read)
            #expect(sender.stopped == nil)
            #expect(sender.failed.isEmpty)
            let all = posted[name] ?? []
            let seen = receiver.seen["\(name)@localhost/0"] ?? []
            let ackedNumbers = all.indices.filter { sender.acked.contains(all[$0]) }
            let lost = Set(ackedNumbers).subtracting(seen)
            #expect(lost.isEmpty, "acked and lost: \(lost.sorted())")
            #expect(Set(seen).count == seen.count, "seen twice")
            #expect(seen == seen.sorted(), "out of order")
            #expect(ackedNumbers.count == all.count, "every message was acked in the end")
            print("\(name): \(all.count) posted, \(ackedNumbers.count) acked, \(seen.count) seen")
        }
        try server.stop()
    }

    private func configuration(_ name: String, _ server: TestServer) throws -> ClientConfiguration {
        let jid = try #require(JID("\(name)@localhost"))
        var configuration = ClientConfiguration(
            host: "127.0.0.1", port: server.port, jid: jid, password: name, caFile: server.ca)
        configuration.reconnect = ReconnectPolicy(pauseMs: 20, pauseMsMax: 200)
        return configuration
    }

    /// Waits until everything posted was acked and has arrived.
    private func settle(
        _ posted: [String: [String]], _ records: [String: Mutexed<Record>]
    ) async throws {
        let deadline = Date().addingTimeInterval(60)
        while Date() < deadline {
            let isSettled = [("alice", "bob"), ("bob", "alice")].allSatisfy { name, other in
                let all = posted[name]?.count ?? 0
                let seen = records[other]?.read.seen["\(name)@localhost/0"]?.count ?? 0
                return records[name]?.read.acked.count == all && seen == all
            }
            if isSettled { return }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    private func note(_ event: ClientEvent, in record: Mutexed<Record>) {
        switch event {
        case .acked(let id): record.change { $0.acked.insert(id.text) }
        case .delivered(let id, _), .read(let id, _): record.change { $0.acked.insert(id.text) }
        case .failed(let id, let condition, _):
            record.change { $0.failed.append("\(id) \(condition)") }
        case .message(let message):
            record.change {
                $0.seen["\(message.from)", default: []].append(Int(message.body ?? "") ?? -1)
            }
        case .stopped(let error?): record.change { $0.stopped = "\(error)" }
        default: break
        }
    }
}

/// A generator that starts again from its seed.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
