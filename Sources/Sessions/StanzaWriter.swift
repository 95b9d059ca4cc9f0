// The nodes that the server says: one function each, appending to a buffer. docs/PROTOCOL.md shows
// each of them; its examples in hex are checked against this file.

internal import Base
internal import Wire

/// Writes the server's nodes.
enum StanzaWriter {
    // MARK: Stanzas that go to other devices

    /// A client's message as its recipient reads it: stamped, its content untouched.
    static func forwarded(
        _ stanza: Stanza, _ bytes: RawSpan, from device: DeviceAddress, id: StanzaID,
        at unixSeconds: UInt64, into node: inout ByteBuffer, context: WireContext
    ) {
        let writer = NodeWriter(context: context)
        writer.node(
            .message, attributeCount: stanza.typeValue == nil ? 3 : 4, hasContent: true,
            into: &node)
        writer.token(.from, into: &node)
        writer.jid(local: device.user, device: device.device, into: &node)
        writer.attribute(.id, id, into: &node)
        if let type = stanza.typeValue {
            writer.token(.type, into: &node)
            writer.encoded(bytes.extracting(type.encoded), into: &node)
        }
        writer.attribute(.t, unixSeconds, into: &node)
        writer.encoded(
            bytes.extracting(stanza.contentOffset..<bytes.byteCount), into: &node)
    }

    /// A client's message as the other devices of its account read it.
    static func copy(
        _ stanza: Stanza, _ bytes: RawSpan, from device: DeviceAddress, to recipient: Localpart,
        id: StanzaID, at unixSeconds: UInt64, into node: inout ByteBuffer, context: WireContext
    ) {
        let writer = NodeWriter(context: context)
        writer.node(
            .forwarded, attributeCount: stanza.typeValue == nil ? 4 : 5, hasContent: true,
            into: &node)
        writer.token(.from, into: &node)
        writer.jid(local: device.user, device: device.device, into: &node)
        writer.token(.to, into: &node)
        writer.jid(local: recipient, device: stanza.to?.device, into: &node)
        writer.attribute(.id, id, into: &node)
        if let type = stanza.typeValue {
            writer.token(.type, into: &node)
            writer.encoded(bytes.extracting(type.encoded), into: &node)
        }
        writer.attribute(.t, unixSeconds, into: &node)
        writer.encoded(
            bytes.extracting(stanza.contentOffset..<bytes.byteCount), into: &node)
    }

    /// A receipt as the message's sender reads it.
    static func receipt(
        _ key: StanzaKey, at unixSeconds: UInt64, into node: inout ByteBuffer,
        context: WireContext
    ) {
        let writer = NodeWriter(context: context)
        writer.node(
            .receipt, attributeCount: key.kind == .read ? 4 : 3, hasContent: false, into: &node)
        writer.token(.from, into: &node)
        writer.jid(local: key.sender.user, device: key.sender.device, into: &node)
        writer.attribute(.id, key.id, into: &node)
        if key.kind == .read { writer.attribute(.type, .read, into: &node) }
        writer.attribute(.t, unixSeconds, into: &node)
    }

    /// That a message has expired, as its sender reads it.
    static func expired(
        _ key: StanzaKey, at unixSeconds: UInt64, into node: inout ByteBuffer,
        context: WireContext
    ) {
        let writer = NodeWriter(context: context)
        writer.node(.expires, attributeCount: 3, hasContent: false, into: &node)
        writer.token(.from, into: &node)
        writer.jid(local: key.sender.user, device: key.sender.device, into: &node)
        writer.attribute(.id, key.id, into: &node)
        writer.attribute(.t, unixSeconds, into: &node)
    }

    /// A chat state as its recipient reads it.
    static func chatstate(
        _ stanza: Stanza, _ bytes: RawSpan, from device: DeviceAddress,
        into node: inout ByteBuffer, context: WireContext
    ) {
        let writer = NodeWriter(context: context)
        writer.node(.chatstate, attributeCount: 1, hasContent: true, into: &node)
        writer.token(.from, into: &node)
        writer.jid(local: device.user, device: device.device, into: &node)
        writer.encoded(
            bytes.extracting(stanza.contentOffset..<bytes.byteCount), into: &node)
    }

    /// News of a contact, encoded once for all its devices.
    static func presence(_ news: PresenceNews, context: WireContext) -> [UInt8] {
        var node = ByteBuffer()
        let writer = NodeWriter(context: context)
        writer.node(
            .presence, attributeCount: news.isAvailable ? 2 : 3, hasContent: false, into: &node)
        writer.token(.from, into: &node)
        writer.jid(local: news.from, into: &node)
        if !news.isAvailable { writer.attribute(.type, .unavailable, into: &node) }
        writer.attribute(.t, news.at, into: &node)
        return node.copy()
    }

    // MARK: Answers

    /// A stanza is safe.
    static func ack(
        _ key: StanzaKey, _ recipient: Localpart, _ device: UInt8?, at unixSeconds: UInt64,
        into node: inout ByteBuffer, context: WireContext
    ) {
        let writer = NodeWriter(context: context)
        writer.node(
            .ack, attributeCount: key.kind == .read ? 5 : 4, hasContent: false, into: &node)
        writer.attribute(.class, key.kind == .message ? .message : .receipt, into: &node)
        writer.attribute(.id, key.id, into: &node)
        writer.token(.from, into: &node)
        writer.jid(local: recipient, device: device, into: &node)
        if key.kind == .read { writer.attribute(.type, .read, into: &node) }
        writer.attribute(.t, unixSeconds, into: &node)
    }

    /// A message or receipt was refused after it left the session.
    static func refusal(
        of key: StanzaKey, _ recipient: Localpart, _ device: UInt8?,
        _ condition: StanzaCondition, after retryAfterS: UInt64?, into node: inout ByteBuffer,
        context: WireContext
    ) {
        let writer = NodeWriter(context: context)
        let tag: Token = key.kind == .message ? .message : .receipt
        writer.node(tag, attributeCount: 3, hasContent: true, into: &node)
        writer.attribute(.type, .error, into: &node)
        writer.attribute(.id, key.id, into: &node)
        writer.token(.from, into: &node)
        writer.jid(local: recipient, device: device, into: &node)
        error(condition, after: retryAfterS, into: &node, writer)
    }

    /// What comes back of an `id` or `to` at most, in bytes: more than any that is well-formed has. A
    /// refusal must fit a frame whatever it refuses.
    private static let echoSizeMax = 512

    /// A stanza was refused by the session itself: `id` and `to` come back as they were sent, unless
    /// they are far too long to be what they should.
    static func refusal(
        of stanza: Stanza, _ bytes: RawSpan, _ condition: StanzaCondition,
        after retryAfterS: UInt64?, into node: inout ByteBuffer, context: WireContext
    ) {
        let writer = NodeWriter(context: context)
        let id = stanza.idValue.flatMap { $0.encoded.count <= echoSizeMax ? $0 : nil }
        let to = stanza.toValue.flatMap { $0.encoded.count <= echoSizeMax ? $0 : nil }
        let count = 1 + (id == nil ? 0 : 1) + (to == nil ? 0 : 1)
        writer.node(stanza.tag ?? .error, attributeCount: count, hasContent: true, into: &node)
        writer.attribute(.type, .error, into: &node)
        if let id {
            writer.token(.id, into: &node)
            writer.encoded(bytes.extracting(id.encoded), into: &node)
        }
        if let to {
            writer.token(.from, into: &node)
            writer.encoded(bytes.extracting(to.encoded), into: &node)
        }
        error(condition, after: retryAfterS, into: &node, writer)
    }

    /// An `iq` about contacts was refused.
    static func refusal(
        ofIQ id: StanzaID, _ condition: StanzaCondition, after retryAfterS: UInt64?,
        into node: inout ByteBuffer, context: WireContext
    ) {
        let writer = NodeWriter(context: context)
        writer.node(.iq, attributeCount: 2, hasContent: true, into: &node)
        writer.attribute(.type, .error, into: &node)
        writer.attribute(.id, id, into: &node)
        error(condition, after: retryAfterS, into: &node, writer)
    }

    /// `[error type=… [condition]]`, as the only child. Only what may be taken later has a time for that.
    private static func error(
        _ condition: StanzaCondition, after retryAfterS: UInt64?, into node: inout ByteBuffer,
        _ writer: NodeWriter
    ) {
        let after = condition.type == .wait ? retryAfterS : nil
        list(1, into: &node, writer)
        writer.node(
            .error, attributeCount: after == nil ? 1 : 2, hasContent: true, into: &node)
        writer.attribute(.type, condition.type.token, into: &node)
        if let after { writer.attribute(.after, after, into: &node) }
        list(1, into: &node, writer)
        writer.node(condition.token, attributeCount: 0, hasContent: false, into: &node)
    }

    /// The empty answer to an `iq`.
    static func result(_ id: StanzaID, into node: inout ByteBuffer, context: WireContext) {
        let writer = NodeWriter(context: context)
        writer.node(.iq, attributeCount: 2, hasContent: false, into: &node)
        writer.attribute(.type, .result, into: &node)
        writer.attribute(.id, id, into: &node)
    }

    /// The answer to an `iq` about contacts.
    static func contacts(
        _ id: StanzaID, _ contacts: [Localpart], into node: inout ByteBuffer,
        context: WireContext
    ) {
        let writer = NodeWriter(context: context)
        writer.node(.iq, attributeCount: 2, hasContent: true, into: &node)
        writer.attribute(.type, .result, into: &node)
        writer.attribute(.id, id, into: &node)
        list(1, into: &node, writer)
        writer.node(.contacts, attributeCount: 0, hasContent: !contacts.isEmpty, into: &node)
        guard !contacts.isEmpty else { return }
        list(contacts.count, into: &node, writer)
        for contact in contacts {
            writer.node(.contact, attributeCount: 1, hasContent: false, into: &node)
            writer.token(.jid, into: &node)
            writer.jid(local: contact, into: &node)
        }
    }

    /// Our own question to a silent peer.
    static func ping(number: UInt32, into node: inout ByteBuffer, context: WireContext) {
        let writer = NodeWriter(context: context)
        writer.node(.iq, attributeCount: 2, hasContent: true, into: &node)
        writer.attribute(.type, .get, into: &node)
        writer.attribute(.id, UInt64(number), into: &node)
        list(1, into: &node, writer)
        writer.node(.ping, attributeCount: 0, hasContent: false, into: &node)
    }

    // MARK: Login and the stream

    /// A step of a SCRAM exchange.
    static func challenge(
        _ message: [UInt8], into node: inout ByteBuffer, context: WireContext
    ) {
        let writer = NodeWriter(context: context)
        writer.node(.challenge, attributeCount: 0, hasContent: true, into: &node)
        writer.rawBytes(message.span.bytes, into: &node)
    }

    /// The login is over; the session is this device.
    static func success(
        _ device: DeviceAddress, _ message: [UInt8], preset: PresetDictionary?,
        token: (token: LoginToken, expiresAt: UInt64)?, at unixSeconds: UInt64,
        into node: inout ByteBuffer, context: WireContext
    ) {
        let writer = NodeWriter(context: context)
        let count = 2 + (preset == nil ? 0 : 1) + (token == nil ? 0 : 2)
        writer.node(.success, attributeCount: count, hasContent: true, into: &node)
        writer.token(.jid, into: &node)
        writer.jid(local: device.user, device: device.device, into: &node)
        writer.attribute(.t, unixSeconds, into: &node)
        if let preset { writer.attribute(.deflate, UInt64(preset.version), into: &node) }
        if let token {
            writer.attribute(.token, token.token.hex, into: &node)
            writer.attribute(.expires, token.expiresAt, into: &node)
        }
        writer.rawBytes(message.span.bytes, into: &node)
    }

    /// The login failed.
    static func failure(
        _ failure: LoginFailure, after retryAfterS: UInt64?, into node: inout ByteBuffer,
        context: WireContext
    ) {
        let writer = NodeWriter(context: context)
        let after = failure == .temporaryAuthFailure ? retryAfterS : nil
        writer.node(
            .failure, attributeCount: after == nil ? 0 : 1, hasContent: true, into: &node)
        if let after { writer.attribute(.after, after, into: &node) }
        list(1, into: &node, writer)
        writer.node(failure.token, attributeCount: 0, hasContent: false, into: &node)
    }

    /// The stream ends, and why.
    static func streamError(
        _ error: StreamError, after retryAfterS: UInt64?, into node: inout ByteBuffer,
        context: WireContext
    ) {
        let writer = NodeWriter(context: context)
        writer.node(
            .streamError, attributeCount: retryAfterS == nil ? 0 : 1, hasContent: true, into: &node)
        if let retryAfterS { writer.attribute(.after, retryAfterS, into: &node) }
        list(error == .conflictReplaced ? 2 : 1, into: &node, writer)
        writer.node(error.token, attributeCount: 0, hasContent: false, into: &node)
        if error == .conflictReplaced {
            writer.node(.replaced, attributeCount: 0, hasContent: false, into: &node)
        }
    }

    /// The stream ends in good order.
    static func streamEnd(into node: inout ByteBuffer, context: WireContext) {
        let writer = NodeWriter(context: context)
        writer.node(.streamEnd, attributeCount: 0, hasContent: false, into: &node)
    }

    private static func list(_ count: Int, into node: inout ByteBuffer, _ writer: NodeWriter) {
        do {
            try writer.listHeader(count, into: &node)
        } catch {
            preconditionFailure("a list of \(count) children")
        }
    }
}
