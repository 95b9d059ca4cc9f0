// What the writer does before it trusts a database.

import Base
import Storage
import Testing
import Wire

@Suite struct StoreWriterTests {
    /// Notes what it is asked; fails as it is told.
    final class Engine: StoreEngine {
        var calls: [String] = []
        var failure: StoreError?

        func open() throws(StoreError) { calls.append("open") }

        func settle(checkingContent: Bool) throws(StoreError) {
            calls.append(checkingContent ? "check" : "settle")
            if let failure { throw failure }
        }

        func execute(
            _ batch: [StoreEntry], closed: inout ClosedFlows
        ) throws(StoreError) -> [EntryOutcome] {
            calls.append("execute \(batch.count)")
            if let failure { throw failure }
            return failures(of: batch, .closed)
        }

        func close() { calls.append("close") }

        private func failures(of batch: [StoreEntry], _ error: StoreError) -> [EntryOutcome] {
            batch.map { _ in .nothingToSay }
        }
    }

    func writer(
        _ engine: Engine, log: @escaping @Sendable (String) -> Void = { _ in }
    ) throws -> StoreWriter<Engine> {
        try StoreWriter(
            engine: engine, limits: StoreLimits(), retryPauseMs: 100...1_000, log: log)
    }

    /// A killed process may have left in the cache what the disk never had.
    @Test func aDatabaseIsSyncedWhenItIsOpened() throws {
        let engine = Engine()
        _ = try writer(engine)
        #expect(engine.calls == ["open", "settle"])
    }

    @Test func aDatabaseThatCannotBeSyncedIsNotOpened() {
        let engine = Engine()
        engine.failure = .database(code: 1_034, message: "fsync")
        #expect(throws: StoreError.database(code: 1_034, message: "fsync")) {
            try self.writer(engine)
        }
        #expect(engine.calls == ["open", "settle", "close"])
    }

    /// Whoever asks knows when the next attempt comes.
    @Test func theNextAttemptIsKnown() throws {
        let engine = Engine()
        var writer = try writer(engine)
        #expect(writer.retryAt == nil)
        engine.failure = .database(code: 13, message: "full")
        let request = StoreEntry.request(
            .readPage(try device("bob/0"), after: 0, countMax: 1), ticket: 1, shard: 0)
        _ = writer.take([request], at: Instant(milliseconds: 1_000))
        #expect(writer.retryAt == Instant(milliseconds: 1_000))
        _ = writer.take([request], at: Instant(milliseconds: 1_001))
        #expect(writer.retryAt == Instant(milliseconds: 1_101))
        engine.failure = nil
        _ = writer.take([request], at: Instant(milliseconds: 1_101))
        #expect(writer.retryAt == nil)
    }

    /// Failures are told once a second at most, but each that was told has its end in the log.
    @Test func theLogTellsTheEndOfWhatItTold() throws {
        let engine = Engine()
        let lines = Lock<[String]>([])
        var writer = try writer(engine) { line in lines.withLock { $0.append(line) } }
        let entry = StoreEntry.request(
            .settle(
                try device("bob/0"),
                StanzaKey(
                    sender: try device("alice/0"), id: try #require(StanzaID("1")), kind: .message)),
            ticket: 0, shard: 0)
        for milliseconds: UInt64 in [1, 11, 21] {
            engine.failure = .database(code: 13, message: "full")
            _ = writer.take([entry], at: Instant(milliseconds: milliseconds))
            engine.failure = nil
            _ = writer.take([], at: Instant(milliseconds: milliseconds + 5))
        }
        #expect(
            lines.withLock { $0 } == [
                "store: a batch failed, nothing of it counts: database: full (13)",
                "store: the database was opened again after: database: full (13)",
            ])
    }

    @Test func afterAFailedSyncTheDatabaseIsCheckedFirst() throws {
        let engine = Engine()
        var writer = try writer(engine)
        let settle = StoreEntry.request(
            .settle(
                try device("bob/0"),
                StanzaKey(
                    sender: try device("alice/0"), id: try #require(StanzaID("1")), kind: .message)),
            ticket: 0, shard: 0)
        engine.failure = .database(code: 1_034, message: "fsync")
        _ = writer.take([settle], at: Instant(milliseconds: 1))
        engine.failure = nil
        engine.calls = []
        _ = writer.take([], at: Instant(milliseconds: 2))
        #expect(engine.calls == ["open", "check", "execute 1"])
        #expect(writer.pauseLeftMs(at: Instant(milliseconds: 2)) == nil)
    }

    /// What is behind a message of a failed batch is in later ones.
    @Test func aFailedBatchClosesItsFlows() throws {
        let engine = Engine()
        var writer = try writer(engine)
        func entry(_ request: StoreRequest) -> StoreEntry { .request(request, ticket: 2, shard: 0) }
        engine.failure = .database(code: 13, message: "full")
        _ = writer.take([entry(try request("1", to: "bob", place: try place(1)))], at: at(1))
        #expect(writer.closedCount == 1)
        // Those that come while the database is closed close theirs as well.
        _ = writer.take([entry(try request("2", to: "bob", place: try place(2)))], at: at(2))
        #expect(writer.closedCount == 2)
        _ = writer.take(
            [entry(.reopen(try place(1).flow)), entry(.reopen(try place(2).flow))], at: at(3))
        #expect(writer.closedCount == 0)
    }

    private func at(_ milliseconds: UInt64) -> Instant { Instant(milliseconds: milliseconds) }
}
