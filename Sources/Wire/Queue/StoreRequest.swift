// What is asked of the store that holds accounts and queues, and what it answers: values shared by
// Sessions, which asks, and Storage, which answers. Neither imports the other.

/// A stanza to put on a user's queues.
package struct EnqueueRequest: Sendable {
    package var key: StanzaKey
    package var recipient: Localpart
    /// One device; nil for every device of the account.
    package var device: UInt8?
    /// The encoded node, as the recipient will read it.
    package var payload: [UInt8]
    /// Seconds since 1970.
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

/// A stanza with its place in a device's queue.
package struct QueuedRow: Sendable {
    package var sequence: Int64
    package var stanza: QueuedStanza

    package init(sequence: Int64, stanza: QueuedStanza) {
        self.sequence = sequence
        self.stanza = stanza
    }
}

/// A run of a device's queue, in order.
package struct QueuePage: Sendable {
    package var rows: [QueuedRow]
    /// Whether nothing waited behind the last row when the page was read.
    package var isLast: Bool

    package init(rows: [QueuedRow], isLast: Bool) {
        self.rows = rows
        self.isLast = isLast
    }
}

/// What a device finds when it comes online.
package struct DeviceOpening: Sendable {
    /// Every registered device of the account, this one included.
    package var devices: [UInt8]
    package var contacts: [Localpart]
    package var page: QueuePage

    package init(devices: [UInt8], contacts: [Localpart], page: QueuePage) {
        self.devices = devices
        self.contacts = contacts
        self.page = page
    }
}

/// A question to the store. All but `credentials` are totally ordered: each sees what those before it
/// did.
package enum StoreRequest: Sendable {
    /// The SCRAM keys of an account.
    case credentials(Localpart)
    case enqueue(EnqueueRequest)
    /// Removes a stanza from one device's queue. Has no answer.
    case settle(DeviceAddress, StanzaKey)
    /// Registers the device if it is new.
    case openDevice(DeviceAddress, pageCountMax: Int)
    case readPage(DeviceAddress, after: Int64, countMax: Int)
    case changeContacts(Localpart, add: [Localpart], remove: [Localpart])
}

/// The store's answer.
package enum StoreReply: Sendable {
    case credentials(ScramKeys?)
    /// Durable now, for these devices; also the answer to a repeat that still waits.
    case enqueued(devices: [UInt8])
    case unknownRecipient
    case unknownDevice
    /// The queue of a device is at its limit; nothing was stored.
    case queueFull
    case opened(DeviceOpening)
    case unknownAccount
    /// The account has as many devices as it may; this one is not among them.
    case devicesFull
    case page(QueuePage)
    /// All contacts, after the change.
    case contacts([Localpart])
    case contactsFull
    /// Not known to be stored: nobody may be told that it is safe.
    case failed
}
