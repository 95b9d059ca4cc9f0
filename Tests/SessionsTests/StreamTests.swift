import Base
import Sessions
import Storage
import Testing
import Wire

@Suite struct StreamTests {
    @Test(arguments: [true, false]) func theRightPassword(plus: Bool) throws {
        let world = try World()
        let peer = world.connect()
        let success = try world.logIn("alice", plus: plus, on: peer)
        #expect(success?.tag == "success" && success?["jid"] == "alice@tern.example/0")
    }

    @Test(arguments: ["alice", "nobody", "No Body"]) func theWrongPassword(user: String) throws {
        let world = try World()
        let peer = world.connect()
        let failure = try world.logIn(user, password: "wrong", on: peer)
        #expect(failure?.tag == "failure" && failure?.condition == "not-authorized")
        #expect(world.isClosed(peer))
    }

    @Test func theWrongBinding() throws {
        let world = try World()
        let failure = try world.logIn(
            "alice", binding: [UInt8](repeating: 8, count: 32), on: world.connect())
        #expect(failure?.condition == "not-authorized")
    }

    @Test(arguments: [
        ("SCRAM-SHA-256", ScramBinding.serverUnsupported, "0", "not-authorized"),
        ("PLAIN", .unsupported, "0", "invalid-mechanism"),
        ("no-such-word", .unsupported, "0", "invalid-mechanism"),
        ("SCRAM-SHA-256", .unsupported, "256", "malformed-request"),
        ("SCRAM-SHA-256", .unsupported, "01", "malformed-request"),
    ])
    func refusedAuth(_ row: (String, ScramBinding, String, String)) throws {
        let world = try World()
        let peer = world.connect()
        world.send(Prologue.bytes, from: peer)
        try world.send(
            world.auth("alice", device: row.2, flag: row.1, mechanism: row.0).1, from: peer)
        #expect(world.take(peer).map(\.condition) == [row.3] && world.isClosed(peer))
    }

    @Test func beforeLogin() throws {
        let world = try World()
        for node in [message("1", to: "bob@tern.example"), Node("response", text: "c=biws")] {
            let peer = world.connect()
            world.send(Prologue.bytes, from: peer)
            try world.send(node, from: peer)
            #expect(world.take(peer).map(\.condition) == ["not-authorized"])
        }
        for (bytes, condition) in [
            ([0x47], "bad-format"), ([0x54, 0x4E, 2, 1], "unsupported-version"),
            ([0x54, 0x4E, 0, 1], "unsupported-version"),
            ([0x54, 0x4E, 1, 0], "unsupported-version"),
            ([0x54, 0x4E, 1, 2], "unsupported-version"),
            ([0x54, 0x4E, 1, 1, 0, 0x20, 0], "policy-violation"),
        ] as [([UInt8], String)] {
            let peer = world.connect()
            for byte in bytes { world.send([byte], from: peer) }
            #expect(world.take(peer).map(\.condition) == [condition])
        }
    }

    @Test(arguments: [
        (message("1", to: "nobody@tern.example"), "item-not-found"),
        (message("1", to: "bob@tern.example/9"), "item-not-found"),
        (message("1", to: "bob@other.example"), "remote-server-not-found"),
        (message("1", to: "not an address"), "jid-malformed"),
        (message("1", to: "tern.example"), "service-unavailable"),
        (Node("message", ["to": "bob@tern.example", "id": "1"]), "bad-request"),
        (
            Node(
                "message",
                [.init(key: "to", value: "bob@tern.example"), .init(key: "id", value: "1")],
                content: .nodes([])), "bad-request"
        ),
        (Node("message", ["to": "bob@tern.example"], [Node("body")]), "bad-request"),
        (
            Node("iq", ["id": "1", "type": "get", "to": "junk junk"], [Node("ping")]),
            "jid-malformed"
        ),
        (
            Node(
                "chatstate", ["to": "bob@tern.example"],
                [Node("composing", text: String(repeating: "x", count: 9_000))]), "bad-request"
        ),
    ])
    func refusedStanza(_ row: (Node, String)) throws {
        let world = try World()
        let alice = try world.online("alice")
        try world.send(row.0, from: alice)
        world.commit()
        #expect(world.take(alice).map(\.condition) == [row.1])
        #expect(!world.isClosed(alice))
    }

    /// The refusal of a stanza that fills its frame fits one too.
    @Test(arguments: ["id", "to"]) func aHugeAttributeIsNotEchoed(key: String) throws {
        let world = try World()
        let alice = try world.online("alice")
        var node = Node("message", [:], [Node("body")])
        node[key] = String(repeating: "!", count: 65_520)
        try world.send(node, from: alice)
        let refusal = try #require(world.take(alice).first)
        #expect(refusal["type"] == "error" && refusal[key] == nil)
    }

    @Test func streamErrorsAndTheEnd() throws {
        let world = try World()
        for (node, condition) in [
            (
                Node("message", ["to": "bob@tern.example", "from": "alice@tern.example/0"]),
                "invalid-from"
            ), (Node("success"), "unsupported-stanza-type"),
        ] {
            let alice = try world.online("alice")
            try world.send(node, from: alice)
            #expect(world.take(alice).map(\.condition) == [condition] && world.isClosed(alice))
        }
        let alice = try world.online("alice")
        world.send([0, 0, 4, 0, 0xF8, 1, 2], from: alice)
        #expect(world.isClosed(alice) && world.take(alice).count == 1)
    }

    /// A device of its own user's other session does not count as hearing from the peer.
    @Test func halfAFrameDoesNotKeepAPeerAlive() throws {
        let world = try World()
        let alice = try world.online("alice")
        let bob = try world.online("bob")
        world.send([0, 0], from: bob)
        world.tick(ms: world.limits.pingAfterMs)
        #expect(world.take(bob).map { $0.children.first?.tag } == ["ping"])
        // A delivery makes the connection offer its half frame again; nothing new has come.
        try world.send(Node("chatstate", ["to": "bob@tern.example"], [Node("paused")]), from: alice)
        #expect(world.take(bob).map(\.tag) == ["chatstate"])
        world.tick(ms: world.limits.pingTimeoutMs)
        #expect(world.take(bob).map(\.condition) == ["connection-timeout"])
    }

    @Test func everyPrefixAndEveryFlip() throws {
        let world = try World()
        let frames =
            try world.frame(message("1", to: "bob@tern.example"))
            + world.frame(Node("iq", ["id": "2", "type": "get"], [Node("contacts")]))
            + world.frame(receipt("3", to: "bob@tern.example/0"))
        for size in 0..<frames.count {
            let peer = try world.online("alice")
            world.send(Array(frames[..<size]), from: peer)
            world.drop(peer)
        }
        for index in frames.indices {
            for mask in [0x01, 0x10, 0x80, 0xFF] as [UInt8] {
                let peer = try world.online("alice")
                var flipped = frames
                flipped[index] ^= mask
                world.send(flipped, from: peer)
                world.commit()
                world.drop(peer)
            }
        }
        world.commit()
        world.checkInvariants()
    }
}
