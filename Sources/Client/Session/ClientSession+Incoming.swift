// What the server sends to a session that is logged in.

package import Base
internal import Wire

extension ClientSession {
    /// Takes bytes as TLS decrypted them.
    package mutating func receive(
        _ bytes: RawSpan, at moment: Moment, output: inout ByteBuffer
    ) {
        guard state != .offline, bytes.byteCount > 0 else { return }
        noteReceived(at: moment)
        input.append(bytes)
        do throws(WireError) {
            while state != .offline, let payload = try nextPayload() {
                if payload == Self.streamEnd {
                    receiveStreamEnd(output: &output)
                } else {
                    let node = try Node.decode(payload.span.bytes, context: context)
                    try dispatch(node, at: moment, output: &output)
                }
            }
        } catch {
            disconnect(.protocolViolation("\(error)"))
        }
        if state == .online { sendWaiting(output: &output) }
    }

    /// The next whole frame's payload, inflated; nil when more bytes are needed.
    private mutating func nextPayload() throws(WireError) -> [UInt8]? {
        let step = try FrameSplitter.next(in: input.bytes, frameSizeMax: WireLimits.frameSizeMax)
        guard case .frame(let flags, let range, let size) = step else { return nil }
        var payload = input.withUnsafeBytes { [UInt8]($0[range]) }
        input.consume(size)
        if flags == FrameFlags.deflated {
            if inflater == nil { inflater = Inflater() }
            var inflated = ByteBuffer()
            try inflater?.inflate(
                payload.span.bytes, into: &inflated, sizeMax: WireLimits.inflatedSizeMax)
            payload = inflated.copy()
        }
        return payload
    }

    private mutating func receiveStreamEnd(output: inout ByteBuffer) {
        if state == .closing {
            disconnect(.requested)
        } else {
            writePayload(Self.streamEnd, to: &output)
            disconnect(.closedByServer)
        }
    }

    private mutating func dispatch(
        _ node: Node, at moment: Moment, output: inout ByteBuffer
    ) throws(WireError) {
        if node.tag == "stream:error" {
            receiveStreamError(node)
            return
        }
        switch state {
        case .sentAuth, .sentResponse:
            receiveLogin(node, at: moment, output: &output)
        case .online, .closing:
            receiveStanza(node, at: moment, output: &output)
        case .offline:
            break
        }
    }

    private mutating func receiveStreamError(_ node: Node) {
        let children = node.children
        let condition = children.first?.tag ?? "undefined-condition"
        if children.contains(where: { $0.tag == "replaced" }) {
            disconnect(.replaced)
            return
        }
        let text = node.child("text")?.text
        disconnect(.streamError(condition: condition, text: text))
    }

    /// A stanza of a kind that this version does not know is ignored: servers may be newer.
    private mutating func receiveStanza(
        _ node: Node, at moment: Moment, output: inout ByteBuffer
    ) {
        let isError = node["type"] == "error"
        switch node.tag {
        case "iq": receiveIQ(node, output: &output)
        case "ack": receiveAck(node)
        case "message" where isError, "receipt" where isError: receiveError(node, at: moment)
        case "message": receiveMessage(node)
        case "receipt": receiveReceipt(node, output: &output)
        case "presence" where !isError: receivePresence(node)
        case "chatstate" where !isError: receiveChatstate(node)
        default: break
        }
    }

    private mutating func receiveMessage(_ node: Node) {
        guard let from = node.jid("from"), let id = node.stanzaID("id") else {
            disconnect(.protocolViolation("a message without from or id"))
            return
        }
        if seen.insert(SeenKey(from: from, id: id, kind: .message)) {
            let body = node.child("body")?.text
            emit(
                .message(
                    IncomingMessage(
                        from: from, id: id, body: body, sentAt: node.number("t") ?? 0, node: node)))
        }
        // When too many receipts wait, the server keeps the message and delivers it again.
        _ = addReceipt(OutgoingReceipt(to: from, id: id, kind: .delivered))
    }

    private mutating func receiveReceipt(_ node: Node, output: inout ByteBuffer) {
        guard let from = node.jid("from"), let id = node.stanzaID("id") else {
            disconnect(.protocolViolation("a receipt without from or id"))
            return
        }
        let isRead = node["type"] == "read"
        if seen.insert(SeenKey(from: from, id: id, kind: isRead ? .read : .delivered)) {
            emit(isRead ? .read(id, by: from) : .delivered(id, by: from))
        }
        var attributes = [
            Attribute(key: "class", value: "receipt"), Attribute(key: "id", value: id.text),
            Attribute(key: "to", value: from.description),
        ]
        if isRead { attributes.append(Attribute(key: "type", value: "read")) }
        write(Node("ack", attributes), to: &output)
    }

    private mutating func receiveAck(_ node: Node) {
        guard let id = node.stanzaID("id") else { return }
        let from = node.jid("from")
        if node["class"] == "receipt" {
            let kind: StanzaKind = node["type"] == "read" ? .read : .delivered
            removeReceipts { $0.id == id && $0.kind == kind && (from == nil || $0.to == from) }
        } else if outbox.remove(id, to: from) != nil {
            emit(.acked(id))
        }
    }

    /// The server refused a message or a receipt.
    private mutating func receiveError(_ node: Node, at moment: Moment) {
        guard let id = node.stanzaID("id") else { return }
        let from = node.jid("from")
        let error = StanzaError(node)
        guard node.tag == "message" else {
            if error.isTemporary, pause(count: 1, at: moment) {
                sentReceiptCount = 0
            } else {
                removeReceipts { $0.id == id && (from == nil || $0.to == from) }
            }
            return
        }
        if error.isTemporary {
            // nil: it has been put back already, by the refusal of one before it.
            guard let count = outbox.putBack(id, to: from) else { return }
            if count < ClientLimits.waitAttemptsMax, pause(count: count, at: moment) { return }
        }
        if outbox.remove(id, to: from) != nil {
            emit(.failed(id, condition: error.condition, text: error.text))
        }
    }

    /// Sends nothing from the queues for a while, longer with each refusal.
    private mutating func pause(count: Int, at moment: Moment) -> Bool {
        let doubled = ClientLimits.waitPauseMs << UInt64(min(count - 1, 16))
        let until = moment.monotonic.advanced(byMs: min(doubled, ClientLimits.waitPauseMsMax))
        pausedUntil = max(pausedUntil ?? until, until)
        return true
    }

    private mutating func receivePresence(_ node: Node) {
        guard let from = node.jid("from") else { return }
        let isAvailable = node["type"] != "unavailable"
        emit(.presence(from: from, available: isAvailable, at: node.number("t") ?? 0))
    }

    private mutating func receiveChatstate(_ node: Node) {
        guard let from = node.jid("from"), let state = node.children.first?.tag else { return }
        guard state == "composing" || state == "paused" else { return }
        emit(.chatstate(from: from, composing: state == "composing"))
    }

    private mutating func receiveIQ(_ node: Node, output: inout ByteBuffer) {
        guard let id = node.stanzaID("id") else { return }
        switch node["type"] {
        case "get" where node.children.first?.tag == "ping":
            writeIQ(type: "result", id: id, content: [], to: &output)
        case "get", "set":
            let error = Node(
                "error", [Attribute(key: "type", value: "cancel")],
                content: .nodes([Node("feature-not-implemented")]))
            writeIQ(type: "error", id: id, content: [error], to: &output)
        case "result":
            guard let entry = requests.removeValue(forKey: id) else { return }
            effects.append(.reply(entry.number, Self.contacts(in: node)))
        case "error":
            guard let entry = requests.removeValue(forKey: id) else { return }
            let error = StanzaError(node)
            effects.append(
                .reply(
                    entry.number,
                    .failure(.refused(condition: error.condition, text: error.text))))
        default:
            break
        }
    }

    private static func contacts(in node: Node) -> Result<[JID], ClientError> {
        let list = node.child("contacts")?.children ?? []
        guard list.count <= ClientLimits.contactCountMax else {
            return .failure(.protocolViolation("\(list.count) contacts"))
        }
        return .success(list.compactMap { $0.tag == "contact" ? $0.jid("jid") : nil })
    }
}

/// The `error` of a stanza that was refused.
struct StanzaError {
    /// Whether the same stanza may be accepted later.
    let isTemporary: Bool
    let condition: String
    let text: String?

    init(_ stanza: Node) {
        let error = stanza.child("error")
        isTemporary = error?["type"] == "wait"
        condition = error?.children.first?.tag ?? "undefined-condition"
        text = error?.child("text")?.text
    }
}
