// A client's state as rows, both ways.

internal import Client
internal import Foundation
internal import GRDB
internal import Wire

extension SQLiteClientStore {
    static func apply(_ change: ClientChange, to database: Database) throws {
        func run(_ sql: String, _ arguments: StatementArguments) throws {
            try database.cachedStatement(sql: sql).execute(arguments: arguments)
        }
        switch change {
        case .token(let secret):
            try keep("token", secret, database)
        case .ticket(let secret):
            try keep("ticket", secret, database)
        case .messageAdded(let message):
            try run(
                "INSERT INTO outbox (id, recipient, body) VALUES (?, ?, ?)",
                [message.id.text, message.to.description, Data(message.body.utf8)])
        case .messageRemoved(let id):
            try run("DELETE FROM outbox WHERE id = ?", [id.text])
        case .state(let record):
            let (number, condition) = number(of: record.state)
            try run(
                """
                INSERT INTO record (id, state, condition) VALUES (?, ?, ?)
                ON CONFLICT (id) DO UPDATE SET state = excluded.state, condition = excluded.condition
                """, [record.id.text, number, condition])
        case .stateForgotten(let id):
            try run("DELETE FROM record WHERE id = ?", [id.text])
        case .receiptAdded(let receipt):
            try run(
                "INSERT INTO receipt (sender, id, kind) VALUES (?, ?, ?)",
                [receipt.to.description, receipt.id.text, Int64(receipt.kind.rawValue)])
        case .receiptRemoved(let receipt):
            try run(
                "DELETE FROM receipt WHERE sender = ? AND id = ? AND kind = ?",
                [receipt.to.description, receipt.id.text, Int64(receipt.kind.rawValue)])
        case .seenAdded(let key):
            try run(
                "INSERT INTO seen (sender, id, kind) VALUES (?, ?, ?)",
                [key.from.description, key.id.text, Int64(key.kind.rawValue)])
        case .seenRemoved(let key):
            try run(
                "DELETE FROM seen WHERE sender = ? AND id = ? AND kind = ?",
                [key.from.description, key.id.text, Int64(key.kind.rawValue)])
        }
    }

    private static func keep(_ name: String, _ secret: ClientSecret?, _ database: Database) throws {
        guard let secret else {
            try database.execute(sql: "DELETE FROM secret WHERE name = ?", arguments: [name])
            return
        }
        try database.execute(
            sql: "INSERT OR REPLACE INTO secret (name, value) VALUES (?, ?)",
            arguments: [name, Data(secret.bytes)])
    }

    static func state(_ database: Database) throws -> ClientState {
        var state = ClientState()
        state.token = try secret("token", database)
        state.ticket = try secret("ticket", database)
        state.outbox = try Row.fetchAll(
            database, sql: "SELECT recipient, id, body FROM outbox ORDER BY sequence"
        ).map { row in
            let (to, id) = try name(row)
            return OutgoingMessage(
                to: to, id: id, body: String(decoding: row[2] as Data, as: UTF8.self))
        }
        state.records = try Row.fetchAll(
            database, sql: "SELECT id, state, condition FROM record ORDER BY sequence"
        ).map { row in
            guard let id = StanzaID(row[0] as String), let state = messageState(row[1], row[2])
            else { throw damaged }
            return MessageRecord(id: id, state: state)
        }
        state.receipts = try Row.fetchAll(
            database, sql: "SELECT sender, id, kind FROM receipt ORDER BY sequence"
        ).map { row in
            let (to, id) = try name(row)
            return OutgoingReceipt(to: to, id: id, kind: try kind(row))
        }
        state.seen = try Row.fetchAll(
            database, sql: "SELECT sender, id, kind FROM seen ORDER BY sequence"
        ).map { row in
            let (from, id) = try name(row)
            return SeenKey(from: from, id: id, kind: try kind(row))
        }
        return state
    }

    private static var damaged: ClientStoreError { ClientStoreError("the file is damaged") }

    private static func secret(_ name: String, _ database: Database) throws -> ClientSecret? {
        try Data.fetchOne(
            database, sql: "SELECT value FROM secret WHERE name = ?", arguments: [name]
        ).map { ClientSecret([UInt8]($0)) }
    }

    /// The address and the id that a row begins with.
    private static func name(_ row: Row) throws -> (JID, StanzaID) {
        guard let jid = JID(row[0] as String), let id = StanzaID(row[1] as String) else {
            throw damaged
        }
        return (jid, id)
    }

    private static func kind(_ row: Row) throws -> StanzaKind {
        guard let kind = UInt8(exactly: row[2] as Int64).flatMap(StanzaKind.init(rawValue:)) else {
            throw damaged
        }
        return kind
    }

    // Numbers are stored: append only.

    private static func number(of state: MessageState) -> (Int64, String?) {
        switch state {
        case .pending: (0, nil)
        case .accepted: (1, nil)
        case .delivered: (2, nil)
        case .read: (3, nil)
        case .failed(let condition): (4, condition)
        case .expired: (5, nil)
        }
    }

    private static func messageState(_ number: Int64, _ condition: String?) -> MessageState? {
        switch number {
        case 0: .pending
        case 1: .accepted
        case 2: .delivered
        case 3: .read
        case 4: .failed(condition: condition ?? "undefined-condition")
        case 5: .expired
        default: nil
        }
    }
}
