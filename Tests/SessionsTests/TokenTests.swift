// Logins with a token, and what a login says that the client has.

import Base
import Sessions
import Storage
import TLS
import Testing
import Wire

func tokenAuth(device: UInt8, _ message: [UInt8]) -> Node {
    Node(
        "auth",
        [
            Node.Attribute(key: "mechanism", value: LoginToken.mechanism),
            Node.Attribute(key: "device", value: "\(device)"),
        ], content: .bytes(message))
}

extension World {
    /// Logs in with the password and takes the token.
    func token(_ user: String, device: UInt8 = 0, plus: Bool = true) throws -> LoginToken? {
        let peer = connect()
        let success = try logIn(
            user, device: "\(device)", plus: plus, attributes: ["token": "get"], on: peer)
        try #require(success?.tag == "success")
        drop(peer)
        return success?["token"].flatMap { LoginToken(hex: $0) }
    }

    /// The one flight of a login with a token.
    func flight(
        _ user: String, device: UInt8 = 0, with token: LoginToken, binding: [UInt8] = World.binding,
        attributes: [String: String] = ["token": "get"], resume: Node? = nil
    ) throws -> [UInt8] {
        let exchange = LoginTokenExchange(
            user: Array(user.utf8), device: device, exporter: binding)
        let message = LoginTokenMessage(
            user: Array(user.utf8), proof: exchange.proof(of: token, cryptography: cryptography))
        var auth = tokenAuth(device: device, message.bytes)
        for (key, value) in attributes { auth[key] = value }
        if resume != nil { auth["resume"] = "true" }
        var bytes = Prologue.bytes + (try frame(auth))
        if let resume { bytes += try frame(resume) }
        return bytes
    }

    /// A whole login with a token, the connection's binding being `binding`; the server's answers.
    func logIn(
        _ user: String, device: UInt8 = 0, with token: LoginToken,
        binding: [UInt8] = World.binding, on peer: SessionAddress? = nil
    ) throws -> [Node] {
        let peer = peer ?? connect()
        send(try flight(user, device: device, with: token, binding: binding), from: peer)
        commit()
        commit()
        return take(peer)
    }

    func made() -> LoginToken { LoginToken(cryptography: cryptography) }
}

@Suite struct TokenTests {
    @Test func aBoundLoginGetsATokenIfItWantsOne() throws {
        let world = try World()
        let peer = world.connect()
        let success = try #require(
            try world.logIn("alice", attributes: ["token": "get"], on: peer))
        #expect(success["token"].flatMap { LoginToken(hex: $0) } != nil)
        #expect(success["expires"] == "\(1_000_000 + Limits().loginTokenLifetimeS)")
        let plain = world.connect()
        #expect(try world.logIn("bob", on: plain)?["token"] == nil)
        #expect(try world.token("bob", plus: false) == nil)
    }

    @Test func aTokenLogsInInOneFlightAndTheServerProvesItself() throws {
        let world = try World()
        let token = try #require(try world.token("alice"))
        let answers = try world.logIn("alice", with: token)
        #expect(answers.map(\.tag) == ["success"])
        let exchange = LoginTokenExchange(
            user: Array("alice".utf8), device: 0, exporter: World.binding)
        #expect(
            answers.first?.bytes
                == exchange.signature(expectedFor: token, cryptography: world.cryptography))
        #expect(answers.first?["jid"] == "alice@tern.example/0")
    }

    @Test func theOldTokenIsGoodUntilTheNewOneWasUsed() throws {
        let world = try World()
        let first = try #require(try world.token("alice"))
        var next = first
        for _ in 0..<3 {
            let success = try #require(try world.logIn("alice", with: next).first)
            let fresh = try #require(success["token"].flatMap { LoginToken(hex: $0) })
            // The answer was lost: once more with the same.
            #expect(try world.logIn("alice", with: next).first?.tag == "success")
            #expect(try world.logIn("alice", with: fresh).first?.tag == "success")
            #expect(try world.logIn("alice", with: next).first?.condition == "not-authorized")
            next = fresh
        }
    }

    @Test func lostAnswersLockNobodyOut() throws {
        let world = try World()
        let token = try #require(try world.token("alice"))
        var issued: [LoginToken] = []
        for round in 0..<9 {
            let success = try #require(try world.logIn("alice", with: token).first)
            #expect(success.tag == "success", "round \(round)")
            if let hex = success["token"] { issued.append(try #require(LoginToken(hex: hex))) }
        }
        #expect(issued.count == WireLimits.deviceTokenCountMax - 1)
        // Whichever of them the device has got.
        let last = try #require(issued.dropFirst().first)
        #expect(try world.logIn("alice", with: last).first?.tag == "success")
        for other in issued where other != last {
            #expect(try world.logIn("alice", with: other).first?.condition == "not-authorized")
        }
    }

    @Test func passwordLoginsAlwaysGetAToken() throws {
        let world = try World()
        for _ in 0..<8 { #expect(try world.token("alice") != nil) }
        let token = try #require(try world.token("alice"))
        #expect(try world.logIn("alice", with: token).first?.tag == "success")
    }

    @Test func whatIsNotTheTokenIsRefusedAlike() throws {
        let world = try World()
        let token = try #require(try world.token("alice"))
        let other = [UInt8](repeating: 9, count: 32)
        let attempts: [[UInt8]] = [
            try world.flight("alice", with: world.made()),
            try world.flight("alice", device: 1, with: token),
            try world.flight("bob", with: token),
            try world.flight("nobody", with: token),
            try world.flight("No Name", with: token),
            try world.flight("alice", with: token, binding: other),
        ]
        for (index, bytes) in attempts.enumerated() {
            let peer = world.connect()
            world.send(bytes, from: peer)
            world.commit()
            let answers = world.take(peer)
            #expect(answers.count == 1, "attempt \(index)")
            #expect(answers.first?.tag == "failure", "attempt \(index)")
            #expect(answers.first?.condition == "not-authorized", "attempt \(index)")
            #expect(world.isClosed(peer))
        }
        let unbound = world.connect(binding: [])
        world.send(try world.flight("alice", with: token, binding: []), from: unbound)
        #expect(world.take(unbound).first?.condition == "not-authorized")
        #expect(try world.logIn("alice", with: token).first?.tag == "success")
    }

    @Test func tokensEnd() throws {
        let world = try World(users: ["alice", "bob", "carol", "dave"])
        let alice = try #require(Localpart("alice"))
        let bob = try #require(Localpart("bob"))
        let carol = try #require(Localpart("carol"))
        let tokens = try ["alice", "bob", "carol", "dave"].map {
            try #require(try world.token($0))
        }
        let second = try #require(try world.token("bob", device: 2))
        try world.store.setKeys(
            ScramKeys(
                salt: Array(1...16), iterations: 4_096, storedKey: [1], serverKey: [2]),
            of: alice)
        try world.store.revokeTokens(of: bob, device: 0)
        try world.store.removeAccount(carol)
        for (user, token) in zip(["alice", "bob", "carol"], tokens) {
            #expect(
                try world.logIn(user, with: token).first?.condition == "not-authorized", "\(user)")
        }
        #expect(try world.logIn("bob", device: 2, with: second).first?.tag == "success")
        world.moment.unixSeconds += Limits().loginTokenLifetimeS - 1
        #expect(try world.logIn("dave", with: tokens[3]).first?.tag == "success")
        world.moment.unixSeconds += 1
        #expect(try world.logIn("dave", with: tokens[3]).first?.condition == "not-authorized")
    }

    @Test func whatChangedDuringTheLoginCounts() throws {
        let world = try World()
        let alice = try #require(Localpart("alice"))
        let token = try #require(try world.token("alice"))
        // The tokens have been looked up; the device is not yet opened.
        let peer = world.connect()
        world.send(try world.flight("alice", with: token), from: peer)
        world.store.commit()
        try world.store.revokeTokens(of: alice, device: nil)
        world.commit()
        world.commit()
        #expect(world.take(peer).first?.condition == "not-authorized")
        // The same with a password: nobody gets a token for one that was changed.
        let late = world.connect()
        let (first, auth) = world.auth(
            "alice", flag: .required("tls-exporter"), mechanism: "SCRAM-SHA-256-PLUS",
            attributes: ["token": "get"])
        world.send(Prologue.bytes + (try world.frame(auth)), from: late)
        world.commit()
        let challenge = try #require(world.take(late).first?.bytes)
        try world.store.setKeys(
            ScramKeys(salt: Array(1...16), iterations: 4_096, storedKey: [1], serverKey: [2]),
            of: alice)
        let (final, _) = ScramProof.clientFinal(
            password: Array("secret".utf8), clientFirst: first,
            serverFirst: try ScramServerFirst(parsing: challenge, clientNonce: "abcdef"),
            channelBindingData: World.binding, cryptography: world.cryptography)
        try world.send(Node("response", content: .bytes(final.bytes)), from: late)
        world.commit()
        #expect(world.take(late).last?.condition == "not-authorized")
    }

    @Test func whatTheClientHasIsSettledBeforeTheQueueIsRead() throws {
        let world = try World()
        let bob = try #require(try world.token("bob"))
        let alice = try world.online("alice")
        for id in ["1", "2", "3"] {
            try world.send(message(id, to: "bob@tern.example"), from: alice)
        }
        world.commit()
        let resume = Node(
            "resume", [:],
            ["1", "3"].map { ack($0, class: "message", to: "alice@tern.example/0") })
        let peer = world.connect()
        world.send(try world.flight("bob", with: bob, resume: resume), from: peer)
        world.commit()
        world.commit()
        let answers = world.take(peer)
        #expect(answers.map(\.tag) == ["success", "message"])
        #expect(answers.last?["id"] == "2")
    }

    @Test func nothingIsSettledForOneWhoHasNotProvenHimself() throws {
        let world = try World()
        let alice = try world.online("alice")
        try world.send(message("1", to: "bob@tern.example"), from: alice)
        world.commit()
        let resume = Node("resume", [:], [ack("1", class: "message", to: "alice@tern.example/0")])
        let stranger = world.connect()
        world.send(
            try world.flight("bob", with: world.made(), resume: resume), from: stranger)
        world.commit()
        #expect(world.take(stranger).first?.condition == "not-authorized")
        let bob = world.connect()
        _ = try world.logIn("bob", on: bob)
        #expect(world.take(bob).map(\.tag) == ["success", "message"])
    }

    @Test func nothingIsSettledWithATokenThatWasRevokedMeanwhile() throws {
        let world = try World()
        let bob = try #require(Localpart("bob"))
        let token = try #require(try world.token("bob"))
        let alice = try world.online("alice")
        try world.send(message("1", to: "bob@tern.example"), from: alice)
        world.commit()
        // The proof is right, and the thief takes his time with the rest.
        let thief = world.connect()
        world.send(
            try world.flight("bob", with: token, attributes: ["resume": "true"]), from: thief)
        world.commit()
        #expect(world.take(thief).isEmpty)
        try world.store.revokeTokens(of: bob, device: nil)
        let resume = Node("resume", [:], [ack("1", class: "message", to: "alice@tern.example/0")])
        try world.send(resume, from: thief)
        world.commit()
        #expect(world.take(thief).first?.condition == "not-authorized")
        let owner = world.connect()
        _ = try world.logIn("bob", on: owner)
        #expect(world.take(owner).map(\.tag) == ["success", "message"])
    }

    @Test func aLoginWithThePasswordEndsWhatAThiefHas() throws {
        let world = try World()
        let stolen = try #require(try world.token("alice"))
        // The thief is faster, and goes on twice: the owner's token is worth nothing any more.
        let second = try #require(try world.logIn("alice", with: stolen).first?["token"])
        let thief = try #require(LoginToken(hex: second))
        let third = try #require(try world.logIn("alice", with: thief).first?["token"])
        #expect(try world.logIn("alice", with: stolen).first?.condition == "not-authorized")
        // A login that takes no token, or is not bound, says nothing about those that there are.
        #expect(try world.logIn("alice", on: world.connect())?.tag == "success")
        #expect(try world.token("alice", plus: false) == nil)
        #expect(try world.logIn("alice", with: thief).first?.tag == "success")
        let owner = try #require(try world.token("alice"))
        for token in [thief, try #require(LoginToken(hex: third))] {
            #expect(try world.logIn("alice", with: token).first?.condition == "not-authorized")
        }
        #expect(try world.logIn("alice", with: owner).first?.tag == "success")
    }

    @Test func aSlowLoginWithThePasswordEndsNoLaterToken() throws {
        let world = try World()
        let slow = world.connect()
        let (first, auth) = world.auth(
            "alice", flag: .required("tls-exporter"), mechanism: "SCRAM-SHA-256-PLUS",
            attributes: ["token": "get"])
        world.send(Prologue.bytes + (try world.frame(auth)), from: slow)
        world.commit()
        let challenge = try #require(world.take(slow).first?.bytes)
        let token = try #require(try world.token("alice"))
        let (final, _) = ScramProof.clientFinal(
            password: Array("secret".utf8), clientFirst: first,
            serverFirst: try ScramServerFirst(parsing: challenge, clientNonce: "abcdef"),
            channelBindingData: World.binding, cryptography: world.cryptography)
        try world.send(Node("response", content: .bytes(final.bytes)), from: slow)
        world.commit()
        #expect(world.take(slow).first?.tag == "success")
        #expect(try world.logIn("alice", with: token).first?.tag == "success")
    }

    @Test func aProofCannotBeReflected() throws {
        let world = try World()
        let token = try #require(try world.token("alice"))
        let user = Array("alice".utf8)
        let exchange = LoginTokenExchange(user: user, device: 0, exporter: World.binding)
        let signature = exchange.signature(expectedFor: token, cryptography: world.cryptography)
        #expect(signature != exchange.proof(of: token, cryptography: world.cryptography))
        let peer = world.connect()
        let message = LoginTokenMessage(user: user, proof: signature)
        world.send(
            Prologue.bytes + (try world.frame(tokenAuth(device: 0, message.bytes))), from: peer)
        world.commit()
        #expect(world.take(peer).first?.condition == "not-authorized")
    }

    @Test func malformedLoginsAreRefused() throws {
        let world = try World()
        let token = try #require(try world.token("alice"))
        let good = ack("1", class: "message", to: "bob@tern.example/0")
        let resumes: [Node] = [
            Node("resume"), Node("resume", [:], [message("1", to: "bob@tern.example")]),
            Node("resume", ["id": "1"], [good]),
            Node("resume", [:], [ack("1", class: "message", to: "bob@tern.example")]),
            Node("resume", [:], [ack("1", class: "presence", to: "bob@tern.example/0")]),
            Node(
                "resume", [:],
                (0...WireLimits.resumeCountMax).map {
                    ack("\($0)", class: "message", to: "bob@tern.example/0")
                }),
        ]
        for resume in resumes {
            let peer = world.connect()
            world.send(try world.flight("alice", with: token, resume: resume), from: peer)
            world.commit()
            world.commit()
            #expect(world.take(peer).first?.condition == "malformed-request", "\(resume)")
        }
        for attributes in [["token": "set"], ["resume": "false"], ["token": "x"]] {
            let peer = world.connect()
            world.send(
                try world.flight("alice", with: token, attributes: attributes), from: peer)
            #expect(world.take(peer).first?.condition == "malformed-request", "\(attributes)")
        }
        for content in [[], [0], Array("alice".utf8), [0] + [UInt8](repeating: 1, count: 32)] {
            let peer = world.connect()
            world.send(
                Prologue.bytes + (try world.frame(tokenAuth(device: 0, content))), from: peer)
            #expect(world.take(peer).first?.condition == "malformed-request", "\(content)")
        }
        // Another stanza where `resume` was announced.
        let peer = world.connect()
        world.send(
            try world.flight("alice", with: token, resume: available), from: peer)
        world.commit()
        #expect(world.take(peer).first?.condition == "not-authorized")
        #expect(try world.logIn("alice", with: token).first?.tag == "success")
    }
}
