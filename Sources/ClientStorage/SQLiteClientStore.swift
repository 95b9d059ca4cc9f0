// A client's state in one SQLite file: what an app uses that has no database of its own.
//
// Invariant: after a commit that returned, the file has all of its changes, through an fsync; after one that
// threw, none or, when the disk was at fault, all of them. What `load` shows went through an fsync. The file is its owner's alone (mode 0600), holds secrets, and is one device's: another
// account's or device's client is refused, and so is a second process.

public import Client
internal import Foundation
internal import GRDB
public import Wire

/// Keeps a client's state in a file.
public final class SQLiteClientStore: ClientStore {
    // GRDB's queue serialises what is done with it.
    private let queue: DatabaseQueue

    /// Opens the file `path`, or makes it; its directory must exist. Throws when it cannot be used, is in
    /// use, or is of another account or device.
    public init(path: String, jid: JID, device: UInt8) throws(ClientStoreError) {
        try Self.prepareFile(path)
        var configuration = Configuration()
        configuration.label = "tern.client.store"
        configuration.prepareDatabase { database in
            try database.execute(
                sql: """
                    PRAGMA locking_mode = EXCLUSIVE;
                    PRAGMA journal_mode = WAL;
                    PRAGMA synchronous = FULL;
                    PRAGMA secure_delete = ON;
                    """)
        }
        do {
            queue = try DatabaseQueue(path: path, configuration: configuration)
            if try queue.read(Self.migrator.hasBeenSuperseded) {
                throw ClientStoreError("\(path): written by a newer version")
            }
            try Self.migrator.migrate(queue)
            try queue.write { try Self.claim($0, owner: "\(jid.bare)/\(device)", path) }
            // A process that was killed may have left a commit in the system's cache only.
            try queue.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
        } catch {
            throw Self.storeError(error, path)
        }
    }

    /// Everything that was committed.
    public func load() throws(ClientStoreError) -> ClientState {
        do {
            return try queue.read(Self.state)
        } catch {
            throw Self.storeError(error)
        }
    }

    /// Applies the changes in one transaction.
    public func commit(_ changes: [ClientChange]) throws(ClientStoreError) {
        do {
            try queue.write { database in
                for change in changes { try Self.apply(change, to: database) }
            }
        } catch {
            throw Self.storeError(error)
        }
    }

    /// Whether there is a login token: a client then needs no password.
    public func hasToken() throws(ClientStoreError) -> Bool {
        try load().token != nil
    }

    // MARK: The file

    /// Makes the file its owner's alone before SQLite makes it with the mode of its own; SQLite's log gets the
    /// mode of the file. One that is there is never opened here: closing it would drop the locks of a store
    /// of this process that has it.
    private static func prepareFile(_ path: String) throws(ClientStoreError) {
        let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        if descriptor >= 0 {
            // The mode that `open` gave lacks what the process masks.
            defer { close(descriptor) }
            guard fchmod(descriptor, 0o600) == 0 else { throw systemError(path) }
            return
        }
        guard errno == EEXIST else { throw systemError(path) }
        var status = stat()
        guard lstat(path, &status) == 0 else { throw systemError(path) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw ClientStoreError("\(path): not a regular file")
        }
        guard chmod(path, 0o600) == 0 else { throw systemError(path) }
    }

    private static func systemError(_ path: String) -> ClientStoreError {
        ClientStoreError("\(path): \(String(cString: strerror(errno)))")
    }

    private static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { try $0.execute(sql: schemaVersion1) }
        return migrator
    }

    // Texts of messages are blobs: SQLite's text ends at a zero.
    private static let schemaVersion1 = """
        CREATE TABLE owner (name TEXT NOT NULL) STRICT;
        CREATE TABLE secret (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
        CREATE TABLE outbox (
            sequence INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            recipient TEXT NOT NULL,
            body BLOB NOT NULL
        ) STRICT;
        CREATE TABLE record (
            sequence INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            state INTEGER NOT NULL,
            condition TEXT
        ) STRICT;
        CREATE TABLE receipt (
            sequence INTEGER PRIMARY KEY AUTOINCREMENT,
            sender TEXT NOT NULL,
            id TEXT NOT NULL,
            kind INTEGER NOT NULL,
            UNIQUE (sender, id, kind)
        ) STRICT;
        CREATE TABLE seen (
            sequence INTEGER PRIMARY KEY AUTOINCREMENT,
            sender TEXT NOT NULL,
            id TEXT NOT NULL,
            kind INTEGER NOT NULL,
            UNIQUE (sender, id, kind)
        ) STRICT;
        """

    private static func claim(_ database: Database, owner: String, _ path: String) throws {
        guard let known = try String.fetchOne(database, sql: "SELECT name FROM owner") else {
            try database.execute(sql: "INSERT INTO owner (name) VALUES (?)", arguments: [owner])
            return
        }
        guard known == owner else {
            throw ClientStoreError("\(path): belongs to \(known), not to \(owner)")
        }
    }

    private static func storeError(_ error: any Error, _ path: String? = nil) -> ClientStoreError {
        switch error {
        case let error as ClientStoreError:
            return error
        case let error as DatabaseError:
            if error.resultCode == .SQLITE_BUSY {
                return ClientStoreError("\(path ?? "the file") is in use by another process")
            }
            // Not the statement's arguments: they may be secrets.
            return ClientStoreError("\(error.message ?? "no message") (\(error.resultCode))")
        default:
            return ClientStoreError("the file cannot be used")
        }
    }
}
