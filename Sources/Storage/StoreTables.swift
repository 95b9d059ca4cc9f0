// What an engine can do: look up, insert, remove. It decides nothing; StoreLogic does.
//
// An engine sees calls in the order of the requests. It may keep what it was told in memory until
// the batch is committed, as long as its readers see it.

package import Wire

/// A device of an account, and what waits for it: how many stanzas, and how many bytes of payload.
package struct DeviceDepth {
    package var device: UInt8
    package var depth: Int
    package var size: Int

    package init(device: UInt8, depth: Int, size: Int) {
        self.device = device
        self.depth = depth
        self.size = size
    }

    /// Whether another stanza may wait.
    func hasRoom(for payload: [UInt8], _ limits: StoreLimits) -> Bool {
        // Neither is more than memory holds.
        depth < limits.queueDepthMax && size &+ payload.count <= limits.queueSizeMax
    }
}

/// A row at the front of all queues.
package struct OldestRow: Sendable {
    package var sequence: Int64
    /// When it was accepted, in seconds since 1970.
    package var sentAt: UInt64
    package var size: Int
    /// Whose queue it is in, and what it is; nil when the row cannot be read.
    package var stanza: QueuePlace?

    package init(sequence: Int64, sentAt: UInt64, size: Int, stanza: QueuePlace?) {
        self.sequence = sequence
        self.sentAt = sentAt
        self.size = size
        self.stanza = stanza
    }
}

/// A stanza in a device's queue.
package struct QueuePlace: Hashable, Sendable {
    package var owner: DeviceAddress
    package var key: StanzaKey

    package init(owner: DeviceAddress, key: StanzaKey) {
        self.owner = owner
        self.key = key
    }
}

/// An engine's tables. Every method throws when the engine fails, and then the batch is undone.
package protocol StoreTables: AnyObject {
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
    /// Of all queues the rows with the lowest sequences, in their order, as far as they were accepted at
    /// `acceptedUntil` or before; at most `countMax`. Reads one row more at most.
    func oldest(acceptedUntil: UInt64, countMax: Int) throws(StoreError) -> [OldestRow]
    /// Removes a row that `oldest` has just given.
    func remove(_ row: OldestRow) throws(StoreError)
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
    /// A device's login tokens, oldest first; empty when there is no such device.
    func tokens(of address: DeviceAddress) throws(StoreError) -> [DeviceToken]
    /// Replaces a device's login tokens. Precondition: the device exists.
    func setTokens(_ tokens: [DeviceToken], of address: DeviceAddress) throws(StoreError)
    /// Removes the login tokens of all devices of an account.
    func removeTokens(of account: Localpart) throws(StoreError)
    /// Adds an account without devices. Precondition: there is none of that name.
    func addAccount(_ name: Localpart, keys: ScramKeys) throws(StoreError)
    /// Removes an account and all that is its own. Precondition: it exists.
    func removeAccount(_ name: Localpart) throws(StoreError)
    /// Changes an account's verifier. Precondition: it exists.
    func setKeys(_ keys: ScramKeys, of name: Localpart) throws(StoreError)
}
