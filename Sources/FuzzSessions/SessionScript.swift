// What bytes mean as a script: an operation and an argument, two bytes each, then what the operation takes.

internal import Base
internal import Sessions
internal import Storage
internal import Wire

/// Reads a script and does what it says.
struct SessionScript {
    /// Operations of one script: more only repeat what fewer show.
    static let operationCountMax = 512

    private enum Operation: UInt8, CaseIterable {
        case raw, connect, logIn, message, repeated, ack, receipt, presence, chatstate, contacts
        case ping, end, tick, drop, commit, commitFails, carry, carryMany, settle, restart, audit,
            evict
        // Kept inputs count on the order: append only.
        case logInForToken, logInWithToken, resume, revoke
    }

    private let bytes: UnsafeRawBufferPointer
    private var offset = 0
    private var idLast = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    private mutating func next() -> Int? {
        guard offset < bytes.count else { return nil }
        defer { offset += 1 }
        return Int(bytes[offset])
    }

    /// One operation; false at the script's end.
    mutating func step(_ world: SessionWorld) -> Bool {
        guard let code = next(), let argument = next() else { return false }
        let operation = Operation.allCases[code % Operation.allCases.count]
        let index = argument % SessionWorld.sessionCount
        let choice = argument / SessionWorld.sessionCount
        switch operation {
        case .raw: raw(world, index)
        case .connect: world.connect(index)
        case .logIn: logIn(world, index, choice)
        case .message, .repeated, .ack, .receipt, .presence, .chatstate, .contacts, .ping, .end:
            guard let node = stanza(operation, world, index, choice) else { break }
            send(node, world, index)
        case .tick: tick(world, argument)
        case .drop: world.drop(index)
        case .commit: world.commit()
        case .commitFails: world.commit(.overloaded, isDurable: argument & 1 == 1)
        case .carry: world.carryOne(argument)
        case .carryMany: for _ in 0..<16 { world.carryOne(argument) }
        case .settle: world.settle()
        case .restart: world.restart()
        case .audit: world.audit()
        case .evict:
            let user = world.users[index]
            let eviction = Eviction(user: user, device: nil, cause: .accountRemoved)
            world.post(
                .answer(StoreAnswer(eviction)), from: .store, to: .router(world.home(of: user)))
        case .logInForToken: logInForToken(world, index, choice, next() ?? 0)
        case .logInWithToken: logInWithToken(world, index, choice, next() ?? 0)
        case .resume: sendResume(world, index, choice)
        case .revoke: world.revoke(world.users[index], choice)
        }
        return true
    }

    /// Bytes as they are: into a frame of an open stream, or as the stream itself.
    private mutating func raw(_ world: SessionWorld, _ index: Int) {
        guard let size = next() else { return }
        let end = min(offset + size, bytes.count)
        let taken = [UInt8](bytes[offset..<end])
        world.peers[index]?.hasRawInput = true
        offset = end
        if size & 1 == 1 {
            let length = taken.count + 1
            world.feed(index, [0, UInt8(length >> 8), UInt8(length & 0xFF), 0] + taken)
        } else {
            world.feed(index, taken)
        }
    }

    private func logIn(_ world: SessionWorld, _ index: Int, _ choice: Int) {
        if world.peers[index] == nil { world.connect(index) }
        let user = world.users[choice % world.users.count]
        let device = UInt8(choice / world.users.count % 4)
        guard world.peers[index]?.login == nil else { return }
        let attempt = world.begin(
            DeviceAddress(user: user, device: device), nil, isGenuine: true, issues: false)
        guard let bytes = world.peers[index]?.beginLogin(attempt) else { return }
        world.feed(index, bytes)
    }

    private func tick(_ world: SessionWorld, _ argument: Int) {
        let seconds = UInt64(argument)
        world.moment.monotonic = world.moment.monotonic.advanced(byMs: seconds * 5_000)
        world.moment.unixSeconds += seconds * 5
        let moment = world.moment
        for index in 0..<SessionWorld.sessionCount {
            world.act(index) { session, environment, output, effects in
                session.tick(at: moment, in: environment, output: &output, effects: &effects)
            }
        }
    }

    /// A stanza in one piece, or with its last byte after the rest.
    private func send(_ node: Node, _ world: SessionWorld, _ index: Int) {
        guard let bytes = world.peers[index]?.frame(node) else { return }
        if offset & 8 == 0 {
            world.feed(index, bytes)
        } else {
            world.feed(index, Array(bytes.dropLast()))
            world.feed(index, Array(bytes.suffix(1)))
        }
    }

    // MARK: Stanzas

    private mutating func stanza(
        _ operation: Operation, _ world: SessionWorld, _ index: Int, _ choice: Int
    ) -> Node? {
        let user = world.users[choice % world.users.count]
        let detail = choice / world.users.count
        switch operation {
        case .message:
            idLast += 1
            return message(to: address(user, detail), id: idLast)
        case .repeated:
            return message(to: address(user, detail), id: max(1, idLast - detail % 4))
        case .ack, .receipt:
            guard let key = received(world, index, choice) else { return nil }
            return operation == .ack ? Self.ack(key) : receipt(key, isRead: choice & 4 != 0)
        case .presence:
            return Node("presence", detail & 1 == 0 ? [:] : ["type": "unavailable"])
        case .chatstate:
            return Node("chatstate", ["to": address(user, detail)], [Node("composing", [:])])
        case .contacts:
            return contacts(user, detail)
        case .ping:
            return Node("iq", ["type": "get", "id": "1"], [Node("ping", [:])])
        case .end:
            return Node("stream:end", [:])
        default:
            return nil
        }
    }

    private func address(_ user: Localpart, _ detail: Int) -> String {
        detail % 4 == 0 ? "\(user)@localhost" : "\(user)@localhost/\(detail % 4 - 1)"
    }

    private mutating func message(to: String, id: Int) -> Node {
        let size = (next() ?? 0) % 4 == 3 ? 900 : 8
        return Node(
            "message", ["to": to, "id": "m\(id)"],
            [Node("body", [:], text: String(repeating: "tern ", count: size / 5))])
    }

    /// A stanza that the client has, which it then forgets.
    private func received(_ world: SessionWorld, _ index: Int, _ choice: Int) -> StanzaKey? {
        guard let count = world.peers[index]?.received.count, count > 0 else { return nil }
        return world.peers[index]?.received.remove(at: choice % count)
    }

    static func ack(_ key: StanzaKey) -> Node {
        var node = Node(
            "ack",
            [
                "to": "\(key.sender.user)@localhost/\(key.sender.device)", "id": key.id.text,
                "class": "receipt",
            ])
        if key.kind == .message { node["class"] = "message" }
        if key.kind == .copy { node["class"] = "forwarded" }
        if key.kind == .read { node["type"] = "read" }
        return node
    }

    private func receipt(_ key: StanzaKey, isRead: Bool) -> Node {
        guard key.kind == .message else { return Self.ack(key) }
        var node = Node(
            "receipt",
            ["to": "\(key.sender.user)@localhost/\(key.sender.device)", "id": key.id.text])
        if isRead { node["type"] = "read" }
        return node
    }

    private func contacts(_ user: Localpart, _ detail: Int) -> Node {
        guard detail % 3 > 0 else {
            return Node("iq", ["type": "get", "id": "2"], [Node("contacts", [:])])
        }
        var contact = Node("contact", ["jid": "\(user)@localhost"])
        if detail % 3 == 2 { contact["type"] = "remove" }
        return Node("iq", ["type": "set", "id": "3"], [Node("contacts", [:], [contact])])
    }
}
