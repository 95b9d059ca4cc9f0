// What only a store on a disk can get wrong.

import Base
import Foundation
import GRDB
import Storage
import Testing
import Wire

@Suite struct SQLiteStoreTests {
    let directory = TemporaryDirectory()

    func mode(_ path: String) throws -> Int {
        var status = stat()
        #expect(stat(path, &status) == 0)
        return Int(status.st_mode & 0o777)
    }

    @Test func reopenKeepsEverything() throws {
        let first = try Harness(.sqlite, directory: directory)
        for user in ["alice", "bob"] { try first.addAccount(user) }
        _ = try first.open("bob/4")
        for id in 1...50 { _ = try first.enqueue("\(id)", to: "bob") }
        try first.settle("7", at: "bob/4")
        _ = try first.ask(.changeContacts(name("bob"), add: [name("alice")], remove: []))
        let before = try first.page("bob/4").rows
        first.store.close()

        let second = try Harness(.sqlite, directory: directory)
        let opening = try second.open("bob/4")
        #expect(opening.devices == [0, 4] && opening.contacts.map(\.text) == ["alice"])
        #expect(opening.page.rows.map(\.sequence) == before.map(\.sequence))
        #expect(opening.page.rows.map(\.stanza.payload) == before.map(\.stanza.payload))
        #expect(try second.ask(.credentials(device("bob/0"))).brief == "credentials")
        #expect(try second.enqueue("8", to: "bob").brief == "enqueued [0, 4]")
        #expect(try second.page("bob/4").rows.count == 49)
    }

    @Test func aFullQueueSaysWhenToComeAgain() throws {
        var limits = StoreLimits()
        limits.submitCountMax = 1
        limits.batchCountMax = 1
        limits.fullPauseMs = 60_000
        let harness = try Harness(.sqlite, directory: directory, limits: limits)
        #expect(harness.store.retryAt == Instant(milliseconds: 0))
        #expect(!harness.store.isFailing)
        let request = StoreRequest.readPage(try device("bob/0"), after: 0, countMax: 1)
        var isRefused = false
        for _ in 0..<1_000_000 where !isRefused { isRefused = harness.submit(request) == nil }
        #expect(isRefused)
        #expect(harness.store.retryAt > Instant(milliseconds: 60_000))
    }

    @Test func depthIsCountedAgainAfterReopening() throws {
        var limits = StoreLimits()
        limits.queueDepthMax = 2
        let first = try Harness(.sqlite, directory: directory, limits: limits)
        try first.addAccount("bob")
        for id in ["1", "2"] { #expect(try first.enqueue(id, to: "bob").brief == "enqueued [0]") }
        first.store.close()
        let second = try Harness(.sqlite, directory: directory, limits: limits)
        #expect(try second.enqueue("3", to: "bob").brief == "queueFull")
        try second.settle("1", at: "bob/0")
        #expect(try second.enqueue("3", to: "bob").brief == "enqueued [0]")
    }

    @Test func aSmallCacheAnswersTheSame() throws {
        var limits = StoreLimits()
        limits.depthCacheCountMax = 1
        limits.queueDepthMax = 2
        let harness = try Harness(.sqlite, directory: directory, limits: limits)
        for user in ["a", "b", "c"] { try harness.addAccount(user) }
        for id in ["1", "2", "3"] {
            for user in ["a", "b", "c"] {
                let wanted = id == "3" ? "queueFull" : "enqueued [0]"
                #expect(try harness.enqueue(id, to: user).brief == wanted)
            }
        }
    }

    @Test func oneProcessADirectory() throws {
        let first = try Harness(.sqlite, directory: directory)
        #expect(throws: StoreError.inUse(path: directory.path)) {
            try Harness(.sqlite, directory: directory)
        }
        first.store.close()
        _ = try Harness(.sqlite, directory: directory)
    }

    @Test func filesArePrivate() throws {
        let harness = try Harness(.sqlite, directory: directory)
        try harness.addAccount("bob")
        #expect(try mode(directory.path) == 0o700)
        for file in ["store.sqlite", "store.sqlite-wal", "store.sqlite-shm", "store.lock"] {
            #expect(try mode(directory.path + "/" + file) == 0o600, "\(file)")
        }
    }

    @Test func anUnusableDirectoryIsAnError() throws {
        #expect(throws: StoreError.self) {
            try SQLiteStore(path: directory.path + "/missing/deep", deliver: { _, _ in })
        }
        _ = try Harness(.sqlite, directory: directory).store.close()
        try Data("not a database, by any means at all".utf8).write(
            to: URL(fileURLWithPath: directory.path + "/store.sqlite"))
        #expect(throws: StoreError.self) { try Harness(.sqlite, directory: directory) }
    }

    @Test func aNewerSchemaIsRefused() throws {
        try Harness(.sqlite, directory: directory).store.close()
        let database = try DatabaseQueue(path: directory.path + "/store.sqlite")
        try database.write {
            try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('999')")
        }
        try database.close()
        #expect(throws: StoreError.newerSchema) { try Harness(.sqlite, directory: directory) }
    }

    @Test func aFullDatabaseFailsEveryoneAndRecovers() throws {
        let harness = try Harness(.sqlite, directory: directory)
        let store = try #require(harness.store as? SQLiteStore)
        try harness.addAccount("bob")
        #expect(try harness.enqueue("first", to: "bob").brief == "enqueued [0]")
        store.limitPages(to: 40)
        let payload = [UInt8](repeating: 1, count: 60_000)
        let tickets = try (0..<20).map {
            try harness.submit(request("\($0)", to: "bob", payload))
        }
        var stored = ["first"]
        for (index, ticket) in tickets.enumerated() {
            if try !harness.inbox.reply(to: try #require(ticket)).isFailed {
                stored.append("\(index)")
            }
        }
        #expect(stored.count < 20)
        #expect(try harness.enqueue("x", to: "bob", payload: payload + payload + payload).isFailed)
        #expect(try harness.ids("bob/0") == stored)
        // What takes no room works, and settles make room.
        for id in stored { try harness.settle(id, at: "bob/0") }
        #expect(try harness.ids("bob/0") == [])
        #expect(try harness.enqueue("y", to: "bob", payload: payload).brief == "enqueued [0]")
        store.limitPages(to: nil)
        for id in 20..<30 {
            #expect(
                try harness.enqueue("\(id)", to: "bob", payload: payload).brief == "enqueued [0]")
        }
        #expect(!harness.inbox.lines.isEmpty)
    }

    @Test func settlesOfAFailedBatchAreNotLost() throws {
        var options = SQLiteOptions()
        options.busyTimeoutMs = 20
        let harness = try Harness(.sqlite, directory: directory, options: options)
        try harness.addAccount("bob")
        for id in ["1", "2"] { _ = try harness.enqueue(id, to: "bob") }
        let intruder = try DatabaseQueue(path: directory.path + "/store.sqlite")
        try intruder.writeWithoutTransaction {
            try $0.beginTransaction(.immediate); try $0.commit()
        }
        let failed = try intruder.writeWithoutTransaction { database in
            var failed = false
            try database.inTransaction(.immediate) {
                try harness.settle("1", at: "bob/0")
                failed = try harness.enqueue("3", to: "bob").isFailed
                #expect(harness.store.isFailing)
                return .rollback
            }
            return failed
        }
        #expect(failed)
        var ids: [String] = ["not yet"]
        for _ in 0..<500 where ids != ["2"] {
            usleep(20_000)
            // The first attempt may have come while the intruder was still there.
            harness.clock.advance(seconds: 1, wallSeconds: 1)
            ids = (try? harness.ids("bob/0")) ?? []
        }
        #expect(ids == ["2"])
        #expect(try harness.enqueue("3", to: "bob").brief == "enqueued [0]")
        try intruder.close()
    }

    @Test func aDamagedDatabaseAnswersNothingButFailures() throws {
        let first = try Harness(.sqlite, directory: directory)
        try first.addAccount("bob")
        for id in 0..<200 {
            _ = first.submit(
                try request("\(id)", to: "bob", [UInt8](repeating: 3, count: 1_000)))
        }
        _ = try first.page("bob/0")
        first.store.close()
        let file = try #require(FileHandle(forUpdatingAtPath: directory.path + "/store.sqlite"))
        let size = try file.seekToEnd()
        for page in 2..<(size / 4_096) where page % 2 == 0 {
            try file.seek(toOffset: page * 4_096)
            try file.write(contentsOf: [UInt8](repeating: 0xA5, count: 4_096))
        }
        try file.close()
        do {
            let second = try Harness(.sqlite, directory: directory)
            for id in 0..<5 { #expect(try second.enqueue("new\(id)", to: "bob").isFailed) }
            #expect(!second.inbox.lines.isEmpty)
        } catch is StoreError {
            // Noticed even earlier.
        }
    }

    @Test func everyAckSurvivesAKill() async throws {
        let path = directory.path
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
            let acks = open(path + ".acks", O_WRONLY | O_CREAT | O_APPEND, 0o600)
            let count = Lock(0)
            let store = try SQLiteStore(path: path) { _, answers in
                for answer in answers {
                    guard case .enqueued = answer.reply else { continue }
                    let line = "\(answer.ticket)\n"
                    _ = write(acks, line, line.utf8.count)
                    count.withLock { $0 += 1 }
                }
                if count.withLock({ $0 }) > 5_000 { kill(getpid(), SIGKILL) }
            }
            try store.addAccount(try name("bob"), keys: .sample(1))
            for ticket in 1...1_000_000 as ClosedRange<UInt64> {
                let request = try request("\(ticket)", to: "bob")
                while !store.submit(request, ticket: ticket, shard: 0) { usleep(100) }
            }
        }
        defer { try? FileManager.default.removeItem(atPath: path + ".acks") }
        let acked = try String(contentsOfFile: path + ".acks", encoding: .utf8)
            .split(separator: "\n").map(String.init)
        #expect(acked.count > 5_000)
        var limits = StoreLimits()
        limits.queueDepthMax = 1_000_000
        let harness = try Harness(.sqlite, directory: directory, limits: limits)
        var found: Set<String> = []
        var after: Int64 = 0
        while true {
            let page = try harness.page("bob/0", after: after, countMax: 1_000)
            found.formUnion(page.rows.map(\.stanza.key.id.text))
            after = page.rows.last?.sequence ?? after
            if page.isLast { break }
        }
        #expect(Set(acked).subtracting(found).isEmpty)
    }

    @Test func manyThreadsAtOnce() async throws {
        var limits = StoreLimits()
        limits.batchCountMax = 64
        limits.submitCountMax = 256
        let harness = try Harness(.sqlite, directory: directory, limits: limits)
        let store = harness.store
        let inbox = harness.inbox
        for user in 0..<4 { try store.addAccount(try name("u\(user)"), keys: .sample(1)) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for shard in 0..<4 {
                group.addTask {
                    for round in 0..<200 {
                        let base = UInt64(1_000_000 + shard * 10_000 + round * 3 + 1)
                        let address = try device("u\(shard)/0")
                        let requests: [StoreRequest] = [
                            try request("\(round)", from: "u\(shard)/0", to: "u\(shard)"),
                            .credentials(address),
                            .settle(address, try key("\(round - 1)", from: "u\(shard)/0")),
                        ]
                        for (offset, request) in requests.enumerated() {
                            let ticket = base + UInt64(offset)
                            while !store.submit(request, ticket: ticket, shard: shard) {
                                usleep(100)
                            }
                        }
                    }
                }
            }
            group.addTask {
                for round in 0..<20 {
                    let extra = try name("extra\(round)")
                    try whenThereIsRoom { try store.addAccount(extra, keys: .sample(2)) }
                    _ = try store.accounts()
                    if round % 2 == 0 {
                        try whenThereIsRoom { try store.removeAccount(extra) }
                    }
                }
            }
            try await group.waitForAll()
        }
        for shard in 0..<4 {
            #expect(try harness.ids("u\(shard)/0") == ["199"])
        }
        store.close()
        #expect(inbox.count == 4 * 400 + 4)
    }
}

/// Tries again while the store's queue is full.
private func whenThereIsRoom(_ body: () throws -> Void) throws {
    while true {
        do {
            return try body()
        } catch StoreError.overloaded {
            usleep(100)
        }
    }
}
