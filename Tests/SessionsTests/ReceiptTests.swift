import Base
import Sessions
import Storage
import Testing
import Wire

@Suite struct ReceiptTests {
    let alice0 = "alice@tern.example/0"
    let bob0 = "bob@tern.example/0"

    /// The kinds of what waits for a device, as it finds them at its login; it leaves at once.
    private func waiting(_ world: World, _ user: String) throws -> [String] {
        let peer = world.connect()
        try world.logIn(user, on: peer)
        defer { world.drop(peer) }
        return world.take(peer).dropFirst().map { node in
            "\(node.tag) \(node["id"] ?? "") \(node["type"] ?? "")"
        }
    }

    @Test func deliveredThenRead() throws {
        let world = try World()
        let alice = try world.online("alice")
        let bob = try world.online("bob")
        try world.send(message("1", to: bob0), from: alice)
        try world.send(receipt("1", to: alice0), from: bob)
        try world.send(readReceipt("1", to: alice0), from: bob)
        world.commit()
        let receipts = world.take(alice).filter { $0.tag == "receipt" }
        #expect(receipts.map { $0["type"] } == [nil, "read"])
        #expect(receipts.allSatisfy { $0["from"] == bob0 && $0["id"] == "1" && $0["t"] != nil })
        let acks = world.take(bob).filter { $0.tag == "ack" }
        #expect(acks.map { $0["class"] } == ["receipt", "receipt"])
        #expect(acks.map { $0["type"] } == [nil, "read"])
        #expect(acks.allSatisfy { $0["from"] == alice0 })
        #expect(try waiting(world, "bob").isEmpty)
    }

    /// Read without delivered takes the message off the queue too.
    @Test(arguments: ["receipt", "read", "ack"]) func eachTakesItOffTheQueue(how: String) throws {
        let world = try World()
        let alice = try world.online("alice")
        try world.send(message("1", to: bob0), from: alice)
        world.commit()
        let bob = try world.online("bob")
        switch how {
        case "receipt": try world.send(receipt("1", to: alice0), from: bob)
        case "read": try world.send(readReceipt("1", to: alice0), from: bob)
        default: try world.send(ack("1", class: "message", to: alice0), from: bob)
        }
        world.commit()
        world.drop(bob)
        #expect(try waiting(world, "bob").isEmpty)
        #expect(world.take(alice).count { $0.tag == "receipt" } == (how == "ack" ? 0 : 1))
    }

    /// The two kinds of a receipt are two stanzas, each with its own ack.
    @Test func anAckNamesTheKindOfReceipt() throws {
        let world = try World()
        let alice = try world.online("alice")
        let bob = try world.online("bob")
        try world.send(message("1", to: bob0), from: alice)
        try world.send(receipt("1", to: alice0), from: bob)
        try world.send(readReceipt("1", to: alice0), from: bob)
        world.commit()
        try world.send(ack("1", class: "receipt", to: bob0), from: alice)
        world.commit()
        world.drop(alice)
        #expect(try waiting(world, "alice") == ["receipt 1 read"])
        let again = try world.online("alice")
        // A message of that id was never hers: it is not what she acks.
        try world.send(ack("1", class: "message", to: bob0), from: again)
        #expect(world.store.waitingCount == 0)
        try world.send(ack("1", class: "receipt", type: "read", to: bob0), from: again)
        world.commit()
        world.drop(again)
        #expect(try waiting(world, "alice").isEmpty)
    }

    @Test func aReceiptWaitsForASenderWhoIsOffline() throws {
        let world = try World()
        let alice = try world.online("alice")
        let bob = try world.online("bob")
        try world.send(message("1", to: bob0), from: alice)
        world.commit()
        world.drop(alice)
        _ = world.take(bob)
        try world.send(receipt("1", to: alice0), from: bob)
        #expect(world.take(bob).isEmpty)
        world.commit()
        #expect(world.take(bob).map(\.tag) == ["ack"])
        #expect(try waiting(world, "alice") == ["receipt 1 "])
        #expect(try waiting(world, "alice") == ["receipt 1 "], "until it is acked")
    }

    /// Only the device that sent the message is told.
    @Test func aReceiptIsForOneDevice() throws {
        let world = try World()
        let phone = try world.online("alice", 0)
        let tablet = try world.online("alice", 1)
        let bob = try world.online("bob")
        try world.send(message("1", to: bob0), from: tablet)
        try world.send(receipt("1", to: "alice@tern.example/1"), from: bob)
        world.commit()
        #expect(world.take(tablet).contains { $0.tag == "receipt" })
        #expect(world.take(phone).allSatisfy { $0.tag == "forwarded" })
    }

    @Test func anAckForWhatIsNotInFlightCostsTheStoreNothing() throws {
        let world = try World()
        let alice = try world.online("alice")
        let bob = try world.online("bob")
        for node in [
            ack("never", class: "message", to: alice0), ack("never", class: "receipt", to: alice0),
            ack("never", class: "receipt", type: "read", to: alice0),
            ack("never", class: "message", to: "nobody@tern.example/9"),
        ] {
            try world.send(node, from: bob)
            #expect(world.store.waitingCount == 0)
        }
        try world.send(message("1", to: bob0), from: alice)
        world.commit()
        try world.send(ack("1", class: "message", to: alice0), from: bob)
        #expect(world.store.waitingCount == 1)
        try world.send(ack("1", class: "message", to: alice0), from: bob)
        #expect(world.store.waitingCount == 1, "the second time it is none")
        #expect(world.take(bob).map(\.tag) == ["message"], "and no ack is answered")
    }

    @Test func aReceiptForWhatWasNeverSeenIsHarmless() throws {
        let world = try World()
        let alice = try world.online("alice")
        let bob = try world.online("bob")
        try world.send(message("1", to: bob0), from: alice)
        try world.send(receipt("never", to: alice0), from: bob)
        world.commit()
        #expect(world.take(bob).map(\.tag) == ["message", "ack"])
        // It reaches alice, who knows of no such message; hers still waits.
        #expect(world.take(alice).map(\.tag).sorted() == ["ack", "receipt"])
        world.drop(bob)
        #expect(try waiting(world, "bob") == ["message 1 "])
    }

    @Test(arguments: [
        (receipt("1", to: "nobody@tern.example/0"), "item-not-found"),
        (receipt("1", to: "alice@tern.example/9"), "item-not-found"),
        (receipt("1", to: "alice@tern.example"), "jid-malformed"),
        (receipt("1", to: "alice@other.example/0"), "remote-server-not-found"),
        (Node("receipt", ["to": "alice@tern.example/0"]), "bad-request"),
        (Node("receipt", ["to": "alice@tern.example/0", "id": "a b"]), "bad-request"),
        (
            Node("receipt", ["to": "alice@tern.example/0", "id": "1", "type": "delivered"]),
            "bad-request"
        ),
        (
            Node("receipt", ["to": "alice@tern.example/0", "id": "1"], [Node("body")]),
            "bad-request"
        ),
        (ack("1", class: "message", to: "alice@tern.example"), "jid-malformed"),
        (ack("1", class: "message", type: "read", to: "alice@tern.example/0"), "bad-request"),
        (ack("1", class: "receipt", type: "away", to: "alice@tern.example/0"), "bad-request"),
        (ack("1", class: "presence", to: "alice@tern.example/0"), "bad-request"),
        (Node("ack", ["id": "1", "to": "alice@tern.example/0"]), "bad-request"),
        (Node("ack", ["class": "message", "to": "alice@tern.example/0"]), "bad-request"),
    ])
    func refused(_ row: (Node, String)) throws {
        let world = try World()
        let bob = try world.online("bob")
        try world.send(row.0, from: bob)
        world.commit()
        let answer = try #require(world.take(bob).first)
        #expect(answer.tag == row.0.tag && answer["type"] == "error")
        #expect(answer.condition == row.1 && !world.isClosed(bob))
    }
}
