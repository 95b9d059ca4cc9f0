// Limits reached, names unknown, and what gets no answer.

import Base
import Sessions
import Storage
import Testing
import Wire

@Suite struct RefusalTests {
    @Test func aDeviceTooMany() throws {
        var limits = Limits()
        limits.devicesPerAccountMax = 2
        let world = try World(limits: limits)
        let phone = try world.online("alice", 0)
        _ = try world.online("alice", 1)
        let third = world.connect()
        let end = try world.logIn("alice", device: "2", on: third)
        #expect(end?.tag == "stream:error" && end?.condition == "policy-violation")
        #expect(world.isClosed(third) && !world.isClosed(phone))
        _ = try world.online("alice", 1)
    }

    @Test func aFullQueue() throws {
        var limits = Limits()
        limits.queueDepthMax = 3
        let world = try World(limits: limits)
        let alice = try world.online("alice")
        let phone = try world.online("bob", 0)
        world.drop(try world.online("bob", 1))
        for id in 1...3 { try world.send(message("\(id)", to: "bob@tern.example"), from: alice) }
        world.commit()
        for id in 1...3 {
            try world.send(receipt("\(id)", to: "alice@tern.example/0"), from: phone)
        }
        world.commit()
        _ = (world.take(alice), world.take(phone))
        // The phone's queue is empty, the tablet's full: refused for both.
        try world.send(message("4", to: "bob@tern.example"), from: alice)
        world.commit()
        #expect(world.take(alice).map(\.condition) == ["resource-constraint"])
        // She gives it up: what comes behind it is refused once, and goes on when it comes again.
        for _ in 0..<2 {
            try world.send(message("5", to: "bob@tern.example/0"), from: alice)
            try world.send(message("3", to: "bob@tern.example/1"), from: alice)
            world.commit()
        }
        let answers = world.take(alice)
        #expect(answers.map { $0["id"] } == ["5", "3", "5", "3"])
        #expect(
            answers.map(\.condition) == [
                "resource-constraint", "resource-constraint", nil, nil,
            ])
    }

    @Test func aLoginThatTakesTooLong() throws {
        let world = try World(cryptography: FixedNonce())
        let login = try recordedLogin(in: world)
        for bytes in [[], [0x54], Prologue.bytes, Prologue.bytes + login.auth] {
            let peer = world.connect()
            world.send(bytes, from: peer)
            world.commit()
            world.tick(ms: world.limits.loginTimeoutMs - 1)
            #expect(!world.isClosed(peer))
            world.tick(ms: 1)
            #expect(world.take(peer).last?.condition == "connection-timeout")
            #expect(world.isClosed(peer))
        }
        #expect(world.routers.allSatisfy { $0.onlineCount == 0 && $0.pendingCount == 0 })
    }

    private func salt(of user: String, _ world: World) throws -> [UInt8] {
        let peer = world.connect()
        world.send(Prologue.bytes, from: peer)
        let auth = world.auth(user, flag: .unsupported, mechanism: "SCRAM-SHA-256").1
        try world.send(auth, from: peer)
        world.commit()
        let bytes = try #require(world.take(peer).first?.bytes)
        let iterations = 1...1_000_000
        return try ScramServerFirst(
            parsing: bytes, clientNonce: "abcdef", iterationsAccepted: iterations
        ).salt
    }

    @Test func anUnknownNameHasASaltOfItsOwn() throws {
        let world = try World()
        let salts = try ["nobody", "nobody", "noone", "alice"].map { try salt(of: $0, world) }
        #expect(salts[0] == salts[1] && salts[0] != salts[2] && salts[0] != salts[3])
        #expect(salts.allSatisfy { $0.count == 16 })
    }

    @Test(arguments: [
        Node("message", ["to": "bob@tern.example", "id": "1", "type": "error"], [Node("body")]),
        Node("message", ["to": "junk junk", "type": "error"]),
        Node("message", ["type": "error"]),
        Node("receipt", ["to": "bob@tern.example/0", "id": "1", "type": "error"]),
        Node("ack", ["type": "error"]),
        Node("presence", ["type": "error"]),
        Node("presence", ["to": "bob@tern.example", "type": "error"]),
        Node("chatstate", ["to": "bob@tern.example", "type": "error"], [Node("composing")]),
        Node("iq", ["id": "1", "type": "error"], [Node("ping")]),
        Node("iq", ["id": "1", "type": "result"], [Node("ping")]),
        Node("iq", ["type": "result"]),
        Node("iq", ["type": "error", "to": "bob@tern.example"]),
    ])
    func anErrorIsNeverAnswered(_ node: Node) throws {
        let world = try World()
        let alice = try world.online("alice")
        let bob = try world.online("bob")
        try world.send(node, from: alice)
        world.commit()
        #expect(world.take(alice).isEmpty && world.take(bob).isEmpty && !world.isClosed(alice))
        try world.send(Node("iq", ["id": "2", "type": "get"], [Node("ping")]), from: alice)
        #expect(world.take(alice).count == 1)
    }

    /// A domain without a user spells the word, too; passed on, its recipient would take it for a refusal
    /// of the server's and never answer it.
    @Test(arguments: ["fa 00 1f", "fa 00 fc 05 65 72 72 6f 72", "fc 05 65 72 72 6f 72"])
    func aTypeIsWhatItSpells(_ type: String) throws {
        let world = try World()
        let alice = try world.online("alice")
        let bob = try world.online("bob")
        let node = "f8 08 04 0a fa fc 03 62 6f 62 03 0c fc 01 31 0d \(type) f8 01 f8 01 13"
        let bytes = node.split(separator: " ").compactMap { UInt8($0, radix: 16) }
        #expect(Token.error.rawValue == 0x1F)
        world.send(frame(flags: 0, bytes), from: alice)
        world.commit()
        #expect(world.take(bob).isEmpty && world.take(alice).isEmpty && !world.isClosed(alice))
        #expect(world.store.waitingCount == 0)
    }

    @Test func aChatStateIsNeverStored() throws {
        let world = try World()
        let alice = try world.online("alice")
        let typing = Node("chatstate", ["to": "bob@tern.example"], [Node("composing")])
        try world.send(typing, from: alice)
        try world.send(
            Node("chatstate", ["to": "nobody@tern.example", "id": "1"], [Node("paused")]),
            from: alice)
        #expect(world.store.waitingCount == 0 && world.take(alice).isEmpty)
        let bob = world.connect()
        try world.logIn("bob", on: bob)
        #expect(world.take(bob).map(\.tag) == ["success"])
        let tablet = try world.online("bob", 1)
        try world.send(typing, from: alice)
        try world.send(
            Node("chatstate", ["to": "bob@tern.example/1"], [Node("paused")]), from: alice)
        #expect(world.store.waitingCount == 0)
        let seen = world.take(bob)
        #expect(seen.map { $0.children.first?.tag } == ["composing"])
        #expect(seen.first?["from"] == "alice@tern.example/0" && seen.first?["to"] == nil)
        #expect(world.take(tablet).map { $0.children.first?.tag } == ["composing", "paused"])
    }

    @Test func aPingFromTheClient() throws {
        let world = try World()
        let alice = try world.online("alice")
        for to in [nil, "tern.example", "bob@tern.example", "other.example"] as [String?] {
            var node = Node("iq", ["id": "p", "type": "get"], [Node("ping")])
            node["to"] = to
            try world.send(node, from: alice)
            let answer = try #require(world.take(alice).first)
            #expect(answer.tag == "iq" && answer["id"] == "p")
            if to == nil || to == "tern.example" {
                #expect(answer["type"] == "result" && answer.content == nil)
            } else {
                #expect(answer.condition == "service-unavailable")
            }
        }
        #expect(world.store.waitingCount == 0)
    }

    @Test(arguments: [
        ("room@groups.tern.example", "remote-server-not-found"),
        ("groups.tern.example", "remote-server-not-found"),
        ("room@tern.example", "item-not-found"),
    ])
    func thereAreNoGroups(_ row: (String, String)) throws {
        let world = try World()
        let alice = try world.online("alice")
        try world.send(message("1", to: row.0), from: alice)
        world.commit()
        let answer = try #require(world.take(alice).first)
        #expect(answer.condition == row.1 && answer["from"] == row.0 && answer["id"] == "1")
    }

    @Test func aMessageToOneself() throws {
        let world = try World()
        let phone = try world.online("alice", 0)
        let tablet = try world.online("alice", 1)
        try world.send(message("1", to: "alice@tern.example"), from: phone)
        world.commit()
        let own = world.take(phone)
        #expect(own.map(\.tag) == ["message", "ack"])
        #expect(own.allSatisfy { $0["id"] == "1" })
        #expect(own.map { $0["from"] } == ["alice@tern.example/0", "alice@tern.example"])
        #expect(world.take(tablet).map { $0["from"] } == ["alice@tern.example/0"])
        try world.send(message("2", to: "alice@tern.example/1"), from: phone)
        world.commit()
        #expect(world.take(phone).map(\.tag) == ["ack"])
        #expect(world.take(tablet).map { $0["id"] } == ["2"])
        world.drop(phone)
        let again = world.connect()
        try world.logIn("alice", on: again)
        #expect(world.take(again).map { $0["id"] } == [nil, "1"])
    }
}
