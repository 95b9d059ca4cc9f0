import Base
import Sessions
import Storage
import Testing
import Wire

@Suite struct DeliveryTests {
    let bob0 = "bob@tern.example/0"
    let alice0 = "alice@tern.example/0"

    @Test func anAckWaitsForTheCommit() throws {
        let world = try World()
        let alice = try world.online("alice")
        try world.send(message("1", to: "bob@tern.example"), from: alice)
        #expect(world.take(alice).isEmpty)
        world.commit()
        let ack = try #require(world.take(alice).first)
        #expect(ack.tag == "ack" && ack["id"] == "1" && ack["class"] == "message")
    }

    @Test func theLastDeviceSettlesBeforeTheCommit() throws {
        let world = try World()
        let alice = try world.online("alice")
        let phone = try world.online("bob", 0)
        let tablet = try world.online("bob", 1)
        try world.send(message("1", to: "bob@tern.example"), from: alice)
        try world.send(receipt("1", to: alice0), from: phone)
        #expect(!world.take(alice).contains { $0.tag == "ack" })
        try world.send(receipt("1", to: alice0), from: tablet)
        #expect(world.take(alice).contains { $0.tag == "ack" && $0["id"] == "1" })
        world.commit()
        #expect(!world.take(alice).contains { $0.tag == "ack" })
    }

    /// The store has registered the device; its session never saw the answer.
    @Test func aDeviceThatLeftWhileOpeningIsStillOwedTheMessage() throws {
        let world = try World()
        let alice = try world.online("alice")
        let phone = try world.online("bob", 0)
        let device = DeviceAddress(user: try #require(Localpart("bob")), device: 1)
        let home = device.user.home(among: 2)
        let stranger = SessionAddress(shard: 0, slot: SlotID(index: 99, generation: 1))
        var effects: [RouterEffect] = []
        world.routers[home].receive(
            .claim(device, stranger, since: Instant(milliseconds: 1)), at: 1, effects: &effects)
        for case .toStore(let request, let ticket) in effects {
            #expect(world.store.submit(request, ticket: ticket << 1, shard: home))
        }
        world.routers[home].receive(.release(device, stranger), at: 1, effects: &effects)
        try world.send(message("1", to: "bob@tern.example"), from: alice)
        try world.send(receipt("1", to: alice0), from: phone)
        #expect(!world.take(alice).contains { $0.tag == "ack" })
        world.commit()
        #expect(world.take(alice).contains { $0.tag == "ack" })
        // From here on both devices are known, and one alone is not enough.
        try world.send(message("2", to: "bob@tern.example"), from: alice)
        try world.send(receipt("2", to: alice0), from: phone)
        #expect(!world.take(alice).contains { $0.tag == "ack" })
    }

    @Test func aFailedStoreNeverAcks() throws {
        let world = try World()
        let alice = try world.online("alice")
        try world.send(message("1", to: "bob@tern.example"), from: alice)
        world.failCommit()
        let nodes = world.take(alice)
        #expect(nodes.map(\.condition) == ["resource-constraint"])
    }

    @Test func whatWaitsFollowsSuccessInOrder() throws {
        let world = try World()
        let alice = try world.online("alice")
        for id in 1...600 {
            try world.send(message("\(id)", to: bob0), from: alice)
            if id % 100 == 0 { world.commit() }
        }
        let bob = world.connect()
        try world.logIn("bob", on: bob)
        var seen: [String] = []
        for _ in 0..<50 {
            for node in world.take(bob) where node.tag == "message" {
                if let id = node["id"], !seen.contains(id) { seen.append(id) }
                try world.send(receipt(node["id"] ?? "", to: alice0), from: bob)
            }
            world.commit()
        }
        #expect(seen == (1...600).map(String.init))
    }

    @Test func theNewSessionReplacesTheOld() throws {
        let world = try World()
        let alice = try world.online("alice")
        let old = try world.online("bob")
        try world.send(message("1", to: bob0), from: alice)
        #expect(world.take(old).count == 1)
        world.commit()
        let new = world.connect()
        try world.logIn("bob", on: new)
        let end = try #require(world.take(old).last)
        #expect(end.tag == "stream:error" && world.isClosed(old))
        #expect(end.children.map(\.tag) == ["conflict", "replaced"])
        world.drop(old)
        #expect(world.take(new).map(\.tag) == ["success", "message"])
        try world.send(message("2", to: bob0), from: alice)
        #expect(world.take(new).map { $0["id"] } == ["2"])
    }

    /// A client has given the older connection up, and what it sent there comes late.
    @Test func aLoginThatComesLateDoesNotEndTheNewerOne() throws {
        let world = try World()
        let alice = try world.online("alice")
        let late = world.connect()
        world.moment.monotonic = world.moment.monotonic.advanced(byMs: 10)
        let newer = try world.online("bob")
        let end = try world.logIn("bob", on: late)
        #expect(end?.tag == "stream:error" && world.isClosed(late))
        #expect(end?.children.map(\.tag) == ["conflict", "replaced"])
        #expect(!world.isClosed(newer))
        try world.send(message("1", to: bob0), from: alice)
        #expect(world.take(newer).map { $0["id"] } == ["1"])
        // One that began later ends it.
        let newest = try world.online("bob")
        #expect(world.isClosed(newer) && !world.isClosed(newest))
    }

    /// A page that cannot be read is asked for again, with growing pauses, and in the end its client comes
    /// back for it.
    @Test func aPageThatCannotBeRead() throws {
        var limits = Limits()
        limits.inFlightPerDeviceMax = 3
        limits.inFlightPerDeviceLow = 1
        limits.pageCountMax = 2
        limits.pageAttemptsMax = 3
        limits.pageRetryPauseMs = 100
        let world = try World(limits: limits)
        let alice = try world.online("alice")
        for id in 1...6 { try world.send(message("\(id)", to: bob0), from: alice) }
        world.commit()
        let bob = world.connect()
        try world.logIn("bob", on: bob)
        #expect(world.take(bob).map { $0["id"] } == [nil, "1", "2"])
        func answer(_ ids: [String]) throws {
            for id in ids { try world.send(ack(id, class: "message", to: alice0), from: bob) }
        }
        try answer(["1", "2"])
        world.failCommit()
        world.tick(ms: 99)
        world.commit()
        #expect(world.take(bob).isEmpty && !world.isClosed(bob))
        world.tick(ms: 1)
        world.commit()
        #expect(world.take(bob).map { $0["id"] } == ["3", "4"])
        // Three times in a row.
        world.tick(ms: 1_000)
        try answer(["3", "4"])
        for pauseMs: UInt64 in [100, 200] {
            world.failCommit()
            #expect(!world.isClosed(bob))
            world.tick(ms: pauseMs - 1)
            #expect(world.routers.allSatisfy { $0.pendingCount == 0 })
            world.tick(ms: 1)
        }
        world.failCommit()
        #expect(world.take(bob).map(\.condition) == ["resource-constraint"])
        #expect(world.isClosed(bob))
    }

    /// What the store had no room for waits for it, oldest first, and not without end.
    @Test func settlesWaitForRoom() throws {
        var limits = Limits()
        limits.waitingSettlesPerShardMax = 2
        var settles = WaitingSettles(limits: limits)
        let device = DeviceAddress(user: try #require(Localpart("bob")), device: 0)
        let keys = try ["1", "2", "3"].map { id in
            StanzaKey(sender: device, id: try #require(StanzaID(id)), kind: .message)
        }
        let kept = keys.map { settles.append(device, $0) }
        #expect(kept == [true, true, false])
        var taken: [String] = []
        func submit(_ room: Int) {
            var room = room
            settles.submit { request in
                guard case .settle(_, let key) = request, room > 0 else { return false }
                room -= 1
                taken.append(key.id.text)
                return true
            }
        }
        submit(0)
        #expect(settles.count == 2)
        submit(1)
        submit(5)
        #expect(taken == ["1", "2"] && settles.isEmpty)
    }

    @Test func tooManyUnackedStopReading() throws {
        var limits = Limits()
        limits.unackedPerSessionMax = 3
        let world = try World(limits: limits)
        let alice = try world.online("alice")
        for id in 1...5 { try world.send(message("\(id)", to: bob0), from: alice) }
        #expect(world.store.waitingCount == 3)
        world.commit()
        world.commit()
        #expect(world.take(alice).map { $0["id"] } == ["1", "2", "3", "4", "5"])
    }

    /// Settled between the page's reading and its arrival: not sent again.
    @Test func aPageHoldsBackWhatWasSettledMeanwhile() throws {
        var limits = Limits()
        limits.inFlightPerDeviceMax = 2
        limits.inFlightPerDeviceLow = 1
        let sender = DeviceAddress(user: try #require(Localpart("alice")), device: 0)
        let stanzas = try (0..<3).map { number in
            QueuedStanza(
                key: StanzaKey(
                    sender: sender, id: try #require(StanzaID("\(number)")), kind: .message),
                payload: [1])
        }
        var window = DeliveryWindow()
        _ = window.pageArrived(QueuePage(rows: [], isLast: true))
        let pushed = stanzas.map { window.enqueued($0, limits: limits) }
        #expect(pushed == [true, true, false])
        window.settled(stanzas[0].key, limits: limits)
        #expect(window.nextPage(limits: limits) == 0)
        window.settled(stanzas[1].key, limits: limits)
        let rows = (1...2).map { QueuedRow(sequence: Int64($0), stanza: stanzas[$0]) }
        let sent = window.pageArrived(QueuePage(rows: rows, isLast: true))
        #expect(sent.map(\.key.id.text) == ["2"])
        #expect(window.inFlightCount == 1)
        window.checkInvariants(limits: limits)
    }

    /// A receipt of an earlier connection that comes while a page with its stanza is on the way.
    @Test func aPageHoldsBackWhatWasAnsweredBeforeItWasSent() throws {
        var limits = Limits()
        limits.inFlightPerDeviceLow = 1
        limits.pageCountMax = 2
        let sender = DeviceAddress(user: try #require(Localpart("alice")), device: 0)
        let rows = try (1...3).map { number in
            QueuedRow(
                sequence: Int64(number),
                stanza: QueuedStanza(
                    key: StanzaKey(
                        sender: sender, id: try #require(StanzaID("\(number)")), kind: .message),
                    payload: [1]))
        }
        var window = DeliveryWindow()
        window.settled(rows[0].stanza.key, limits: limits)
        let first = window.pageArrived(QueuePage(rows: Array(rows[..<2]), isLast: false))
        #expect(first.map(\.key.id.text) == ["2"])
        #expect(window.nextPage(limits: limits) == 2)
        // More answers than a page has room for: the page is read again, and has none of them.
        for row in rows { window.settled(row.stanza.key, limits: limits) }
        #expect(window.pageArrived(QueuePage(rows: [rows[2]], isLast: true)).isEmpty)
        window.checkInvariants(limits: limits)
        #expect(window.nextPage(limits: limits) == 2)
        #expect(window.pageArrived(QueuePage(rows: [], isLast: true)).isEmpty)
        #expect(window.phase == .live && window.inFlightCount == 0)
    }
}
