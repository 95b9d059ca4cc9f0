// What an engine can do: look up, insert, remove. It decides nothing; StoreLogic does.
//
// An engine sees calls in the order of the requests. It may keep what it was told in memory until
// the batch is committed, as long as its readers see it.

internal import Wire

/// A device of an account, and how many stanzas wait for it.
struct DeviceDepth {
    var device: UInt8
    var depth: Int
}

/// An engine's tables. Every method throws when the engine fails, and then the batch is undone.
protocol StoreTables: AnyObject {
    /// The devices of an account, ascending; nil when there is no such account.
    func devices(of account: Localpart) throws(StoreError) -> [DeviceDepth]?
    /// Adds a device. Precondition: the account exists and has no such device.
    func addDevice(_ address: DeviceAddress) throws(StoreError)

    /// Whether that stanza waits for that device. Precondition: the device exists.
    func isWaiting(_ key: StanzaKey, for address: DeviceAddress) throws(StoreError) -> Bool
    /// Appends a stanza to a device's queue. Precondition: the device exists and `!isWaiting`.
    func insert(
        _ stanza: QueuedStanza, sentAt: UInt64, for address: DeviceAddress
    ) throws(StoreError)
    /// Removes a stanza from a device's queue, if both exist.
    func remove(_ key: StanzaKey, from address: DeviceAddress) throws(StoreError)
    /// The oldest rows above `after`, at most `countMax`, and at most `sizeMax` bytes of payload
    /// unless the first alone is larger. An unknown device has none.
    func page(
        of address: DeviceAddress, after: Int64, countMax: Int, sizeMax: Int
    ) throws(StoreError) -> QueuePage

    /// An account's contacts, in order of their names. Precondition: the account exists.
    func contacts(of account: Localpart) throws(StoreError) -> [Localpart]
    /// Changes an account's contacts: `added` are new, `removed` are there.
    func changeContacts(
        of account: Localpart, added: [Localpart], removed: [Localpart]
    ) throws(StoreError)

    /// An account's verifier; nil when there is no such account.
    func keys(of account: Localpart) throws(StoreError) -> ScramKeys?
    /// Adds an account without devices. Precondition: there is none of that name.
    func addAccount(_ name: Localpart, keys: ScramKeys) throws(StoreError)
    /// Removes an account and all that is its own. Precondition: it exists.
    func removeAccount(_ name: Localpart) throws(StoreError)
    /// Changes an account's verifier. Precondition: it exists.
    func setKeys(_ keys: ScramKeys, of name: Localpart) throws(StoreError)
}
