// Messages and receipts that the server has not acked: what a reconnect sends again.
//
// Invariant: entries stand in the order the application gave them; `sentCount` of them are on their way
// on this connection, `sentSize` is the sum of their sizes, `size` that of all. Of the entries to one
// recipient those that are on their way stand first.

public import Wire

/// A message on its way out.
public struct OutgoingMessage: Sendable, Equatable {
    /// The recipient: a user, or one device.
    public let to: JID
    /// Its id.
    public let id: StanzaID
    /// Its text.
    public let body: String
    /// How often the server refused it with `wait`, or one before it to the same recipient.
    package var waitCount = 0
    /// Whether it is on its way on this connection.
    fileprivate(set) var isSent = false

    /// A message from its parts.
    public init(to: JID, id: StanzaID, body: String) {
        self.to = to
        self.id = id
        self.body = body
    }

    /// Bytes that count against the limits: the body's.
    package var size: Int { body.utf8.count }

    package var content: [Node] { [Node("body", content: .text(body))] }
}

/// A receipt on its way out.
public struct OutgoingReceipt: Sendable, Equatable {
    /// The device that sent the message.
    public let to: JID
    /// The message's id.
    public let id: StanzaID
    /// `delivered` or `read`.
    public let kind: StanzaKind
    /// How often the server refused it with `wait`.
    package var waitCount = 0

    /// A receipt from its parts.
    public init(to: JID, id: StanzaID, kind: StanzaKind) {
        self.to = to
        self.id = id
        self.kind = kind
    }

    /// Whether both say the same to the same device.
    package func isSame(as other: OutgoingReceipt) -> Bool {
        id == other.id && kind == other.kind && to == other.to
    }
}

/// An ordered queue of messages with a window of those that have been sent.
package struct Outbox: Sendable {
    private var entries: [OutgoingMessage] = []
    package private(set) var sentCount = 0
    private var sentSize = 0
    private var size = 0

    /// An outbox with what an earlier process left, whatever the limits.
    package init(_ messages: [OutgoingMessage] = []) {
        entries = messages
        size = messages.reduce(0) { $0 + $1.size }
    }

    /// Appends a message. Throws `outboxFull` and `duplicateID`.
    package mutating func append(_ message: OutgoingMessage) throws(ClientError) {
        guard entries.count < ClientLimits.outboxCountMax,
            size + message.size <= ClientLimits.outboxSizeMax
        else { throw .outboxFull }
        guard !entries.contains(where: { $0.id == message.id }) else {
            throw .duplicateID(message.id)
        }
        entries.append(message)
        size += message.size
        checkInvariants()
    }

    /// The next message to send, if the window has room and its recipient is not paused; it counts as
    /// sent from now on.
    package mutating func nextToSend(isPaused: (JID) -> Bool) -> OutgoingMessage? {
        guard sentCount < entries.count, sentCount < ClientLimits.windowCountMax,
            let index = entries.firstIndex(where: { !$0.isSent && !isPaused($0.to.bare) })
        else { return nil }
        let message = entries[index]
        let fits = sentSize + message.size <= ClientLimits.outputSizeMax
        guard fits || sentCount == 0 else { return nil }
        entries[index].isSent = true
        sentCount += 1
        sentSize += message.size
        return message
    }

    /// Takes a message out, sent or not; nil when there is none.
    package mutating func remove(_ id: StanzaID, to: JID?) -> OutgoingMessage? {
        guard let index = index(of: id, to: to) else { return nil }
        let message = entries.remove(at: index)
        size -= message.size
        if message.isSent {
            sentCount -= 1
            sentSize -= message.size
        }
        checkInvariants()
        return message
    }

    /// Notes a refusal with `wait`: this message and all behind it to the same recipient count as not
    /// sent, so that they are sent again in order; others have nothing to do with it. Gives the number
    /// of refusals and the recipient; nil when the message is not there. One that has been put back
    /// already, by the refusal of one before it, is not counted again.
    package mutating func putBack(
        _ id: StanzaID, to: JID?
    ) -> (waitCount: Int, recipient: JID)? {
        guard let first = index(of: id, to: to) else { return nil }
        let recipient = entries[first].to.bare
        guard entries[first].isSent else { return (entries[first].waitCount, recipient) }
        for index in first..<entries.count
        where entries[index].isSent && entries[index].to.bare == recipient {
            entries[index].isSent = false
            entries[index].waitCount += 1
            sentCount -= 1
            sentSize -= entries[index].size
        }
        checkInvariants()
        return (entries[first].waitCount, recipient)
    }

    /// Nothing is on its way any more: the connection is gone.
    package mutating func putBackAll() {
        for index in entries.indices { entries[index].isSent = false }
        sentCount = 0
        sentSize = 0
    }

    private func index(of id: StanzaID, to: JID?) -> Int? {
        entries.firstIndex { $0.id == id && (to == nil || $0.to == to) }
    }

    package var count: Int { entries.count }
    package var messages: [OutgoingMessage] { entries }
    package var ids: [StanzaID] { entries.map(\.id) }

    private func checkInvariants() {
        assert(
            sentCount == entries.reduce(0) { $0 + ($1.isSent ? 1 : 0) }, "\(sentCount) sent")
        assert(size == entries.reduce(0) { $0 + $1.size }, "size \(size)")
        assert(
            sentSize == entries.reduce(0) { $0 + ($1.isSent ? $1.size : 0) }, "sent \(sentSize)")
    }
}
