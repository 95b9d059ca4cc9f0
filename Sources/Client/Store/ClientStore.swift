// What a client keeps from one process to the next, and the protocol of whatever keeps it.
//
// The session decides; a store obeys. Every turn of the client hands over what it changed, in order, and
// nothing that the turn made (bytes for the server, events for the app) leaves before `commit` has
// returned. So a store needs no logic: it applies changes and makes them durable, all or none.

public import Wire

/// Keeps a client's state. One client at a time uses it, from one thread.
public protocol ClientStore: AnyObject, Sendable {
    /// The state after all changes that were ever committed. Called once, before anything is connected.
    func load() throws(ClientStoreError) -> ClientState
    /// Applies all of the changes in order, or none, and returns when they are durable: they must outlive
    /// the process, and should outlive the machine's power. An error stops the client.
    func commit(_ changes: [ClientChange]) throws(ClientStoreError)
}

/// Why a store could not do it.
public struct ClientStoreError: Error, Sendable, Equatable, CustomStringConvertible {
    /// One line for people; it must hold no secrets.
    public let description: String

    /// An error with words for people.
    public init(_ description: String) {
        self.description = description
    }
}

/// A secret of the client: does not show itself when it is printed.
public struct ClientSecret: Sendable, Equatable, CustomStringConvertible, CustomReflectable {
    /// The secret.
    public let bytes: [UInt8]

    /// A secret of these bytes.
    public init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Not the secret.
    public var description: String { "a secret of \(bytes.count) bytes" }

    /// Nothing.
    public var customMirror: Mirror { Mirror(self, children: [] as [Mirror.Child]) }
}

/// Where a message that was sent stands. Later cases say more.
public enum MessageState: Sendable, Equatable {
    /// In the outbox: the server has not acked it.
    case pending
    /// The server has it safely.
    case accepted
    /// It left the queue of a device of the recipient, which had not come for it in time. Another device
    /// may still get it.
    case expired
    /// A device of the recipient has it.
    case delivered
    /// A person has read it.
    case read
    /// The server refused it for good, with this condition.
    case failed(condition: String)

    /// How much a state says: a receipt may overtake the ack.
    private var rank: Int {
        switch self {
        case .pending: 0
        case .accepted: 1
        case .expired: 2
        case .failed: 3
        case .delivered: 4
        case .read: 5
        }
    }

    /// Whether it says more than the other.
    package func outranks(_ other: MessageState) -> Bool { rank > other.rank }
}

/// A message's id with where it stands.
public struct MessageRecord: Sendable, Equatable {
    /// The id.
    public var id: StanzaID
    /// Where it stands.
    public var state: MessageState

    /// A record from its parts.
    public init(id: StanzaID, state: MessageState) {
        self.id = id
        self.state = state
    }
}

/// One change of a client's state.
public enum ClientChange: Sendable, Equatable {
    /// The login token; nil when there is none any more.
    case token(ClientSecret?)
    /// The TLS session to resume; nil when there is none any more.
    case ticket(ClientSecret?)
    /// At the end of the outbox.
    case messageAdded(OutgoingMessage)
    /// Out of the outbox.
    case messageRemoved(StanzaID)
    /// Where a message stands; a new record goes to the end.
    case state(MessageRecord)
    /// The record of a message goes.
    case stateForgotten(StanzaID)
    /// At the end of the receipts that the server has not acked.
    case receiptAdded(OutgoingReceipt)
    /// Out of these.
    case receiptRemoved(OutgoingReceipt)
    /// At the end of what the app has been given and has acknowledged, or has been told.
    case seenAdded(SeenKey)
    /// Out of this.
    case seenRemoved(SeenKey)
}

/// Everything that a store keeps. Arrays are in order of adding.
public struct ClientState: Sendable, Equatable {
    /// The login token.
    public var token: ClientSecret?
    /// The TLS session to resume.
    public var ticket: ClientSecret?
    /// Messages that the server has not acked.
    public var outbox: [OutgoingMessage] = []
    /// Where messages stand.
    public var records: [MessageRecord] = []
    /// Receipts that the server has not acked.
    public var receipts: [OutgoingReceipt] = []
    /// What must not be shown again.
    public var seen: [SeenKey] = []

    /// The state of a client that never ran.
    public init() {}

    /// Applies one change. O(what is kept).
    public mutating func apply(_ change: ClientChange) {
        switch change {
        case .token(let token): self.token = token
        case .ticket(let ticket): self.ticket = ticket
        case .messageAdded(let message): outbox.append(message)
        case .messageRemoved(let id): outbox.removeAll { $0.id == id }
        case .state(let record):
            if let index = records.firstIndex(where: { $0.id == record.id }) {
                records[index] = record
            } else {
                records.append(record)
            }
        case .stateForgotten(let id): records.removeAll { $0.id == id }
        case .receiptAdded(let receipt): receipts.append(receipt)
        case .receiptRemoved(let receipt): receipts.removeAll { $0.isSame(as: receipt) }
        case .seenAdded(let key): seen.append(key)
        case .seenRemoved(let key): seen.removeAll { $0 == key }
        }
    }
}
