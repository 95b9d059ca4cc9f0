// What a client says and what it does about what it hears: the login, messages, receipts, pings.
//
// A message's id is the time it was meant to be sent and a number, in hex: whoever sees the id again,
// in whatever thread or process, knows how long it took, and nobody keeps a table.

internal import Base
internal import Histogram
internal import Reactor
internal import Synchronization
internal import TLS
internal import Wire

extension WorkerLoop {
    /// The attributes that matter here.
    private struct Attributes {
        var from: WireValue?
        var id: WireValue?
        var type: Token?
        var `class`: Token?
    }

    /// TLS is open: the prologue and `auth`.
    func beginLogin(_ index: Int, _ facts: HandshakeFacts) {
        guard let attempt = clients[index].attempt else { return }
        let (account, device) = population.account(of: client(index))
        attempt.exporter = facts.exporter ?? []
        attempt.isResumed = facts.isResumed
        let first = scram.begin(target.names.name(account))
        attempt.clientFirst = first
        clients[index].phase = .sentAuth
        frames.append(Prologue.bytes)
        frame { frames in
            writer.node(.auth, attributeCount: 2, hasContent: true, into: &frames)
            writer.attribute(.mechanism, .scramSHA256PLUS, into: &frames)
            writer.attribute(.device, UInt64(device), into: &frames)
            writer.rawBytes(first.bytes.span.bytes, into: &frames)
        }
    }

    /// The client's number among all.
    func client(_ index: Int) -> Int { index * population.threadCount + worker.index }

    /// Acts on one node.
    func takeNode(_ index: Int, _ payload: RawSpan) throws(BenchFailure) {
        var reader = NodeReader(payload, context: target.context)
        do throws(WireError) {
            let head = try reader.readHead()
            var attributes = Attributes()
            for _ in 0..<head.attributeCount {
                let (key, value) = try reader.readAttribute()
                switch reader.token(of: key) {
                case .from: attributes.from = value
                case .id: attributes.id = value
                case .type: attributes.type = reader.token(of: value)
                case .class: attributes.class = reader.token(of: value)
                default: break
                }
            }
            let tag = reader.token(of: head.tag)
            if clients[index].phase == .online {
                try takeStanza(index, tag, attributes, &reader)
            } else {
                try takeLogin(index, tag, &reader)
            }
        } catch {
            throw BenchFailure("protocol: \(error)")
        }
        if let failure = failure.take() { throw failure }
    }

    private func takeLogin(
        _ index: Int, _ tag: Token?, _ reader: inout NodeReader
    ) throws(WireError) {
        guard let attempt = clients[index].attempt else { return }
        switch (clients[index].phase, tag) {
        case (.sentAuth, .challenge?):
            guard let first = attempt.clientFirst else { return }
            let (message, signature) = try scram.respond(
                to: try content(&reader), first, exporter: attempt.exporter)
            attempt.serverSignature = signature
            clients[index].phase = .sentResponse
            frame { frames in
                writer.node(.response, attributeCount: 0, hasContent: true, into: &frames)
                writer.rawBytes(message.span.bytes, into: &frames)
            }
        case (.sentResponse, .success?):
            guard scram.verify(try content(&reader), attempt.serverSignature) else {
                failure = BenchFailure("login: the server's proof is wrong", isFinal: true)
                return
            }
            succeed(index, attempt)
        case (_, .failure?):
            let condition = try firstChild(&reader)
            failure = BenchFailure(
                "login: \(condition)", isFinal: condition != "temporary-auth-failure")
        case (_, .streamError?):
            failure = BenchFailure("stream: \(try firstChild(&reader))")
        default:
            failure = BenchFailure("protocol: out of turn in \(clients[index].phase)")
        }
    }

    private func succeed(_ index: Int, _ attempt: LoginAttempt) {
        let elapsedUs = (MonotonicClock.nanoseconds() - attempt.intendedNs) / 1_000
        if attempt.isResumed {
            measurements.resumedLogins.record(elapsedUs)
            worker.counters.resumed.count()
        } else {
            measurements.fullLogins.record(elapsedUs)
        }
        worker.counters.logins.count()
        timers.cancel(attempt.timer)
        clients[index].attempt = nil
        clients[index].attemptCount = 0
        clients[index].phase = .online
        setPending(pendingCount - 1)
        setOnline(onlineCount + 1)
        if target.resumption != .never, let session = clients[index].tls?.takeSession() {
            tickets.add(session)
            clients[index].hasLoggedIn = true
        }
        guard case .arriving(let plan) = task else { return }
        if plan.isCycling {
            close(index)
            ready.append(UInt32(index))
        } else {
            worker.counters.expected.count(-1)
        }
    }

    private func takeStanza(
        _ index: Int, _ tag: Token?, _ attributes: Attributes, _ reader: inout NodeReader
    ) throws(WireError) {
        switch tag {
        case .message? where attributes.type == .error:
            worker.counters.refused.count()
            settleMessage(index)
            measurements.note("message: \(try firstChild(&reader, depth: 2))")
        case .message?:
            worker.counters.delivered.count()
            if let elapsedUs = elapsedUs(attributes, reader) {
                measurements.deliveries.record(elapsedUs)
            }
            answer(attributes, reader)
        case .ack? where attributes.class == .message:
            worker.counters.acked.count()
            if let elapsedUs = elapsedUs(attributes, reader) {
                measurements.acks.record(elapsedUs)
            }
            settleMessage(index)
        case .receipt? where attributes.type == .error:
            measurements.note("receipt: \(try firstChild(&reader, depth: 2))")
        case .receipt?:
            worker.counters.receipts.count()
            if let elapsedUs = elapsedUs(attributes, reader) {
                measurements.receipts.record(elapsedUs)
            }
            writeAck(.receipt, attributes, reader)
        case .iq? where attributes.type == .get:
            worker.counters.pings.count()
            answerPing(attributes, reader)
        case .streamError?:
            failure = BenchFailure("stream: \(try firstChild(&reader))")
        case .streamEnd?:
            failure = BenchFailure("closed by the gateway")
        default:
            return
        }
    }

    /// One message of this sender has got its answer.
    private func settleMessage(_ index: Int) {
        guard clients[index].unackedCount > 0 else { return }
        clients[index].unackedCount -= 1
        if case .sending(let sending) = task { sending.settle(index) }
    }

    // MARK: Answers

    private func answer(_ attributes: Attributes, _ reader: borrowing NodeReader) {
        guard hasReceipts else { return writeAck(.message, attributes, reader) }
        guard let from = attributes.from, let id = attributes.id else { return }
        let (sender, reference) = (reader.bytes(in: from.encoded), reader.bytes(in: id.encoded))
        let mark = FrameWriter.begin(into: &frames)
        writer.node(.receipt, attributeCount: 2, hasContent: false, into: &frames)
        writer.token(.to, into: &frames)
        writer.encoded(sender, into: &frames)
        writer.token(.id, into: &frames)
        writer.encoded(reference, into: &frames)
        finish(mark)
    }

    private var hasReceipts: Bool {
        if case .sending(let sending) = task { return sending.plan.hasReceipts }
        return true
    }

    private func writeAck(
        _ kind: Token, _ attributes: Attributes, _ reader: borrowing NodeReader
    ) {
        guard let from = attributes.from, let id = attributes.id else { return }
        let (sender, reference) = (reader.bytes(in: from.encoded), reader.bytes(in: id.encoded))
        let isRead = attributes.type == .read
        let mark = FrameWriter.begin(into: &frames)
        writer.node(.ack, attributeCount: isRead ? 4 : 3, hasContent: false, into: &frames)
        writer.attribute(.class, kind, into: &frames)
        writer.token(.id, into: &frames)
        writer.encoded(reference, into: &frames)
        writer.token(.to, into: &frames)
        writer.encoded(sender, into: &frames)
        if isRead { writer.attribute(.type, .read, into: &frames) }
        finish(mark)
    }

    private func answerPing(_ attributes: Attributes, _ reader: borrowing NodeReader) {
        guard let id = attributes.id else { return }
        let reference = reader.bytes(in: id.encoded)
        let mark = FrameWriter.begin(into: &frames)
        writer.node(.iq, attributeCount: 2, hasContent: false, into: &frames)
        writer.token(.id, into: &frames)
        writer.encoded(reference, into: &frames)
        writer.attribute(.type, .result, into: &frames)
        finish(mark)
    }

    // MARK: Reading and writing

    /// How long ago a message was meant to be sent, by its id. Nil for an id that is not of this run: what
    /// waited in a queue before it began says nothing about now, and other programs' ids are no times.
    private func elapsedUs(_ attributes: Attributes, _ reader: borrowing NodeReader) -> UInt64? {
        guard let id = attributes.id else { return nil }
        let intended = withUnsafeTemporaryAllocation(byteCount: 512, alignment: 8) { scratch in
            MessageID.intendedNs(reader.text(of: id, scratch))
        }
        let current = MonotonicClock.nanoseconds()
        guard let intended, intended >= startNs, intended <= current else { return nil }
        return (current - intended) / 1_000
    }

    private func content(_ reader: inout NodeReader) throws(WireError) -> [UInt8] {
        switch try reader.readContent() {
        case .bytes(let range): reader.bytes(in: range).withUnsafeBytes { [UInt8]($0) }
        case .value(let value): Array(reader.string(of: value).utf8)
        case .nodes: []
        }
    }

    /// The tag of the first child, or of its first child: an error's condition.
    private func firstChild(
        _ reader: inout NodeReader, depth: Int = 1
    ) throws(WireError) -> String {
        guard case .nodes(let count) = try reader.readContent(), count > 0 else {
            return "undefined-condition"
        }
        let head = try reader.readHead()
        if depth == 1 { return reader.string(of: head.tag) }
        try reader.skipAttributes(head.attributeCount)
        guard head.hasContent else { return "undefined-condition" }
        return try firstChild(&reader, depth: depth - 1)
    }

    /// One frame of our own.
    func frame(_ body: (inout ByteBuffer) -> Void) {
        let mark = FrameWriter.begin(into: &frames)
        body(&frames)
        finish(mark)
    }

    private func finish(_ mark: FrameWriter.Mark) {
        do throws(WireError) {
            try FrameWriter.finish(mark, in: &frames)
        } catch {
            preconditionFailure("a stanza of our own: \(error)")
        }
    }
}

/// Ids of 24 hex digits: the intended time in nanoseconds, and a number.
enum MessageID {
    static let size = 24

    static func write(
        _ intendedNs: UInt64, _ number: UInt32, into text: UnsafeMutableRawBufferPointer
    ) {
        put(intendedNs, digits: 16, into: text, at: 0)
        put(UInt64(number), digits: 8, into: text, at: 16)
    }

    static func intendedNs(_ text: UnsafeRawBufferPointer) -> UInt64? {
        guard text.count == size else { return nil }
        var value: UInt64 = 0
        for byte in text[..<16] {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                value = value << 4 | UInt64(byte - UInt8(ascii: "0"))
            case UInt8(ascii: "A")...UInt8(ascii: "F"):
                value = value << 4 | UInt64(byte - UInt8(ascii: "A") + 10)
            default: return nil
            }
        }
        return value
    }

    private static func put(
        _ value: UInt64, digits: Int, into text: UnsafeMutableRawBufferPointer, at start: Int
    ) {
        for position in 0..<digits {
            let digit = UInt8(value >> UInt64(4 * (digits - 1 - position)) & 0xF)
            text[start + position] =
                digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "A") + digit - 10
        }
    }
}
