// What the application asks of a session, and how stanzas become bytes.

package import Base
package import Wire

extension ClientSession {
    /// The payload of an orderly close.
    static var streamEnd: [UInt8] { [0xF8, 0x01, 0x02] }

    // MARK: Commands

    /// Queues a message and sends it when the connection and the window allow.
    /// Throws `outboxFull`, `duplicateID`, `bodySize` and `invalidAddress`.
    package mutating func send(
        _ message: OutgoingMessage, output: inout ByteBuffer
    ) throws(ClientError) {
        guard message.to.local != nil else { throw .invalidAddress }
        guard (1...ClientLimits.bodySizeMax).contains(message.size) else {
            throw .bodySize(message.size)
        }
        try outbox.append(message)
        changes.append(.messageAdded(message))
        if let forgotten = records.begin(message.id) {
            changes.append(.stateForgotten(forgotten))
        }
        changes.append(.state(MessageRecord(id: message.id, state: .pending)))
        sendWaiting(output: &output)
    }

    /// The app has dealt with a message or a copy: it is never given it again, and the server may forget it.
    /// Does nothing for one that the app was not given, or has acknowledged before.
    package mutating func acknowledge(
        _ id: StanzaID, from sender: JID, output: inout ByteBuffer
    ) {
        let copy = SeenKey(from: sender, id: id, kind: .copy)
        if unacknowledged.remove(copy) != nil, remember(copy) { answer(copy, output: &output) }
        let key = SeenKey(from: sender, id: id, kind: .message)
        guard unacknowledged.remove(key) != nil, remember(key) else { return }
        // When too many receipts wait, the server keeps the message and delivers it again.
        _ = addReceipt(OutgoingReceipt(to: sender, id: id, kind: .delivered), isAnswer: true)
        sendWaiting(output: &output)
    }

    /// Tells the sender of a message that it was read, which acknowledges it too. Throws `outboxFull` and
    /// `invalidAddress`.
    package mutating func markRead(
        _ id: StanzaID, from sender: JID, output: inout ByteBuffer
    ) throws(ClientError) {
        guard sender.device != nil else { throw .invalidAddress }
        acknowledge(id, from: sender, output: &output)
        // An app may know it from a process that died before it could say so: it must not be given it again, and
        // no receipt says that it was read before one says that it came.
        if remember(SeenKey(from: sender, id: id, kind: .message)) {
            _ = addReceipt(OutgoingReceipt(to: sender, id: id, kind: .delivered), isAnswer: false)
        }
        guard addReceipt(OutgoingReceipt(to: sender, id: id, kind: .read), isAnswer: false)
        else {
            throw .outboxFull
        }
        sendWaiting(output: &output)
    }

    /// Says whether this device is available, now and after each login.
    package mutating func setAvailable(_ isAvailable: Bool, output: inout ByteBuffer) {
        self.isAvailable = isAvailable
        if state == .online { writePresence(to: &output) }
    }

    /// Says whether the user is writing to `to`. Without a connection it says nothing.
    package mutating func chatstate(to: JID, composing: Bool, output: inout ByteBuffer) {
        guard state == .online else { return }
        let node = Node(
            "chatstate", [Attribute(key: "to", value: to.description)],
            content: .nodes([Node(composing ? "composing" : "paused")]))
        write(node, to: &output)
    }

    /// Asks the server; the answer comes as `.reply(number, …)`.
    package mutating func ask(_ request: Request, number: UInt64, output: inout ByteBuffer) {
        guard state == .online else {
            effects.append(.reply(number, .failure(.disconnected)))
            return
        }
        guard requests.count < ClientLimits.requestCountMax else {
            effects.append(.reply(number, .failure(.tooManyRequests)))
            return
        }
        let id: StanzaID?
        switch request {
        case .contacts:
            id = writeIQ(type: "get", content: [Node("contacts")], to: &output)
        case .addContact(let jid):
            id = writeIQ(type: "set", content: [Self.contacts(jid, type: nil)], to: &output)
        case .removeContact(let jid):
            id = writeIQ(type: "set", content: [Self.contacts(jid, type: "remove")], to: &output)
        }
        if let id { requests[id] = (number, request) }
    }

    private static func contacts(_ jid: JID, type: String?) -> Node {
        var attributes = [Attribute(key: "jid", value: jid.bare.description)]
        if let type { attributes.append(Attribute(key: "type", value: type)) }
        return Node(
            "contacts", content: .nodes([Node("contact", attributes)]))
    }

    // MARK: What waits

    /// Sends receipts, then messages, as far as the window goes.
    mutating func sendWaiting(output: inout ByteBuffer) {
        guard state == .online else { return }
        while sentReceiptCount < receipts.count {
            write(Self.node(of: receipts[sentReceiptCount]), to: &output)
            sentReceiptCount += 1
        }
        while let message = outbox.nextToSend(isPaused: { pauses[$0] != nil }) {
            let node = Node(
                "message",
                [
                    Attribute(key: "to", value: message.to.description),
                    Attribute(key: "id", value: message.id.text),
                ], content: .nodes(message.content))
            write(node, to: &output)
        }
    }

    /// Keeps a receipt until the server acks it; false when there are too many. A receipt that
    /// waits already is not kept twice. As an answer it goes out again even so: the server may have
    /// taken a repeat of the message after the receipt that is on its way.
    mutating func addReceipt(_ receipt: OutgoingReceipt, isAnswer: Bool) -> Bool {
        let isKept = { (other: OutgoingReceipt) in other.isSame(as: receipt) }
        if isAnswer, let sent = receipts.prefix(sentReceiptCount).firstIndex(where: isKept) {
            sentReceiptCount -= 1
            receipts.append(receipts.remove(at: sent))
            return true
        }
        if receipts.contains(where: isKept) || refusedReceipts.contains(where: isKept) {
            return true
        }
        guard receiptCount < ClientLimits.receiptCountMax else { return false }
        receipts.append(receipt)
        changes.append(.receiptAdded(receipt))
        return true
    }

    /// Takes out the first receipt that matches: the server has it, or will never take it. One that has
    /// still to go out is not the one that the server speaks of.
    @discardableResult
    mutating func removeReceipt(
        where matches: (OutgoingReceipt) -> Bool
    ) -> OutgoingReceipt? {
        var removed: OutgoingReceipt?
        if let index = receipts.prefix(sentReceiptCount).firstIndex(where: matches) {
            sentReceiptCount -= 1
            removed = receipts.remove(at: index)
        } else if let index = refusedReceipts.firstIndex(where: matches) {
            removed = refusedReceipts.remove(at: index)
        }
        if let removed { changes.append(.receiptRemoved(removed)) }
        return removed
    }

    /// What was refused is sent again, behind what is newer.
    mutating func resumeReceipts() {
        receiptsPausedUntil = nil
        receipts += refusedReceipts
        refusedReceipts = []
    }

    private static func node(of receipt: OutgoingReceipt) -> Node {
        var attributes = [
            Attribute(key: "to", value: receipt.to.description),
            Attribute(key: "id", value: receipt.id.text),
        ]
        if receipt.kind == .read { attributes.append(Attribute(key: "type", value: "read")) }
        return Node("receipt", attributes)
    }

    // MARK: Bytes

    mutating func writePresence(to output: inout ByteBuffer) {
        let attributes = isAvailable ? [] : [Attribute(key: "type", value: "unavailable")]
        write(Node("presence", attributes), to: &output)
    }

    @discardableResult
    mutating func writeIQ(
        type: String, id: StanzaID? = nil, content: [Node], to output: inout ByteBuffer
    ) -> StanzaID? {
        iqCount += 1
        guard let id = id ?? StanzaID(String(iqCount)) else { return nil }
        let attributes = [
            Attribute(key: "id", value: id.text), Attribute(key: "type", value: type),
        ]
        let node = Node(
            "iq", attributes, content: content.isEmpty ? nil : .nodes(content))
        write(node, to: &output)
        return id
    }

    /// Nothing is compressed before `preset` is agreed on, and so nothing of the login ever is.
    mutating func write(_ node: Node, to output: inout ByteBuffer) {
        let mark = FrameWriter.begin(into: &output)
        do throws(WireError) {
            try node.encode(into: &output, context: context)
            if let preset {
                try contexts.finish(mark, in: &output, agreed: preset)
            } else {
                try FrameWriter.finish(mark, in: &output)
            }
        } catch {
            preconditionFailure("a stanza of our own: \(error)")
        }
    }

    mutating func writePayload(_ payload: [UInt8], to output: inout ByteBuffer) {
        do throws(WireError) {
            try FrameWriter.write(payload.span.bytes, into: &output)
        } catch {
            preconditionFailure("a payload of our own: \(error)")
        }
    }
}
