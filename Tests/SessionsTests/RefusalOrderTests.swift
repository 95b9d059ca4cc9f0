// What was sent behind a message that was refused with `wait` never overtakes it, wherever it was when the
// refusal was made.

import Base
import Sessions
import Storage
import Testing
import Wire

@Suite struct RefusalOrderTests {
    let bob = "bob@tern.example"

    /// What bob's device has waiting, as it finds it.
    private func waiting(_ world: World) throws -> [String?] {
        let peer = world.connect()
        try world.logIn("bob", on: peer)
        defer { world.drop(peer) }
        return world.take(peer).filter { $0.tag == "message" }.map { $0["id"] }
    }

    private func fail(_ world: World) {
        world.store.failCommit(.database(code: 10, message: "disk"))
    }

    /// The answers to alice: ids, and conditions where there is one.
    private func answers(_ world: World, _ alice: SessionAddress) -> [String] {
        world.take(alice).map { "\($0["id"] ?? "") \($0.condition ?? "ack")" }
    }

    @Test func behindItAtTheStore() throws {
        let world = try World()
        let alice = try world.online("alice")
        try world.send(message("1", to: bob), from: alice)
        fail(world)
        // Nobody knows of the refusal yet; the store works again.
        try world.send(message("2", to: bob), from: alice)
        try world.send(message("3", to: "bob@tern.example/0"), from: alice)
        world.commit()
        #expect(
            answers(world, alice) == [
                "1 resource-constraint", "2 resource-constraint", "3 resource-constraint",
            ])
        #expect(try waiting(world).isEmpty)
        for id in ["1", "2"] { try world.send(message(id, to: bob), from: alice) }
        try world.send(message("3", to: "bob@tern.example/0"), from: alice)
        world.commit()
        #expect(answers(world, alice) == ["1 ack", "2 ack", "3 ack"])
        #expect(try waiting(world) == ["1", "2", "3"])
        #expect(world.routers.allSatisfy { $0.closedCount == 0 })
    }

    @Test func behindItAtTheSession() throws {
        let world = try World(users: ["alice", "bob", "carol"])
        let alice = try world.online("alice")
        try world.send(message("1", to: bob), from: alice)
        world.failCommit()
        try world.send(message("2", to: bob), from: alice)
        #expect(world.routers.allSatisfy { $0.pendingCount == 0 })
        #expect(answers(world, alice) == ["1 resource-constraint", "2 resource-constraint"])
        // Other recipients have nothing to do with it.
        try world.send(message("3", to: "carol@tern.example"), from: alice)
        try world.send(message("1", to: bob), from: alice)
        try world.send(message("2", to: bob), from: alice)
        try world.send(message("4", to: bob), from: alice)
        world.commit()
        #expect(answers(world, alice).sorted() == ["1 ack", "2 ack", "3 ack", "4 ack"])
        #expect(try waiting(world) == ["1", "2", "4"])
    }

    /// Refused again and again, by the store and behind it.
    @Test func refusedTwice() throws {
        let world = try World()
        let alice = try world.online("alice")
        for _ in 0..<3 {
            try world.send(message("1", to: bob), from: alice)
            fail(world)
            try world.send(message("2", to: bob), from: alice)
            world.commit()
            #expect(answers(world, alice) == ["1 resource-constraint", "2 resource-constraint"])
        }
        try world.send(message("1", to: bob), from: alice)
        try world.send(message("2", to: bob), from: alice)
        world.commit()
        #expect(try waiting(world) == ["1", "2"])
    }

    /// A client that gives the first one up begins with the next.
    @Test func theRefusedOneIsGivenUp() throws {
        let world = try World()
        let alice = try world.online("alice")
        try world.send(message("1", to: bob), from: alice)
        world.failCommit()
        try world.send(message("2", to: bob), from: alice)
        try world.send(message("3", to: bob), from: alice)
        _ = world.take(alice)
        for id in ["2", "3", "4"] { try world.send(message(id, to: bob), from: alice) }
        world.commit()
        #expect(answers(world, alice) == ["2 ack", "3 ack", "4 ack"])
        // One that is new is refused once if nothing of the refused comes again.
        try world.send(message("5", to: bob), from: alice)
        world.failCommit()
        try world.send(message("6", to: bob), from: alice)
        try world.send(message("6", to: bob), from: alice)
        world.commit()
        #expect(
            answers(world, alice) == ["5 resource-constraint", "6 resource-constraint", "6 ack"])
    }

    @Test func aRefusalForGoodHoldsNothingBack() throws {
        let world = try World()
        let alice = try world.online("alice")
        try world.send(message("1", to: "nobody@tern.example"), from: alice)
        world.commit()
        try world.send(message("2", to: "nobody@tern.example"), from: alice)
        world.commit()
        #expect(answers(world, alice) == ["1 item-not-found", "2 item-not-found"])
        #expect(world.routers.allSatisfy { $0.closedCount == 0 })
    }

    /// The session is gone before it hears of the refusal; the next one of its device begins anew.
    @Test func theSenderLeaves() throws {
        let world = try World()
        let alice = try world.online("alice")
        try world.send(message("1", to: bob), from: alice)
        fail(world)
        try world.send(message("2", to: bob), from: alice)
        world.drop(alice)
        let again = try world.online("alice")
        #expect(world.routers.allSatisfy { $0.closedCount == 0 })
        for id in ["1", "2"] { try world.send(message(id, to: bob), from: again) }
        world.commit()
        #expect(answers(world, again) == ["1 ack", "2 ack"])
        #expect(try waiting(world) == ["1", "2"])
    }

    /// The later one is refused first, and comes again before its client has read that the earlier one was.
    @Test func refusedInTheOtherOrder() throws {
        var limits = Limits()
        limits.unackedPerSessionMax = 2
        limits.storeDepthMax = 4
        limits.storeBatchMax = 4
        let world = try World(shards: 1, limits: limits)
        let alice = try world.online("alice")
        let device = try name(of: "bob")
        let settled = StoreRequest.settle(device, try key(device))
        try world.send(message("1", to: bob), from: alice)
        // Others fill the store's queue.
        while world.store.submit(settled, ticket: 0, shard: 0) {}
        try world.send(message("2", to: bob), from: alice)
        #expect(answers(world, alice) == ["2 resource-constraint"])
        fail(world)
        // The second comes again while nobody knows of the first: the store holds it back.
        try world.send(message("2", to: bob), from: alice)
        world.commit()
        #expect(answers(world, alice) == ["1 resource-constraint", "2 resource-constraint"])
        for id in ["1", "2"] { try world.send(message(id, to: bob), from: alice) }
        world.commit()
        #expect(answers(world, alice) == ["1 ack", "2 ack"])
        #expect(try waiting(world) == ["1", "2"])
        #expect(world.routers.allSatisfy { $0.closedCount == 0 })
    }

    /// The same, and it comes when the session has been told of the first, but has not been heard since.
    @Test func refusedInTheOtherOrderAndTold() throws {
        var limits = Limits()
        limits.unackedPerSessionMax = 2
        limits.storeDepthMax = 4
        limits.storeBatchMax = 4
        let world = try World(shards: 1, limits: limits)
        let alice = try world.online("alice")
        let device = try name(of: "bob")
        let settled = StoreRequest.settle(device, try key(device))
        try world.send(message("1", to: bob), from: alice)
        while world.store.submit(settled, ticket: 0, shard: 0) {}
        try world.send(message("2", to: bob), from: alice)
        world.failCommit()
        #expect(answers(world, alice) == ["2 resource-constraint", "1 resource-constraint"])
        try world.send(message("2", to: bob), from: alice)
        #expect(answers(world, alice) == ["2 resource-constraint"])
        // Now it is known that the refusal of the first was read: it was given up.
        try world.send(message("2", to: bob), from: alice)
        world.commit()
        #expect(answers(world, alice) == ["2 ack"])
    }

    private func name(of user: String) throws -> DeviceAddress {
        DeviceAddress(user: try #require(Localpart(user)), device: 0)
    }

    private func key(_ sender: DeviceAddress) throws -> StanzaKey {
        StanzaKey(sender: sender, id: try #require(StanzaID("none")), kind: .message)
    }

    @Test(arguments: [2, 3]) func moreRefusedThanIsRemembered(stanzaCountMax: Int) throws {
        var limits = Limits()
        limits.refusedStanzasPerSessionMax = stanzaCountMax
        let world = try World(limits: limits)
        let alice = try world.online("alice")
        try world.send(message("1", to: bob), from: alice)
        world.failCommit()
        for id in 2...stanzaCountMax { try world.send(message("\(id)", to: bob), from: alice) }
        #expect(!world.isClosed(alice))
        _ = world.take(alice)
        try world.send(message("x", to: bob), from: alice)
        #expect(world.take(alice).map(\.condition) == ["resource-constraint"])
        #expect(world.isClosed(alice))
    }

    @Test func moreRecipientsRefusedThanAreRemembered() throws {
        var limits = Limits()
        limits.refusedRecipientsPerSessionMax = 1
        let world = try World(limits: limits, users: ["alice", "bob", "carol"])
        let alice = try world.online("alice")
        try world.send(message("1", to: bob), from: alice)
        world.failCommit()
        #expect(!world.isClosed(alice))
        try world.send(message("2", to: "carol@tern.example"), from: alice)
        world.failCommit()
        #expect(world.take(alice).last?.tag == "stream:error" && world.isClosed(alice))
    }

    /// The router refuses by itself what comes between its refusal and the session's knowing.
    @Test func behindItAtTheRouter() throws {
        var limits = Limits()
        limits.unackedPerSessionMax = 1
        limits.unsettledPerShardMax = 1
        limits.earlyAckBacklogMax = 1
        let context = try #require(WireContext(domain: "tern.example"))
        var router = Router(limits: limits, context: context)
        let origin = SessionAddress(shard: 0, slot: SlotID(index: 1, generation: 1))
        let other = SessionAddress(shard: 0, slot: SlotID(index: 2, generation: 1))
        func route(_ id: String, _ origin: SessionAddress) throws -> String {
            let sender = DeviceAddress(user: try #require(Localpart("alice")), device: 0)
            let key = StanzaKey(sender: sender, id: try #require(StanzaID(id)), kind: .message)
            let recipient = try #require(Localpart("bob"))
            let place = FlowPlace(Flow(origin: origin, recipient: recipient), 1)
            let request = EnqueueRequest(
                key: key, recipient: recipient, device: nil, payload: [1], sentAt: 1,
                place: place)
            var effects: [RouterEffect] = []
            router.receive(.route(request, origin: origin), at: 1, effects: &effects)
            switch effects.first {
            case .toStore: return "asked"
            case .toSession(_, .refused(let refused, _)): return "refused \(refused.key.id)"
            default: return "\(effects)"
            }
        }
        #expect(try route("0", other) == "asked")
        #expect(try route("1", origin) == "refused 1")
        var effects: [RouterEffect] = []
        router.receive(.enqueued(devices: [0]), ticket: 1, at: 1, effects: &effects)
        // There is room again.
        #expect(try route("2", origin) == "refused 2")
        let recipient = try #require(Localpart("bob"))
        let flow = Flow(origin: origin, recipient: recipient)
        // The session knows of the first refusal, then of the second.
        router.receive(.reopen(flow), at: 1, effects: &effects)
        #expect(try route("3", origin) == "refused 3")
        for _ in 0..<2 { router.receive(.reopen(flow), at: 1, effects: &effects) }
        #expect(router.closedCount == 0)
        #expect(try route("1", origin) == "asked")
    }

    /// The store could not keep what its recipient had acked: nobody is told, and what is behind it still
    /// comes in order.
    @Test func behindAnAckedOneThatFailed() throws {
        let context = try #require(WireContext(domain: "tern.example"))
        var router = Router(limits: Limits(), context: context)
        let bob = DeviceAddress(user: try #require(Localpart("bob")), device: 0)
        let alice = DeviceAddress(user: try #require(Localpart("alice")), device: 0)
        let origin = SessionAddress(shard: 0, slot: SlotID(index: 1, generation: 1))
        let reader = SessionAddress(shard: 0, slot: SlotID(index: 2, generation: 1))
        let flow = Flow(origin: origin, recipient: bob.user)
        func receive(_ input: RouterInput) -> [RouterEffect] {
            var effects: [RouterEffect] = []
            router.receive(input, at: 1, effects: &effects)
            return effects
        }
        func answer(_ reply: StoreReply, _ ticket: UInt64) -> [RouterEffect] {
            var effects: [RouterEffect] = []
            router.receive(reply, ticket: ticket, at: 1, effects: &effects)
            return effects
        }
        func route(_ id: String) throws -> [RouterEffect] {
            let key = StanzaKey(sender: alice, id: try #require(StanzaID(id)), kind: .message)
            let request = EnqueueRequest(
                key: key, recipient: bob.user, device: nil, payload: [1], sentAt: 1,
                place: FlowPlace(flow, 1))
            return receive(.route(request, origin: origin))
        }
        func refused(_ effects: [RouterEffect]) -> [String] {
            effects.compactMap {
                if case .toSession(_, .refused(let refused, _)) = $0 {
                    refused.key.id.text
                } else {
                    nil
                }
            }
        }
        func reopens(_ effects: [RouterEffect]) -> Int {
            effects.count { if case .toStore(.reopen, _) = $0 { true } else { false } }
        }
        _ = receive(.claim(bob, reader, since: Instant(milliseconds: 1), login: nil))
        let page = QueuePage(rows: [], isLast: true)
        _ = answer(.opened(DeviceOpening(devices: [0], contacts: [], page: page)), 1)
        for id in ["1", "2"] { _ = try route(id) }
        let first = StanzaKey(sender: alice, id: try #require(StanzaID("1")), kind: .message)
        let acked = receive(.settle(bob, reader, first, isReceipt: false)).contains {
            if case .toSession(origin, .accepted) = $0 { true } else { false }
        }
        #expect(acked)
        let failed = answer(.failed, 2)
        #expect(refused(failed).isEmpty && reopens(failed) == 0)
        #expect(refused(try route("3")) == ["3"])
        let heldBack = answer(.heldBack, 3)
        #expect(refused(heldBack) == ["2"] && reopens(heldBack) == 1)
        #expect(refused(try route("4")) == ["4"])
        for _ in 0..<3 { _ = receive(.reopen(flow)) }
        #expect(router.closedCount == 0 && router.pendingCount == 0)
        #expect(refused(try route("2")).isEmpty)
    }

    /// A page that failed is read when what was settled since is off the queue.
    @Test func aPageThatIsReadAgainShowsWhatWasStoredAgain() throws {
        let sender = DeviceAddress(user: try #require(Localpart("alice")), device: 0)
        let key = StanzaKey(sender: sender, id: try #require(StanzaID("1")), kind: .message)
        let row = QueuedRow(sequence: 7, stanza: QueuedStanza(key: key, payload: [1]))
        var window = DeliveryWindow()
        window.settled(key, limits: Limits())
        let cursor = window.readAgain()
        #expect(cursor == 0)
        let pushed = window.pageArrived(QueuePage(rows: [row], isLast: true))
        #expect(pushed.map(\.key) == [key])
        let none = window.readAgain()
        #expect(none == nil)
    }

    /// Behind a refused message that was left to the store, and held for a device whose page is on the way.
    @Test func aTailIsGivenUp() throws {
        let sender = DeviceAddress(user: try #require(Localpart("alice")), device: 0)
        let stanzas = try (1...2).map { number in
            QueuedStanza(
                key: StanzaKey(
                    sender: sender, id: try #require(StanzaID("\(number)")), kind: .message),
                payload: [1])
        }
        let limits = Limits()
        var window = DeliveryWindow()
        let isPushed = window.enqueued(stanzas[1], limits: limits)
        #expect(!isPushed)
        window.distrustTail()
        let first = window.pageArrived(QueuePage(rows: [], isLast: true))
        #expect(first.isEmpty && window.phase == .behind)
        let cursor = window.nextPage(limits: limits)
        #expect(cursor == 0)
        let rows = zip(1..., stanzas).map { QueuedRow(sequence: $0, stanza: $1) }
        let pushed = window.pageArrived(QueuePage(rows: rows, isLast: true))
        #expect(pushed.map(\.key.id.text) == ["1", "2"])
        #expect(window.phase == .live)
        // One that has no tail is not made to read once more.
        window = DeliveryWindow()
        window.distrustTail()
        _ = window.pageArrived(QueuePage(rows: [], isLast: true))
        #expect(window.phase == .live)
    }
}
