// Whatever the recipient, the store and the network do, nothing that was acked is lost and nothing
// overtakes.

import Base
import Sessions
import Storage
import Testing
import Wire

/// Small enough that every phase of a window occurs, and random.
private func smallLimits(_ random: inout SeededGenerator) -> Limits {
    var limits = Limits()
    limits.frameSizeMaxBeforeLogin = 1_024
    limits.frameSizeMax = 4_096
    limits.inFlightSizePerDeviceMax = 8_192
    limits.pageSizeMax = Int.random(in: 1...8_192, using: &random)
    limits.tailSizeMax = Int.random(in: 1...8_192, using: &random)
    limits.contactsPerAccountMax = 8
    limits.inFlightPerDeviceMax = Int.random(in: 2...12, using: &random)
    limits.inFlightPerDeviceLow = Int.random(
        in: 1..<limits.inFlightPerDeviceMax, using: &random)
    limits.pageCountMax = limits.inFlightPerDeviceLow + Int.random(in: 1...6, using: &random)
    limits.tailCountMax = Int.random(in: 1...8, using: &random)
    limits.unackedPerSessionMax = Int.random(in: 8...64, using: &random)
    limits.earlyAckBacklogMax = Int.random(in: 1...200, using: &random)
    return limits
}

/// One sender, one recipient, and what each of them knows.
private final class Exchange {
    let world: World
    var random: SeededGenerator
    private(set) var alice: SessionAddress
    var bob: SessionAddress?
    let count: Int
    /// The ids that alice has sent, as nodes to send again.
    var sent: [Node] = []
    /// The first that was refused and not sent again: it and all behind it are.
    var resendFrom: Int?
    var acked: Set<Int> = []
    /// First receptions in order, and all of them.
    var order: [Int] = []
    var seen: Set<Int> = []
    /// What bob's session was sent and has not answered.
    var held: [Int] = []
    var receiptsAcked: Set<String> = []
    var receiptsSeen: Set<String> = []

    init(seed: UInt64, count: Int) throws {
        random = SeededGenerator(state: seed)
        world = try World(limits: smallLimits(&random))
        self.count = count
        alice = try world.online("alice")
    }

    /// What was refused, and all behind it, before anything new.
    func resend() throws {
        guard let first = resendFrom else { return }
        resendFrom = nil
        for id in first..<sent.count + 1 where !acked.contains(id) {
            try world.send(sent[id - 1], from: alice)
        }
    }

    func sendNext() throws {
        try resend()
        let id = sent.count + 1
        let size = random.oneIn(20) ? 3_000 : random.oneIn(4) ? 700 : 60
        let text = String(repeating: "x", count: Int.random(in: 0...size, using: &random))
        let to = id % 3 == 0 ? "bob@tern.example/0" : "bob@tern.example"
        sent.append(message("\(id)", to: to, text: text))
        try world.send(sent[id - 1], from: alice)
    }

    func connect() throws {
        let peer = world.connect()
        bob = peer
        held = []
        try world.respond("bob", on: peer)
    }

    /// Reads what came, as two clients do. Bob answers later; alice answers at once.
    func read() throws {
        for node in world.take(alice) {
            let id = Int(node["id"] ?? "") ?? 0
            switch (node.tag, node["type"]) {
            case ("ack", _): acked.insert(id)
            case ("message", "error"): resendFrom = min(resendFrom ?? id, id)
            case ("receipt", "error"): break
            case ("stream:error", _):
                // A page of hers could not be read. She comes back and sends what was not acked.
                world.drop(alice)
                alice = try world.online("alice")
                resendFrom = sent.isEmpty ? nil : 1
            case ("receipt", let type):
                receiptsSeen.insert("\(id) \(type ?? "")")
                let answer = ack(
                    "\(id)", class: "receipt", type: type, to: "bob@tern.example/0")
                try world.send(answer, from: alice)
            default: Issue.record("alice got \(node)")
            }
        }
        guard let bob else { return }
        for node in world.take(bob) {
            switch node.tag {
            case "message":
                let id = Int(node["id"] ?? "") ?? 0
                if seen.insert(id).inserted { order.append(id) }
                if !held.contains(id) { held.append(id) }
            case "ack": receiptsAcked.insert("\(node["id"] ?? "") \(node["type"] ?? "")")
            case "success", "receipt", "failure", "stream:error": break
            default: Issue.record("bob got \(node)")
            }
        }
        if world.isClosed(bob) { lose() }
    }

    func lose() {
        if let bob { world.drop(bob) }
        bob = nil
        held = []
    }

    /// Bob answers some of what he holds, in any order.
    func answer(_ most: Int) throws {
        guard let bob else { return }
        for _ in 0..<min(most, held.count) {
            let id = held.remove(at: Int.random(in: 0..<held.count, using: &random))
            let node =
                switch Int.random(in: 0..<4, using: &random) {
                case 0: receipt("\(id)", to: "alice@tern.example/0")
                case 1: readReceipt("\(id)", to: "alice@tern.example/0")
                default: ack("\(id)", class: "message", to: "alice@tern.example/0")
                }
            try world.send(node, from: bob)
        }
    }

    func step(failing: Bool) throws {
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<35:
            for _ in 0..<Int.random(in: 1...6, using: &random) where sent.count < count {
                try sendNext()
            }
        case 35..<40:
            if let old = acked.sorted().randomElement(using: &random) {
                try world.send(sent[old - 1], from: alice)
            }
        case 40..<65: try answer(Int.random(in: 1...12, using: &random))
        case 65..<67: lose()
        case 67: if bob != nil { try connect() }  // the newer session wins
        case 68..<78: if bob == nil { try connect() }
        case 78..<80 where failing: world.failCommit(isDurable: random.oneIn(2))
        case 80:  // an answer to something that was never in flight
            if let bob {
                let id = "\(Int.random(in: 1...count, using: &random) + count)"
                try world.send(
                    ack(id, class: "message", to: "alice@tern.example/0"), from: bob)
            }
        case 81..<84: world.tick(ms: 300)
        default: world.commit()
        }
        try read()
    }

    /// Both answer everything until nothing moves.
    func drain() throws {
        var quietRounds = 0
        var rounds = 0
        while quietRounds < 3 {
            rounds += 1
            try #require(rounds < 20_000, "no end")
            if bob == nil { try connect() }
            let before = (order.count, acked.count, receiptsSeen.count, held.count)
            try resend()
            world.tick(ms: 300)
            world.commit()
            try read()
            try answer(.max)
            try read()
            let isQuiet =
                before == (order.count, acked.count, receiptsSeen.count, held.count)
                && world.store.waitingCount == 0 && resendFrom == nil
            quietRounds = isQuiet ? quietRounds + 1 : 0
        }
    }
}

@Suite struct DeliveryPropertyTests {
    @Test(arguments: seeds, [false, true])
    func nothingIsLostAndNothingOvertakes(seed: UInt64, failing: Bool) throws {
        print("delivery seed \(seed)")
        var random = SeededGenerator(state: ~seed)
        let exchange = try Exchange(seed: seed, count: .random(in: 300...1_500, using: &random))
        let world = exchange.world
        while exchange.sent.count < exchange.count { try exchange.step(failing: failing) }
        try exchange.drain()

        #expect(exchange.acked == Set(1...exchange.count), "seed \(seed)")
        #expect(exchange.acked.isSubset(of: exchange.seen), "seed \(seed)")
        #expect(exchange.order == Array(1...exchange.count), "seed \(seed)")
        #expect(exchange.receiptsAcked.isSubset(of: exchange.receiptsSeen), "seed \(seed)")
        #expect(
            world.routers.allSatisfy { $0.pendingCount == 0 && $0.closedCount == 0 },
            "seed \(seed)")
        #expect(world.pageReads > 0, "seed \(seed)")
        world.drop(exchange.alice)
        exchange.lose()
        #expect(world.routers.allSatisfy { $0.onlineCount == 0 }, "seed \(seed)")
        for user in ["alice", "bob"] {
            let peer = world.connect()
            try world.logIn(user, on: peer)
            #expect(world.take(peer).map(\.tag) == ["success"], "seed \(seed): \(user)'s queue")
        }
    }

    /// The window alone, with a queue that commits and answers when chance will have it.
    @Test(arguments: seeds) func aWindowGoesThroughAllItsPhases(seed: UInt64) throws {
        print("window seed \(seed)")
        var random = SeededGenerator(state: seed)
        let limits = smallLimits(&random)
        let sender = DeviceAddress(user: try #require(Localpart("alice")), device: 0)
        let stanzas = try (1...1_500).map { number in
            QueuedStanza(
                key: StanzaKey(
                    sender: sender, id: try #require(StanzaID("\(number)")), kind: .message),
                payload: Array(
                    repeating: 0,
                    count: random.oneIn(20) ? 3_000 : .random(in: 1...300, using: &random)))
        }
        var queue: [QueuedRow] = []
        var window = DeliveryWindow()
        /// The page that is on its way, as it was when it was asked for; its cursor.
        var page: QueuePage? = QueuePage(rows: [], isLast: true)
        var sent: [StanzaKey] = []
        var unanswered: [StanzaKey] = []
        var phases: [DeliveryWindow.Phase: Int] = [:]
        var next = 0
        while next < stanzas.count || !unanswered.isEmpty || window.phase != .live {
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<4 where next < stanzas.count:
                queue.append(QueuedRow(sequence: Int64(next + 1), stanza: stanzas[next]))
                if window.enqueued(stanzas[next], limits: limits) {
                    sent.append(stanzas[next].key)
                    unanswered.append(stanzas[next].key)
                }
                next += 1
            case 4..<7 where !unanswered.isEmpty:
                let index = Int.random(in: 0..<unanswered.count, using: &random)
                let key = unanswered.remove(at: index)
                queue.removeAll { $0.stanza.key == key }
                window.settled(key, limits: limits)
            default:
                guard let arrived = page else { break }
                page = nil
                let pushed = window.pageArrived(arrived).map(\.key)
                sent += pushed
                unanswered += pushed
            }
            if let cursor = window.nextPage(limits: limits) {
                let rows = queue.filter { $0.sequence > cursor }
                page = QueuePage(
                    rows: Array(rows.prefix(limits.pageCountMax)),
                    isLast: rows.count <= limits.pageCountMax)
            }
            phases[window.phase, default: 0] += 1
            window.checkInvariants(limits: limits)
        }
        #expect(sent == stanzas.map(\.key), "seed \(seed)")
        #expect(window.inFlightCount == 0 && window.inFlightSize == 0 && queue.isEmpty)
        #expect(phases.count == 3, "seed \(seed): \(phases)")
    }
}
