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
        let step = try FrameSplitter.next(
            in: input.bytes, frameSizeMax: WireLimits.frameSizeMax, allowsPreset: preset != nil)
        guard case .frame(let flags, let range, let size) = step else { return nil }
        var payload = input.withUnsafeBytes { [UInt8]($0[range]) }
        input.consume(size)
        if let compression = Compression.of(flags: flags, agreed: preset) {
            var inflated = ByteBuffer()
            try contexts.inflate(payload.span.bytes, compression, into: &inflated)
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
        case .sentAuth, .sentToken, .sentResponse:
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
        retryAfterMs = node.afterMs
        disconnect(.streamError(condition: condition, text: text))
    }

    private mutating func receiveStanza(
        _ node: Node, at moment: Moment, output: inout ByteBuffer
    ) {
        let isError = node["type"] == "error"
        switch node.tag {
        case "iq": receiveIQ(node, output: &output)
        case "ack" where !isError: receiveAck(node)
        // With a time it waited in the queue: no refusal of the server's, whatever it says it is.
        case "message" where isError && node["t"] != nil: answerUnknown(node, output: &output)
        case "message" where isError, "receipt" where isError: receiveError(node, at: moment)
        case "message": receiveMessage(node)
        case "forwarded": receiveCopy(node, output: &output)
        case "receipt": receiveReceipt(node, output: &output)
        case "expires" where !isError: receiveExpiry(node, output: &output)
        case "presence" where !isError: receivePresence(node)
        case "chatstate" where !isError: receiveChatstate(node)
        case "ack", "expires", "presence", "chatstate": break
        default: if !isError { answerUnknown(node, output: &output) }
        }
    }

    /// A stanza of a kind that this version does not know is ignored: servers may be newer. If it looks like
    /// one that waits in the queue it is taken off it, or it would come again for ever.
    private mutating func answerUnknown(_ node: Node, output: inout ByteBuffer) {
        guard let from = node.jid("from"), from.device != nil, let id = node.stanzaID("id"),
            isOnline, node.tag.utf8.count <= WireLimits.wordSizeMax
        else { return }
        let attributes = [
            Attribute(key: "class", value: node.tag), Attribute(key: "id", value: id.text),
            Attribute(key: "to", value: from.description),
        ]
        write(Node("ack", attributes), to: &output)
    }

    private mutating func receiveMessage(_ node: Node) {
        guard let from = node.jid("from"), let id = node.stanzaID("id") else {
            disconnect(.protocolViolation("a message without from or id"))
            return
        }
        let key = SeenKey(from: from, id: id, kind: .message)
        if seen.contains(key) {
            // When too many receipts wait, the server keeps the message and delivers it again.
            _ = addReceipt(OutgoingReceipt(to: from, id: id, kind: .delivered), isAnswer: true)
            return
        }
        guard isNew(key) else { return }
        let body = node.child("body")?.text
        emit(
            .message(
                IncomingMessage(
                    from: from, id: id, body: body, sentAt: node.number("t") ?? 0, node: node)))
    }

    /// What another device of this account sent; its recipient is not told that it came here.
    private mutating func receiveCopy(_ node: Node, output: inout ByteBuffer) {
        guard let from = node.jid("from"), let to = node.jid("to"), let id = node.stanzaID("id")
        else {
            disconnect(.protocolViolation("a copy without from, to or id"))
            return
        }
        let key = SeenKey(from: from, id: id, kind: .copy)
        if seen.contains(key) {
            answer(key, output: &output)
            return
        }
        guard isNew(key) else { return }
        emit(
            .sentElsewhere(
                SentMessage(
                    from: from, to: to, id: id, body: node.child("body")?.text,
                    sentAt: node.number("t") ?? 0, node: node)))
    }

    /// Notes that the app is about to be given something that it has to acknowledge; false when it has been
    /// given it before, and is answered for then.
    private mutating func isNew(_ key: SeenKey) -> Bool {
        guard !unacknowledged.contains(key) else { return false }
        guard unacknowledged.count < ClientLimits.unacknowledgedCountMax else {
            disconnect(.protocolViolation("more messages under way than a server may have"))
            return false
        }
        unacknowledged.insert(key)
        return true
    }

    /// Tells the server that this device has a receipt or a copy.
    mutating func answer(_ key: SeenKey, output: inout ByteBuffer) {
        if recentAcks.count == ClientLimits.recentAckCountMax { recentAcks.removeFirst() }
        recentAcks.append(key)
        // Without a connection the next login says it, or the answer to the repeat.
        if isOnline { write(Self.ack(of: key), to: &output) }
    }

    private mutating func receiveReceipt(_ node: Node, output: inout ByteBuffer) {
        guard let from = node.jid("from"), let id = node.stanzaID("id") else {
            disconnect(.protocolViolation("a receipt without from or id"))
            return
        }
        let isRead = node["type"] == "read"
        let key = SeenKey(from: from, id: id, kind: isRead ? .read : .delivered)
        // Also for one that is known: the message may have been posted again since, with its id.
        advance(id, to: isRead ? .read : .delivered)
        if remember(key) {
            emit(isRead ? .read(id, by: from) : .delivered(id, by: from))
        }
        answer(key, output: &output)
    }

    private mutating func receiveExpiry(_ node: Node, output: inout ByteBuffer) {
        guard let from = node.jid("from"), let id = node.stanzaID("id") else {
            disconnect(.protocolViolation("an expiry without from or id"))
            return
        }
        let key = SeenKey(from: from, id: id, kind: .expired)
        advance(id, to: .expired)
        if remember(key) { emit(.expired(id, for: from)) }
        answer(key, output: &output)
    }

    /// Takes a stanza off this device's queue without telling its sender.
    static func ack(of key: SeenKey) -> Node {
        var attributes = [
            Attribute(key: "class", value: ackClass(of: key.kind)),
            Attribute(key: "id", value: key.id.text),
            Attribute(key: "to", value: key.from.description),
        ]
        if key.kind == .read { attributes.append(Attribute(key: "type", value: "read")) }
        return Node("ack", attributes)
    }

    private static func ackClass(of kind: StanzaKind) -> String {
        switch kind {
        case .message: "message"
        case .delivered, .read: "receipt"
        case .copy: "forwarded"
        case .expired: "expires"
        }
    }

    /// Remembers a stanza, here and in the store; false when it was known.
    mutating func remember(_ key: SeenKey) -> Bool {
        guard case .added(let forgotten) = seen.insert(key) else { return false }
        if let forgotten { changes.append(.seenRemoved(forgotten)) }
        changes.append(.seenAdded(key))
        return true
    }

    private mutating func advance(_ id: StanzaID, to state: MessageState) {
        guard records.advance(id, to: state) else { return }
        changes.append(.state(MessageRecord(id: id, state: state)))
    }

    private mutating func receiveAck(_ node: Node) {
        guard let id = node.stanzaID("id") else { return }
        let from = node.jid("from")
        if node["class"] == "receipt" {
            let kind: StanzaKind = node["type"] == "read" ? .read : .delivered
            removeReceipt { $0.id == id && $0.kind == kind && (from == nil || $0.to == from) }
        } else if outbox.remove(id, to: from) != nil {
            changes.append(.messageRemoved(id))
            advance(id, to: .accepted)
            emit(.acked(id))
        }
    }

    /// The server refused a message or a receipt.
    private mutating func receiveError(_ node: Node, at moment: Moment) {
        guard let id = node.stanzaID("id") else { return }
        let from = node.jid("from")
        let error = StanzaError(node)
        guard node.tag == "message" else {
            receiptRefused(id, from, error, at: moment)
            return
        }
        if error.isTemporary {
            guard let (count, recipient) = outbox.putBack(id, to: from) else { return }
            effects.append(.refused(id))
            // Also behind one that fails now: those behind it have been refused, or will be.
            pauses[recipient] = pauseEnd(
                count, hintMs: error.afterMs, pauses[recipient], at: moment)
            if count < ClientLimits.waitAttemptsMax { return }
        }
        if outbox.remove(id, to: from) != nil {
            changes.append(.messageRemoved(id))
            advance(id, to: .failed(condition: error.condition))
            emit(.failed(id, condition: error.condition, text: error.text))
        }
    }

    /// A receipt that may be taken later waits apart, so that it holds up no other. The error does not
    /// say which kind of receipt it is about: both are sent again.
    private mutating func receiptRefused(
        _ id: StanzaID, _ from: JID?, _ error: StanzaError, at moment: Moment
    ) {
        let isMeant = { (receipt: OutgoingReceipt) in
            receipt.id == id && (from == nil || receipt.to == from)
        }
        guard error.isTemporary else {
            removeReceipt(where: isMeant)
            return
        }
        while let index = receipts.prefix(sentReceiptCount).firstIndex(where: isMeant) {
            var receipt = receipts.remove(at: index)
            sentReceiptCount -= 1
            receipt.waitCount += 1
            guard receipt.waitCount < ClientLimits.waitAttemptsMax else {
                changes.append(.receiptRemoved(receipt))
                continue
            }
            refusedReceipts.append(receipt)
            receiptsPausedUntil = pauseEnd(
                receipt.waitCount, hintMs: error.afterMs, receiptsPausedUntil, at: moment)
        }
    }

    /// When a pause after so many refusals ends: later than one that is under way.
    private func pauseEnd(
        _ count: Int, hintMs: UInt64?, _ before: Instant?, at moment: Moment
    ) -> Instant {
        let random = cryptography.randomBytes(8).reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        let pauseMs = Backoff.waitPauseMs(refusalCount: count, hintMs: hintMs, random: random)
        let end = moment.monotonic.advanced(byMs: pauseMs)
        return max(before ?? end, end)
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
    /// How long the server wants the stanza to stay away.
    let afterMs: UInt64?

    init(_ stanza: Node) {
        let error = stanza.child("error")
        afterMs = error?.afterMs
        isTemporary = error?["type"] == "wait"
        condition = error?.children.first?.tag ?? "undefined-condition"
        text = error?.child("text")?.text
    }
}
