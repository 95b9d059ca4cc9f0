// What has waited too long, and the bytes that a queue holds: both engines.

import Base
import Foundation
import GRDB
import Storage
import Testing
import Wire

@Suite struct ExpiryTests {
    let directory = TemporaryDirectory()
    let start = TestClock.start

    func harness(_ backend: Backend, _ change: (inout StoreLimits) -> Void = { _ in }) throws
        -> Harness
    {
        var limits = StoreLimits()
        change(&limits)
        let harness = try Harness(backend, directory: directory, limits: limits)
        for user in ["alice", "bob", "carol"] { try harness.addAccount(user) }
        _ = try harness.open("alice/1")
        return harness
    }

    private func ids(_ expired: Expired) -> [String] { expired.stanzas.map(\.key.id.text) }

    @Test(arguments: Backend.allCases) func theOldestGoFirst(_ backend: Backend) throws {
        let harness = try harness(backend)
        // Across queues, in the order in which they were accepted; the fourth holds up the fifth.
        for (id, user, ageS): (String, String, UInt64) in [
            ("1", "bob", 3), ("2", "carol", 2), ("3", "bob", 2), ("4", "carol", 1), ("5", "bob", 9),
        ] {
            _ = try harness.enqueue(id, to: user, sentAt: start + 10 - ageS)
        }
        #expect(try harness.expire(afterS: 1_006).isEmpty)
        #expect(try ids(harness.expire(afterS: 1)) == ["1"])
        #expect(try ids(harness.expire(afterS: 1)) == ["2", "3"])
        #expect(try harness.ids("bob/0") == ["5"])
        #expect(try harness.ids("carol/0") == ["4"])
        #expect(try ids(harness.expire(afterS: 1)) == ["4", "5"])
        #expect(try harness.expire(afterS: 100).isEmpty)
    }

    @Test(arguments: Backend.allCases) func aStepIsBounded(_ backend: Backend) throws {
        let harness = try harness(backend) { $0.expiryStepCountMax = 2 }
        for id in 1...5 {
            _ = try harness.enqueue("\(id)", from: "carol/0", to: "bob", kind: .read)
        }
        let first = try harness.expire(afterS: 1_500)
        #expect(ids(first) == ["1", "2"] && !first.isLast)
        let second = try harness.expire(afterS: 0)
        #expect(ids(second) == ["3", "4"] && !second.isLast)
        let third = try harness.expire(afterS: 0)
        #expect(ids(third) == ["5"] && third.isLast)
    }

    /// For each message and each device that it was for; for nothing else.
    @Test(arguments: Backend.allCases) func sendersAreTold(_ backend: Backend) throws {
        let harness = try harness(backend)
        _ = try harness.open("bob/1")
        for kind in StanzaKind.allCases { _ = try harness.enqueue("1", to: "bob", kind: kind) }
        // Of devices and accounts that are gone nobody is told.
        _ = try harness.enqueue("2", from: "alice/9", to: "bob")
        _ = try harness.enqueue("3", from: "carol/0", to: "bob")
        try harness.store.removeAccount(try name("carol"))
        let expired = try harness.expire(afterS: 2_000)
        #expect(expired.stanzas.count == 2 * (StanzaKind.allCases.count + 2))
        #expect(expired.notices.map(\.owner) == [try device("alice/1"), try device("alice/1")])
        let rows = try harness.page("alice/1").rows
        #expect(
            try rows.map(\.stanza.key) == [
                key("1", from: "bob/0", kind: .expired), key("1", from: "bob/1", kind: .expired),
            ])
        #expect(
            rows.map(\.stanza.payload)
                == Array(repeating: Array("1 at \(start + 2_000)".utf8), count: 2))
        #expect(expired.notices.map(\.stanza.key) == rows.map(\.stanza.key))
        #expect(try harness.page("bob/0").rows.isEmpty && harness.page("bob/1").rows.isEmpty)
        // A notice is as old as it is, and nobody is told of its end.
        #expect(try harness.expire(afterS: 999).isEmpty)
        let last = try harness.expire(afterS: 1)
        #expect(last.stanzas.count == 2 && last.notices.isEmpty)
        #expect(try harness.page("alice/1").rows.isEmpty)
    }

    /// A step that fails while it is made durable may be on the disk: those whose queues it touched look.
    @Test func aFailedStepKnowsWhomItTouched() throws {
        let harness = try harness(.memory)
        _ = try harness.enqueue("1", to: "bob", sentAt: start)
        let store = try #require(harness.store as? MemoryStore)
        let step = ExpiryStep(
            acceptedUntil: start, unixSeconds: start + 1, notice: { _, _ in [1] })
        #expect(Expired(failed: step).isEmpty)
        #expect(store.expire(step).notices.count == 1)
        #expect(try Expired(failed: step).uncertain == [name("alice")])
    }

    @Test(arguments: Backend.allCases) func aRepeatIsToldAnew(_ backend: Backend) throws {
        let harness = try harness(backend)
        _ = try harness.enqueue("1", to: "bob")
        #expect(try harness.expire(afterS: 1_500).notices.count == 1)
        // What was accepted before what is in front of it waits for that.
        _ = try harness.enqueue("1", to: "bob")
        #expect(try harness.expire(afterS: 100).isEmpty)
        #expect(try harness.ids("bob/0") == ["1"] && harness.ids("alice/1") == ["1"])
        // The old notice goes, and a new one comes.
        let again = try harness.expire(afterS: 1_000)
        #expect(again.stanzas.map(\.key.kind) == [.expired, .message] && again.notices.count == 1)
        #expect(try harness.ids("alice/1") == ["1"])
        #expect(try harness.expire(afterS: 500).isEmpty)
        _ = harness.submit(
            .settle(try device("alice/1"), try key("1", from: "bob/0", kind: .expired)))
        #expect(try harness.page("alice/1").rows.isEmpty)
        #expect(try harness.expire(afterS: 5_000).isEmpty)
    }

    /// Clocks may have made a notice older than what it is about: it is not put there twice.
    @Test func aNoticeThatWaitsIsNotWrittenAgain() throws {
        let first = try harness(.sqlite)
        _ = try first.enqueue("1", to: "bob")
        _ = try first.enqueue(
            "1", from: "bob/0", to: "alice", device: 1, kind: .expired, sentAt: start + 5_000)
        let expired = try first.expire(afterS: 2_000)
        #expect(ids(expired) == ["1"] && expired.notices.isEmpty && expired.droppedNotices.isEmpty)
        #expect(try first.page("alice/1").rows.count == 1)
    }

    @Test(arguments: Backend.allCases) func aNoticeNeedsRoom(_ backend: Backend) throws {
        let harness = try harness(backend) { $0.queueDepthMax = 2 }
        for id in ["1", "2"] { _ = try harness.enqueue(id, to: "bob") }
        _ = try harness.enqueue("3", from: "bob/0", to: "alice", device: 1, sentAt: start + 900)
        let expired = try harness.expire(afterS: 1_500)
        #expect(ids(expired) == ["1", "2"])
        #expect(try expired.notices.map(\.stanza.key) == [key("1", from: "bob/0", kind: .expired)])
        #expect(
            try expired.droppedNotices == [
                QueuePlace(
                    owner: device("alice/1"), key: key("2", from: "bob/0", kind: .expired))
            ])
        #expect(try harness.ids("alice/1") == ["3", "1"])
    }

    /// A device may have what has expired, and says so; what a queue holds is counted rightly all the same.
    @Test(arguments: Backend.allCases) func whatHasExpiredMayBeSettled(_ backend: Backend) throws {
        let harness = try harness(backend) {
            $0.queueDepthMax = 3
            $0.queueSizeMax = 30
        }
        let payload = [UInt8](repeating: 1, count: 10)
        for id in ["1", "2", "3"] { _ = try harness.enqueue(id, to: "bob", payload: payload) }
        #expect(try harness.enqueue("4", to: "bob", payload: payload).brief == "queueFull")
        #expect(try ids(harness.expire(afterS: 1_500)) == ["1", "2", "3"])
        for id in ["1", "2", "3"] { try harness.settle(id, at: "bob/0") }
        let now = start + 1_500
        for id in ["4", "5", "6"] {
            #expect(
                try harness.enqueue(id, to: "bob", payload: payload, sentAt: now).brief
                    == "enqueued [0]")
        }
        #expect(try harness.enqueue("7", to: "bob", payload: [], sentAt: now).brief == "queueFull")
        #expect(try harness.expire(afterS: 1).isEmpty)
        #expect(try harness.ids("bob/0") == ["4", "5", "6"])
    }

    // MARK: Bytes

    @Test(arguments: Backend.allCases) func bytesAreLimited(_ backend: Backend) throws {
        let harness = try harness(backend) { $0.queueSizeMax = 100 }
        func send(_ id: String, _ size: Int, device: UInt8? = nil) throws -> String {
            try harness.enqueue(
                id, to: "bob", device: device, payload: [UInt8](repeating: 2, count: size)
            ).brief
        }
        #expect(try send("1", 101) == "queueFull")
        #expect(try send("1", 60) == "enqueued [0]")
        #expect(try send("2", 41) == "queueFull")
        #expect(try send("2", 40) == "enqueued [0]")
        #expect(try send("3", 1) == "queueFull")
        #expect(try send("3", 0) == "enqueued [0]")
        // A repeat that waits needs no room.
        #expect(try send("1", 60) == "enqueued [0]")
        _ = try harness.open("bob/1")
        // One device has room, the other has not.
        #expect(try send("4", 1) == "queueFull")
        #expect(try send("4", 100, device: 1) == "enqueued [1]")
        try harness.settle("4", at: "bob/1")
        try harness.settle("2", at: "bob/0")
        try harness.settle("2", at: "bob/0")
        #expect(try send("5", 41) == "queueFull")
        #expect(try send("5", 40) == "enqueued [0, 1]")
        // Settled before it was written.
        _ = harness.submit(.settle(try device("bob/0"), try key("5")))
        let sixth = try #require(
            try harness.submit(request("6", to: "bob", [UInt8](repeating: 3, count: 40))))
        _ = harness.submit(.settle(try device("bob/0"), try key("6")))
        let seventh = try #require(
            try harness.submit(request("7", to: "bob", [UInt8](repeating: 3, count: 20))))
        harness.commit()
        #expect(try harness.inbox.reply(to: sixth).brief == "enqueued [0, 1]")
        #expect(try harness.inbox.reply(to: seventh).brief == "enqueued [0, 1]")
        #expect(try send("8", 21) == "queueFull")
        #expect(try send("8", 20, device: 0) == "enqueued [0]")
    }

    @Test(arguments: Backend.allCases) func aCopyNeedsRoom(_ backend: Backend) throws {
        let harness = try harness(backend) { $0.queueSizeMax = 10 }
        func send(_ id: String, _ size: Int) throws -> String {
            let request = EnqueueRequest(
                key: try key(id), recipient: try name("bob"), device: nil, payload: [1],
                sentAt: 1, copy: [UInt8](repeating: 1, count: size))
            return try harness.ask(.enqueue(request)).brief
        }
        #expect(try send("1", 10) == "enqueued [0], copies [0]")
        #expect(try send("2", 1) == "enqueued [0]")
        #expect(try harness.ids("alice/0") == ["1"])
    }

    // MARK: The file

    @Test func bothOutliveARestart() throws {
        var limits = StoreLimits()
        limits.queueSizeMax = 100
        let first = try Harness(.sqlite, directory: directory, limits: limits)
        for user in ["alice", "bob"] { try first.addAccount(user) }
        _ = try first.open("alice/1")
        _ = try first.enqueue("1", to: "bob", payload: [UInt8](repeating: 1, count: 60))
        first.store.close()
        let second = try Harness(.sqlite, directory: directory, limits: limits)
        let large = [UInt8](repeating: 1, count: 41)
        #expect(try second.enqueue("2", to: "bob", payload: large).brief == "queueFull")
        #expect(
            try second.enqueue("2", to: "bob", payload: Array(large.dropLast())).brief
                == "enqueued [0]")
        // The clocks are watched from the start: nothing expires at once.
        #expect(try second.expire(afterS: 900).isEmpty)
        #expect(try ids(second.expire(afterS: 200)) == ["1", "2"])
        second.store.close()
        let third = try Harness(.sqlite, directory: directory, limits: limits)
        #expect(try third.page("bob/0").rows.isEmpty)
        #expect(try third.ids("alice/1") == ["1", "2"])
    }

    /// A clock that is wrong costs nobody a message.
    @Test func aClockThatJumpsIsNotBelievedAtOnce() throws {
        let harness = try harness(.sqlite)
        _ = try harness.enqueue("1", to: "bob")
        #expect(try harness.expire(afterS: 999).isEmpty)
        harness.clock.advance(seconds: 60, wallSeconds: 5_000)
        #expect(try harness.expire(afterS: 60).isEmpty)
        #expect(try harness.expire(afterS: 900).isEmpty)
        #expect(try harness.ids("bob/0") == ["1"])
        #expect(try ids(harness.expire(afterS: 100)) == ["1"])
        #expect(harness.inbox.lines.count == 1, "\(harness.inbox.lines)")
    }

    /// A file of before queues had sizes.
    @Test func anOlderFileIsBroughtUpToDate() throws {
        let first = try Harness(.sqlite, directory: directory)
        for user in ["alice", "bob"] { try first.addAccount(user) }
        for (id, size) in [("1", 70), ("2", 0), ("3", 5_000)] {
            _ = try first.enqueue(id, to: "bob", payload: [UInt8](repeating: 1, count: size))
        }
        first.store.close()
        let database = try DatabaseQueue(path: directory.path + "/store.sqlite")
        try database.write {
            try $0.execute(
                sql: """
                    DROP INDEX queue_order;
                    ALTER TABLE queue DROP COLUMN size;
                    CREATE INDEX queue_order ON queue (device);
                    DELETE FROM grdb_migrations WHERE identifier = 'sizes of queues';
                    """)
        }
        try database.close()
        var limits = StoreLimits()
        limits.queueSizeMax = 5_100
        let second = try Harness(.sqlite, directory: directory, limits: limits)
        #expect(try second.ids("bob/0") == ["1", "2", "3"])
        let large = [UInt8](repeating: 1, count: 31)
        #expect(try second.enqueue("4", to: "bob", payload: large).brief == "queueFull")
        #expect(
            try second.enqueue("4", to: "bob", payload: Array(large.dropLast())).brief
                == "enqueued [0]")
        second.store.close()
        // What waits for a device is read from the index alone.
        let again = try DatabaseQueue(path: directory.path + "/store.sqlite")
        let plan = try again.read { database in
            try Row.fetchAll(
                database,
                sql: """
                    EXPLAIN QUERY PLAN
                    SELECT device.device, number, count(queue.sequence), ifnull(sum(queue.size), 0)
                    FROM device LEFT JOIN queue ON queue.device = device.number
                    WHERE account = 1 GROUP BY device.device ORDER BY device.device
                    """
            ).map { $0["detail"] as String }
        }
        #expect(plan.contains { $0.contains("queue USING COVERING INDEX queue_order") }, "\(plan)")
        try again.close()
    }

    @Test func aRowThatCannotBeReadExpiresForNobody() throws {
        let first = try harness(.sqlite)
        for id in ["1", "2"] { _ = try first.enqueue(id, to: "bob") }
        first.store.close()
        let database = try DatabaseQueue(path: directory.path + "/store.sqlite")
        try database.write {
            try $0.execute(sql: "UPDATE queue SET sender = 'No Name' WHERE id = '1'")
        }
        try database.close()
        let second = try Harness(.sqlite, directory: directory)
        let expired = try second.expire(afterS: 2_000)
        #expect(ids(expired) == ["2"] && expired.notices.count == 1)
        #expect(try second.page("bob/0").rows.isEmpty)
        #expect(second.inbox.lines.count == 1, "\(second.inbox.lines)")
    }
}

/// When the writer looks, and which clock it believes.
@Suite struct SweeperTests {
    private let lines = Lock<[String]>([])

    private func sweeper(lifetimeS: UInt64) -> Sweeper {
        let lines = lines
        let expiry = StoreExpiry(lifetimeS: lifetimeS, notice: { _, _ in [] }, report: { _ in })
        return Sweeper(expiry, at: at(0, 0)) { line in lines.withLock { $0.append(line) } }
    }

    /// So many seconds behind the start, by each clock.
    private func at(_ seconds: UInt64, _ wallSeconds: Int64) -> Moment {
        Moment(
            monotonic: Instant(milliseconds: 9_000 + seconds * 1_000),
            unixSeconds: UInt64(1_700_000_000 + wallSeconds))
    }

    private func lasting(_ isLast: Bool) -> Expired {
        var expired = Expired()
        expired.isLast = isLast
        return expired
    }

    @Test func nothingExpiresInTheFirstHour() throws {
        var sweeper = sweeper(lifetimeS: 2_592_000)
        for seconds in stride(from: 0 as UInt64, to: 3_600, by: 60) {
            #expect(sweeper.step(at: at(seconds, Int64(seconds))) == nil)
            #expect(sweeper.pauseLeftMs(at: at(seconds, 0).monotonic) == 60_000)
        }
        let last = sweeper.step(at: at(3_600, 3_600))
        let step = try #require(last)
        #expect(step.unixSeconds == 1_700_003_600)
        #expect(step.acceptedUntil == 1_700_003_600 - 2_592_000)
        #expect(lines.withLock { $0.isEmpty })
    }

    @Test func whatIsLeftIsLookedAtSoon() {
        var sweeper = sweeper(lifetimeS: 2_592_000)
        #expect(sweeper.step(at: at(4_000, 4_000)) != nil)
        sweeper.tookStep(lasting(false), at: at(4_000, 0).monotonic)
        #expect(sweeper.pauseLeftMs(at: at(4_000, 0).monotonic) == 50)
        #expect(sweeper.step(at: at(4_000, 4_000)) == nil)
        #expect(sweeper.step(at: at(4_001, 4_001)) != nil)
        sweeper.tookStep(lasting(true), at: at(4_001, 0).monotonic)
        #expect(sweeper.pauseLeftMs(at: at(4_001, 0).monotonic) == 60_000)
        // A step that failed is made again after the long pause.
        #expect(sweeper.step(at: at(4_061, 4_061)) != nil)
        sweeper.tookStep(nil, at: at(4_061, 0).monotonic)
        #expect(sweeper.pauseLeftMs(at: at(4_061, 0).monotonic) == 60_000)
    }

    @Test(arguments: [1, -1] as [Int64]) func aJumpHoldsOff(direction: Int64) {
        var sweeper = sweeper(lifetimeS: 2_592_000)
        // An hour is not noticed, in all; more is.
        #expect(sweeper.step(at: at(4_000, 4_000 + direction * 1_800)) != nil)
        #expect(sweeper.step(at: at(4_100, 4_100 + direction * 3_600)) != nil)
        #expect(sweeper.step(at: at(4_200, 4_200 + direction * 3_601)) == nil)
        #expect(sweeper.step(at: at(7_799, 7_799 + direction * 3_601)) == nil)
        #expect(sweeper.step(at: at(7_900, 7_900 + direction * 3_601)) != nil)
        #expect(lines.withLock { $0.count } == 1)
        // Back again is another one.
        #expect(sweeper.step(at: at(8_000, 8_000)) == nil)
        #expect(sweeper.step(at: at(11_700, 11_700)) != nil)
        #expect(lines.withLock { $0.count } == 2)
    }

    @Test func clocksAtTheirEndsDoNotTrap() {
        let expiry = StoreExpiry(lifetimeS: .max, notice: { _, _ in [] }, report: { _ in })
        var sweeper = Sweeper(
            expiry, at: Moment(monotonic: Instant(milliseconds: 0), unixSeconds: .max),
            log: { _ in })
        for wall: UInt64 in [.max, 0, 1, .max - 1] {
            for monotonic: UInt64 in [0, 10_000_000, .max] {
                let moment = Moment(
                    monotonic: Instant(milliseconds: monotonic), unixSeconds: wall)
                #expect(sweeper.step(at: moment) == nil)
                sweeper.tookStep(nil, at: moment.monotonic)
            }
        }
    }

    /// For tests and the simulator: nobody waits an hour for what lives for seconds.
    @Test func aShortLifeIsLookedAtOften() {
        var sweeper = sweeper(lifetimeS: 2)
        #expect(sweeper.step(at: at(0, 0)) == nil)
        #expect(sweeper.pauseLeftMs(at: at(0, 0).monotonic) == 500)
        #expect(sweeper.step(at: at(1, 1)) == nil)
        #expect(sweeper.step(at: at(2, 2))?.acceptedUntil == 1_700_000_000)
        #expect(sweeper.step(at: at(3, 100)) == nil)
        #expect(sweeper.step(at: at(5, 102)) != nil)
    }
}
