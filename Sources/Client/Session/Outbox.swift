// Messages and receipts that the server has not acked: what a reconnect sends again.
//
// Invariant: entries stand in the order the application gave them; the first `sentCount` are on
// their way on this connection, `sentSize` is the sum of their sizes, `size` that of all.

package import Wire

/// A message on its way out.
package struct OutgoingMessage: Sendable, Equatable {
    package var to: JID
    package var id: StanzaID
    package var content: [Node]
    /// Bytes that count against the limits: the body's.
    package var size: Int
    /// How often the server refused it with `wait`.
    package var waitCount = 0

    package init(to: JID, id: StanzaID, body: String) {
        self.to = to
        self.id = id
        content = [Node("body", content: .text(body))]
        size = body.utf8.count
    }
}

/// A receipt on its way out.
package struct OutgoingReceipt: Sendable, Equatable {
    package var to: JID
    package var id: StanzaID
    package var kind: StanzaKind

    package init(to: JID, id: StanzaID, kind: StanzaKind) {
        self.to = to
        self.id = id
        self.kind = kind
    }
}

/// An ordered queue of messages with a window of those that have been sent.
package struct Outbox: Sendable {
    private var entries: [OutgoingMessage] = []
    package private(set) var sentCount = 0
    private var sentSize = 0
    private var size = 0

    package init() {}

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

    /// The next message to send, if the window has room; it counts as sent from now on.
    package mutating func nextToSend() -> OutgoingMessage? {
        guard sentCount < entries.count, sentCount < ClientLimits.windowCountMax else { return nil }
        let message = entries[sentCount]
        let fits = sentSize + message.size <= ClientLimits.outputSizeMax
        guard fits || sentCount == 0 else { return nil }
        sentCount += 1
        sentSize += message.size
        return message
    }

    /// Takes a message out, sent or not; nil when there is none.
    package mutating func remove(_ id: StanzaID, to: JID?) -> OutgoingMessage? {
        guard let index = index(of: id, to: to) else { return nil }
        let message = entries.remove(at: index)
        size -= message.size
        if index < sentCount {
            sentCount -= 1
            sentSize -= message.size
        }
        checkInvariants()
        return message
    }

    /// Notes a refusal with `wait`: this message and all behind it count as not sent, so that they
    /// are sent again in order. Gives the number of refusals; nil when the message is not there, or
    /// a refusal before it has put it back already.
    package mutating func putBack(_ id: StanzaID, to: JID?) -> Int? {
        guard let index = index(of: id, to: to), index < sentCount else { return nil }
        entries[index].waitCount += 1
        sentSize -= entries[index..<sentCount].reduce(0) { $0 + $1.size }
        sentCount = index
        checkInvariants()
        return entries[index].waitCount
    }

    /// Nothing is on its way any more: the connection is gone.
    package mutating func putBackAll() {
        sentCount = 0
        sentSize = 0
    }

    private func index(of id: StanzaID, to: JID?) -> Int? {
        entries.firstIndex { $0.id == id && (to == nil || $0.to == to) }
    }

    package var count: Int { entries.count }
    package var ids: [StanzaID] { entries.map(\.id) }

    private func checkInvariants() {
        assert(sentCount <= entries.count, "\(sentCount) sent of \(entries.count)")
        assert(size == entries.reduce(0) { $0 + $1.size }, "size \(size)")
        assert(sentSize == entries[..<sentCount].reduce(0) { $0 + $1.size }, "sent \(sentSize)")
    }
}
