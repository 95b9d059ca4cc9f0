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

        // Before the receipt is acked a repeat changes nothing.
        try bench.deliver(incoming("M1"))
        #expect(bench.takeEvents() == [])
        #expect(try bench.receive() == [])

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

    @Test func seenSetForgetsTheOldest() {
        var seen = SeenSet(countMax: 3)
        func key(_ id: Int) -> SeenKey {
            SeenKey(from: bobJID, id: makeID("\(id)"), kind: .message)
        }
        for id in 1...3 { #expect(seen.insert(key(id)) == true) }
        #expect(seen.insert(key(1)) == false)
        #expect(seen.insert(key(4)) == true)
        #expect(seen.count == 3)
        #expect(seen.insert(key(1)) == true)
        #expect(seen.insert(key(4)) == false)
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

    @Test func unknownStanzasAreIgnored() throws {
        var bench = Bench()
        try bench.goOnline()
        _ = bench.takeEvents()
        _ = try bench.receive()
        try bench.deliver(Node("novelty", ["id": "1"]))
        #expect(bench.disconnectReason == nil)
        try bench.deliver(Node("iq", ["type": "get", "id": "n1"], [Node("novelty")]))
        #expect(try bench.receive().first?["type"] == "error")
    }
}
