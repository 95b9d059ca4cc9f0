// One shard: sessions, a router, a mailbox and turns. The rules of carrying effects are those of Gateway's
// `Shard`, turn for turn: what a turn makes for other shards is posted when it ends, a mailbox that is full
// refuses stanzas and nothing else, each touched connection is flushed once.

internal import Base
internal import Sessions
internal import Storage
internal import Wire

/// What waits in a shard's mailbox.
enum Mail {
    case session(SlotID, SessionInput)
    case router(RouterInput)
    case store([StoreAnswer])
}

/// A shard of one life of the gateway.
final class SimulatedShard {
    unowned let world: World
    unowned let gateway: SimulatedGateway
    let index: Int
    let limits: Limits
    let environment: SessionEnvironment
    var router: Router
    var connections: Slab<ServerConnection>
    var mailbox: [Mail] = []
    var work: [Mail] = []
    var outgoing: [[Mail]]
    var effects: [SessionEffect] = []
    var routerEffects: [RouterEffect] = []
    var toFlush: [ServerConnection] = []
    var ready: [ServerConnection] = []
    var accepted: [SimulatedLink] = []
    var lookUps: [UInt64: SlotID] = [:]
    var nextLookUp: UInt64 = 0
    var settles: WaitingSettles
    var moment: Moment
    /// When the next turn is planned at the latest; turns planned for later are spare.
    private var turnAt = UInt64.max
    /// When turns are in the schedule.
    private var planned: Set<UInt64> = []

    init(world: World, gateway: SimulatedGateway, index: Int) {
        self.world = world
        self.gateway = gateway
        self.index = index
        limits = world.plan.limits
        environment = SessionEnvironment(
            context: World.context, limits: limits, cryptography: world.cryptography,
            unknownAccountSecret: [7])
        router = Router(limits: limits, context: World.context)
        settles = WaitingSettles(limits: limits)
        connections = Slab(countMax: limits.connectionsPerShardMax)
        outgoing = Array(repeating: [], count: world.plan.shardCount)
        moment = gateway.moment
    }

    // MARK: Turns

    /// Plans a turn soon: something waits.
    func wake() { plan(at: world.now + world.random.around(20)) }

    private func plan(at time: UInt64) {
        let time = max(time, gateway.stalledUntil, world.now)
        guard time < turnAt else { return }
        turnAt = time
        // Spare turns stay in the schedule: a shard that is busy would add one for its next deadline each time.
        guard planned.insert(time).inserted else { return }
        world.schedule.add(.turn(self, life: gateway.life), at: time)
    }

    func turn() {
        planned.remove(world.now)
        guard world.now >= gateway.stalledUntil else {
            turnAt = .max
            wake()
            return
        }
        turnAt = .max
        moment = gateway.moment
        environment.setRetry(
            at: moment.monotonic.advanced(byMs: gateway.store.retryLeftMs), now: moment.monotonic)
        let takesMailFirst = world.random.chance(50)
        if takesMailFirst { drainMailbox() }
        accept()
        readAll()
        if !takesMailFirst { drainMailbox() }
        fireTimers()
        while !work.isEmpty || !toFlush.isEmpty {
            takeWork()
            flushTouched()
        }
        settles.submit { gateway.store.submit($0, ticket: 0, shard: index) }
        post()
        checkInvariants()
        let hasLetters = outgoing.contains { !$0.isEmpty }
        if !work.isEmpty || !ready.isEmpty || !toFlush.isEmpty || hasLetters { wake() }
        if !settles.isEmpty { plan(at: world.now + 50_000) }
        if let deadline = nextDeadline { plan(at: gateway.time(of: deadline)) }
    }

    private func drainMailbox() {
        if world.canary == .orderBroken, mailbox.count > 1 {
            for index in stride(from: 1, to: mailbox.count, by: 2) {
                mailbox.swapAt(index - 1, index)
            }
        }
        work.append(contentsOf: mailbox)
        mailbox = []
    }

    private func accept() {
        for link in accepted {
            let nowhere = SessionAddress(shard: index, slot: SlotID(word: 0))
            let connection = ServerConnection(
                link: link, address: nowhere, at: moment.monotonic)
            guard let slot = connections.insert(connection) else { continue }
            let address = SessionAddress(shard: index, slot: slot)
            connection.address = address
            connection.session = Session(
                address: address, channelBinding: link.exporter, acceptedAt: link.acceptedAt,
                at: moment.monotonic)
            link.connection = connection
            world.note(.connected(link: link.number, shard: index))
            markReady(connection)
        }
        accepted = []
    }

    /// Bytes, or the end, may be read from this connection.
    func markReady(_ connection: ServerConnection) {
        guard !connection.isReady, connection.stage != .dead else { return }
        connection.isReady = true
        ready.append(connection)
        wake()
    }

    private func readAll() {
        var batch: [ServerConnection] = []
        swap(&batch, &ready)
        batch.shuffle(using: &world.random)
        for connection in batch {
            connection.isReady = false
            touch(connection) { self.receive(connection) }
        }
    }

    private func receive(_ connection: ServerConnection) {
        let lane = connection.link.lane(to: .server)
        guard connection.wantsToRead(limits) else { return }
        guard !lane.arrived.isEmpty else {
            if lane.hasEnded { fail(connection) }
            return
        }
        var received = ByteBuffer()
        swap(&received, &lane.arrived)
        if lane.takeWaitingWriter() { world.wake(connection.link.client) }
        if connection.stage == .lingering { return }
        connection.inbound.append(contentsOf: received)
        resume(connection)
        if lane.hasEnded { markReady(connection) }
    }

    /// Gives the session what it has not read.
    func resume(_ connection: ServerConnection) {
        guard connection.stage == .open, !connection.inbound.isEmpty else { return }
        var waiting = ByteBuffer()
        swap(&waiting, &connection.inbound)
        let used = connection.session.receive(
            waiting.bytes, at: moment, in: environment, output: &connection.unsealed,
            effects: &effects)
        waiting.consume(used)
        if !waiting.isEmpty { swap(&waiting, &connection.inbound) }
    }

    private func fireTimers() {
        forEachConnection { connection in
            guard moment.monotonic >= connection.deadline(limits) else { return }
            touch(connection) {
                switch connection.stage {
                case .open:
                    connection.session.tick(
                        at: self.moment, in: self.environment, output: &connection.unsealed,
                        effects: &self.effects)
                case .lingering:
                    connection.stage = .dead
                case .dead:
                    break
                }
            }
        }
    }

    private var nextDeadline: Instant? {
        var next: Instant?
        forEachConnection { connection in
            let deadline = connection.deadline(limits)
            next = min(next ?? deadline, deadline)
        }
        return next
    }

    func forEachConnection(_ body: (ServerConnection) -> Void) {
        var position: UInt32 = 0
        while let slot = connections.next(from: position) {
            position = slot.index + 1
            if let connection = connections.withElement(slot, { $0 }) { body(connection) }
        }
    }

    /// Lets `body` work on a connection, then carries what came of it.
    func touch(_ connection: ServerConnection, _ body: () -> Void) {
        body()
        if !connection.isFlushQueued {
            connection.isFlushQueued = true
            toFlush.append(connection)
        }
        carryEffects(of: connection)
    }

    // MARK: Sending and ending

    private func flushTouched() {
        var batch: [ServerConnection] = []
        swap(&batch, &toFlush)
        for connection in batch {
            connection.isFlushQueued = false
            flush(connection)
            carryEffects(of: connection)
            if connection.stage == .dead {
                remove(connection)
            } else if connection.wantsToRead(limits),
                !connection.link.lane(to: .server).arrived.isEmpty
            {
                markReady(connection)
            }
        }
    }

    private func flush(_ connection: ServerConnection) {
        guard connection.stage != .dead else { return }
        connection.outbound.append(contentsOf: connection.unsealed)
        connection.unsealed.clear()
        let lane = connection.link.lane(to: .client)
        if !connection.outbound.isEmpty {
            let size = lane.write(connection.outbound.bytes, in: world)
            connection.outbound.consume(size)
        }
        if connection.outbound.count > limits.outputSizeMax {
            world.counts.slowReadersCut += 1
            fail(connection)
        } else if connection.stage == .lingering && connection.outbound.isEmpty {
            lane.finish(in: world)
        }
    }

    /// The session is over: its last frames go out, then the connection closes.
    func close(_ connection: ServerConnection) {
        guard connection.stage == .open else { return }
        connection.stage = .lingering
        connection.stageDeadline = moment.monotonic.advanced(byMs: limits.closeTimeoutMs)
        connection.inbound.release()
        flush(connection)
        if connection.link.lane(to: .server).hasEnded { markReady(connection) }
    }

    /// The connection is lost, or must be.
    func fail(_ connection: ServerConnection) {
        guard connection.stage != .dead else { return }
        connection.stage = .dead
        var released: [SessionEffect] = []
        connection.session.connectionLost(effects: &released)
        if world.canary != .releaseForgotten { effects += released }
    }

    private func remove(_ connection: ServerConnection) {
        connections.remove(connection.address.slot)
        connection.link.closeAtServer(in: world)
    }

    // MARK: Mail

    private func takeWork() {
        var batch: [Mail] = []
        swap(&batch, &work)
        for mail in batch {
            switch mail {
            case .session(let slot, let input):
                deliver(input, to: slot)
            case .router(let input):
                router.receive(input, at: moment.unixSeconds, effects: &routerEffects)
                carryRouterEffects()
            case .store(let answers):
                for answer in answers { take(answer) }
            }
        }
    }

    func deliver(_ input: SessionInput, to slot: SlotID, readsOn: Bool = true) {
        if let echo = input.echo { send(.router(echo.input), toHomeOf: echo.home) }
        guard let connection = connection(at: slot) else { return }
        let meant = SessionAddress(shard: index, slot: slot)
        guard world.ledger.mayReach(connection.address, meant, world) else { return }
        guard connection.stage == .open else { return }
        touch(connection) {
            connection.session.deliver(
                input, at: self.moment, in: self.environment, output: &connection.unsealed,
                effects: &self.effects)
            if readsOn { self.resume(connection) }
        }
    }

    private func connection(at slot: SlotID) -> ServerConnection? {
        if world.canary == .staleGeneration {
            guard let tenant = connections.next(from: slot.index), tenant.index == slot.index
            else { return nil }
            return connections.withElement(tenant) { $0 }
        }
        return connections.withElement(slot) { $0 }
    }

    private func post() {
        var refused: [(EnqueueRequest, SessionAddress)] = []
        for shard in gateway.shards where !outgoing[shard.index].isEmpty {
            let letters = outgoing[shard.index]
            outgoing[shard.index] = []
            shard.wake()
            if shard.mailbox.count + letters.count <= limits.mailboxDepthMax {
                shard.mailbox += letters
                continue
            }
            world.counts.mailboxesFull += 1
            world.note(.mailboxFull(shard: shard.index))
            var isFull = false
            for letter in letters {
                if case .router(.route(let request, let origin)) = letter {
                    isFull = isFull || shard.mailbox.count >= limits.mailboxDepthMax
                    if isFull {
                        refused.append((request, origin))
                        continue
                    }
                }
                shard.mailbox.append(letter)
            }
        }
        for (request, origin) in refused {
            world.note(.answer(origin, "no room for", request.key))
            noteRefusal(of: request.key)
            deliver(
                .refused(Refused(request), .resourceConstraint), to: origin.slot, readsOn: false)
        }
        for (_, origin) in refused {
            guard let connection = connection(at: origin.slot) else { continue }
            touch(connection) { self.resume(connection) }
        }
    }

    private func checkInvariants() {
        router.checkInvariants()
        world.require(
            settles.count <= limits.waitingSettlesPerShardMax, .limits, "settles that wait")
        forEachConnection { connection in
            world.require(
                connection.outbound.count <= limits.outputSizeMax, .limits, "a slow reader's output"
            )
            world.require(
                connection.inbound.count <= limits.frameSizeMax + connection.link.capacity, .limits,
                "what a session has not read")
            guard let device = connection.session.device else { return }
            world.require(
                device == connection.credential, .sessions,
                "\(Trace.text(device)) is held by another")
        }
    }

    /// Whether nothing is under way.
    var isIdle: Bool {
        var awaitsPage = false
        forEachConnection { if $0.stage == .open, $0.session.awaitsPage { awaitsPage = true } }
        return mailbox.isEmpty && work.isEmpty && ready.isEmpty && accepted.isEmpty
            && router.pendingCount == 0 && settles.isEmpty && !awaitsPage
    }
}
