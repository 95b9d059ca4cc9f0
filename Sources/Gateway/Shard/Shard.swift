// A thread with its own listeners, poller, connections, timers, router and mailbox. Nothing of it is
// touched by another thread but the mailbox and the counters.
//
// A turn: wait; take events, mailbox and timers; carry the effects, which may make more work here; then
// flush each touched connection once and post each other shard's messages once. A turn has a time: what
// it does not come to waits, in order, for the next one, so that no connection keeps the others waiting.

internal import Base
internal import Logging
internal import Reactor
internal import Sessions
internal import Storage
internal import TLS
internal import Wire

/// What all shards are built with.
struct ShardSetup: Sendable {
    var limits: Limits
    var context: WireContext
    var tls: GatewayTLS
    var cryptography: any Cryptography
    var unknownAccountSecret: [UInt8]
    var logger: Logger
    /// Addresses to listen on.
    var listen: [SocketAddress]
    /// Whether the shard's thread has a descriptor table of its own.
    var hasOwnTable: Bool
    /// Connections that the shard takes.
    var connectionsMax: Int
    let handshakeGate: HandshakeGate
    /// How each shard's thread says that it listens, or why not.
    var started: Mailbox<ShardStart>
}

/// What a shard's thread says of its start.
enum ShardStart: Sendable {
    case listening
    case failed(ReactorError)
}

/// One shard. Made by the gateway's thread, then run and owned by its own.
final class Shard: @unchecked Sendable {
    // After `run` began only the shard's thread touches anything but `mailbox` and `metrics`.

    static let mailboxToken: UInt64 = 0
    static let acceptTimerToken: UInt64 = 0
    static let acceptPauseMs: UInt64 = 500
    /// Messages taken between two looks at the clock.
    private static let messagesPerLook = 16
    /// Messages that may wait in the shard; beyond it the mailbox keeps them, which has a limit.
    private static let backlogMax = 4_096
    /// How long a shard waits at most that the handshake gate did not let in: it is told before.
    private static let gatePauseMs = 20
    /// Timers that the wheel moves in one turn.
    private static let timerMovesMax = 8_192

    let index: Int
    let setup: ShardSetup
    let limits: Limits
    let mailbox: Mailbox<ShardMessage>
    let metrics = ShardMetrics()
    let logger: Logger
    var peerLog: PeerLog
    let tls: GatewayTLS
    let workspace: Workspace
    /// Every shard, this one included; the directory of homes.
    var shards: [Shard] = []
    var store: (any MessageStore)?

    var poller: Poller
    var timers: TimerWheel
    /// Connections whose handshake has not begun.
    var arrivals: Arrivals
    var connections: Slab<Connection>
    /// Connections between the first bytes of their handshake and its end.
    var handshakesInFlight = 0
    /// Those of them of whose ClientHello, the first or a second one, there is more to be read, in order of coming.
    var delayedHellos = WorkList<SlotID>()
    /// Whether the last turn had handshakes to begin that the gate did not let in.
    var isGateShut = false
    var router: Router
    /// They are accepted from by index. None while the shard is full.
    var listeners: [ListenerSocket] = []
    var isAccepting = false
    /// When a shard that could not listen tries again.
    var listenRetryAt = Instant(milliseconds: 0)
    var unauthenticatedCount = 0
    /// The same by source; a source with none has no entry.
    var unauthenticatedBySource: [UInt64: Int] = [:]

    /// Messages for this shard made by this turn.
    var work = WorkList<ShardMessage>()
    /// Messages for other shards made by this turn, by shard.
    var outgoing: [[ShardMessage]] = []
    /// The shards that have some: there are many shards, and few of them are written to in a turn.
    var addressees: [Int] = []
    var routerEffects: [RouterEffect] = []
    /// Connections with something to send.
    var toFlush: [SlotID] = []
    var incoming: [ShardMessage] = []
    /// Connections that asked for credentials, by ticket.
    var lookUps: [UInt64: SlotID] = [:]
    var nextLookUp: UInt64 = 0
    /// What the store had no room for.
    var settles: WaitingSettles
    /// When the thread ends at the latest, once it was told to.
    var stopAt: Instant?
    /// The slot up to which a stop has ended the sessions; nil before and after.
    var endedUpTo: UInt32?
    /// Clients that a stop has sent away.
    var sentAwayCount = 0
    /// The first event of the poller's batch that was not taken yet.
    private var nextEvent = 0
    /// When the turn began, in nanoseconds.
    private var turnBeganAt: UInt64 = 0

    init(index: Int, setup: ShardSetup) throws(ReactorError) {
        let moment = SystemClock.moment()
        self.index = index
        self.setup = setup
        limits = setup.limits
        logger = setup.logger
        peerLog = PeerLog(setup.logger, at: moment.monotonic)
        tls = setup.tls
        mailbox = try Mailbox(countMax: limits.mailboxDepthMax)
        poller = try Poller()
        timers = TimerWheel(start: moment.monotonic, tickMs: 50)
        arrivals = Arrivals(limits: limits, at: moment.monotonic)
        connections = Slab(countMax: setup.connectionsMax)
        router = Router(limits: limits, context: setup.context)
        settles = WaitingSettles(limits: limits)
        workspace = Workspace(
            environment: SessionEnvironment(
                context: setup.context, limits: limits, cryptography: setup.cryptography,
                unknownAccountSecret: setup.unknownAccountSecret),
            shard: index, at: moment)
    }

    /// The shard's thread: returns when it was stopped and its connections are gone.
    func run() {
        outgoing = Array(repeating: [], count: shards.count)
        do {
            try open()
            setup.started.postAlways(.listening)
        } catch {
            closeListeners()
            setup.started.postAlways(.failed(error))
            return
        }
        while !isStopped {
            if nextEvent == poller.eventCount {
                poller.wait(timeoutMs: timeoutMs)
                nextEvent = 0
            }
            turnBeganAt = MonotonicClock.nanoseconds()
            workspace.moment = SystemClock.moment()
            heedStore()
            takeTurn()
            metrics.countTurn(us: (MonotonicClock.nanoseconds() - turnBeganAt) / 1_000)
        }
        finish()
    }

    private func takeTurn() {
        // A batch of events is taken to its end before the poller is asked again: it would begin with the
        // same busy connections each time. They get half of the turn, messages the other.
        // Nothing more is read while much waits to be done: what is read makes more of it.
        while nextEvent < poller.eventCount, work.count < Self.backlogMax,
            !hasUsed(limits.turnTimeMs * 500_000)
        {
            nextEvent += 1
            take(poller.event(at: nextEvent - 1))
        }
        fireTimers()
        endSessions()
        repeat {
            takeWork()
            flushTouched()
        } while !isTurnOver && (!work.isEmpty || !toFlush.isEmpty)
        // Last, and some even if the turn is over: those who are logged in come first, and none starves.
        beginHandshakes()
        flushTouched()
        submitSettles()
        post()
        listenWhileThereIsRoom()
        publishGauges()
    }

    /// Whether the turn has used its time.
    var isTurnOver: Bool { hasUsed(limits.turnTimeMs * 1_000_000) }

    private func hasUsed(_ nanoseconds: UInt64) -> Bool {
        MonotonicClock.nanoseconds() - turnBeganAt >= nanoseconds
    }

    /// How long the next wait may be: not at all while this shard has left itself work.
    private var timeoutMs: Int? {
        if !work.isEmpty || !toFlush.isEmpty || endedUpTo != nil { return 0 }
        if !addressees.isEmpty { return 0 }
        let now = workspace.moment.monotonic
        var timeout = timers.nextDeadlineMs(after: now)
        let arrivalMs = arrivals.waitMs(inFlight: handshakesInFlight, at: now)
        if var waitMs = delayedHellos.isEmpty ? arrivalMs : 0 {
            if isGateShut { waitMs = max(waitMs, Self.gatePauseMs) }
            timeout = min(timeout ?? waitMs, waitMs)
        }
        return stopAt == nil && settles.isEmpty ? timeout : min(timeout ?? 50, 50)
    }

    private var isStopped: Bool {
        guard let stopAt, endedUpTo == nil else { return false }
        return connections.count == 0 || workspace.moment.monotonic >= stopAt
    }

    private func take(_ event: PollEvent) {
        if event.token == Self.mailboxToken {
            mailbox.drain(into: &incoming)
            work.append(contentsOf: incoming)
            incoming.empty()
            return
        }
        if event.token <= UInt64(setup.listen.count) {
            // Listeners may have closed since.
            let position = Int(event.token) - 1
            if position < listeners.count { accept(from: listeners[position]) }
            return
        }
        if let slot = Arrivals.slot(event.token) {
            take(event, ofArrival: slot)
            return
        }
        let slot = SlotID(word: event.token)
        var isHelloDelayed = false
        touch(slot) { connection, workspace in
            guard !event.readiness.isDisjoint(with: [.readable, .hangup, .error]) else { return }
            if connection.stage == .hello, event.readiness == .readable {
                connection.newcomer?.isHelloDelayed = true
                isHelloDelayed = true
            } else {
                connection.receive(workspace)
            }
        }
        if isHelloDelayed { delayHello(slot) }
    }

    private func fireTimers() {
        timers.advance(to: workspace.moment.monotonic, moveMax: Self.timerMovesMax)
        while !isTurnOver, let token = timers.popExpired() {
            if token == Self.acceptTimerToken {
                setAccepting(true)
                continue
            }
            if let slot = Arrivals.slot(token) {
                dismiss(slot, as: .handshakeTimeout)
                continue
            }
            touch(SlotID(word: token)) { connection, workspace in
                connection.timer = .none
                connection.tick(workspace)
            }
        }
    }

    private func takeWork() {
        var count = 0
        while let message = work.popFirst() {
            take(message)
            count += 1
            if count % Self.messagesPerLook == 0, isTurnOver { return }
        }
    }

    private func take(_ message: ShardMessage) {
        switch message {
        case .session(let slot, let input):
            deliver(input, to: slot)
        case .router(let input):
            router.receive(input, at: workspace.moment.unixSeconds, effects: &routerEffects)
            carryRouterEffects()
        case .store(let answers):
            take(answers)
        case .mayBeginHandshakes:
            break  // each turn ends with them
        case .stop:
            beginStop()
        }
    }

    /// Takes a batch of the store's answers, as far as the turn's time goes.
    private func take(_ answers: [StoreAnswer]) {
        for (position, answer) in answers.enumerated() {
            take(answer)
            if (position + 1) % Self.messagesPerLook == 0, position + 1 < answers.count, isTurnOver
            {
                work.putBack(.store(Array(answers[(position + 1)...])))
                return
            }
        }
    }

    /// Lets `body` work on a connection, then carries what came of it. Stale slots are passed over.
    func touch(_ slot: SlotID, _ body: (inout Connection, Workspace) -> Void) {
        workspace.address.slot = slot
        let isThere: Void? = connections.withElement(slot) { connection in
            body(&connection, workspace)
            if !connection.isFlushQueued {
                connection.isFlushQueued = true
                toFlush.append(slot)
            }
        }
        guard isThere != nil else { return }
        countHandshake()
        reportFailure(of: slot)
        carryEffects(of: slot)
    }

    /// Sends each touched connection's bytes, then settles what it waits for.
    private func flushTouched() {
        var batch: [SlotID] = []
        swap(&batch, &toFlush)
        defer {
            batch.empty()
            if toFlush.isEmpty { swap(&batch, &toFlush) }
        }
        for slot in batch {
            let isDead = connections.withElement(slot) { connection -> Bool in
                connection.isFlushQueued = false
                connection.flush(workspace)
                if connection.stage == .dead { return true }
                rearm(&connection, slot)
                return false
            }
            guard let isDead else { continue }
            countHandshake()
            reportFailure(of: slot)
            carryEffects(of: slot)
            if isDead { remove(slot) }
        }
    }

    /// Brings the poller and the timer in line with what the connection now wants.
    private func rearm(_ connection: inout Connection, _ slot: SlotID) {
        let word = slot.word
        let wanted = connection.wantedInterest(limits)
        if wanted != connection.interest {
            poller.modify(connection.socket.rawValue, token: word, interest: wanted)
            connection.interest = wanted
        }
        // A later deadline waits until the timer fires: most deadlines only ever move away.
        let deadline = connection.deadline(limits)
        if !timers.fires(connection.timer, by: deadline) {
            timers.cancel(connection.timer)
            connection.timer = timers.schedule(deadline: deadline, token: word)
        }
    }
}
