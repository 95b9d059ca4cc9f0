// Compression with a preset dictionary: how it is agreed on, what is refused without, what it is used for.

import Base
import Sessions
import Testing
import Wire

@Suite struct PresetTests {
    private let text = "are you still at work? we are waiting for you at the station"

    private func deflated(_ payload: [UInt8]) throws -> [UInt8] {
        var deflater = Deflater(.preset(.version1), sizeMin: 1, isBounded: false)
        var output = ByteBuffer()
        try #require(deflater.deflate(payload.span.bytes, into: &output))
        return output.copy()
    }

    private func deflated(_ node: Node, _ world: World) throws -> [UInt8] {
        presetFrame(try deflated(Array(try world.frame(node).dropFirst(4))))
    }

    /// What `success` says to an offer; nil when the login fails.
    private func answer(to offer: String?) throws -> (tag: String?, deflate: String?) {
        let world = try World()
        let node = try world.logIn("alice", deflate: offer, on: world.connect())
        return (node?.tag, node?["deflate"])
    }

    @Test func theNewestThatBothKnowIsChosen() throws {
        for (offer, chosen) in [
            (nil, nil), ("1", "1"), ("1.9", "1"), ("9.1", "1"), ("255.200.7.1", "1"), ("9", nil),
            ("2.3", nil), ("8.7.6.5.4.3.2.1", "1"),
        ] as [(String?, String?)] {
            let answer = try answer(to: offer)
            #expect(answer.tag == "success" && answer.deflate == chosen, "\(offer ?? "none")")
        }
    }

    @Test func malformedOffersAreRefused() throws {
        for offer in [
            "", "0", "01", "1.", ".1", "1..2", "1.1", "256", "-1", "+1", "x", "1,2", "1 2",
            "9.8.7.6.5.4.3.2.1", String(repeating: "1", count: 600),
        ] {
            let world = try World()
            let peer = world.connect()
            let (_, node) = world.auth(
                "alice", flag: .required("tls-exporter"), mechanism: "SCRAM-SHA-256-PLUS",
                deflate: offer)
            world.send(Prologue.bytes, from: peer)
            try world.send(node, from: peer)
            world.commit()
            let failure = world.take(peer)
            #expect(failure.map(\.condition) == ["malformed-request"], "\(offer)")
            #expect(world.isClosed(peer))
        }
    }

    @Test func withoutAnAgreementTheFlagIsUnknown() throws {
        for offer in [nil, "9"] {
            let world = try World()
            let alice = try world.online("alice", deflate: offer)
            world.send(
                try deflated(message("1", to: "bob@tern.example", text: text), world), from: alice)
            #expect(world.take(alice).map(\.condition) == ["bad-format"])
            #expect(world.isClosed(alice))
        }
    }

    @Test func beforeSuccessTheFlagIsUnknown() throws {
        let world = try World()
        let stanza = try deflated(message("1", to: "bob@tern.example", text: text), world)
        let (_, auth) = world.auth(
            "alice", flag: .required("tls-exporter"), mechanism: "SCRAM-SHA-256-PLUS", deflate: "1")
        let early = world.connect()
        world.send(Prologue.bytes + presetFrame([1, 2, 3, 4]), from: early)
        #expect(world.take(early).map(\.condition) == ["bad-format"])
        // Between `auth` and `response`.
        let middle = world.connect()
        world.send(Prologue.bytes, from: middle)
        try world.send(auth, from: middle)
        world.commit()
        world.send(stanza, from: middle)
        #expect(world.take(middle).map { $0.condition ?? $0.tag } == ["challenge", "bad-format"])
        // Behind `response` the session is not read, so it is `success` that counts.
        let late = world.connect()
        try world.respond("alice", deflate: "1", on: late)
        world.send(stanza, from: late)
        world.commit()
        world.commit()
        #expect(world.take(late).map(\.tag) == ["success", "ack"])
    }

    @Test func eitherSideUsesItAndTheLoginNever() throws {
        let world = try World()
        let alice = try world.online("alice", deflate: "1")
        let bob = try world.online("bob", deflate: "1")
        #expect(world.peers[alice]?.flags == [0, 0] && world.peers[bob]?.flags == [0, 0])
        world.send(
            try deflated(message("1", to: "bob@tern.example", text: text), world), from: alice)
        world.commit()
        #expect(world.take(bob).first?.child("body")?.text == text)
        #expect(world.peers[bob]?.flags.last == FrameFlags.presetDeflated)
        #expect(world.take(alice).map(\.tag) == ["ack"])
        // Our own answers are plain.
        #expect(world.peers[alice]?.flags.last == FrameFlags.plain)
        // A zlib stream is taken as ever.
        let long = message("2", to: "bob@tern.example", text: String(repeating: text, count: 20))
        var deflater = Deflater()
        var zlib = ByteBuffer()
        let payload = Array(try world.frame(long).dropFirst(4))
        try #require(deflater.deflate(payload.span.bytes, into: &zlib))
        world.send(frame(flags: 2, zlib.copy()), from: alice)
        world.commit()
        #expect(world.take(alice).map(\.tag) == ["ack"])
        #expect(world.take(bob).map(\.tag) == ["message"])
    }

    @Test func oneMessageIsCompressedOnceForEachWay() throws {
        let world = try World(shards: 1)
        let alice = try world.online("alice", deflate: "1")
        let bobs = try [nil, "1", "9", "1", "1", nil].enumerated().map { index, offer in
            try world.online("bob", UInt8(index), deflate: offer)
        }
        let before = world.environment.contexts.deflateCount
        let long = String(repeating: text + " ", count: 20)
        try world.send(message("1", to: "bob@tern.example", text: long), from: alice)
        world.commit()
        #expect(world.environment.contexts.deflateCount == before + 2)
        for (index, bob) in bobs.enumerated() {
            #expect(world.take(bob).map { $0.child("body")?.text } == [long])
            let hasPreset = world.peers[bob]?.preset != nil
            #expect(hasPreset == [1, 3, 4].contains(index))
            #expect(
                world.peers[bob]?.flags.last
                    == (hasPreset ? FrameFlags.presetDeflated : FrameFlags.deflated))
        }
        // An equal message is another one all the same.
        try world.send(message("2", to: "bob@tern.example", text: long), from: alice)
        world.commit()
        #expect(world.environment.contexts.deflateCount == before + 4)
        for bob in bobs { #expect(world.take(bob).map { $0["id"] } == ["2"]) }
    }

    @Test func thresholdsHoldToTheByte() throws {
        // A message of `text` is this long when it is passed on.
        let sample = try World()
        _ = try sample.online("alice")
        let passedOn = Node(
            "message", ["from": "alice@tern.example/0", "id": "1", "t": "1000000"],
            [Node("body", text: text)])
        let size = try sample.frame(passedOn).count - 4
        for (sizeMin, offer, flags) in [
            (size, "1", 4), (size + 1, "1", 0), (1, "1", 4), (16_777_216, "1", 0), (1, nil, 0),
        ] as [(Int, String?, UInt8)] {
            var limits = Limits()
            limits.presetDeflateSizeMin = sizeMin
            let world = try World(limits: limits)
            let alice = try world.online("alice")
            let bob = try world.online("bob", deflate: offer)
            try world.send(message("1", to: "bob@tern.example", text: text), from: alice)
            #expect(world.take(bob).count == 1)
            #expect(world.peers[bob]?.flags.last == flags, "\(sizeMin), \(offer ?? "none")")
        }
    }

    @Test func contactsAreCompressedToo() throws {
        let world = try World()
        let alice = try world.online("alice", deflate: "1")
        let names = (0..<60).map { "contact\($0)" }
        try world.send(contacts("c", add: names), from: alice)
        world.commit()
        let answer = world.take(alice).first
        #expect(answer?.child("contacts")?.children.count == 60)
        #expect(world.peers[alice]?.flags.last == FrameFlags.presetDeflated)
    }

    @Test func spoiledStreamsAndBombs() throws {
        let world = try World()
        let good = Array(
            try deflated(message("1", to: "bob@tern.example", text: text), world).dropFirst(4))
        var spoiled: [([UInt8], String)] = [
            (good + [0], "bad-format"), (good + good, "bad-format"), ([0xFF], "bad-format"),
            ([0x03, 0x00], "bad-format"),  // an empty stream holds no node
        ]
        spoiled += (1..<good.count).map { (Array(good.prefix($0)), "bad-format") }
        let sizeMax = world.limits.inflatedSizeMax
        for (size, condition) in [
            (sizeMax - 1, "bad-format"), (sizeMax, "bad-format"), (sizeMax + 1, "policy-violation"),
            (16 << 20, "policy-violation"),
        ] {
            // Not so uniform that the ratio speaks first.
            let content = (0..<size).map { $0 % 8 == 0 ? UInt8.random(in: 0...255) : 0 }
            spoiled.append((try deflated(content), condition))
        }
        spoiled.append((try deflated([UInt8](repeating: 0, count: 20_000)), "policy-violation"))
        for (bytes, condition) in spoiled {
            let alice = try world.online("alice", deflate: "1")
            world.send(presetFrame(bytes), from: alice)
            #expect(world.take(alice).map(\.condition) == [condition], "\(bytes.count) bytes")
            #expect(world.isClosed(alice))
        }
        // Flipped bits: a stanza, an error, but never a trap.
        for index in good.indices {
            var wrong = good
            wrong[index] ^= 1 << UInt8(index % 8)
            let alice = try world.online("alice", deflate: "1")
            world.send(presetFrame(wrong), from: alice)
            world.drop(alice)
        }
        let alice = try world.online("alice", deflate: "1")
        world.send(presetFrame(good), from: alice)
        world.commit()
        #expect(world.take(alice).map(\.tag) == ["ack"])
    }

    @Test func aSessionThatReplacesAnotherAgreesAnew() throws {
        let world = try World()
        let alice = try world.online("alice")
        let first = try world.online("bob", deflate: "1")
        let second = try world.online("bob")
        #expect(world.isClosed(first))
        try world.send(message("1", to: "bob@tern.example", text: text), from: alice)
        #expect(world.take(second).map(\.tag) == ["message"])
        #expect(world.peers[second]?.flags.allSatisfy { $0 == FrameFlags.plain } == true)
    }
}

private func presetFrame(_ payload: [UInt8]) -> [UInt8] {
    frame(flags: FrameFlags.presetDeflated, payload)
}
