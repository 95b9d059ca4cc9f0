// The one thread that writes: it takes all that waits, executes it in one transaction, commits, and
// only then tells anyone.
//
// Invariant: an answer other than `failed` leaves only after the commit of its batch returned. After
// any error the database is suspect: it is closed, and nothing is executed until it has been opened
// again and, if the disk or the content may be at fault, checked. Meanwhile everything is answered
// `failed`. Settles have no answer to fail with: those of a failed batch are kept and executed
// first, or a full disk could never be emptied.

internal import Base
internal import GRDB
internal import Glibc
internal import Synchronization

/// What the writer's thread owns.
final class SQLiteWriter: @unchecked Sendable {
    // Everything but `pageCountMax` is used by one thread: init's, then that of `run`.
    private struct Suspicion {
        var cause: StoreError
        var pauseMs: UInt64
        var nextAttempt: Instant
    }

    /// Pages the database may have; any thread. Relaxed: the writer may see it a batch later.
    let pageCountMax: Atomic<Int>

    private var directory: DataDirectory?
    private let path: String
    private let limits: StoreLimits
    private let options: SQLiteOptions
    private let delivery: StoreDelivery
    private let log: @Sendable (String) -> Void

    private var queue: DatabaseQueue?
    private var tables: SQLiteTables?
    private var appliedPageCountMax = SQLiteWriter.pageCountUnlimited
    private var suspicion: Suspicion?
    private var carriedSettles: [StoreEntry] = []
    private var loggedAt: Instant?

    /// SQLite's own maximum.
    static let pageCountUnlimited = 4_294_967_294
    private static let logPauseMs: UInt64 = 1_000

    /// Opens the database. Throws when it cannot be used.
    init(
        directory: consuming DataDirectory, limits: StoreLimits, options: SQLiteOptions,
        log: @escaping @Sendable (String) -> Void, delivery: @escaping StoreDelivery
    ) throws(StoreError) {
        path = directory.databasePath
        self.directory = consume directory
        self.limits = limits
        self.options = options
        self.log = log
        self.delivery = delivery
        pageCountMax = Atomic(Self.pageCountUnlimited)
        do {
            try open()
        } catch {
            throw storeError(error)
        }
    }

    /// The thread: returns when `work` is closed and empty. The database is closed then.
    func run(_ work: WorkQueue<StoreEntry>) {
        var consumer = WorkQueue<StoreEntry>.Consumer(work)
        var batch: [StoreEntry] = []
        while consumer.take(&batch, countMax: limits.batchCountMax, timeoutMs: pauseLeftMs) {
            recoverIfDue()
            if batch.isEmpty { continue }
            if let suspicion {
                carrySettles(of: batch)
                deliver(failures(of: batch, suspicion.cause), of: batch, to: delivery)
                continue
            }
            do {
                let outcomes = try execute(batch)
                deliver(outcomes, of: batch, to: delivery)
            } catch {
                suspect(storeError(error))
                carrySettles(of: batch)
                deliver(failures(of: batch, storeError(error)), of: batch, to: delivery)
            }
        }
        close()
        directory = nil
    }

    private func execute(_ batch: [StoreEntry]) throws -> [EntryOutcome] {
        guard let queue, let tables else { throw StoreError.closed }
        return try queue.writeWithoutTransaction { database in
            let wanted = pageCountMax.load(ordering: .relaxed)
            if wanted != appliedPageCountMax {
                try database.execute(sql: "PRAGMA max_page_count = \(wanted)")
                appliedPageCountMax = wanted
            }
            let logic = StoreLogic(tables: tables, limits: limits, log: log)
            return try tables.transaction { try logic.execute(batch) }
        }
    }

    // MARK: Failure and recovery

    private func suspect(_ cause: StoreError) {
        close()
        suspicion = Suspicion(
            cause: cause, pauseMs: options.retryPauseMs.lowerBound, nextAttempt: now())
        report("store: a batch failed, nothing of it counts: \(cause)")
    }

    /// Tries to open a suspect database, at most once a pause.
    private func recoverIfDue() {
        guard var suspicion, suspicion.nextAttempt <= now() else { return }
        do {
            try open()
            try queue.map {
                try SQLiteDatabase.settle($0, checkingContent: Self.isGrave(suspicion.cause))
            }
            if !carriedSettles.isEmpty {
                _ = try execute(carriedSettles)
                carriedSettles.removeAll()
            }
            self.suspicion = nil
            report("store: the database was opened again after: \(suspicion.cause)")
        } catch {
            close()
            let error = storeError(error)
            // The first cause decides how thorough the check must be; a grave one replaces it.
            if Self.isGrave(error) { suspicion.cause = error }
            suspicion.nextAttempt = now().advanced(byMs: suspicion.pauseMs)
            suspicion.pauseMs = min(suspicion.pauseMs * 2, options.retryPauseMs.upperBound)
            self.suspicion = suspicion
            report("store: the database cannot be opened again: \(error)")
        }
    }

    /// Whether an error may mean that the disk or the content is damaged.
    private static func isGrave(_ error: StoreError) -> Bool {
        guard case .database(let code, _) = error else { return true }
        switch ResultCode(rawValue: code).primaryResultCode {
        case .SQLITE_FULL, .SQLITE_BUSY, .SQLITE_LOCKED, .SQLITE_NOMEM, .SQLITE_CONSTRAINT:
            return false
        default:
            return true
        }
    }

    private func carrySettles(of batch: [StoreEntry]) {
        for entry in batch where entry.isSettle {
            // Beyond the limit one is forgotten: its stanza is delivered again, which is allowed.
            if carriedSettles.count >= limits.submitCountMax { return }
            carriedSettles.append(entry)
        }
    }

    private func open() throws {
        let queue = try SQLiteDatabase.openWriter(path: path, options: options)
        self.queue = queue
        appliedPageCountMax = Self.pageCountUnlimited
        tables = queue.writeWithoutTransaction {
            SQLiteTables($0, cacheCountMax: limits.depthCacheCountMax)
        }
    }

    private func close() {
        // The statements first: SQLite does not close under them.
        tables = nil
        do {
            try queue?.close()
        } catch {
            report("store: closing the database: \(storeError(error))")
        }
        queue = nil
    }

    private func report(_ line: String) {
        let now = now()
        if let loggedAt, now.milliseconds(since: loggedAt) < Self.logPauseMs { return }
        loggedAt = now
        log(line)
    }

    private var pauseLeftMs: UInt64? {
        suspicion.map { $0.nextAttempt.milliseconds(since: now()) }
    }

    private func now() -> Instant {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Instant(milliseconds: UInt64(time.tv_sec) * 1_000 + UInt64(time.tv_nsec) / 1_000_000)
    }
}
