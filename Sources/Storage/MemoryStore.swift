// The store for simulations and tests: nothing happens until `commit`, and then all of it happens
// on the caller's thread. Same decisions, no disk.

internal import Base
package import Wire

/// A store in memory with commit points of the caller's choosing.
package final class MemoryStore: MessageStore, AccountStore {
    private struct State {
        var waiting: [StoreEntry] = []
        var isClosed = false
    }

    private let state = Lock(State())
    private let tables = Lock(MemoryTables())
    private let limits: StoreLimits
    private let delivery: StoreDelivery

    /// An empty store. `deliver` is called from `commit`, once per shard.
    package init(limits: StoreLimits = StoreLimits(), deliver: @escaping StoreDelivery) {
        limits.validate()
        self.limits = limits
        delivery = deliver
    }

    package func submit(_ request: StoreRequest, ticket: UInt64, shard: Int) -> Bool {
        push(.request(request, ticket: ticket, shard: shard)) == nil
    }

    package func close() {
        commit()
        state.withLock { $0.isClosed = true }
    }

    /// Executes what waits as one batch, then delivers its answers.
    package func commit() {
        finish { batch, tables in
            do throws(StoreError) {
                return try logic(tables).execute(batch)
            } catch {
                return failures(of: batch, error)
            }
        }
    }

    /// Answers what waits as a disk does that fails. `isDurable`: it was stored all the same.
    package func failCommit(_ error: StoreError, isDurable: Bool = false) {
        finish { batch, tables in
            let survivors = batch.filter { $0.isSettle || isDurable }
            do throws(StoreError) {
                _ = try logic(tables).execute(survivors)
                return failures(of: batch, error)
            } catch {
                return failures(of: batch, error)
            }
        }
    }

    /// Forgets what waits, without an answer, as a machine does that stops. What was committed stays.
    package func crash() {
        state.withLock { $0.waiting.removeAll() }
    }

    /// Requests that wait for a commit.
    package var waitingCount: Int { state.withLock { $0.waiting.count } }

    // The administration's calls commit, since they must not wait for somebody else to.

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
        tables.withLock { $0.accounts.keys.sorted() }
    }

    private func logic(_ tables: MemoryTables) -> StoreLogic<MemoryTables> {
        StoreLogic(tables: tables, limits: limits, log: { _ in })
    }

    private func perform(_ request: AdminRequest) throws(StoreError) {
        let completion = Completion()
        if let error = push(.admin(request, completion)) { throw error }
        commit()
        try completion.wait()
    }

    private func push(_ entry: StoreEntry) -> StoreError? {
        state.withLock { state in
            if state.isClosed { return .closed }
            if state.waiting.count >= limits.submitCountMax { return .overloaded }
            state.waiting.append(entry)
            return nil
        }
    }

    private func finish(_ execute: ([StoreEntry], MemoryTables) -> [EntryOutcome]) {
        let batch = state.withLock { state in
            let batch = state.waiting
            state.waiting = []
            return batch
        }
        let outcomes = tables.withLock { execute(batch, $0) }
        deliver(outcomes, of: batch, to: delivery)
    }
}

/// The tables in memory. Guarded by the store's lock.
private final class MemoryTables: StoreTables {
    struct Queue {
        /// In order of their sequences.
        var rows: [QueuedRow] = []
        var sequences: [StanzaKey: Int64] = [:]
    }

    struct Account {
        var keys: ScramKeys
        var queues: [UInt8: Queue] = [:]
        var contacts: Set<Localpart> = []
    }

    private(set) var accounts: [Localpart: Account] = [:]
    private var sequenceLast: Int64 = 0

    func devices(of account: Localpart) -> [DeviceDepth]? {
        accounts[account]?.queues.map { DeviceDepth(device: $0.key, depth: $0.value.rows.count) }
            .sorted { $0.device < $1.device }
    }

    func addDevice(_ address: DeviceAddress) {
        accounts[address.user]?.queues[address.device] = Queue()
    }

    func isWaiting(_ key: StanzaKey, for address: DeviceAddress) -> Bool {
        accounts[address.user]?.queues[address.device]?.sequences[key] != nil
    }

    func insert(_ stanza: QueuedStanza, sentAt: UInt64, for address: DeviceAddress) {
        sequenceLast += 1
        let row = QueuedRow(sequence: sequenceLast, stanza: stanza)
        accounts[address.user]?.queues[address.device]?.rows.append(row)
        accounts[address.user]?.queues[address.device]?.sequences[stanza.key] = sequenceLast
    }

    func remove(_ key: StanzaKey, from address: DeviceAddress) {
        guard
            let sequence = accounts[address.user]?.queues[address.device]?.sequences
                .removeValue(forKey: key)
        else { return }
        accounts[address.user]?.queues[address.device]?.rows.removeAll { $0.sequence == sequence }
    }

    func page(of address: DeviceAddress, after: Int64, countMax: Int, sizeMax: Int) -> QueuePage {
        var page = QueuePage(rows: [], isLast: true)
        var size = 0
        for row in accounts[address.user]?.queues[address.device]?.rows ?? []
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

    func contacts(of account: Localpart) -> [Localpart] {
        accounts[account]?.contacts.sorted() ?? []
    }

    func changeContacts(of account: Localpart, added: [Localpart], removed: [Localpart]) {
        accounts[account]?.contacts.subtract(removed)
        accounts[account]?.contacts.formUnion(added)
    }

    func keys(of account: Localpart) -> ScramKeys? { accounts[account]?.keys }

    func addAccount(_ name: Localpart, keys: ScramKeys) { accounts[name] = Account(keys: keys) }

    func removeAccount(_ name: Localpart) { accounts[name] = nil }

    func setKeys(_ keys: ScramKeys, of name: Localpart) { accounts[name]?.keys = keys }
}
