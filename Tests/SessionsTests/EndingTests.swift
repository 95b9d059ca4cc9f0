// Sessions that end by somebody else's doing: another login of the device, or an operator's decision; and
// logins that must end nobody's.

import Base
import Sessions
import Storage
import TLS
import Testing
import Wire

extension World {
    /// An operator's order, whose news go to the user's home.
    func order(_ change: AccountChange) throws {
        let user = try #require(change.eviction?.user)
        try store.change(change, home: user.home(among: routers.count))
        commit()
    }

    /// A session that logged in with a token.
    func online(
        _ user: String, _ device: UInt8 = 0, with token: LoginToken
    ) throws -> SessionAddress {
        let peer = connect()
        let success = try logIn(user, device: device, with: token, on: peer)
        #expect(success.first?.tag == "success")
        return peer
    }

    func newKeys(_ password: String) -> ScramKeys {
        ScramKeys.derive(
            password: Array(password.utf8), salt: Array(1...16), iterations: Self.iterations,
            cryptography: cryptography)
    }
}

@Suite struct EndingTests {
    private func user(_ name: String) throws -> Localpart { try #require(Localpart(name)) }

    // MARK: Decisions of an operator

    @Test func aNewPasswordEndsAllSessionsOfTheAccount() throws {
        let world = try World()
        let first = try world.online("alice")
        let second = try world.online("alice", 2)
        let bob = try world.online("bob")
        _ = world.take(first)
        try world.order(.setKeys(world.newKeys("other"), of: try user("alice")))
        for peer in [first, second] {
            let end = try #require(world.take(peer).last)
            #expect(end.tag == "stream:error" && end.condition == "reset")
            #expect(world.isClosed(peer))
        }
        #expect(!world.isClosed(bob))
        let old = world.connect()
        #expect(try world.logIn("alice", on: old)?.condition == "not-authorized")
        let new = world.connect()
        #expect(try world.logIn("alice", password: "other", on: new)?.tag == "success")
    }

    @Test func revokingEndsTheSessionsThatItIsAbout() throws {
        let world = try World()
        let alice = try user("alice")
        let peers = try (0..<3).map { try world.online("alice", UInt8($0)) }
        try world.order(.revokeTokens(of: alice, device: 1))
        #expect(peers.map(world.isClosed) == [false, true, false])
        #expect(world.take(peers[1]).last?.condition == "reset")
        try world.order(.revokeTokens(of: alice, device: nil))
        #expect(peers.map(world.isClosed) == [true, true, true])
        #expect(try world.logIn("alice", on: world.connect())?.tag == "success")
    }

    @Test func theSessionsOfARemovedAccountEnd() throws {
        let world = try World()
        let peer = try world.online("alice")
        try world.order(.removeAccount(try user("alice")))
        #expect(world.take(peer).last?.condition == "not-authorized")
        #expect(world.isClosed(peer))
    }

    /// A removal that was reported as failed and had been done: the repeat finds no account, and ends what is left.
    @Test func aRepeatedRemovalEndsWhatIsLeft() throws {
        let world = try World()
        let alice = try user("alice")
        let peer = try world.online("alice")
        try world.store.removeAccount(alice)
        world.commit()
        #expect(!world.isClosed(peer))
        #expect(throws: StoreError.unknownAccount) { try world.order(.removeAccount(alice)) }
        world.commit()
        #expect(world.isClosed(peer))
    }

    /// The proof was right when it was checked, the store has not seen it, and sees the new password first.
    @Test func noLoginOutlivesAChangeThatOvertakesIt() throws {
        let world = try World()
        let alice = try user("alice")
        let token = try #require(try world.token("alice", device: 3))
        let first = try world.online("alice")
        let late = world.connect()
        try world.respond("alice", on: late)
        let withToken = world.connect()
        world.send(
            try world.flight("alice", device: 3, with: token, attributes: ["resume": "true"]),
            from: withToken)
        world.commit()  // late is in before the change; the proof of the other has been checked
        try world.order(.setKeys(world.newKeys("other"), of: alice))
        #expect(world.take(late).map(\.tag) == ["success", "stream:error"])
        #expect(world.isClosed(first) && world.isClosed(late))
        let resume = Node("resume", [:], [ack("1", class: "message", to: "bob@tern.example/0")])
        try world.send(resume, from: withToken)
        world.commit()
        #expect(world.take(withToken).map(\.condition) == ["not-authorized"])
    }

    /// In one batch: one login is executed before the change, another after it.
    @Test func theStoresOrderDecides() throws {
        let world = try World()
        let alice = try user("alice")
        let before = world.connect()
        try world.respond("alice", on: before)
        let device = DeviceAddress(user: alice, device: 4)
        try world.order(.revokeTokens(of: alice, device: nil))
        #expect(world.take(before).map(\.tag) == ["success", "stream:error"])
        let after = world.connect()
        try world.respond("alice", device: "\(device.device)", on: after)
        world.commit()
        #expect(world.take(after).map(\.tag) == ["success"])
        #expect(!world.isClosed(after))
    }

    @Test func aChangeThatFailsEndsNobody() throws {
        let world = try World()
        let peer = try world.online("alice")
        #expect(throws: StoreError.unknownDevice) {
            try world.order(.revokeTokens(of: try user("alice"), device: 9))
        }
        world.commit()
        #expect(!world.isClosed(peer))
    }

    // MARK: Logins that fail

    @Test func aLoginThatFailsInTheStoreEndsNobody() throws {
        let world = try World()
        let alice = try user("alice")
        let bob = try world.online("bob")
        let stolen = try #require(try world.token("alice"))
        let thief = world.connect()
        world.send(
            try world.flight("alice", with: stolen, attributes: ["resume": "true"]), from: thief)
        world.commit()
        // His proof has been checked; now the token goes, and its owner comes back.
        try world.order(.revokeTokens(of: alice, device: nil))
        let owner = try world.online("alice")
        world.moment.monotonic = world.moment.monotonic.advanced(byMs: 10)
        let resume = Node("resume", [:], [ack("1", class: "message", to: "bob@tern.example/0")])
        try world.send(resume, from: thief)
        // While the store has it: what comes is the owner's.
        try world.send(message("1", to: "alice@tern.example"), from: bob)
        #expect(world.take(owner).map(\.tag) == ["message"])
        world.commit()
        #expect(world.take(thief).map(\.condition) == ["not-authorized"])
        #expect(!world.isClosed(owner))
        try world.send(message("2", to: "alice@tern.example"), from: bob)
        #expect(world.take(owner).map { $0["id"] } == ["2"])
        world.commit()
    }

    @Test func aStoreThatFailsEndsNobody() throws {
        let world = try World()
        let old = try world.online("alice")
        let new = world.connect()
        try world.respond("alice", on: new)
        world.failCommit()
        #expect(world.take(new).last?.condition == "temporary-auth-failure")
        #expect(!world.isClosed(old))
    }

    @Test func whatComesDuringALoginReachesBothAndInOrder() throws {
        let world = try World()
        let bob = try world.online("bob")
        let old = try world.online("alice")
        try world.send(message("1", to: "alice@tern.example"), from: bob)
        world.commit()
        let new = world.connect()
        try world.respond("alice", on: new)
        for id in ["2", "3"] { try world.send(message(id, to: "alice@tern.example"), from: bob) }
        #expect(world.take(old).map { $0["id"] } == ["1", "2", "3"])
        // What the device has by its old session is not sent again, neither of the page nor of what came since.
        for id in ["1", "2"] {
            try world.send(ack(id, class: "message", to: "bob@tern.example/0"), from: old)
        }
        world.commit()
        #expect(world.isClosed(old))
        let got = world.take(new)
        #expect(got.map(\.tag) == ["success", "message"])
        #expect(got.last?["id"] == "3")
        try world.send(message("4", to: "alice@tern.example"), from: bob)
        #expect(world.take(new).map { $0["id"] } == ["4"])
    }

    @Test func ofLoginsUnderWayTheNewestConnectionWins() throws {
        let world = try World()
        let early = world.connect()
        world.moment.monotonic = world.moment.monotonic.advanced(byMs: 10)
        let late = world.connect()
        // The later connection is decided on first.
        try world.respond("alice", on: late)
        try world.respond("alice", on: early)
        world.commit()
        #expect(world.take(late).map(\.tag) == ["success"])
        #expect(world.take(early).last?.children.map(\.tag) == ["conflict", "replaced"])
        #expect(!world.isClosed(late) && world.isClosed(early))
    }

    @Test func loginsUnderWayAreCounted() throws {
        var limits = Limits()
        limits.loginsPerDeviceMax = 2
        let world = try World(limits: limits)
        let old = try world.online("alice")
        // Up to `response` each waits for nothing of the store.
        var peers: [SessionAddress] = []
        for _ in 0..<3 {
            let peer = world.connect()
            let (first, auth) = world.auth(
                "alice", flag: .required("tls-exporter"), mechanism: "SCRAM-SHA-256-PLUS")
            world.send(Prologue.bytes + (try world.frame(auth)), from: peer)
            world.commit()
            let challenge = try #require(world.take(peer).first?.bytes)
            let (final, _) = ScramProof.clientFinal(
                password: Array("secret".utf8), clientFirst: first,
                serverFirst: try ScramServerFirst(parsing: challenge, clientNonce: "abcdef"),
                channelBindingData: World.binding, cryptography: world.cryptography)
            peers.append(peer)
            world.finals[peer] = try world.frame(Node("response", content: .bytes(final.bytes)))
        }
        for peer in peers { world.send(try #require(world.finals[peer]), from: peer) }
        #expect(peers.map(world.isClosed) == [false, false, true])
        #expect(world.take(peers[2]).last?.condition == "temporary-auth-failure")
        #expect(!world.isClosed(old))
        world.commit()
        #expect(world.isClosed(old))
        #expect(peers.map(world.isClosed) == [true, false, true])
        // Another device has its own count.
        #expect(try world.logIn("alice", device: "1", on: world.connect())?.tag == "success")
    }

    @Test func aUserStaysAvailableWhileItsDeviceLogsInAgain() throws {
        let world = try World()
        for (peer, contact) in [
            (try world.online("alice"), "bob"), (try world.online("bob"), "alice"),
        ] {
            let change = Node("contact", ["jid": "\(contact)@tern.example"])
            try world.send(
                Node("iq", ["type": "set", "id": "1"], [Node("contacts", [:], [change])]),
                from: peer)
            world.commit()
            try world.send(Node("presence", [:]), from: peer)
            _ = world.take(peer)
        }
        let alice = try #require(world.address(of: "alice"))
        let bob = try #require(world.address(of: "bob"))
        _ = world.take(alice)
        let again = world.connect()
        try world.respond("bob", on: again)
        world.drop(bob)
        #expect(world.take(alice).isEmpty)
        world.commit()
        #expect(world.take(again).map(\.tag) == ["success"])
        #expect(world.take(alice).isEmpty)
        // And no longer when that login fails.
        let failing = world.connect()
        try world.respond("bob", on: failing)
        world.drop(again)
        #expect(world.take(alice).isEmpty)
        world.failCommit()
        #expect(world.take(alice).map { $0["type"] } == ["unavailable"])
    }
}

@Suite struct RetryTests {
    @Test func whatIsRefusedWithWaitSaysForHowLong() throws {
        let world = try World()
        let alice = try world.online("alice")
        world.environment.setRetry(
            at: Instant(milliseconds: 9_001), now: Instant(milliseconds: 5_000))
        try world.send(message("1", to: "bob@tern.example"), from: alice)
        world.failCommit()
        let refusal = try #require(world.take(alice).last?.child("error"))
        #expect(refusal["type"] == "wait" && refusal["after"] == "5")
        // Behind it: the session itself refuses.
        try world.send(message("2", to: "bob@tern.example"), from: alice)
        #expect(world.take(alice).last?.child("error")?["after"] == "5")
        // What no later attempt mends has no time.
        try world.send(message("3", to: "nobody@elsewhere.example"), from: alice)
        let final = try #require(world.take(alice).last?.child("error"))
        #expect(final["type"] == "cancel" && final["after"] == nil)
        let bob = world.connect()
        try world.respond("bob", on: bob)
        world.failCommit()
        let failure = try #require(world.take(bob).last)
        #expect(failure.condition == "temporary-auth-failure" && failure["after"] == "5")
        let wrong = world.connect()
        #expect(try world.logIn("bob", password: "no", on: wrong)?["after"] == nil)
        world.environment.setRetry(
            at: Instant(milliseconds: 5_000), now: Instant(milliseconds: 5_000))
        try world.send(message("4", to: "carol@tern.example"), from: alice)
        world.failCommit()
        #expect(world.take(alice).last?.child("error")?["after"] == nil)
    }

    @Test func aWishHasAnEnd() {
        #expect(SessionEnvironment.retryAfterS(ms: 1) == 1)
        #expect(SessionEnvironment.retryAfterS(ms: 1_000) == 1)
        #expect(SessionEnvironment.retryAfterS(ms: 1_001) == 2)
        #expect(SessionEnvironment.retryAfterS(ms: .max) == WireLimits.retryAfterSMax)
    }

    @Test func aSessionThatEndsForTheStoreSaysForHowLong() throws {
        let world = try World()
        let alice = try world.online("alice")
        world.environment.setRetry(
            at: Instant(milliseconds: 8_000), now: Instant(milliseconds: 5_000))
        for (error, after) in [(StreamError.resourceConstraint, "3"), (.badFormat, nil)] {
            var session = Session(
                address: alice, channelBinding: [], at: world.moment.monotonic)
            var output = ByteBuffer()
            var effects: [SessionEffect] = []
            session.end(error, in: world.environment, output: &output, effects: &effects)
            let frame = output.copy()
            let node = try Node.decode(Array(frame.dropFirst(4)).span.bytes, context: world.context)
            #expect(node["after"] == after)
        }
    }
}
