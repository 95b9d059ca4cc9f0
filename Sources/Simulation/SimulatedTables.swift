// The tables of a simulated disk: those of memory, and the place for planted bugs.

internal import Storage
internal import Wire

/// MemoryTables, with what a planted bug makes of them.
final class SimulatedTables: StoreTables {
    private let tables: MemoryTables
    private let isDedupeOff: Bool
    private let keepsLastTokenOnly: Bool
    private let forgetsCopies: Bool
    private let forgetsNotices: Bool
    private let ignoresAge: Bool

    init(_ tables: MemoryTables, _ canary: Canary?) {
        self.tables = tables
        isDedupeOff = canary == .dedupeOff
        keepsLastTokenOnly = canary == .tokenReplacedAtOnce
        forgetsCopies = canary == .copyForgotten
        forgetsNotices = canary == .noticeForgotten
        ignoresAge = canary == .ageIgnored
    }

    func devices(of account: Localpart) throws(StoreError) -> [DeviceDepth]? {
        tables.devices(of: account)
    }

    func addDevice(_ address: DeviceAddress) throws(StoreError) { tables.addDevice(address) }

    func isWaiting(_ key: StanzaKey, for address: DeviceAddress) throws(StoreError) -> Bool {
        isDedupeOff ? false : tables.isWaiting(key, for: address)
    }

    func insert(
        _ stanza: QueuedStanza, sentAt: UInt64, for address: DeviceAddress
    ) throws(StoreError) {
        if forgetsCopies, stanza.key.kind == .copy { return }
        if forgetsNotices, stanza.key.kind == .expired { return }
        tables.insert(stanza, sentAt: sentAt, for: address)
    }

    func remove(_ key: StanzaKey, from address: DeviceAddress) throws(StoreError) {
        tables.remove(key, from: address)
    }

    func oldest(acceptedUntil: UInt64, countMax: Int) throws(StoreError) -> [OldestRow] {
        tables.oldest(acceptedUntil: ignoresAge ? .max : acceptedUntil, countMax: countMax)
    }

    func remove(_ row: OldestRow) throws(StoreError) { tables.remove(row) }

    func page(
        of address: DeviceAddress, after: Int64, countMax: Int, sizeMax: Int
    ) throws(StoreError) -> QueuePage {
        tables.page(of: address, after: after, countMax: countMax, sizeMax: sizeMax)
    }

    func contacts(of account: Localpart) throws(StoreError) -> [Localpart] {
        tables.contacts(of: account)
    }

    func changeContacts(
        of account: Localpart, added: [Localpart], removed: [Localpart]
    ) throws(StoreError) {
        tables.changeContacts(of: account, added: added, removed: removed)
    }

    func keys(of account: Localpart) throws(StoreError) -> ScramKeys? { tables.keys(of: account) }

    func tokens(of address: DeviceAddress) throws(StoreError) -> [DeviceToken] {
        tables.tokens(of: address)
    }

    func setTokens(_ tokens: [DeviceToken], of address: DeviceAddress) throws(StoreError) {
        tables.setTokens(keepsLastTokenOnly ? tokens.suffix(1) : tokens, of: address)
    }

    func removeTokens(of account: Localpart) throws(StoreError) {
        tables.removeTokens(of: account)
    }

    func addAccount(_ name: Localpart, keys: ScramKeys) throws(StoreError) {
        tables.addAccount(name, keys: keys)
    }

    func removeAccount(_ name: Localpart) throws(StoreError) { tables.removeAccount(name) }

    func setKeys(_ keys: ScramKeys, of name: Localpart) throws(StoreError) {
        tables.setKeys(keys, of: name)
    }
}
