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
        sendWaiting(output: &output)
    }

    /// Tells the sender of a message that it was read. Throws `outboxFull` and `invalidAddress`.
    package mutating func markRead(
        _ id: StanzaID, from sender: JID, output: inout ByteBuffer
    ) throws(ClientError) {
        guard sender.device != nil else { throw .invalidAddress }
        guard addReceipt(OutgoingReceipt(to: sender, id: id, kind: .read)) else {
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
        guard state == .online, pausedUntil == nil else { return }
        while sentReceiptCount < receipts.count {
            write(Self.node(of: receipts[sentReceiptCount]), to: &output)
            sentReceiptCount += 1
        }
        while let message = outbox.nextToSend() {
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
    /// waits already is not kept twice.
    mutating func addReceipt(_ receipt: OutgoingReceipt) -> Bool {
        if receipts.contains(receipt) { return true }
        guard receipts.count < ClientLimits.receiptCountMax else { return false }
        receipts.append(receipt)
        return true
    }

    /// Forgets the receipts that match; the server has them, or will never take them.
    mutating func removeReceipts(where matches: (OutgoingReceipt) -> Bool) {
        guard let index = receipts.firstIndex(where: matches) else { return }
        receipts.remove(at: index)
        if index < sentReceiptCount { sentReceiptCount -= 1 }
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

    mutating func write(_ node: Node, to output: inout ByteBuffer) {
        let mark = FrameWriter.begin(into: &output)
        do throws(WireError) {
            try node.encode(into: &output, context: context)
            try FrameWriter.finish(mark, in: &output)
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
