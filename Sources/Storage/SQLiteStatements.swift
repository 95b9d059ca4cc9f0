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
    let selectTokens: SQLiteStatement
    let updateTokens: SQLiteStatement
    let deleteTokens: SQLiteStatement
    let selectDevices: SQLiteStatement
    let insertDevice: SQLiteStatement
    let selectStanza: SQLiteStatement
    let selectOldest: SQLiteStatement
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
        selectTokens = sql(
            """
            SELECT login_tokens FROM device JOIN account ON account.number = device.account
            WHERE account.name = ? AND device.device = ?
            """)
        updateTokens = sql("UPDATE device SET login_tokens = ? WHERE number = ?")
        deleteTokens = sql("UPDATE device SET login_tokens = NULL WHERE account = ?")
        selectDevices = sql(
            """
            SELECT device.device, number, count(queue.sequence), ifnull(sum(queue.size), 0)
            FROM device LEFT JOIN queue ON queue.device = device.number
            WHERE account = ? GROUP BY device.device ORDER BY device.device
            """)
        insertDevice = sql("INSERT INTO device (account, device) VALUES (?, ?)")
        // Not `size`: it stands behind the payload, and of that only the length has to be read.
        selectStanza = sql("SELECT sequence, length(payload) FROM queue WHERE \(isStanza)")
        // CROSS: in the order of the queue's rows, not of devices or accounts.
        selectOldest = sql(
            """
            SELECT sequence, sender, sender_device, id, kind, sent_at, length(payload),
                account.name, device.device
            FROM queue CROSS JOIN device ON device.number = queue.device
                CROSS JOIN account ON account.number = device.account
            ORDER BY sequence LIMIT ?
            """)
        insertStanza = sql(
            """
            INSERT INTO queue (device, sender, sender_device, id, kind, sent_at, payload, size)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            """)
        deleteStanza = sql("DELETE FROM queue WHERE sequence = ?")
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

    /// A row of `selectTokens`.
    static func tokens(_ row: Row) -> [DeviceToken] { TokenRecord.tokens(bytes(row, 0)) }

    /// A row of `selectPage`.
    static func stanza(_ row: Row) throws(StoreError) -> QueuedStanza {
        guard let key = key(row) else { throw .corrupt("queue row \(row[0] as Int64)") }
        return QueuedStanza(key: key, payload: bytes(row, 5))
    }

    /// A row of `selectOldest`.
    static func oldest(_ row: Row) -> OldestRow {
        var place: QueuePlace?
        if let key = key(row), let owner = Localpart(row[7] as String),
            let device = UInt8(exactly: row[8] as Int64)
        {
            place = QueuePlace(owner: DeviceAddress(user: owner, device: device), key: key)
        }
        return OldestRow(
            sequence: row[0], sentAt: UInt64(clamping: row[5] as Int64),
            size: Int(row[6] as Int64), stanza: place)
    }

    /// What a queue's row is known by; nil when it cannot be read.
    private static func key(_ row: Row) -> StanzaKey? {
        guard let sender = Localpart(row[1] as String),
            let device = UInt8(exactly: row[2] as Int64), let id = StanzaID(row[3] as String),
            let kind = UInt8(exactly: row[4] as Int64).flatMap(StanzaKind.init(rawValue:))
        else { return nil }
        return StanzaKey(
            sender: DeviceAddress(user: sender, device: device), id: id, kind: kind)
    }

    private static func bytes(_ row: Row, _ index: Int) -> [UInt8] {
        let data: Data? = row[index]
        return data.map { [UInt8]($0) } ?? []
    }
}
