// The embedded store: one SQLite database in a data directory, one writer thread, one reader thread.
//
// Make it before any thread unshares its descriptor table: the two threads use descriptors that are
// opened and closed again while the store runs.

package import Base
internal import GRDB
internal import Synchronization
package import Wire

/// The store in SQLite. An answer means that its effect went through fsync.
package final class SQLiteStore: MessageStore, AccountStore {
    private let path: String
    private let options: SQLiteOptions
    private let writer: SQLiteWriter
    private let writerWork: WorkQueue<StoreEntry>
    private let readerWork: WorkQueue<CredentialsEntry>
    private let writerThread: StoreThread
    private let readerThread: StoreThread
    private let fullPauseMs: UInt64
    /// A queue was full not long ago: milliseconds of the monotonic clock.
    private let fullUntil = Atomic<UInt64>(0)

    /// Opens the store in the directory `path`, which is made if it is missing (mode 0700; the files
    /// in it 0600). `deliver` is called from the writer's or reader's thread, once per batch and
    /// shard, must not block and must not call AccountStore. `log` gets a line when the database
    /// fails or works again. `synthetic` accounts exist without rows. Without an `expiry` nothing expires.
    /// Throws `inUse` when another store has the directory.
    package init(
        path: String, limits: StoreLimits = StoreLimits(), options: SQLiteOptions = SQLiteOptions(),
        synthetic: SyntheticAccounts? = nil, expiry: StoreExpiry? = nil,
        log: @escaping @Sendable (String) -> Void = { _ in }, deliver: @escaping StoreDelivery
    ) throws(StoreError) {
        limits.validate()
        let directory = try DataDirectory(path: path)
        self.path = directory.databasePath
        self.options = options
        fullPauseMs = limits.fullPauseMs
        let writer = try SQLiteWriter(
            directory: directory, limits: limits, options: options, synthetic: synthetic,
            expiry: expiry, log: log, delivery: deliver)
        let reader = SQLiteReader(
            path: self.path, limits: limits, options: options, synthetic: synthetic, log: log,
            delivery: deliver)
        let writerWork = WorkQueue<StoreEntry>(
            countMax: limits.submitCountMax, windowMs: limits.windowMs,
            windowCountMax: limits.batchCountMax)
        let readerWork = WorkQueue<CredentialsEntry>(countMax: limits.submitCountMax)
        self.writer = writer
        self.writerWork = writerWork
        self.readerWork = readerWork
        readerThread = try StoreThread(name: "store-reader") { reader.run(readerWork) }
        do {
            writerThread = try StoreThread(name: "store-writer") { writer.run(writerWork) }
        } catch {
            readerWork.close()
            throw error
        }
    }

    deinit {
        close()
    }

    package func submit(_ request: StoreRequest, ticket: UInt64, shard: Int) -> Bool {
        if case .credentials(let address) = request {
            let entry = CredentialsEntry(address: address, ticket: ticket, shard: shard)
            let pushed = readerWork.push(entry)
            if pushed == .full { noteFull() }
            return pushed == .taken
        }
        let entry = StoreEntry.request(request, ticket: ticket, shard: shard)
        let pushed = writerWork.push(
            entry, evenIfFull: request.isAlwaysTaken, endsWindow: !entry.canWait)
        if pushed == .full { noteFull() }
        return pushed == .taken
    }

    private func noteFull() {
        let until = options.clock().monotonic.advanced(byMs: fullPauseMs)
        fullUntil.store(until.milliseconds, ordering: .relaxed)
    }

    package var retryAt: Instant {
        // Relaxed: both are advice, and who sees an older one does no harm.
        let full = fullUntil.load(ordering: .relaxed)
        let failing = writer.retryAt.load(ordering: .relaxed)
        return Instant(milliseconds: max(full, failing))
    }

    package var isFailing: Bool {
        writer.retryAt.load(ordering: .relaxed) != 0  // advice, too
    }

    package var waitingCount: Int { writerWork.count }

    package func close() {
        // The writer last: the last connection to close empties the log.
        readerWork.close()
        readerThread.join()
        writerWork.close()
        writerThread.join()
    }

    /// Limits the database's size from now on: beyond it a batch that needs room is answered
    /// `failed`. Nil lifts the limit. What is there stays.
    package func limitPages(to pageCountMax: Int?) {
        writer.engine.pageCountMax.store(
            pageCountMax ?? SQLiteEngine.pageCountUnlimited, ordering: .relaxed)
    }

    /// Waits its turn in the writer's queue, like every request.
    package func change(_ change: AccountChange, home: Int?) throws(StoreError) {
        let completion = Completion()
        switch writerWork.push(.admin(change, home: home, completion), endsWindow: true) {
        case .taken: try completion.wait()
        case .full: throw .overloaded
        case .closed: throw .closed
        }
    }

    package func accounts() throws(StoreError) -> [Localpart] {
        do {
            // A connection of its own: a million names hold up neither logins nor messages.
            let queue = try SQLiteDatabase.openReader(path: path, options: options)
            defer { try? queue.close() }
            let names = try queue.read {
                try String.fetchAll($0, sql: "SELECT name FROM account ORDER BY name")
            }
            return try names.map { name in
                guard let name = Localpart(name) else {
                    throw StoreError.corrupt("an account's name")
                }
                return name
            }
        } catch {
            throw storeError(error)
        }
    }
}
