// Messages, receipts, pings and errors as they come from a server.

import Base
import Client
import Testing
import Wire

struct IncomingTests {
    @Test func messageIsShownOnceAndReceiptedUntilAcked() throws {
        var bench = Bench()
        try bench.goOnline()
        _ = bench.takeEvents()
        _ = try bench.receive()
        try bench.deliver(incoming("M1"))
        let receipt = Node("receipt", ["to": bobJID.description, "id": "M1"])
        #expect(try bench.receive() == [receipt])
        let events = bench.takeEvents()
        guard case .message(let message)? = events.first else {
            Issue.record("\(events)")
            return
        }
        #expect(events.count == 1)
        #expect(message.from == bobJID && message.body == "hi" && message.sentAt == 1_700_000_001)

        // Before the receipt is acked a repeat is answered all the same: it may have come after it.
        try bench.deliver(incoming("M1"))
        #expect(bench.takeEvents() == [])
        #expect(try bench.receive() == [receipt])
        #expect(bench.session.receiptCount == 1)
        // So it is when the ack of the first comes right behind the repeat.
        let ack = Node("ack", ["class": "receipt", "id": "M1", "from": bobJID.description])
        bench.deliver(try bench.frame(incoming("M1")) + bench.frame(ack))
        #expect(try bench.receive() == [receipt])

        bench.lose()
        try bench.goOnline()
        #expect(try bench.receive() == [Node("presence"), receipt])
        try bench.deliver(
            Node("ack", ["class": "receipt", "id": "M1", "from": bobJID.description]))
        #expect(bench.session.receiptCount == 0)

        // After it, a repeat is receipted again, and still not shown.
        _ = bench.takeEvents()
        try bench.deliver(incoming("M1"))
        #expect(bench.takeEvents() == [])
        #expect(try bench.receive() == [receipt])
    }

    @Test func aRefusedReceiptHoldsUpNoOtherAndIsGivenUp() throws {
        var bench = Bench()
        try bench.goOnline()
        try bench.deliver(incoming("M1"))
        _ = try bench.receive()
        let refused = Node(
            "receipt", ["type": "error", "id": "M1", "from": bobJID.description],
            [Node("error", ["type": "wait"], [Node("resource-constraint")])])
        try bench.deliver(refused)
        try bench.deliver(incoming("M2"))
        #expect(try bench.receive().map { $0["id"] } == ["M2"])
        try bench.deliver(
            Node("ack", ["class": "receipt", "id": "M2", "from": bobJID.description]))
        for _ in 1..<ClientLimits.waitAttemptsMax {
            #expect(bench.session.receiptCount == 1)
            bench.tick(afterMs: ClientLimits.waitPauseMsMax)
            #expect(try bench.receive().map { $0["id"] } == ["M1"])
            try bench.deliver(refused)
        }
        #expect(bench.session.receiptCount == 0)
    }

    @Test func sameIDFromAnotherDeviceIsAnotherMessage() throws {
        var bench = Bench()
        try bench.goOnline()
        _ = bench.takeEvents()
        try bench.deliver(incoming("M1"), incoming("M1", from: makeJID("bob@example.org/4")))
        #expect(bench.takeEvents().count == 2)
    }

    @Test func readReceiptIsKeptApart() throws {
        var bench = Bench()
        try bench.goOnline()
        _ = try bench.receive()
        try bench.deliver(incoming("M1"))
        try bench.session.markRead(makeID("M1"), from: bobJID, output: &bench.sent)
        #expect(try bench.receive().map { $0["type"] } == [nil, "read"])
        try bench.deliver(
            Node(
                "ack",
                ["class": "receipt", "id": "M1", "from": bobJID.description, "type": "read"]))
        #expect(bench.session.receiptCount == 1)
    }

    /// The process that was given it died before its store had the acknowledgement; the app remembers.
    @Test func readInAnEarlierProcess() throws {
        var bench = Bench()
        try bench.goOnline()
        _ = try bench.receive()
        _ = bench.takeEvents()
        try bench.session.markRead(makeID("M1"), from: bobJID, output: &bench.sent)
        #expect(try bench.receive().map { $0["type"] } == [nil, "read"])
        // The server had it still on the way.
        try bench.deliver(incoming("M1"))
        #expect(bench.takeEvents().isEmpty)
        #expect(try bench.receive().map { $0["type"] } == [nil])
    }

    @Test func receiptsAreAckedAndToldOnce() throws {
        var bench = Bench()
        try bench.goOnline()
        _ = bench.takeEvents()
        _ = try bench.receive()
        let delivered = Node("receipt", ["from": bobJID.description, "id": "S1", "t": "1"])
        let read = Node(
            "receipt", ["from": bobJID.description, "id": "S1", "type": "read", "t": "1"])
        try bench.deliver(delivered, delivered, read)
        #expect(
            bench.takeEvents() == [
                .delivered(makeID("S1"), by: bobJID), .read(makeID("S1"), by: bobJID),
            ])
        let acks = try bench.receive()
        #expect(acks.map { $0["class"] } == ["receipt", "receipt", "receipt"])
        #expect(acks.map { $0["type"] } == [nil, nil, "read"])
        #expect(acks.allSatisfy { $0["to"] == bobJID.description && $0["id"] == "S1" })
    }

    /// What another device of the account sent is told once, acked each time, and never receipted.
    @Test func aCopyIsToldOnce() throws {
        var bench = Bench()
        try bench.goOnline()
        _ = bench.takeEvents()
        _ = try bench.receive()
        let copy = Node(
            "forwarded",
            ["from": "alice@example.org/9", "to": bobJID.description, "id": "C1", "t": "5"],
            [Node("body", text: "hi")])
        try bench.deliver(copy, copy)
        let events = bench.takeEvents()
        guard case .sentElsewhere(let message)? = events.first, events.count == 1 else {
            Issue.record("\(events)")
            return
        }
        #expect(message.from == makeJID("alice@example.org/9") && message.to == bobJID)
        #expect(message.body == "hi" && message.sentAt == 5 && message.id == makeID("C1"))
        #expect(try bench.receive() == [])
        // The app has it: the server may forget it, and one that comes again is answered at once.
        bench.session.acknowledge(
            makeID("C1"), from: makeJID("alice@example.org/9"), output: &bench.sent)
        try bench.deliver(copy)
        let ack = Node(
            "ack", ["class": "forwarded", "id": "C1", "to": "alice@example.org/9"])
        #expect(try bench.receive() == [ack, ack])
        #expect(bench.takeEvents() == [])
        #expect(bench.session.receiptCount == 0)
    }

    /// Repeats and receipts come to an end: what is answered is not answered again by itself.
    @Test func repeatsAndReceiptsComeToAnEnd() throws {
        var bench = Bench()
        try bench.goOnline()
        _ = try bench.receive()
        let ack = Node("ack", ["class": "receipt", "id": "M1", "from": bobJID.description])
        try bench.deliver(incoming("M1"), incoming("M1"), incoming("M1"))
        let receipts = try bench.receive().count
        for _ in 0..<receipts { try bench.deliver(ack) }
        #expect(bench.session.receiptCount == 0)
        #expect(try bench.receive() == [])
        bench.tick(afterMs: ClientLimits.waitPauseMsMax)
        #expect(try bench.receive() == [])
    }

    @Test func seenSetForgetsTheOldest() {
        var seen = SeenSet(countMax: 3)
        func key(_ id: Int) -> SeenKey {
            SeenKey(from: bobJID, id: makeID("\(id)"), kind: .message)
        }
        for id in 1...3 { #expect(seen.insert(key(id)) == .added(forgotten: nil)) }
        #expect(seen.insert(key(1)) == .known)
        #expect(seen.insert(key(4)) == .added(forgotten: key(1)))
        #expect(seen.count == 3)
        #expect(seen.insert(key(1)) == .added(forgotten: key(2)))
        #expect(seen.insert(key(4)) == .known)
    }

    @Test func pingsAreAnsweredAndSent() throws {
        var bench = Bench()
        try bench.goOnline()
        _ = try bench.receive()
        try bench.deliver(Node("iq", ["type": "get", "id": "p1"], [Node("ping")]))
        let answer = try #require(try bench.receive().first)
        #expect(answer["type"] == "result" && answer["id"] == "p1" && answer.content == nil)

        bench.tick(afterMs: ClientLimits.pingAfterMs - 1)
        #expect(try bench.receive() == [])
        bench.tick(afterMs: 1)
        let ping = try #require(try bench.receive().first)
        #expect(ping["type"] == "get" && ping.child("ping") != nil)
        bench.tick(afterMs: ClientLimits.pingTimeoutMs - 1)
        try bench.deliver(Node("iq", ["type": "result", "id": ping["id"] ?? ""]))
        bench.tick(afterMs: ClientLimits.pingAfterMs)
        #expect(try bench.receive().count == 1)
        #expect(bench.disconnectReason == nil)
        bench.tick(afterMs: ClientLimits.pingTimeoutMs)
        #expect(bench.disconnectReason == .timeout("a ping"))
    }

    @Test func replacedIsFinal() throws {
        var bench = Bench()
        try bench.goOnline()
        try bench.deliver(Node("stream:error", [:], [Node("conflict"), Node("replaced")]))
        #expect(bench.disconnectReason == .replaced)
        #expect(bench.disconnectReason?.finalError == .replaced)
    }

    @Test func shutdownIsNot() throws {
        var bench = Bench()
        try bench.goOnline()
        try bench.deliver(Node("stream:error", [:], [Node("system-shutdown")]))
        #expect(
            bench.disconnectReason == .streamError(condition: "system-shutdown", text: nil))
        #expect(bench.disconnectReason?.finalError == nil)
    }

    @Test func presenceAndChatstatesAreTold() throws {
        var bench = Bench()
        try bench.goOnline()
        _ = bench.takeEvents()
        try bench.deliver(
            Node("presence", ["from": "bob@example.org", "type": "unavailable", "t": "5"]),
            Node("chatstate", ["from": bobJID.description], [Node("composing")]))
        #expect(
            bench.takeEvents() == [
                .presence(from: bobJID.bare, available: false, at: 5),
                .chatstate(from: bobJID, composing: true),
            ])
    }

    @Test func contactsAreAsked() throws {
        var bench = Bench()
        bench.session.ask(.contacts, number: 1, output: &bench.sent)
        bench.take()
        #expect(bench.effects == [.reply(1, .failure(.disconnected))])
        try bench.goOnline()
        _ = try bench.receive()
        bench.effects = []
        bench.session.ask(.contacts, number: 2, output: &bench.sent)
        let query = try #require(try bench.receive().first)
        let list = Node("contacts", [:], [Node("contact", ["jid": "bob@example.org"])])
        try bench.deliver(Node("iq", ["type": "result", "id": query["id"] ?? ""], [list]))
        #expect(bench.effects == [.reply(2, .success([bobJID.bare]))])
        bench.effects = []
        bench.session.ask(.addContact(bobJID), number: 3, output: &bench.sent)
        let change = try #require(try bench.receive().first)
        #expect(change.child("contacts")?.child("contact")?["jid"] == "bob@example.org")
        bench.lose()
        #expect(bench.effects == [.reply(3, .failure(.disconnected))])
    }

    @Test func compressedFramesAreInflatedWithinBounds() throws {
        var bench = Bench()
        try bench.goOnline()
        _ = bench.takeEvents()
        let body = String(repeating: "tern ", count: 400)
        var frame = ByteBuffer()
        var deflater = Deflater()
        let mark = FrameWriter.begin(into: &frame)
        try incoming("Z1", body).encode(into: &frame, context: bench.context)
        try FrameWriter.finish(mark, in: &frame, deflater: &deflater)
        #expect(frame.count < body.utf8.count)
        bench.deliver(frame.copy())
        guard case .message(let message)? = bench.takeEvents().first else {
            Issue.record("no message")
            return
        }
        #expect(message.body == body)
        bench.deliver([0, 0, 4, 2, 1, 2, 3])
        guard case .protocolViolation? = bench.disconnectReason else {
            Issue.record("\(String(describing: bench.disconnectReason))")
            return
        }
    }

    /// A message that has waited too long for a device.
    @Test func anExpiryIsToldOnceAndAcked() throws {
        var bench = Bench()
        try bench.goOnline()
        for id in ["S1", "S2"] {
            try bench.session.send(
                OutgoingMessage(to: bobJID.bare, id: makeID(id), body: "x"), output: &bench.sent)
        }
        try bench.deliver(ack("S1"))
        _ = bench.takeEvents()
        _ = try bench.receive()
        func expires(_ id: String, _ from: String) -> Node {
            Node("expires", ["from": from, "id": id, "t": "5"])
        }
        let notice = expires("S1", bobJID.description)
        try bench.deliver(notice, notice)
        #expect(bench.takeEvents() == [.expired(makeID("S1"), for: bobJID)])
        let answer = Node("ack", ["class": "expires", "id": "S1", "to": bobJID.description])
        #expect(try bench.receive() == [answer, answer])
        #expect(bench.session.state(of: makeID("S1")) == .expired)
        // Another device may get it; what that says counts for more.
        let other = makeJID("bob@example.org/4")
        try bench.deliver(Node("receipt", ["from": other.description, "id": "S1", "t": "6"]))
        #expect(bench.session.state(of: makeID("S1")) == .delivered)
        try bench.deliver(expires("S1", "bob@example.org/5"))
        #expect(bench.session.state(of: makeID("S1")) == .delivered)
        #expect(bench.takeEvents().count == 2)

        // One whose ack was lost is sent again all the same, and stays what it was until it is delivered.
        try bench.deliver(expires("S2", bobJID.description))
        #expect(bench.session.outboxIDs == [makeID("S2")])
        try bench.deliver(ack("S2"))
        #expect(bench.session.state(of: makeID("S2")) == .expired)
        // A login says what was answered.
        bench.lose()
        _ = try bench.receive()
        bench.connect()
        bench.receivePrologue()
        #expect(try bench.receive().first?["resume"] == "true")
    }

    @Test func unknownStanzasAreIgnored() throws {
        var bench = Bench()
        try bench.goOnline()
        _ = bench.takeEvents()
        _ = try bench.receive()
        try bench.deliver(Node("novelty", ["id": "1"]))
        #expect(bench.disconnectReason == nil)
        try bench.deliver(Node("iq", ["type": "get", "id": "n1"], [Node("novelty")]))
        #expect(try bench.receive().first?["type"] == "error")
        let from = bobJID.description
        try bench.deliver(
            Node("call", ["from": "bob@example.org", "id": "U1"]), Node("call", ["from": from]),
            Node("call", ["from": from, "id": "U2", "type": "error"]), Node("offer"),
            Node("presence", ["from": from, "id": "U3", "type": "error"]),
            Node("chatstate", ["from": from, "id": "U4", "type": "error"]),
            Node("expires", ["from": from, "id": "U5", "type": "error"]))
        #expect(bench.takeEvents() == [])
        #expect(try bench.receive().isEmpty)
        // A tag too long for an answer is no kind of stanza.
        try bench.deliver(
            Node(String(repeating: "x", count: 60_000), ["from": from, "id": "U7", "t": "7"]))
        #expect(try bench.receive().isEmpty)
        // What waits in the queue is taken off it; also what pretends to be the server's refusal.
        try bench.deliver(
            Node("message", ["from": from, "id": "U8", "t": "7", "type": "error"], [Node("body")]))
        #expect(
            try bench.receive() == [Node("ack", ["class": "message", "id": "U8", "to": from])])
        try bench.deliver(Node("call", ["from": from, "id": "U6", "t": "7"]))
        #expect(bench.takeEvents() == [])
        #expect(
            try bench.receive() == [Node("ack", ["class": "call", "id": "U6", "to": from])])
        // A server that does not know it either says so, of no message.
        try bench.session.send(
            OutgoingMessage(to: bobJID, id: makeID("U6"), body: "x"), output: &bench.sent)
        try bench.deliver(
            Node(
                "ack", ["type": "error", "id": "U6", "from": from],
                [Node("error", ["type": "modify"], [Node("bad-request")])]))
        #expect(bench.session.outboxCount == 1)
    }
}
