// The writer's decisions: when a batch counts, what a failure means, when to try again.
//
// Invariant: an outcome other than `failed` leaves only after the engine has made its batch durable.
// After any error the database is suspect: it is closed, and nothing is executed until it has been
// opened again and, if the disk or the content may be at fault, checked. Meanwhile everything is
// answered `failed`. Settles have no answer to fail with: those of a failed batch are kept and
// executed first, or a full disk could never be emptied.
//
// Sans-IO: SQLiteWriter drives it from its thread, the simulator over a simulated disk.

package import Base
internal import GRDB
package import Wire

/// What a writer works on: a database that can be opened, checked and closed.
package protocol StoreEngine: AnyObject {
    /// Opens the database. Precondition: it is closed.
    func open() throws(StoreError)
    /// Makes sure that what the open database shows is on the disk, and is sound.
    func settle(checkingContent: Bool) throws(StoreError)
    /// Executes a batch in one transaction and makes it durable. Throws when it was undone or may
    /// have been.
    func execute(
        _ batch: [StoreEntry], closed: inout ClosedFlows
    ) throws(StoreError) -> [EntryOutcome]
    /// Closes the database, if it is open.
    func close()
}

/// The writer's state machine. Belongs to one thread.
package struct StoreWriter<Engine: StoreEngine> {
    private struct Suspicion {
        var cause: StoreError
        var pauseMs: UInt64
        var nextAttempt: Instant
        /// Whether the log says that something is wrong: then it must say also when it no longer is.
        var isTold: Bool
    }

    package let engine: Engine
    private let settleCountMax: Int
    private let retryPauseMs: ClosedRange<UInt64>
    private let log: @Sendable (String) -> Void
    private var suspicion: Suspicion?
    /// What was refused by the store, and may be followed by more.
    package private(set) var closed = ClosedFlows()
    private var carriedSettles: [StoreEntry] = []
    private var loggedAt: Instant?

    private static var logPauseMs: UInt64 { 1_000 }

    /// Opens the database and syncs what it shows: a process that was killed may have left a batch in the
    /// system's cache that was never on the disk, and whose repeats would be acked without a write.
    /// Throws when the database cannot be used.
    package init(
        engine: Engine, limits: StoreLimits, retryPauseMs: ClosedRange<UInt64>,
        log: @escaping @Sendable (String) -> Void
    ) throws(StoreError) {
        self.engine = engine
        settleCountMax = limits.submitCountMax
        self.retryPauseMs = retryPauseMs
        self.log = log
        try engine.open()
        do throws(StoreError) {
            try engine.settle(checkingContent: false)
        } catch {
            engine.close()
            throw error
        }
    }

    /// Executes a batch, or says that it failed. An empty one only gives a suspect database its chance.
    package mutating func take(_ batch: [StoreEntry], at now: Instant) -> [EntryOutcome] {
        recoverIfDue(at: now)
        if batch.isEmpty { return [] }
        if let suspicion { return fail(batch, suspicion.cause) }
        let closedBefore = closed
        do throws(StoreError) {
            return try engine.execute(batch, closed: &closed)
        } catch {
            closed = closedBefore
            suspect(error, at: now)
            return fail(batch, error)
        }
    }

    private mutating func fail(_ batch: [StoreEntry], _ error: StoreError) -> [EntryOutcome] {
        carrySettles(of: batch)
        return failures(of: batch, error, closed: &closed)
    }

    /// When a suspect database is to be tried again; nil when none is.
    package var retryAt: Instant? { suspicion?.nextAttempt }

    /// How long until a suspect database is to be tried again; nil when none is.
    package func pauseLeftMs(at now: Instant) -> UInt64? {
        suspicion.map { $0.nextAttempt.milliseconds(since: now) }
    }

    /// Flows that something was refused of, of whose routers it is not known whether they know.
    package var closedCount: Int { closed.count }

    /// Settles for which there was no room among those that are carried: of each batch the last.
    package private(set) var forgottenCount = 0

    /// Settles that wait for a suspect database to work again.
    package var carriedCount: Int { carriedSettles.count }

    private mutating func suspect(_ cause: StoreError, at now: Instant) {
        engine.close()
        let isTold = report("store: a batch failed, nothing of it counts: \(cause)", at: now)
        suspicion = Suspicion(
            cause: cause, pauseMs: retryPauseMs.lowerBound, nextAttempt: now, isTold: isTold)
    }

    /// Tries to open a suspect database, at most once a pause.
    private mutating func recoverIfDue(at now: Instant) {
        guard var suspicion, suspicion.nextAttempt <= now else { return }
        do throws(StoreError) {
            try engine.open()
            try engine.settle(checkingContent: Self.isGrave(suspicion.cause))
            if !carriedSettles.isEmpty {
                _ = try engine.execute(carriedSettles, closed: &closed)
                carriedSettles.removeAll()
            }
            self.suspicion = nil
            if suspicion.isTold {
                log("store: the database was opened again after: \(suspicion.cause)")
            }
        } catch {
            engine.close()
            // The first cause decides how thorough the check must be; a grave one replaces it.
            if Self.isGrave(error) { suspicion.cause = error }
            suspicion.nextAttempt = now.advanced(byMs: suspicion.pauseMs)
            suspicion.pauseMs = min(suspicion.pauseMs * 2, retryPauseMs.upperBound)
            let isTold = report("store: the database cannot be opened again: \(error)", at: now)
            suspicion.isTold = suspicion.isTold || isTold
            self.suspicion = suspicion
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

    private mutating func carrySettles(of batch: [StoreEntry]) {
        for entry in batch where entry.isSettle {
            // Beyond the limit one is forgotten: its stanza is delivered again, which is allowed.
            if carriedSettles.count < settleCountMax {
                carriedSettles.append(entry)
            } else {
                forgottenCount += 1
            }
        }
    }

    /// Logs a failure, but not many a second; whether it did.
    private mutating func report(_ line: String, at now: Instant) -> Bool {
        if let loggedAt, now.milliseconds(since: loggedAt) < Self.logPauseMs { return false }
        loggedAt = now
        log(line)
        return true
    }
}
