// What a client tells its application.

public import Wire

/// A message that arrived, once.
public struct IncomingMessage: Sendable, Equatable {
    /// The sender, with the device it was sent from.
    public var from: JID
    /// The id its sender chose.
    public var id: StanzaID
    /// The text of the first `body`; nil when there is none.
    public var body: String?
    /// When the server accepted it, in seconds since 1970.
    public var sentAt: UInt64
    /// The whole stanza.
    public var node: Node

    /// A message from its parts.
    public init(from: JID, id: StanzaID, body: String?, sentAt: UInt64, node: Node) {
        self.from = from
        self.id = id
        self.body = body
        self.sentAt = sentAt
        self.node = node
    }
}

/// A message that another device of this account sent, once.
public struct SentMessage: Sendable, Equatable {
    /// The device of this account that sent it.
    public var from: JID
    /// Whom it was sent to.
    public var to: JID
    /// The id that device chose.
    public var id: StanzaID
    /// The text of the first `body`; nil when there is none.
    public var body: String?
    /// When the server accepted it, in seconds since 1970.
    public var sentAt: UInt64
    /// The whole stanza.
    public var node: Node

    /// A message from its parts.
    public init(from: JID, to: JID, id: StanzaID, body: String?, sentAt: UInt64, node: Node) {
        self.from = from
        self.to = to
        self.id = id
        self.body = body
        self.sentAt = sentAt
        self.node = node
    }
}

/// What happened.
public enum ClientEvent: Sendable, Equatable {
    /// A connection attempt began.
    case connecting
    /// Logged in as `jid`; `resumedTLS` says whether the TLS session was resumed.
    case online(jid: JID, resumedTLS: Bool)
    /// A message arrived. The app deals with it, then acknowledges it.
    case message(IncomingMessage)
    /// Another device of this account sent a message; the server is told that this one has it when the app
    /// acknowledges it.
    case sentElsewhere(SentMessage)
    /// The server has the message of this id safely.
    case acked(StanzaID)
    /// A device of the recipient has the message.
    case delivered(StanzaID, by: JID)
    /// A person has read the message on this device.
    case read(StanzaID, by: JID)
    /// The message waited too long for this device of the recipient: it will not get it.
    case expired(StanzaID, for: JID)
    /// The server refused the message for good; it has left the outbox.
    case failed(StanzaID, condition: String, text: String?)
    /// A contact came or went; `at` is in seconds since 1970.
    case presence(from: JID, available: Bool, at: UInt64)
    /// Somebody began or stopped to write.
    case chatstate(from: JID, composing: Bool)
    /// The connection ended; `retryInMs` is nil when there will be no other.
    case disconnected(DisconnectReason, retryInMs: UInt64?)
    /// The last event: the client will do nothing more. Nil when the application closed it.
    case stopped(ClientError?)
}
