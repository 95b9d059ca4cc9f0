// How a database is opened: every connection is set up here and nowhere else.
//
// The writer's connection is durable: WAL with synchronous=FULL, so that a commit that returned has
// been through fsync. (GRDB's own WAL mode would lower that to NORMAL, hence our pragmas.)

package import Base
internal import GRDB
internal import Glibc

/// What can be tuned about SQLite.
package struct SQLiteOptions: Sendable {
    /// Pages of the write-ahead log that make a commit copy it into the database.
    package var checkpointPageCount = 4_000
    /// How long a connection waits for another's lock: only a person with a shell holds one.
    package var busyTimeoutMs = 5_000
    /// Page cache of the writer's connection, in KiB.
    package var cacheSizeKiB = 32_768
    /// The first and the longest pause between attempts to reopen a database that failed.
    package var retryPauseMs: ClosedRange<UInt64> = 100...5_000
    /// The clocks that the writer goes by.
    package var clock: @Sendable () -> Moment = SQLiteOptions.systemMoment

    package init() {}

    @Sendable private static func systemMoment() -> Moment {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        let milliseconds = UInt64(time.tv_sec) * 1_000 + UInt64(time.tv_nsec) / 1_000_000
        clock_gettime(CLOCK_REALTIME, &time)
        return Moment(
            monotonic: Instant(milliseconds: milliseconds),
            unixSeconds: UInt64(clamping: time.tv_sec))
    }
}

/// Opens connections.
enum SQLiteDatabase {
    /// The writer's connection, with the schema brought up to date. Untyped: wrap with `storeError`.
    static func openWriter(path: String, options: SQLiteOptions) throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.label = "tern.store.writer"
        configuration.foreignKeysEnabled = true
        // A transaction that cannot even be rolled back ends with its connection, not with a trap.
        configuration.allowsUnsafeTransactions = true
        configuration.busyMode = .timeout(Double(options.busyTimeoutMs) / 1_000)
        configuration.prepareDatabase { database in
            let mode = try String.fetchOne(database, sql: "PRAGMA journal_mode = WAL")
            guard mode == "wal" else {
                throw StoreError.corrupt("no write-ahead log: \(mode ?? "")")
            }
            try database.execute(
                sql: """
                    PRAGMA synchronous = FULL;
                    PRAGMA wal_autocheckpoint = \(options.checkpointPageCount);
                    PRAGMA journal_size_limit = 67108864;
                    PRAGMA cache_size = -\(options.cacheSizeKiB);
                    """)
        }
        let queue = try DatabaseQueue(path: path, configuration: configuration)
        if try queue.read(migrator.hasBeenSuperseded) { throw StoreError.newerSchema }
        try migrator.migrate(queue)
        return queue
    }

    /// A connection that cannot write.
    static func openReader(path: String, options: SQLiteOptions) throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.label = "tern.store.reader"
        configuration.readonly = true
        configuration.busyMode = .timeout(Double(options.busyTimeoutMs) / 1_000)
        return try DatabaseQueue(path: path, configuration: configuration)
    }

    /// Makes sure that what a connection reads is on the disk, after an error that may have left it
    /// in the kernel's cache only: the whole log is copied into the database, with an fsync of each.
    static func settle(_ queue: DatabaseQueue, checkingContent: Bool) throws {
        try queue.writeWithoutTransaction { database in
            let row = try Row.fetchOne(database, sql: "PRAGMA wal_checkpoint(TRUNCATE)")
            let isBusy: Bool = row?[0] ?? true
            if isBusy { throw DatabaseError(resultCode: .SQLITE_BUSY, message: "checkpoint") }
            guard checkingContent else { return }
            let verdict = try String.fetchOne(database, sql: "PRAGMA quick_check(1)")
            guard verdict == "ok" else { throw StoreError.corrupt(verdict ?? "quick_check") }
        }
    }

    /// The schema's history: append only, a change is a new migration.
    private static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { database in
            try database.execute(sql: schemaVersion1)
        }
        migrator.registerMigration("login tokens") { database in
            // What TokenRecord makes of them; NULL for none.
            try database.execute(sql: "ALTER TABLE device ADD COLUMN login_tokens BLOB")
        }
        migrator.registerMigration("sizes of queues") { database in
            // How much waits for a device is then read from the index alone. It has no use for the sequence
            // that it ends with anyway, but in this place it keeps the order within a queue.
            try database.execute(
                sql: """
                    ALTER TABLE queue ADD COLUMN size INTEGER NOT NULL DEFAULT 0;
                    UPDATE queue SET size = length(payload);
                    DROP INDEX queue_order;
                    CREATE INDEX queue_order ON queue (device, sequence, size);
                    """)
        }
        return migrator
    }

    // Devices and accounts have numbers: the index of the queue repeats one per row. AUTOINCREMENT
    // never gives a number twice, so a reader's cursor cannot skip a row. The implicit last column
    // of this `queue_order` is the sequence.
    private static let schemaVersion1 = """
        CREATE TABLE account (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT NOT NULL UNIQUE,
            salt BLOB NOT NULL,
            iterations INTEGER NOT NULL,
            stored_key BLOB NOT NULL,
            server_key BLOB NOT NULL,
            created_at INTEGER NOT NULL DEFAULT (unixepoch())
        ) STRICT;
        CREATE TABLE device (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            account INTEGER NOT NULL REFERENCES account (number) ON DELETE CASCADE,
            device INTEGER NOT NULL CHECK (device BETWEEN 0 AND 255),
            UNIQUE (account, device)
        ) STRICT;
        CREATE TABLE contact (
            account INTEGER NOT NULL REFERENCES account (number) ON DELETE CASCADE,
            contact TEXT NOT NULL,
            PRIMARY KEY (account, contact)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE queue (
            sequence INTEGER PRIMARY KEY AUTOINCREMENT,
            device INTEGER NOT NULL REFERENCES device (number) ON DELETE CASCADE,
            sender TEXT NOT NULL,
            sender_device INTEGER NOT NULL,
            id TEXT NOT NULL,
            kind INTEGER NOT NULL,
            sent_at INTEGER NOT NULL,
            payload BLOB NOT NULL,
            UNIQUE (device, sender, sender_device, id, kind)
        ) STRICT;
        CREATE INDEX queue_order ON queue (device);
        """
}

/// An error of GRDB or of this module as one of this module.
func storeError(_ error: any Error) -> StoreError {
    switch error {
    case let error as StoreError:
        error
    case let error as DatabaseError:
        .database(
            code: error.extendedResultCode.rawValue, message: error.message ?? "no message")
    default:
        .database(code: ResultCode.SQLITE_ERROR.rawValue, message: "\(error)")
    }
}
