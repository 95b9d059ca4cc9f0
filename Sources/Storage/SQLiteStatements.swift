// The SQL of the store, each statement compiled once for a connection.

internal import Foundation
internal import GRDB
internal import Wire

/// A statement that is compiled at its first use. Used where its connection is.
final class SQLiteStatement {
    private let database: Database
    private let sql: String
    private var compiled: Statement?

    init(_ database: Database, _ sql: String) {
        self.database = database
        self.sql = sql
    }

    /// Executes a statement that gives no rows.
    func run(_ arguments: any DatabaseValueConvertible...) throws(StoreError) {
        do {
            try statement().execute(arguments: Self.bound(arguments))
        } catch {
            throw storeError(error)
        }
    }

    /// Calls `body` with each row until it returns false.
    func forEachRow(
        _ arguments: any DatabaseValueConvertible..., body: (Row) throws -> Bool
    ) throws(StoreError) {
        do {
            try read(Self.bound(arguments), body)
        } catch {
            throw storeError(error)
        }
    }

    /// Every row, transformed.
    func rows<R>(
        _ arguments: any DatabaseValueConvertible..., transform: (Row) throws -> R
    ) throws(StoreError) -> [R] {
        var result: [R] = []
        do {
            try read(Self.bound(arguments)) { row in
                result.append(try transform(row))
                return true
            }
        } catch {
            throw storeError(error)
        }
        return result
    }

    private static func bound(
        _ arguments: [any DatabaseValueConvertible]
    ) -> StatementArguments {
        // Not by key path: through an existential that costs more than the statement.
        StatementArguments(arguments.map { $0.databaseValue })
    }

    private func read(_ arguments: StatementArguments, _ body: (Row) throws -> Bool) throws {
        let cursor = try Row.fetchCursor(statement(), arguments: arguments)
        while let row = try cursor.next() {
            if try !body(row) { break }
        }
    }

    private func statement() throws -> Statement {
        if let compiled { return compiled }
        let statement = try database.makeStatement(sql: sql)
        compiled = statement
        return statement
    }
}

/// Every statement of the store.
final class SQLiteStatements {
    let selectAccount: SQLiteStatement
    let selectKeys: SQLiteStatement
    let insertAccount: SQLiteStatement
    let deleteAccount: SQLiteStatement
    let updateKeys: SQLiteStatement
    let selectDevices: SQLiteStatement
    let insertDevice: SQLiteStatement
    let selectStanza: SQLiteStatement
    let insertStanza: SQLiteStatement
    let deleteStanza: SQLiteStatement
    let selectPage: SQLiteStatement
    let selectContacts: SQLiteStatement
    let insertContact: SQLiteStatement
    let deleteContact: SQLiteStatement

    init(_ database: Database) {
        func sql(_ text: String) -> SQLiteStatement { SQLiteStatement(database, text) }
        let isStanza = "device = ? AND sender = ? AND sender_device = ? AND id = ? AND kind = ?"
        selectAccount = sql("SELECT number FROM account WHERE name = ?")
        selectKeys = sql(
            "SELECT salt, iterations, stored_key, server_key FROM account WHERE name = ?")
        insertAccount = sql(
            """
            INSERT INTO account (name, salt, iterations, stored_key, server_key)
            VALUES (?, ?, ?, ?, ?)
            """)
        deleteAccount = sql("DELETE FROM account WHERE name = ?")
        updateKeys = sql(
            """
            UPDATE account SET salt = ?, iterations = ?, stored_key = ?, server_key = ?
            WHERE name = ?
            """)
        selectDevices = sql(
            """
            SELECT device, number, (SELECT count(*) FROM queue WHERE queue.device = device.number)
            FROM device WHERE account = ? ORDER BY device
            """)
        insertDevice = sql("INSERT INTO device (account, device) VALUES (?, ?)")
        selectStanza = sql("SELECT 1 FROM queue WHERE \(isStanza)")
        insertStanza = sql(
            """
            INSERT INTO queue (device, sender, sender_device, id, kind, sent_at, payload)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            """)
        deleteStanza = sql("DELETE FROM queue WHERE \(isStanza)")
        selectPage = sql(
            """
            SELECT sequence, sender, sender_device, id, kind, payload FROM queue
            WHERE device = ? AND sequence > ? ORDER BY sequence LIMIT ?
            """)
        selectContacts = sql("SELECT contact FROM contact WHERE account = ? ORDER BY contact")
        insertContact = sql("INSERT INTO contact (account, contact) VALUES (?, ?)")
        deleteContact = sql("DELETE FROM contact WHERE account = ? AND contact = ?")
    }

    /// A row of `selectKeys`.
    static func keys(_ row: Row) -> ScramKeys {
        ScramKeys(
            salt: bytes(row, 0), iterations: row[1], storedKey: bytes(row, 2),
            serverKey: bytes(row, 3))
    }

    /// A row of `selectPage`.
    static func stanza(_ row: Row) throws(StoreError) -> QueuedStanza {
        guard let sender = Localpart(row[1] as String),
            let device = UInt8(exactly: row[2] as Int64), let id = StanzaID(row[3] as String),
            let kind = UInt8(exactly: row[4] as Int64).flatMap(StanzaKind.init(rawValue:))
        else { throw .corrupt("queue row \(row[0] as Int64)") }
        let key = StanzaKey(
            sender: DeviceAddress(user: sender, device: device), id: id, kind: kind)
        return QueuedStanza(key: key, payload: bytes(row, 5))
    }

    private static func bytes(_ row: Row, _ index: Int) -> [UInt8] {
        let data: Data? = row[index]
        return data.map { [UInt8]($0) } ?? []
    }
}
