// Everything there is: a gateway, the disk it stores on, clients and the links between, moved by one queue of
// events. The same seed gives the same world, event for event.
//
// Invariant: all chance comes from `random`, all time from `now`; nothing of it depends on the order of a
// dictionary or set. The first rule that is broken stops the world.

internal import Base
internal import Client
internal import Sessions
internal import Storage
internal import Wire

/// A rule that does not hold.
package struct Violation: Sendable, CustomStringConvertible {
    package var rule: Rule
    package var text: String

    package var description: String { "\(rule.rawValue): \(text)" }
}

/// A world of one seed.
final class World {
    static let domain = "localhost"

    /// Contexts live as long as the process.
    static let context: WireContext = {
        guard let context = WireContext(domain: domain) else {
            preconditionFailure("\(domain) is a domain")
        }
        return context
    }()

    /// The password that a user has after so many changes.
    static func password(of user: Localpart, _ number: Int) -> [UInt8] {
        Array("secret \(number) of \(user)".utf8)
    }

    let plan: Plan
    let canary: Canary?
    let cryptography: ToyCryptography
    var random: Random
    var now: UInt64 = 1_000_000
    var wallClockOffset: Int64 = 0
    /// When the wall clock jumped, and its offset before.
    var clockJumps: [(at: UInt64, offsetBefore: Int64)] = []
    /// The sum of its jumps ahead, in seconds.
    var jumpedAheadS: UInt64 = 0
    var schedule = Schedule()
    var ledger = Ledger()
    var counts = Counts()
    private(set) var trace = Trace()
    private(set) var violation: Violation?

    private var diskIfMade: SimulatedDisk?
    var gateway: SimulatedGateway?
    private(set) var life = 0
    let users: [Localpart]
    var clients: [SimulatedClient] = []
    private var linkCount = 0
    var links: [SimulatedLink] = []
    var storeStalledUntil: UInt64 = 0
    var outageUntil: UInt64 = 0
    /// Events since time last moved: something that is due again at once, for ever, is a bug.
    private var stepsAtOnce = 0
    private static let stepsAtOnceMax = 20_000
    /// People act and faults happen.
    var isActive = true
    var operatorsBook = OperatorsBook()

    init(seed: UInt64, canary: Canary?) {
        var random = Random(seed: seed)
        plan = Plan(random: &random, canary: canary)
        self.random = random
        self.canary = canary
        cryptography = ToyCryptography(seed: seed)
        users = plan.userNames.compactMap { Localpart($0) }
        precondition(plan.limits.validate() == nil, plan.limits.validate() ?? "")
        let disk = SimulatedDisk(
            limits: plan.storeLimits, canary: canary, world: self)
        diskIfMade = disk
        for user in users {
            disk.addAccount(user, keys: keys(of: user, 0))
        }
    }

    var disk: SimulatedDisk {
        guard let diskIfMade else { preconditionFailure("a world without a disk") }
        return diskIfMade
    }

    var unixSeconds: UInt64 {
        UInt64(clamping: 1_700_000_000 + Int64(now / 1_000_000) + wallClockOffset)
    }

    /// The wall clock's offset at a time that is past.
    private func wallClockOffset(at time: UInt64) -> Int64 {
        clockJumps.first { $0.at > time }?.offsetBefore ?? wallClockOffset
    }

    /// Something may expire: the wall clock must have stood for a while. What it may be off by unnoticed is
    /// counted twice, since it may be off by as much before.
    func checkClockBeforeExpiry() {
        guard let expiryS = plan.expiryS else { return }
        let holdS = min(expiryS, Sweeper.holdSMax)
        let before = wallClockOffset(at: now - min(now, holdS * 1_000_000))
        require(
            (before - wallClockOffset).magnitude <= 2 * holdS, .expiry,
            "the wall clock jumped by \(wallClockOffset - before) s less than \(holdS) s ago")
    }

    func latency() -> UInt64 { random.around(plan.latencyUs) + 10 }

    func note(_ event: TraceEvent) { trace.note(event, at: now) }

    // MARK: Rules

    func fail(_ rule: Rule, _ text: String) {
        guard violation == nil else { return }
        violation = Violation(rule: rule, text: text)
        note(.phase("BROKEN: \(rule.rawValue): \(text)"))
    }

    /// Fails unless the condition holds, which is returned.
    @discardableResult
    func require(_ condition: Bool, _ rule: Rule, _ text: @autoclosure () -> String) -> Bool {
        if !condition { fail(rule, text()) }
        return condition
    }

    // MARK: Life

    /// Makes clients and starts the gateway, people and faults.
    func begin() {
        startGateway()
        for (user, count) in zip(users, plan.deviceCounts) {
            for device in 0..<count {
                let client = addClient(DeviceAddress(user: user, device: UInt8(device)))
                client.returns = !plan.lostDevices.contains(client.number)
                client.open()
            }
        }
        if !plan.faults.isEmpty { schedule.add(.fault, at: now + random.around(plan.faultPauseUs)) }
    }

    @discardableResult
    func addClient(_ device: DeviceAddress, knowsPassword: Bool = true) -> SimulatedClient {
        let policy =
            knowsPassword ? ReconnectPolicy(pauseMs: 200, pauseMsMax: 5_000) : .never
        let client = SimulatedClient(
            world: self, number: clients.count, device: device, knowsPassword: knowsPassword,
            policy: policy)
        clients.append(client)
        if knowsPassword {
            schedule.add(.act(client), at: now + random.around(plan.actionPauseUs))
        }
        return client
    }

    func startGateway() {
        guard gateway == nil else { return }
        life += 1
        do throws(StoreError) {
            gateway = try SimulatedGateway(world: self, life: life)
            repeatOrder()
            note(.gatewayStarted(life: life, shards: plan.shardCount))
        } catch {
            note(.store("the gateway does not start: \(error)"))
            schedule.add(.start, at: now + 1_000_000)
        }
    }

    /// Takes the next event; false when there is none.
    func step() -> Bool {
        guard let (time, event) = schedule.take() else { return false }
        stepsAtOnce = time > now ? 0 : stepsAtOnce + 1
        require(
            stepsAtOnce < Self.stepsAtOnceMax, .liveness, "time stands still: \(Self.text(event))")
        now = max(now, time)
        counts.steps += 1
        switch event {
        case .turn(let shard, let life):
            if life == gateway?.life { shard.turn() }
        case .store(let step, let life):
            guard let gateway, life == gateway.life else { break }
            gateway.store.take(step)
            gateway.store.checkInvariants()
        case .arrival(let link, let side, let chunk):
            if link.lane(to: side).arrive(chunk) { arrived(link, at: side) }
        case .loss(let link, let side):
            lost(link, side)
        case .connection(let link):
            connect(link)
        case .client(let client):
            client.run()
        case .act(let client):
            guard isActive, !client.isStopped else { break }
            client.act()
            schedule.add(.act(client), at: now + random.around(plan.actionPauseUs))
        case .fault:
            guard isActive else { break }
            causeFault()
            schedule.add(.fault, at: now + random.around(plan.faultPauseUs))
        case .relief(let relief):
            self.relief(relief)
        case .start:
            startGateway()
        case .order:
            giveOrder()
        }
        return true
    }

    private static func text(_ event: Event) -> String {
        switch event {
        case .client(let client): "client \(client.number), \(client.phase)"
        case .turn(let shard, _): "shard \(shard.index)"
        default: "\(event)"
        }
    }

    // MARK: Network

    func makeLink(for client: SimulatedClient) -> SimulatedLink {
        linkCount += 1
        let link = SimulatedLink(
            number: linkCount, client: client, capacity: plan.linkCapacity)
        links.append(link)
        note(.connecting(client: client.number, link: linkCount))
        schedule.add(.connection(link), at: now + latency())
        return link
    }

    private func connect(_ link: SimulatedLink) {
        guard !link.isClosedByClient else { return }
        if now < outageUntil { return }  // nobody answers: the client's time-out ends it
        guard let gateway else {
            link.client.lost(link)
            return
        }
        guard now >= gateway.stalledUntil else {
            // TLS takes two.
            schedule.add(.connection(link), at: gateway.stalledUntil + latency())
            return
        }
        counts.connections += 1
        link.acceptedAt = gateway.moment.monotonic
        gateway.accept(link)
        link.client.connected(link)
    }

    private func arrived(_ link: SimulatedLink, at side: LinkSide) {
        switch side {
        case .client: wake(link.client)
        case .server: wakeServer(of: link)
        }
    }

    func wake(_ client: SimulatedClient) { client.wake(at: now + random.around(20)) }

    func wakeServer(of link: SimulatedLink) {
        guard let connection = link.connection, let gateway,
            connection.link === link
        else { return }
        let shard = gateway.shards[connection.address.shard]
        // Written to again as well: the link may have room now.
        if !connection.outbound.isEmpty, !connection.isFlushQueued {
            connection.isFlushQueued = true
            shard.toFlush.append(connection)
            shard.wake()
        }
        shard.markReady(connection)
    }

    private func lost(_ link: SimulatedLink, _ side: LinkSide) {
        note(.lost(link: link.number, side))
        switch side {
        case .client:
            link.client.lost(link)
        case .server:
            guard let connection = link.connection, let gateway else { return }
            let shard = gateway.shards[connection.address.shard]
            shard.touch(connection) { shard.fail(connection) }
            shard.wake()
        }
    }

    /// The gateway did not take a client's token.
    func tokenRefused(_ client: SimulatedClient) {
        counts.tokensRefused += 1
        let isAlone = !clients.contains {
            $0 !== client && $0.device == client.device && $0.knowsPassword
        }
        require(
            !isAlone || !client.knowsPassword || mayBeRevoked(client), .lockedOut,
            "client \(client.number)'s token was refused")
    }

    /// A client will do nothing more.
    func stopped(_ client: SimulatedClient, _ error: ClientError) {
        note(.event(client: client.number, .stopped(error)))
        switch error {
        case .replaced:
            counts.replaced += 1
            let isAlone = !clients.contains {
                $0 !== client && $0.device == client.device && $0.knowsPassword
            }
            require(!isAlone, .sessions, "client \(client.number) was replaced by nobody")
        case .authenticationFailed where !client.knowsPassword:
            break
        case .authenticationFailed where mayHaveOldPassword(client):
            client.enterPassword(afterUs: random.between(500_000...3_000_000))
        default:
            fail(.liveness, "client \(client.number) stopped: \(error)")
        }
    }
}
