// The embedded store: one SQLite database in a data directory, one writer thread, one reader thread.
//
// Make it before any thread unshares its descriptor table: the two threads use descriptors that are
// opened and closed again while the store runs.

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

    /// Opens the store in the directory `path`, which is made if it is missing (mode 0700; the files
    /// in it 0600). `deliver` is called from the writer's or reader's thread, once per batch and
    /// shard, must not block and must not call AccountStore. `log` gets a line when the database
    /// fails or works again. Throws `inUse` when another store has the directory.
    package init(
        path: String, limits: StoreLimits = StoreLimits(), options: SQLiteOptions = SQLiteOptions(),
        log: @escaping @Sendable (String) -> Void = { _ in }, deliver: @escaping StoreDelivery
    ) throws(StoreError) {
        limits.validate()
        let directory = try DataDirectory(path: path)
        self.path = directory.databasePath
        self.options = options
        let writer = try SQLiteWriter(
            directory: directory, limits: limits, options: options, log: log, delivery: deliver)
        let reader = SQLiteReader(
            path: self.path, limits: limits, options: options, log: log,
            delivery: deliver)
        let writerWork = WorkQueue<StoreEntry>(countMax: limits.submitCountMax)
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
        if case .credentials(let name) = request {
            return readerWork.push(CredentialsEntry(name: name, ticket: ticket, shard: shard))
                == .taken
        }
        return writerWork.push(.request(request, ticket: ticket, shard: shard)) == .taken
    }

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
        writer.pageCountMax.store(
            pageCountMax ?? SQLiteWriter.pageCountUnlimited, ordering: .relaxed)
    }

    package func addAccount(_ name: Localpart, keys: ScramKeys) throws(StoreError) {
        try perform(.addAccount(name, keys: keys))
    }

    package func removeAccount(_ name: Localpart) throws(StoreError) {
        try perform(.removeAccount(name))
    }

    package func setKeys(_ keys: ScramKeys, of name: Localpart) throws(StoreError) {
        try perform(.setKeys(keys, of: name))
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

    /// Waits its turn in the writer's queue, like every request.
    private func perform(_ request: AdminRequest) throws(StoreError) {
        let completion = Completion()
        switch writerWork.push(.admin(request, completion)) {
        case .taken: try completion.wait()
        case .full: throw .overloaded
        case .closed: throw .closed
        }
    }
}
