// The one thread that writes: it takes all that waits, executes it in one transaction, commits, and
// only then tells anyone. What a failure means is StoreWriter's to decide.

internal import Base
internal import GRDB
internal import Synchronization
internal import Wire

/// The database as the writer's thread has it open.
final class SQLiteEngine: StoreEngine, @unchecked Sendable {
    // Everything but `pageCountMax` is used by one thread: init's, then the writer's.

    /// Pages the database may have; any thread. Relaxed: the writer may see it a batch later.
    let pageCountMax: Atomic<Int>

    private let path: String
    private let limits: StoreLimits
    private let options: SQLiteOptions
    private let synthetic: SyntheticAccounts?
    private let log: @Sendable (String) -> Void
    private var queue: DatabaseQueue?
    private var tables: SQLiteTables?
    private var appliedPageCountMax = SQLiteEngine.pageCountUnlimited

    /// SQLite's own maximum.
    static let pageCountUnlimited = 4_294_967_294

    init(
        path: String, limits: StoreLimits, options: SQLiteOptions, synthetic: SyntheticAccounts?,
        log: @escaping @Sendable (String) -> Void
    ) {
        self.path = path
        self.limits = limits
        self.options = options
        self.synthetic = synthetic
        self.log = log
        pageCountMax = Atomic(Self.pageCountUnlimited)
    }

    func open() throws(StoreError) {
        do {
            let queue = try SQLiteDatabase.openWriter(path: path, options: options)
            self.queue = queue
            appliedPageCountMax = Self.pageCountUnlimited
            tables = queue.writeWithoutTransaction {
                SQLiteTables($0, cacheCountMax: limits.depthCacheCountMax)
            }
        } catch {
            throw storeError(error)
        }
    }

    func settle(checkingContent: Bool) throws(StoreError) {
        do {
            try queue.map { try SQLiteDatabase.settle($0, checkingContent: checkingContent) }
        } catch {
            throw storeError(error)
        }
    }

    func execute(
        _ batch: [StoreEntry], closed: inout ClosedFlows
    ) throws(StoreError) -> [EntryOutcome] {
        guard let queue, let tables else { throw .closed }
        do {
            return try queue.writeWithoutTransaction { database in
                let wanted = pageCountMax.load(ordering: .relaxed)
                if wanted != appliedPageCountMax {
                    try database.execute(sql: "PRAGMA max_page_count = \(wanted)")
                    appliedPageCountMax = wanted
                }
                let logic = StoreLogic(
                    tables: tables, limits: limits, synthetic: synthetic, log: log)
                return try tables.transaction { try logic.execute(batch, closed: &closed) }
            }
        } catch {
            throw storeError(error)
        }
    }

    func close() {
        // The statements first: SQLite does not close under them.
        tables = nil
        do {
            try queue?.close()
        } catch {
            log("store: closing the database: \(storeError(error))")
        }
        queue = nil
    }
}

/// What the writer's thread runs.
final class SQLiteWriter: @unchecked Sendable {
    // Used by one thread: init's, then that of `run`.
    private var directory: DataDirectory?
    private let limits: StoreLimits
    private let delivery: StoreDelivery
    private let clock: @Sendable () -> Moment
    private let expiry: StoreExpiry?
    private var sweeper: Sweeper?
    private var writer: StoreWriter<SQLiteEngine>

    let engine: SQLiteEngine
    /// When a database that fails is tried again; 0 while it works. Written by `run`; any thread reads.
    let retryAt = Atomic<UInt64>(0)

    /// Opens the database. Throws when it cannot be used.
    init(
        directory: consuming DataDirectory, limits: StoreLimits, options: SQLiteOptions,
        synthetic: SyntheticAccounts?, expiry: StoreExpiry?,
        log: @escaping @Sendable (String) -> Void, delivery: @escaping StoreDelivery
    ) throws(StoreError) {
        engine = SQLiteEngine(
            path: directory.databasePath, limits: limits, options: options, synthetic: synthetic,
            log: log)
        self.directory = consume directory
        self.limits = limits
        self.delivery = delivery
        self.expiry = expiry
        clock = options.clock
        sweeper = expiry.map { Sweeper($0, at: options.clock(), log: log) }
        writer = try StoreWriter(
            engine: engine, limits: limits, retryPauseMs: options.retryPauseMs, log: log)
    }

    /// The thread: returns when `work` is closed and empty. The database is closed then.
    func run(_ work: WorkQueue<StoreEntry>) {
        var consumer = WorkQueue<StoreEntry>.Consumer(work)
        var batch: [StoreEntry] = []
        while consumer.take(&batch, countMax: limits.batchCountMax, timeoutMs: pauseLeftMs) {
            let outcomes = take(batch, at: clock().monotonic)
            if !batch.isEmpty { deliver(outcomes, of: batch, to: delivery) }
            sweep()
        }
        engine.close()
        directory = nil
    }

    /// Executes entries. When the database is tried again is known before the answers, which it explains.
    private func take(_ entries: [StoreEntry], at now: Instant) -> [EntryOutcome] {
        let outcomes = writer.take(entries, at: now)
        // Relaxed: it is advice.
        retryAt.store(writer.retryAt?.milliseconds ?? 0, ordering: .relaxed)
        return outcomes
    }

    /// How long the thread may sleep.
    private var pauseLeftMs: UInt64? {
        let now = clock().monotonic
        let pauses = [writer.pauseLeftMs(at: now), sweeper?.pauseLeftMs(at: now)]
        return pauses.compactMap { $0 }.min()
    }

    /// Between batches, in a transaction of its own: what fails of it fails for nobody else.
    private func sweep() {
        let moment = clock()
        guard let expiry, let step = sweeper?.step(at: moment) else { return }
        let outcome = take([.expire(step)], at: moment.monotonic).first
        guard case .expired(let expired) = outcome else {
            sweeper?.tookStep(nil, at: moment.monotonic)
            let failed = Expired(failed: step)
            if !failed.isEmpty { expiry.report(failed) }
            return
        }
        sweeper?.tookStep(expired, at: clock().monotonic)
        if !expired.isEmpty { expiry.report(expired) }
    }
}
