// The tables in SQLite, as the writer's thread sees them inside a transaction.
//
// Inserts wait in memory until something must read the queue, or the batch ends: a stanza that is
// settled before that never touches the disk. Invariant: for each device in the cache, `storedCount`
// rows are in the database and `pendingCount` in `pending`, no stanza is in both, and `size` is the sum of
// the payloads of all of them. The cache
// knows what this transaction did, so it must be thrown away, with this object, if that is undone.

internal import Foundation
internal import GRDB
internal import Wire

final class SQLiteTables: StoreTables {
    private struct Device {
        var device: UInt8
        var number: Int64
        var storedCount: Int
        var pendingCount = 0
        var size: Int
    }

    private struct Account {
        var number: Int64
        var devices: [Device]

        func index(of device: UInt8) -> Int? { devices.firstIndex { $0.device == device } }
    }

    private struct PendingKey: Hashable {
        var device: Int64
        var key: StanzaKey
    }

    private struct PendingRow {
        var address: DeviceAddress
        var device: Int64
        var stanza: QueuedStanza
        var sentAt: UInt64
    }

    private let database: Database
    private let statements: SQLiteStatements
    private let cacheCountMax: Int
    private var cache: [Localpart: Account] = [:]
    private var pending: [PendingRow?] = []
    private var pendingIndex: [PendingKey: Int] = [:]

    init(_ database: Database, cacheCountMax: Int) {
        self.database = database
        self.cacheCountMax = cacheCountMax
        statements = SQLiteStatements(database)
    }

    /// Executes a batch in one transaction. Throws when it was undone or may have been.
    func transaction<R>(_ body: () throws -> R) throws -> R {
        if cache.count > cacheCountMax { cache.removeAll(keepingCapacity: true) }
        var result: R?
        try database.inTransaction(.immediate) {
            result = try body()
            try flush()
            return .commit
        }
        guard let result else { throw StoreError.corrupt("a transaction without a result") }
        return result
    }

    // MARK: Accounts and devices

    func devices(of account: Localpart) throws(StoreError) -> [DeviceDepth]? {
        try load(account)?.devices.map {
            DeviceDepth(
                device: $0.device, depth: $0.storedCount + $0.pendingCount, size: $0.size)
        }
    }

    func addDevice(_ address: DeviceAddress) throws(StoreError) {
        guard let account = try load(address.user) else { return }
        try statements.insertDevice.run(account.number, Int64(address.device))
        let device = Device(
            device: address.device, number: database.lastInsertedRowID, storedCount: 0, size: 0)
        cache[address.user]?.devices.append(device)
        cache[address.user]?.devices.sort { $0.device < $1.device }
    }

    func keys(of account: Localpart) throws(StoreError) -> ScramKeys? {
        try statements.selectKeys.rows(account.text, transform: SQLiteStatements.keys).first
    }

    func addAccount(_ name: Localpart, keys: ScramKeys) throws(StoreError) {
        try statements.insertAccount.run(
            name.text, Data(keys.salt), keys.iterations, Data(keys.storedKey), Data(keys.serverKey))
        cache[name] = Account(number: database.lastInsertedRowID, devices: [])
    }

    func removeAccount(_ name: Localpart) throws(StoreError) {
        try flush()
        try statements.deleteAccount.run(name.text)
        cache[name] = nil
    }

    func setKeys(_ keys: ScramKeys, of name: Localpart) throws(StoreError) {
        try statements.updateKeys.run(
            Data(keys.salt), keys.iterations, Data(keys.storedKey), Data(keys.serverKey), name.text)
    }

    func tokens(of address: DeviceAddress) throws(StoreError) -> [DeviceToken] {
        let records = try statements.selectTokens.rows(
            address.user.text, Int64(address.device), transform: SQLiteStatements.tokens)
        return records.first ?? []
    }

    func setTokens(_ tokens: [DeviceToken], of address: DeviceAddress) throws(StoreError) {
        guard let (device, _) = try find(address) else { return }
        try statements.updateTokens.run(Data(TokenRecord.bytes(tokens)), device.number)
    }

    func removeTokens(of account: Localpart) throws(StoreError) {
        guard let number = try load(account)?.number else { return }
        try statements.deleteTokens.run(number)
    }

    private func load(_ name: Localpart) throws(StoreError) -> Account? {
        if let account = cache[name] { return account }
        guard
            let number = try statements.selectAccount.rows(name.text, transform: { $0[0] as Int64 })
                .first
        else { return nil }
        let devices = try statements.selectDevices.rows(number) { row in
            Device(
                device: UInt8(truncatingIfNeeded: row[0] as Int64),  // CHECKed by the schema
                number: row[1], storedCount: row[2], size: row[3])
        }
        let account = Account(number: number, devices: devices)
        cache[name] = account
        return account
    }

    private func find(_ address: DeviceAddress) throws(StoreError) -> (Device, index: Int)? {
        guard let account = try load(address.user) else { return nil }
        guard let index = account.index(of: address.device) else { return nil }
        return (account.devices[index], index)
    }

    // MARK: Queues

    func isWaiting(_ key: StanzaKey, for address: DeviceAddress) throws(StoreError) -> Bool {
        guard let (device, _) = try find(address) else { return false }
        if device.pendingCount > 0,
            pendingIndex[PendingKey(device: device.number, key: key)] != nil
        {
            return true
        }
        if device.storedCount == 0 { return false }
        return try row(of: key, device) != nil
    }

    /// A stanza's row in the database, and the size of its payload.
    private func row(
        of key: StanzaKey, _ device: Device
    ) throws(StoreError) -> (sequence: Int64, size: Int)? {
        try statements.selectStanza.rows(
            device.number, key.sender.user.text, Int64(key.sender.device), key.id.text,
            Int64(key.kind.rawValue), transform: { ($0[0] as Int64, $0[1] as Int) }
        ).first
    }

    func insert(
        _ stanza: QueuedStanza, sentAt: UInt64, for address: DeviceAddress
    ) throws(StoreError) {
        guard let (device, index) = try find(address) else { return }
        pendingIndex[PendingKey(device: device.number, key: stanza.key)] = pending.count
        pending.append(
            PendingRow(address: address, device: device.number, stanza: stanza, sentAt: sentAt))
        cache[address.user]?.devices[index].pendingCount += 1
        cache[address.user]?.devices[index].size += stanza.payload.count
    }

    func remove(_ key: StanzaKey, from address: DeviceAddress) throws(StoreError) {
        guard let (device, index) = try find(address) else { return }
        if device.pendingCount > 0 {
            let pendingKey = PendingKey(device: device.number, key: key)
            if let place = pendingIndex.removeValue(forKey: pendingKey) {
                cache[address.user]?.devices[index].pendingCount -= 1
                let size = pending[place]?.stanza.payload.count ?? 0
                cache[address.user]?.devices[index].size -= size
                pending[place] = nil
                return
            }
        }
        guard device.storedCount > 0, let row = try row(of: key, device) else { return }
        try removeRow(row.sequence, size: row.size, of: address)
    }

    private func removeRow(
        _ sequence: Int64, size: Int, of address: DeviceAddress?
    ) throws(StoreError) {
        try statements.deleteStanza.run(sequence)
        // Whoever is not in the cache is counted when it comes there.
        guard let address, let index = cache[address.user]?.index(of: address.device) else {
            return
        }
        cache[address.user]?.devices[index].storedCount -= 1
        cache[address.user]?.devices[index].size -= size
    }

    func oldest(acceptedUntil: UInt64, countMax: Int) throws(StoreError) -> [OldestRow] {
        try flush()
        var rows: [OldestRow] = []
        try statements.selectOldest.forEachRow(countMax) { row in
            let row = SQLiteStatements.oldest(row)
            guard row.sentAt <= acceptedUntil else { return false }
            rows.append(row)
            return true
        }
        return rows
    }

    func remove(_ row: OldestRow) throws(StoreError) {
        try removeRow(row.sequence, size: row.size, of: row.stanza?.owner)
    }

    func page(
        of address: DeviceAddress, after: Int64, countMax: Int, sizeMax: Int
    ) throws(StoreError) -> QueuePage {
        try flush()
        guard let (device, _) = try find(address), device.storedCount > 0 else {
            return QueuePage(rows: [], isLast: true)
        }
        var page = QueuePage(rows: [], isLast: true)
        var size = 0
        // One row more than fits tells whether the page is the last.
        try statements.selectPage.forEachRow(device.number, after, countMax + 1) { row in
            let stanza = try SQLiteStatements.stanza(row)
            size += stanza.payload.count
            if page.rows.count == countMax || (size > sizeMax && !page.rows.isEmpty) {
                page.isLast = false
                return false
            }
            page.rows.append(QueuedRow(sequence: row[0], stanza: stanza))
            return true
        }
        return page
    }

    /// Writes what waits in memory, in the order it came.
    private func flush() throws(StoreError) {
        if pending.isEmpty { return }
        for case .some(let row) in pending {
            let key = row.stanza.key
            try statements.insertStanza.run(
                row.device, key.sender.user.text, Int64(key.sender.device), key.id.text,
                Int64(key.kind.rawValue), Int64(clamping: row.sentAt), Data(row.stanza.payload),
                row.stanza.payload.count)
            if let index = cache[row.address.user]?.index(of: row.address.device) {
                cache[row.address.user]?.devices[index].pendingCount -= 1
                cache[row.address.user]?.devices[index].storedCount += 1
            }
        }
        pending.removeAll(keepingCapacity: true)
        pendingIndex.removeAll(keepingCapacity: true)
    }

    // MARK: Contacts

    func contacts(of account: Localpart) throws(StoreError) -> [Localpart] {
        guard let number = try load(account)?.number else { return [] }
        return try statements.selectContacts.rows(number) { row in
            guard let name = Localpart(row[0] as String) else {
                throw StoreError.corrupt("a contact's name")
            }
            return name
        }
    }

    func changeContacts(
        of account: Localpart, added: [Localpart], removed: [Localpart]
    ) throws(StoreError) {
        guard let number = try load(account)?.number else { return }
        for contact in removed { try statements.deleteContact.run(number, contact.text) }
        for contact in added { try statements.insertContact.run(number, contact.text) }
    }
}
