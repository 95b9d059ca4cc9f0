// What arrives in pieces, compressed or spoiled.

import Base
import Sessions
import Testing
import Wire

@Suite struct FrameTests {
    private func deflated(_ bytes: [UInt8]) throws -> [UInt8] {
        var deflater = Deflater(isBounded: false)
        var output = ByteBuffer()
        try #require(deflater.deflate(bytes.span.bytes, into: &output))
        return output.copy()
    }

    private func payload(_ node: Node, _ world: World) throws -> [UInt8] {
        Array(try world.frame(node).dropFirst(4))
    }

    private func longMessage(_ world: World) throws -> [UInt8] {
        let text = String(repeating: "hello ", count: 500)
        return try payload(message("1", to: "bob@tern.example", text: text), world)
    }

    @Test func aCompressedMessage() throws {
        let world = try World()
        let alice = try world.online("alice")
        let bob = try world.online("bob")
        world.send(frame(flags: 2, try deflated(try longMessage(world))), from: alice)
        world.commit()
        #expect(world.take(alice).map(\.tag) == ["ack"])
        #expect(world.take(bob).first?.child("body")?.text?.count == 3_000)
    }

    @Test func aBomb() throws {
        let world = try World()
        for size in [world.limits.inflatedSizeMax + 1, 16 << 20] {
            let alice = try world.online("alice")
            let bytes = try deflated([UInt8](repeating: 0, count: size))
            world.send(frame(flags: 2, bytes), from: alice)
            #expect(world.take(alice).map(\.condition) == ["policy-violation"])
            #expect(world.isClosed(alice))
        }
        // Many times its own size: what costs its sender nothing.
        let dense = try world.online("alice")
        let zeros = try deflated([UInt8](repeating: 0, count: world.limits.inflatedSizeMax))
        world.send(frame(flags: 2, zeros), from: dense)
        #expect(world.take(dense).map(\.condition) == ["policy-violation"])
        // As much as is allowed, but no node.
        let alice = try world.online("alice")
        var generator = SeededGenerator(state: 7)
        let mixed = (0..<world.limits.inflatedSizeMax).map {
            $0 % 8 == 0 ? UInt8.random(in: 0...255, using: &generator) : 0
        }
        let bytes = try deflated(mixed)
        #expect(64 * bytes.count > mixed.count)
        world.send(frame(flags: 2, bytes), from: alice)
        #expect(world.take(alice).map(\.condition) == ["bad-format"])
    }

    @Test func aBombBeforeLogin() throws {
        let world = try World()
        let peer = world.connect()
        let bytes = try deflated([UInt8](repeating: 0, count: world.limits.inflatedSizeMax + 1))
        world.send(Prologue.bytes + frame(flags: 2, bytes), from: peer)
        #expect(world.take(peer).map(\.condition) == ["policy-violation"])
    }

    /// A stranger has the room that it has without compression.
    @Test func compressionMakesNoRoomBeforeLogin() throws {
        let world = try World()
        let peer = world.connect()
        let size = world.limits.frameSizeMaxBeforeLogin + 1
        let bytes = try deflated([UInt8](repeating: 0, count: size))
        world.send(Prologue.bytes + frame(flags: 2, bytes), from: peer)
        #expect(world.take(peer).map(\.condition) == ["policy-violation"])
    }

    @Test func spoiledStreams() throws {
        let world = try World()
        let good = try deflated(try longMessage(world))
        var wrongChecksum = good
        wrongChecksum[good.count - 1] ^= 1
        var wrongBlock = good
        wrongBlock[2] = 0xFF
        let plain = try payload(message("1", to: "bob@tern.example"), world)
        let spoiled: [[UInt8]] = [
            wrongChecksum, wrongBlock, good + [0], good.dropLast(), [0x78, 0x9C], plain,
            Array(good[2...]), good + good,
        ]
        for bytes in spoiled {
            let alice = try world.online("alice")
            world.send(frame(flags: 2, bytes), from: alice)
            #expect(world.take(alice).map(\.condition) == ["bad-format"])
            #expect(world.isClosed(alice))
        }
        for flags in [1, 3, 4, 0x80, 0xFF] as [UInt8] {
            let alice = try world.online("alice")
            world.send(frame(flags: flags, plain), from: alice)
            #expect(world.take(alice).map(\.condition) == ["bad-format"])
        }
        // The inflater is as good as new after each.
        let alice = try world.online("alice")
        world.send(frame(flags: 2, good), from: alice)
        world.commit()
        #expect(world.take(alice).map(\.tag) == ["ack"])
    }

    /// All that two peers are sent when alice's bytes come in pieces of some size.
    private func outcome(pieceSize: Int) throws -> (alice: [Node], bob: [Node]) {
        let world = try World(cryptography: FixedNonce())
        let bob = try world.online("bob")
        let alice = world.connect()
        let login = try recordedLogin(in: world)
        let long = try deflated(try longMessage(world))
        let stanzas =
            try world.frame(Node("iq", ["id": "p", "type": "get"], [Node("ping")]))
            + frame(flags: 2, long)
            + world.frame(contacts("c", add: ["bob"])) + world.frame(receipt("x", to: "nowhere"))
            + world.frame(message("2", to: "bob@tern.example"))
            + world.frame(Node("chatstate", ["to": "bob@tern.example"], [Node("composing")]))
        for phase in [Prologue.bytes + login.auth, login.response, stanzas, [0, 0, 0]] {
            for start in stride(from: 0, to: phase.count, by: pieceSize) {
                let end = min(phase.count, start + pieceSize)
                world.send(Array(phase[start..<end]), from: alice)
            }
            world.commit()
        }
        #expect(world.isClosed(alice))
        return (world.take(alice), world.take(bob))
    }

    @Test(arguments: [1, 2, 3, 7, 64]) func piecesMakeNoDifference(size: Int) throws {
        let whole = try outcome(pieceSize: .max / 2)
        #expect(
            whole.alice.map(\.tag) == [
                "challenge", "success", "iq", "receipt", "ack", "ack", "iq", "stream:error",
            ])
        #expect(whole.bob.map(\.tag) == ["message", "message", "chatstate"])
        let pieces = try outcome(pieceSize: size)
        #expect(pieces.alice == whole.alice && pieces.bob == whole.bob)
    }

    /// A client that sends all at once, stanzas behind `response`: the server reads on in its time.
    @Test(arguments: [1, .max / 2]) func theWholeLoginAtOnce(pieceSize: Int) throws {
        let world = try World(cryptography: FixedNonce())
        let login = try recordedLogin(in: world)
        let ping = try world.frame(Node("iq", ["id": "p", "type": "get"], [Node("ping")]))
        let bytes = Prologue.bytes + login.auth + login.response + ping
        let peer = world.connect()
        for start in stride(from: 0, to: bytes.count, by: pieceSize) {
            world.send(Array(bytes[start..<min(bytes.count, start + pieceSize)]), from: peer)
        }
        for tags in [[], ["challenge"], ["success", "iq"]] {
            #expect(world.take(peer).map(\.tag) == tags)
            world.commit()
        }
    }

    @Test func everyPrefixOfALogin() throws {
        let world = try World(cryptography: FixedNonce())
        let login = try recordedLogin(in: world)
        let bytes = Prologue.bytes + login.auth + login.response
        for size in 0...bytes.count {
            let peer = world.connect()
            world.send(Array(bytes[..<size]), from: peer)
            world.commit()
            world.commit()
            let tags = world.take(peer).map(\.tag)
            switch size {
            case ..<(Prologue.size + login.auth.count): #expect(tags.isEmpty)
            case ..<bytes.count: #expect(tags == ["challenge"])
            default: #expect(tags == ["challenge", "success"])
            }
            #expect(!world.isClosed(peer))
            world.drop(peer)
            #expect(world.routers.allSatisfy { $0.onlineCount == 0 && $0.pendingCount == 0 })
        }
    }

    /// Only the device is not covered by the proof: whatever else is changed fails.
    @Test(arguments: [0x01, 0x10, 0xFF] as [UInt8]) func everyFlipOfALogin(mask: UInt8) throws {
        let world = try World(cryptography: FixedNonce())
        let login = try recordedLogin(in: world)
        let bytes = Prologue.bytes + login.auth + login.response
        var successes: Set<Int> = []
        for index in bytes.indices {
            let peer = world.connect()
            var flipped = bytes
            flipped[index] ^= mask
            world.send(flipped, from: peer)
            world.commit()
            world.commit()
            let nodes = world.take(peer)
            if let success = nodes.first(where: { $0.tag == "success" }) {
                successes.insert(index)
                let jid = try #require(success["jid"])
                #expect(jid.hasPrefix("alice@tern.example/") && jid != "alice@tern.example/0")
            } else if world.isClosed(peer) {
                #expect(["failure", "stream:error"].contains(nodes.last?.tag))
            } else {
                // A frame that got longer: the rest of it never comes.
                world.tick(ms: world.limits.loginTimeoutMs)
                #expect(world.take(peer).map(\.condition) == ["connection-timeout"])
            }
            world.drop(peer)
            #expect(world.routers.allSatisfy { $0.onlineCount == 0 && $0.pendingCount == 0 })
        }
        #expect(successes.count <= 1, "\(successes)")
    }
}
