// The tables in memory: what MemoryStore and the simulated disk have behind StoreLogic.
//
// Invariant: a queue's rows stand in the order of their sequences, `sequences` has exactly the keys
// of the rows, `times` their sequences, and `size` is the sum of their payloads. Contents are a value:
// whoever wants to undo a batch keeps a copy from before it.

package import Wire

/// Tables without a disk. Belongs to one thread, or to whoever holds its owner's lock.
package final class MemoryTables: StoreTables {
    package struct Queue: Sendable {
        /// In order of their sequences.
        package fileprivate(set) var rows: [QueuedRow] = []
        fileprivate var sequences: [StanzaKey: Int64] = [:]
        /// When each was accepted.
        fileprivate var times: [Int64: UInt64] = [:]
        /// Bytes of payload.
        package fileprivate(set) var size = 0

        fileprivate mutating func append(_ row: QueuedRow, sentAt: UInt64) {
            rows.append(row)
            sequences[row.stanza.key] = row.sequence
            times[row.sequence] = sentAt
            size += row.stanza.payload.count
        }

        fileprivate mutating func remove(at index: Int) {
            let row = rows.remove(at: index)
            sequences[row.stanza.key] = nil
            times[row.sequence] = nil
            size -= row.stanza.payload.count
        }
    }

    package struct Account: Sendable {
        fileprivate var keys: ScramKeys
        package fileprivate(set) var queues: [UInt8: Queue] = [:]
        fileprivate var contacts: Set<Localpart> = []
        fileprivate var tokens: [UInt8: [DeviceToken]] = [:]
    }

    /// Everything that is stored.
    package struct Contents: Sendable {
        package fileprivate(set) var accounts: [Localpart: Account] = [:]
        fileprivate var sequenceLast: Int64 = 0
        /// Rows inserted since the tables were made.
        package fileprivate(set) var insertCount = 0
        /// Changes of any kind since the tables were made.
        package fileprivate(set) var changeCount = 0
        /// What was removed as the oldest since the tables were made: what has expired.
        package fileprivate(set) var expired: [QueuePlace] = []

        package init() {}
    }

    package var contents = Contents()

    package init() {}

    package func devices(of account: Localpart) -> [DeviceDepth]? {
        contents.accounts[account]?.queues
            .map {
                DeviceDepth(device: $0.key, depth: $0.value.rows.count, size: $0.value.size)
            }
            .sorted { $0.device < $1.device }
    }

    package func addDevice(_ address: DeviceAddress) {
        contents.changeCount += 1
        contents.accounts[address.user]?.queues[address.device] = Queue()
    }

    package func isWaiting(_ key: StanzaKey, for address: DeviceAddress) -> Bool {
        contents.accounts[address.user]?.queues[address.device]?.sequences[key] != nil
    }

    package func insert(_ stanza: QueuedStanza, sentAt: UInt64, for address: DeviceAddress) {
        contents.sequenceLast += 1
        contents.insertCount += 1
        contents.changeCount += 1
        let sequence = contents.sequenceLast
        let row = QueuedRow(sequence: sequence, stanza: stanza)
        contents.accounts[address.user]?.queues[address.device]?.append(row, sentAt: sentAt)
    }

    package func remove(_ key: StanzaKey, from address: DeviceAddress) {
        guard let sequence = queue(of: address)?.sequences[key] else { return }
        remove(sequence, from: address)
    }

    private func queue(of address: DeviceAddress) -> Queue? {
        contents.accounts[address.user]?.queues[address.device]
    }

    private func remove(_ sequence: Int64, from address: DeviceAddress) {
        guard let index = queue(of: address)?.rows.firstIndex(where: { $0.sequence == sequence })
        else { return }
        contents.changeCount += 1
        contents.accounts[address.user]?.queues[address.device]?.remove(at: index)
    }

    package func oldest(acceptedUntil: UInt64, countMax: Int) -> [OldestRow] {
        var rows: [OldestRow] = []
        for (user, account) in contents.accounts {
            for (device, queue) in account.queues {
                for row in queue.rows.prefix(countMax) {
                    let place = QueuePlace(
                        owner: DeviceAddress(user: user, device: device), key: row.stanza.key)
                    rows.append(
                        OldestRow(
                            sequence: row.sequence, sentAt: queue.times[row.sequence] ?? 0,
                            size: row.stanza.payload.count, stanza: place))
                }
            }
        }
        rows.sort { $0.sequence < $1.sequence }
        return Array(rows.prefix(countMax).prefix { $0.sentAt <= acceptedUntil })
    }

    package func remove(_ row: OldestRow) {
        guard let stanza = row.stanza else { return }
        contents.expired.append(stanza)
        remove(row.sequence, from: stanza.owner)
    }

    package func page(
        of address: DeviceAddress, after: Int64, countMax: Int, sizeMax: Int
    ) -> QueuePage {
        var page = QueuePage(rows: [], isLast: true)
        var size = 0
        for row in contents.accounts[address.user]?.queues[address.device]?.rows ?? []
        where row.sequence > after {
            size += row.stanza.payload.count
            if page.rows.count == countMax || (size > sizeMax && !page.rows.isEmpty) {
                page.isLast = false
                break
            }
            page.rows.append(row)
        }
        return page
    }

    package func contacts(of account: Localpart) -> [Localpart] {
        contents.accounts[account]?.contacts.sorted() ?? []
    }

    package func changeContacts(of account: Localpart, added: [Localpart], removed: [Localpart]) {
        if !added.isEmpty || !removed.isEmpty { contents.changeCount += 1 }
        contents.accounts[account]?.contacts.subtract(removed)
        contents.accounts[account]?.contacts.formUnion(added)
    }

    package func keys(of account: Localpart) -> ScramKeys? { contents.accounts[account]?.keys }

    package func tokens(of address: DeviceAddress) -> [DeviceToken] {
        contents.accounts[address.user]?.tokens[address.device] ?? []
    }

    package func setTokens(_ tokens: [DeviceToken], of address: DeviceAddress) {
        contents.changeCount += 1
        contents.accounts[address.user]?.tokens[address.device] = tokens
    }

    package func removeTokens(of account: Localpart) {
        contents.changeCount += 1
        contents.accounts[account]?.tokens = [:]
    }

    package func addAccount(_ name: Localpart, keys: ScramKeys) {
        contents.changeCount += 1
        contents.accounts[name] = Account(keys: keys)
    }

    package func removeAccount(_ name: Localpart) {
        contents.changeCount += 1
        contents.accounts[name] = nil
    }

    package func setKeys(_ keys: ScramKeys, of name: Localpart) {
        contents.changeCount += 1
        contents.accounts[name]?.keys = keys
    }
}
