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
    /// The node for the sender's other devices, if they are to have it.
    package var copy: [UInt8]?
    /// Seconds since 1970.
    package var sentAt: UInt64
    /// Where a message stands in its order; nil for what has none.
    package var place: FlowPlace?

    package init(
        key: StanzaKey, recipient: Localpart, device: UInt8?, payload: [UInt8], sentAt: UInt64,
        place: FlowPlace? = nil, copy: [UInt8]? = nil
    ) {
        self.key = key
        self.recipient = recipient
        self.device = device
        self.payload = payload
        self.sentAt = sentAt
        self.place = place
        self.copy = copy
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
    /// Whether the token that was to be issued is durable.
    package var isTokenKept: Bool

    package init(
        devices: [UInt8], contacts: [Localpart], page: QueuePage, isTokenKept: Bool = false
    ) {
        self.devices = devices
        self.contacts = contacts
        self.page = page
        self.isTokenKept = isTokenKept
    }
}

/// What a login is checked against.
package struct AccountCredentials: Sendable {
    package var keys: ScramKeys
    /// Of the device that logs in, those that were not revoked or replaced; `WireLimits.deviceTokenCountMax` at most.
    package var tokens: [DeviceToken]

    package init(keys: ScramKeys, tokens: [DeviceToken]) {
        self.keys = keys
        self.tokens = tokens
    }
}

/// A token of a device, as the store keeps it.
package struct DeviceToken: Hashable, Sendable {
    package var keys: LoginTokenKeys
    /// Whether the device has logged in with it: then it is the only such.
    package var isUsed: Bool

    package init(keys: LoginTokenKeys, isUsed: Bool) {
        self.keys = keys
        self.isUsed = isUsed
    }
}

/// An operator's decision after which sessions may not go on.
package struct Eviction: Sendable, Equatable {
    package enum Cause: Sendable, Equatable {
        /// There is no such account any more.
        case accountRemoved
        /// The password was changed, or login tokens were revoked.
        case credentialsRevoked
    }

    package var user: Localpart
    /// One device; nil for every device of the account.
    package var device: UInt8?
    package var cause: Cause

    package init(user: Localpart, device: UInt8?, cause: Cause) {
        self.user = user
        self.device = device
        self.cause = cause
    }
}

/// How a device proved who it is, the token that it is to have, and what it says that it has. Its keys were
/// read before: the store refuses with `staleCredentials` when they have changed since.
package struct DeviceLogin: Sendable {
    package enum Proof: Sendable {
        /// Of the password that this StoredKey is of. `tokensBefore` are the StoredKeys of the tokens that the
        /// device had when its keys were read.
        case password(storedKey: [UInt8], tokensBefore: [[UInt8]])
        /// Of the token that this StoredKey is of.
        case token(storedKey: [UInt8])
    }

    package var proof: Proof
    package var issued: LoginTokenKeys?
    /// Stanzas that leave the device's queue, if the proof still counts.
    package var settled: [StanzaKey]

    package init(proof: Proof, issued: LoginTokenKeys?, settled: [StanzaKey] = []) {
        self.proof = proof
        self.issued = issued
        self.settled = settled
    }
}

/// A question to the store. All but `credentials` are totally ordered: each sees what those before it
/// did.
package enum StoreRequest: Sendable {
    /// What a login as this device is checked against.
    case credentials(DeviceAddress)
    case enqueue(EnqueueRequest)
    /// Removes a stanza from one device's queue. Has no answer.
    case settle(DeviceAddress, StanzaKey)
    /// The flow's router knows that something of it was refused. Has no answer, and is always taken: there
    /// is one for each message that the store refused with `queueFull` or `failed`.
    case reopen(Flow)
    /// Registers the device if it is new, notes that a token was used, keeps the one that is issued, and
    /// takes off the queue what the device has, before the page is read.
    case openDevice(DeviceAddress, pageCountMax: Int, login: DeviceLogin? = nil)
    case readPage(DeviceAddress, after: Int64, countMax: Int)
    case changeContacts(Localpart, add: [Localpart], remove: [Localpart])
}

extension StoreRequest {
    /// Whether it waits for the store whatever else does.
    package var isAlwaysTaken: Bool {
        if case .reopen = self { true } else { false }
    }

    /// Whether nobody is told what became of it.
    package var hasAnswer: Bool {
        switch self {
        case .settle, .reopen: false
        default: true
        }
    }
}

/// The store's answer.
package enum StoreReply: Sendable {
    case credentials(AccountCredentials?)
    /// Durable now, for these devices, and the copy for these of the sender's; also the answer to a repeat
    /// that still waits.
    case enqueued(devices: [UInt8], copies: [UInt8] = [])
    case unknownRecipient
    case unknownDevice
    /// The queue of a device is at its limit; nothing was stored.
    case queueFull
    case opened(DeviceOpening)
    case unknownAccount
    /// The password was changed or the token revoked since the login began.
    case staleCredentials
    /// The account has as many devices as it may; this one is not among them.
    case devicesFull
    case page(QueuePage)
    /// All contacts, after the change.
    case contacts([Localpart])
    case contactsFull
    /// Not known to be stored: nobody may be told that it is safe.
    case failed
    /// Behind a message of its flow that was refused; nothing was stored.
    case heldBack
    /// The shard's own answer: the store had no room for the question.
    case notTaken
    /// No answer, but news for the user's home: the decision is durable. Whoever logged in before it has been
    /// answered before; who is answered after it has proved to be good all the same.
    case evict(Eviction)
}
