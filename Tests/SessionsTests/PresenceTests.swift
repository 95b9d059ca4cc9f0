import Base
import Sessions
import Storage
import Testing
import Wire

@Suite struct PresenceTests {
    /// Users of these names; each of the first list has all others as contacts.
    private func world(mutual: [String], others: [String] = []) throws -> World {
        let world = try World(users: mutual + others)
        for user in mutual {
            let peer = try world.online(user)
            try world.send(contacts("c", add: mutual.filter { $0 != user }), from: peer)
            world.commit()
            world.drop(peer)
        }
        return world
    }

    /// What a client was told of whom.
    private func news(_ world: World, _ peer: SessionAddress) -> [String] {
        world.take(peer).map { node in
            #expect(node.tag == "presence" && node["t"] == "1000000")
            return "\(node["from"] ?? "?") \(node["type"] ?? "available")"
        }
    }

    private let alice = "alice@tern.example available"
    private let bob = "bob@tern.example available"
    private let bobGone = "bob@tern.example unavailable"

    @Test func aOneSidedContactSeesNothing() throws {
        let world = try World()
        let alice = try world.online("alice")
        let bob = try world.online("bob")
        try world.send(contacts("1", add: ["bob"]), from: alice)
        world.commit()
        #expect(world.take(alice).map { $0["type"] } == ["result"])
        for peer in [alice, bob] { try world.send(available, from: peer) }
        for peer in [bob, alice] { try world.send(unavailable, from: peer) }
        #expect(world.take(alice).isEmpty && world.take(bob).isEmpty)
    }

    @Test func mutualContactsSeeEachOther() throws {
        let world = try world(mutual: ["alice", "bob"])
        let alice = try world.online("alice")
        let bob = try world.online("bob")
        try world.send(available, from: alice)
        #expect(news(world, bob).isEmpty, "who has not said available hears nothing")
        try world.send(available, from: bob)
        #expect(news(world, bob) == [self.alice])
        #expect(news(world, alice) == [self.bob])
        try world.send(unavailable, from: bob)
        #expect(news(world, alice) == [bobGone])
        try world.send(unavailable, from: alice)
        #expect(news(world, bob).isEmpty && news(world, alice).isEmpty)
    }

    @Test func aUserIsAvailableWhileOneDeviceIs() throws {
        let world = try world(mutual: ["alice", "bob"])
        let alice = try world.online("alice")
        let phone = try world.online("bob", 0)
        let tablet = try world.online("bob", 1)
        try world.send(available, from: alice)
        try world.send(available, from: phone)
        #expect(news(world, alice) == [bob] && news(world, phone) == [self.alice])
        try world.send(available, from: tablet)
        #expect(news(world, tablet) == [self.alice], "a further device asks")
        #expect(news(world, alice).isEmpty, "and is no news")
        #expect(news(world, phone).isEmpty, "to nobody")
        try world.send(unavailable, from: phone)
        #expect(news(world, alice).isEmpty)
        world.drop(tablet)
        #expect(news(world, alice) == [bobGone])
    }

    @Test func aLoginThatSaysAvailableIsToldWhoIs() throws {
        let world = try world(mutual: ["alice", "bob", "carol"], others: ["dave"])
        for user in ["alice", "carol", "dave"] {
            try world.send(available, from: try world.online(user))
        }
        let bob = try world.online("bob")
        #expect(news(world, bob).isEmpty)
        try world.send(available, from: bob)
        #expect(
            news(world, bob).sorted() == [
                "alice@tern.example available", "carol@tern.example available",
            ])
    }

    @Test func aLostConnectionIsUnavailable() throws {
        let world = try world(mutual: ["alice", "bob"])
        let alice = try world.online("alice")
        let bob = try world.online("bob")
        for peer in [alice, bob] { try world.send(available, from: peer) }
        _ = world.take(alice)
        world.drop(bob)
        #expect(news(world, alice) == [bobGone])
        // One that never said available goes in silence.
        world.drop(try world.online("bob"))
        #expect(news(world, alice).isEmpty)
    }

    @Test func theSameAgainIsNoNews() throws {
        let world = try world(mutual: ["alice", "bob"])
        let alice = try world.online("alice")
        let bob = try world.online("bob")
        for peer in [alice, bob] { try world.send(available, from: peer) }
        _ = (world.take(alice), world.take(bob))
        try world.send(available, from: bob)
        #expect(news(world, alice).isEmpty && news(world, bob).isEmpty)
        try world.send(unavailable, from: bob)
        try world.send(unavailable, from: bob)
        #expect(news(world, alice) == [bobGone])
    }

    /// A newer session of the same device is as available as the older one was.
    /// What came in one read has one outcome: sixteen bytes must not make a message for each contact.
    @Test func manyChangesAtOnceAreTheLastOne() throws {
        let world = try world(mutual: ["alice", "bob"])
        let alice = try world.online("alice")
        let bob = try world.online("bob")
        for peer in [alice, bob] { try world.send(available, from: peer) }
        _ = (world.take(alice), world.take(bob))
        let toggle = try world.frame(unavailable) + world.frame(available)
        world.send(Array(repeating: toggle, count: 500).flatMap { $0 }, from: alice)
        #expect(news(world, bob).isEmpty)
        world.send(try world.frame(available) + world.frame(unavailable), from: alice)
        #expect(news(world, bob) == ["alice@tern.example unavailable"])
    }

    @Test func aReplacedSessionStaysAvailable() throws {
        let world = try world(mutual: ["alice", "bob"])
        let alice = try world.online("alice")
        let old = try world.online("bob")
        for peer in [alice, old] { try world.send(available, from: peer) }
        _ = world.take(alice)
        let new = try world.online("bob")
        #expect(news(world, alice).isEmpty)
        try world.send(available, from: new)
        #expect(news(world, new) == [self.alice], "it has yet to be told")
        #expect(news(world, alice).isEmpty)
        world.drop(new)
        #expect(news(world, alice) == [bobGone])
    }

    @Test func aContactMadeOrLostIsNews() throws {
        let world = try World()
        let alice = try world.online("alice")
        let bob = try world.online("bob")
        for peer in [alice, bob] { try world.send(available, from: peer) }
        try world.send(contacts("1", add: ["bob"]), from: alice)
        world.commit()
        _ = world.take(alice)
        try world.send(contacts("1", add: ["alice"]), from: bob)
        world.commit()
        #expect(world.take(alice).map { $0["from"] } == ["bob@tern.example"])
        #expect(world.take(bob).map(\.tag) == ["iq", "presence"])
        try world.send(contacts("2", remove: ["alice"]), from: bob)
        world.commit()
        #expect(news(world, alice) == [bobGone])
        _ = world.take(bob)
        try world.send(unavailable, from: bob)
        #expect(news(world, alice).isEmpty)
    }

    @Test(arguments: [
        (Node("presence", ["to": "bob@tern.example"]), "feature-not-implemented"),
        (Node("presence", ["type": "away"]), "bad-request"),
        (Node("presence", ["class": "message"]), "bad-request"),
        (Node("presence", [:], [Node("show")]), "bad-request"),
    ])
    func refused(_ row: (Node, String)) throws {
        let world = try world(mutual: ["alice", "bob"])
        let bob = try world.online("bob")
        try world.send(available, from: bob)
        let alice = try world.online("alice")
        try world.send(row.0, from: alice)
        #expect(world.take(alice).map(\.condition) == [row.1])
        #expect(news(world, bob).isEmpty)
    }
}

@Suite struct ContactTests {
    private func names(_ node: Node?) -> [String] {
        (node?.child("contacts")?.children ?? []).map { $0["jid"] ?? "?" }
    }

    @Test func getSetRemove() throws {
        let world = try World()
        let alice = try world.online("alice")
        let get = Node("iq", ["id": "g", "type": "get"], [Node("contacts")])
        func answer(_ node: Node) throws -> [String] {
            try world.send(node, from: alice)
            world.commit()
            let answer = try #require(world.take(alice).first)
            #expect(answer["type"] == "result" && answer["id"] == node["id"])
            return names(answer)
        }
        #expect(try answer(get).isEmpty)
        let two = ["bob@tern.example", "nobody@tern.example"]
        #expect(try answer(contacts("1", add: ["nobody", "bob"])) == two)
        #expect(try answer(contacts("2", add: ["bob"], remove: ["stranger"])) == two)
        #expect(try answer(get) == two)
        #expect(try answer(contacts("3", add: ["bob"], remove: ["bob"])) == two)
        #expect(try answer(contacts("4", remove: ["bob"])) == ["nobody@tern.example"])
        // The account's, not the device's.
        let tablet = try world.online("alice", 1)
        try world.send(get, from: tablet)
        world.commit()
        #expect(names(world.take(tablet).first) == ["nobody@tern.example"])
    }

    @Test func theLimit() throws {
        var limits = Limits()
        limits.contactsPerAccountMax = 3
        let world = try World(limits: limits)
        let alice = try world.online("alice")
        for (node, outcome) in [
            (contacts("1", add: ["a", "b"]), nil), (contacts("2", add: ["c", "d"]), "refused"),
            (contacts("3", add: ["c", "d"], remove: ["a"]), nil),
            (contacts("4", add: ["a"]), "refused"),
        ] as [(Node, String?)] {
            try world.send(node, from: alice)
            world.commit()
            let answer = try #require(world.take(alice).first)
            #expect((answer["type"] == "error") == (outcome != nil), "\(node)")
            if outcome != nil { #expect(answer.condition == "resource-constraint") }
        }
        try world.send(Node("iq", ["id": "g", "type": "get"], [Node("contacts")]), from: alice)
        world.commit()
        #expect(
            names(world.take(alice).first) == [
                "b@tern.example", "c@tern.example", "d@tern.example",
            ])
    }

    /// A list as long as the limit fits a frame, with names of the greatest size.
    @Test func theLongestListFits() throws {
        let world = try World()
        let alice = try world.online("alice")
        let count = world.limits.contactsPerAccountMax
        let all = (0..<count).map { number in
            let digits = String(number)
            return String(repeating: "z", count: 64 - digits.count) + digits
        }
        for start in stride(from: 0, to: count, by: 100) {
            try world.send(
                contacts("\(start)", add: Array(all[start..<min(start + 100, count)])), from: alice)
        }
        // After eight the session is not read until there is an answer.
        world.commit()
        world.commit()
        #expect(names(world.take(alice).last).count == count)
    }

    @Test func tooManyChangesAtOnce() throws {
        let world = try World()
        let alice = try world.online("alice")
        let most = world.limits.contactChangesPerIQMax
        try world.send(contacts("1", add: (0..<most).map { "u\($0)" }), from: alice)
        try world.send(contacts("2", add: (0...most).map { "v\($0)" }), from: alice)
        world.commit()
        let answers = world.take(alice)
        #expect(answers.first { $0["id"] == "1" }?["type"] == "result")
        #expect(answers.first { $0["id"] == "2" }?.condition == "bad-request")
    }

    @Test func aStoreThatFails() throws {
        let world = try World()
        let alice = try world.online("alice")
        try world.send(contacts("1", add: ["bob"]), from: alice)
        world.failCommit()
        #expect(world.take(alice).map(\.condition) == ["internal-server-error"])
    }

    @Test(arguments: [
        Node("contacts", [:], [Node("contact", ["jid": "bob@other.example"])]),
        Node("contacts", [:], [Node("contact", ["jid": "bob@tern.example/0"])]),
        Node("contacts", [:], [Node("contact", ["jid": "tern.example"])]),
        Node("contacts", [:], [Node("contact", ["jid": "Bob"])]),
        Node("contacts", [:], [Node("contact")]),
        Node("contacts", [:], [Node("contact", ["jid": "bob@tern.example", "name": "Bob"])]),
        Node("contacts", [:], [Node("contact", ["jid": "bob@tern.example", "type": "add"])]),
        Node("contacts", [:], [Node("contact", ["jid": "bob@tern.example"], [Node("body")])]),
        Node("contacts", [:], [Node("message", ["jid": "bob@tern.example"])]),
        Node("contacts", text: "bob"),
        Node("contacts", ["type": "get"], [Node("contact", ["jid": "bob@tern.example"])]),
        Node("contacts"),
    ])
    func malformed(_ list: Node) throws {
        let world = try World()
        let alice = try world.online("alice")
        try world.send(Node("iq", ["id": "1", "type": "set"], [list]), from: alice)
        #expect(world.take(alice).map(\.condition) == ["bad-request"])
        if !list.children.isEmpty {
            try world.send(Node("iq", ["id": "1", "type": "get"], [list]), from: alice)
            #expect(world.take(alice).map(\.condition) == ["bad-request"])
        }
        #expect(world.store.waitingCount == 0 && !world.isClosed(alice))
    }
}
