// What the gateway asks of its store and what it hears back: values only, no engine.
//
// Requests are totally ordered: a store answers as if it had executed them one after another, in
// the order `submit` took them (`credentials` alone is answered from whatever was committed last).
// An answer is given when its effect is durable, never earlier, and exactly once for each request
// that was taken, except `settle`, which has none. Answers reach a shard in submission order.

package import Wire

/// A stanza to put into the queues of a user's devices.
package struct EnqueueRequest: Sendable {
    /// Who it is from and what it is; unique in a device's queue.
    package var key: StanzaKey
    package var recipient: Localpart
    /// The device it is for; nil for every device the account has.
    package var device: UInt8?
    /// The encoded node, in dictionary version 1.
    package var payload: [UInt8]
    /// When the gateway took it, in seconds since 1970-01-01 00:00 UTC.
    package var sentAt: UInt64

    package init(
        key: StanzaKey, recipient: Localpart, device: UInt8?, payload: [UInt8], sentAt: UInt64
    ) {
        self.key = key
        self.recipient = recipient
        self.device = device
        self.payload = payload
        self.sentAt = sentAt
    }
}

/// A stanza as it waits in a device's queue.
package struct QueuedRow: Sendable {
    /// Its place: later stanzas of any queue have higher numbers, and a number is never used twice.
    package var sequence: Int64
    package var stanza: QueuedStanza

    package init(sequence: Int64, stanza: QueuedStanza) {
        self.sequence = sequence
        self.stanza = stanza
    }
}

/// A run of a device's queue, oldest first.
package struct QueuePage: Sendable {
    package var rows: [QueuedRow]
    /// Whether nothing waited behind it when it was read.
    package var isLast: Bool

    package init(rows: [QueuedRow], isLast: Bool) {
        self.rows = rows
        self.isLast = isLast
    }
}

/// What a session needs to begin.
package struct DeviceOpening: Sendable {
    /// Every device of the account, this one included, ascending.
    package var devices: [UInt8]
    /// The account's contacts, in order of their names.
    package var contacts: [Localpart]
    /// The head of the device's queue.
    package var page: QueuePage

    package init(devices: [UInt8], contacts: [Localpart], page: QueuePage) {
        self.devices = devices
        self.contacts = contacts
        self.page = page
    }
}

/// A request. Each names the replies it may get; any may get `failed`.
package enum StoreRequest: Sendable {
    /// Reads an account's verifier, any time: `credentials`.
    case credentials(Localpart)
    /// Stores a stanza: `enqueued`, `unknownRecipient`, `unknownDevice` or `queueFull`.
    case enqueue(EnqueueRequest)
    /// Removes a stanza from one device's queue, if it is there. No answer.
    case settle(DeviceAddress, StanzaKey)
    /// Registers the device if it is new and reads what waits: `opened`, `unknownAccount` or
    /// `devicesFull`.
    case openDevice(DeviceAddress, pageCountMax: Int)
    /// Reads the rows whose sequence is above `after`: `page`; an unknown device's queue is empty.
    case readPage(DeviceAddress, after: Int64, countMax: Int)
    /// Removes, then adds contacts, all or none: `contacts`, `unknownAccount` or `contactsFull`.
    case changeContacts(Localpart, add: [Localpart], remove: [Localpart])
}

/// A reply.
package enum StoreReply: Sendable {
    /// The verifier; nil when there is no such account.
    case credentials(ScramKeys?)
    /// Durable now for these devices, ascending; also for a repeat that still waits.
    case enqueued(devices: [UInt8])
    case unknownRecipient
    case unknownDevice
    /// One of the queues has no room: nothing was stored.
    case queueFull
    case opened(DeviceOpening)
    case unknownAccount
    case devicesFull
    case page(QueuePage)
    /// All of them after the change, in order of their names.
    case contacts([Localpart])
    /// Too many after the change: nothing was changed.
    case contactsFull
    /// Not stored, or not known to be stored: nobody may be told it is safe.
    case failed(StoreError)
}

/// A reply and the ticket of the request it answers.
package struct StoreAnswer: Sendable {
    package var ticket: UInt64
    package var reply: StoreReply

    package init(ticket: UInt64, reply: StoreReply) {
        self.ticket = ticket
        self.reply = reply
    }
}

/// Where a store hands over answers: one call per batch and shard, from a thread of the store.
package typealias StoreDelivery = @Sendable (_ shard: Int, _ answers: [StoreAnswer]) -> Void

/// The durable queues, devices and contacts, as the shards use them. Any thread may call.
package protocol MessageStore: AnyObject, Sendable {
    /// Takes a request. False: the store's queue is full (or closed); nothing was taken and no answer
    /// will come. `shard` is where the answer goes.
    func submit(_ request: StoreRequest, ticket: UInt64, shard: Int) -> Bool
    /// Finishes what was submitted, then stops.
    func close()
}

/// The accounts, as the administration uses them. Any thread but the store's own may call; calls
/// block until their effect is durable.
package protocol AccountStore: AnyObject, Sendable {
    /// Adds an account with device 0. Throws `accountExists`.
    func addAccount(_ name: Localpart, keys: ScramKeys) throws(StoreError)
    /// Removes an account with its devices, queues and contacts. Throws `unknownAccount`.
    func removeAccount(_ name: Localpart) throws(StoreError)
    /// Changes an account's verifier. Throws `unknownAccount`.
    func setKeys(_ keys: ScramKeys, of name: Localpart) throws(StoreError)
    /// Every account, in order of their names. O(accounts).
    func accounts() throws(StoreError) -> [Localpart]
}
