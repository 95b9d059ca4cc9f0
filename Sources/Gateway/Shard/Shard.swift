// A thread with its own listeners, poller, connections, timers, router and mailbox. Nothing of it is
// touched by another thread but the mailbox and the counters.
//
// A turn: wait; take events, mailbox and timers; carry the effects, which may make more work here; then
// flush each touched connection once and post each other shard's messages once.

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
    var tls: TLSContext
    var cryptography: any Cryptography
    var unknownAccountSecret: [UInt8]
    var logger: Logger
}

/// One shard. Made by the gateway's thread, then run and owned by its own.
final class Shard: @unchecked Sendable {
    // After `run` began only the shard's thread touches anything but `mailbox` and `metrics`.

    static let mailboxToken: UInt64 = 0
    static let acceptTimerToken: UInt64 = 0
    static let acceptPauseMs: UInt64 = 500

    let index: Int
    let limits: Limits
    let mailbox: Mailbox<ShardMessage>
    let metrics = ShardMetrics()
    let logger: Logger
    let tls: TLSContext
    let workspace: Workspace
    /// Every shard, this one included; the directory of homes.
    var shards: [Shard] = []
    var store: (any MessageStore)?

    var poller: Poller
    var timers: TimerWheel
    var connections: Slab<Connection>
    var router: Router
    /// Keeps the listeners open; they are accepted from by index.
    var listeners: [ListenerSocket]
    var isAccepting = true
    var unauthenticatedCount = 0
    /// The same by source; a source with none has no entry.
    var unauthenticatedBySource: [UInt64: Int] = [:]

    /// Messages for this shard made by this turn.
    var work: [ShardMessage] = []
    /// Messages for other shards made by this turn, by shard.
    var outgoing: [[ShardMessage]] = []
    var routerEffects: [RouterEffect] = []
    /// Connections with something to send.
    var toFlush: [SlotID] = []
    var incoming: [ShardMessage] = []
    /// Connections that asked for credentials, by ticket.
    var lookUps: [UInt64: SlotID] = [:]
    var nextLookUp: UInt64 = 0
    /// When the thread ends at the latest, once it was told to.
    var stopAt: Instant?

    init(index: Int, setup: ShardSetup, listeners: [ListenerSocket]) throws(ReactorError) {
        let moment = SystemClock.moment()
        self.index = index
        limits = setup.limits
        logger = setup.logger
        tls = setup.tls
        self.listeners = listeners
        mailbox = try Mailbox(countMax: limits.mailboxDepthMax)
        poller = try Poller()
        timers = TimerWheel(start: moment.monotonic, tickMs: 50)
        connections = Slab(countMax: limits.connectionsPerShardMax)
        router = Router(limits: limits, context: setup.context)
        workspace = Workspace(
            environment: SessionEnvironment(
                context: setup.context, limits: limits, cryptography: setup.cryptography,
                unknownAccountSecret: setup.unknownAccountSecret),
            at: moment)
        try poller.add(
            mailbox.descriptor, token: Self.mailboxToken, interest: [.readable])
        for (position, listener) in listeners.enumerated() {
            try poller.add(
                listener.socket.rawValue, token: UInt64(position) + 1, interest: [.readable])
        }
    }

    /// The shard's thread: returns when it was stopped and its connections are gone.
    func run() {
        outgoing = Array(repeating: [], count: shards.count)
        while !isStopped {
            let count = poller.wait(timeoutMs: timeoutMs)
            workspace.moment = SystemClock.moment()
            for position in 0..<count { take(poller.event(at: position)) }
            fireTimers()
            while !work.isEmpty || !toFlush.isEmpty {
                takeWork()
                flushTouched()
            }
            post()
        }
        finish()
    }

    /// How long the next wait may be: not at all while this shard has left itself work.
    private var timeoutMs: Int? {
        if !work.isEmpty { return 0 }
        let timeout = timers.nextDeadlineMs(after: workspace.moment.monotonic)
        return stopAt == nil ? timeout : min(timeout ?? 50, 50)
    }

    private var isStopped: Bool {
        guard let stopAt else { return false }
        return connections.count == 0 || workspace.moment.monotonic >= stopAt
    }

    private func take(_ event: PollEvent) {
        if event.token == Self.mailboxToken {
            mailbox.drain(into: &incoming)
            work.append(contentsOf: incoming)
            incoming.removeAll(keepingCapacity: true)
            return
        }
        if event.token <= UInt64(listeners.count) {
            accept(from: listeners[Int(event.token) - 1])
            return
        }
        touch(SlotID(word: event.token)) { connection, workspace in
            if !event.readiness.isDisjoint(with: [.readable, .hangup, .error, .peerClosed]) {
                connection.receive(workspace)
            }
        }
    }

    private func fireTimers() {
        timers.advance(to: workspace.moment.monotonic)
        while let token = timers.popExpired() {
            if token == Self.acceptTimerToken {
                setAccepting(true)
                continue
            }
            touch(SlotID(word: token)) { connection, workspace in
                connection.timer = .none
                connection.tick(workspace)
            }
        }
    }

    private func takeWork() {
        var batch: [ShardMessage] = []
        swap(&batch, &work)
        for message in batch {
            switch message {
            case .session(let slot, let input):
                touch(slot) { connection, workspace in connection.deliver(input, workspace) }
            case .router(let input):
                router.receive(
                    input, at: workspace.moment.unixSeconds, effects: &routerEffects)
                carryRouterEffects()
            case .store(let answers):
                for answer in answers { take(answer) }
            case .stop:
                beginStop()
            }
        }
    }

    /// Lets `body` work on a connection, then carries what came of it. Stale slots are passed over.
    func touch(_ slot: SlotID, _ body: (inout Connection, Workspace) -> Void) {
        let was = connections.withElement(slot) { connection -> Connection.Stage in
            let stage = connection.stage
            body(&connection, workspace)
            if !connection.isFlushQueued {
                connection.isFlushQueued = true
                toFlush.append(slot)
            }
            return stage
        }
        guard let was else { return }
        if was == .handshake { countHandshake(slot) }
        carryEffects(of: slot)
    }

    /// Sends each touched connection's bytes, then settles what it waits for.
    private func flushTouched() {
        var batch: [SlotID] = []
        swap(&batch, &toFlush)
        for slot in batch {
            let isDead = connections.withElement(slot) { connection -> Bool in
                connection.isFlushQueued = false
                connection.flush(workspace)
                if connection.stage == .dead { return true }
                rearm(&connection)
                return false
            }
            guard let isDead else { continue }
            carryEffects(of: slot)
            if isDead { remove(slot) }
        }
    }

    /// Brings the poller and the timer in line with what the connection now wants.
    private func rearm(_ connection: inout Connection) {
        let word = connection.address.slot.word
        let wanted = connection.wantedInterest(limits)
        if wanted != connection.interest {
            poller.modify(connection.socket.rawValue, token: word, interest: wanted)
            connection.interest = wanted
        }
        // A later deadline waits until the timer fires: most deadlines only ever move away.
        let deadline = connection.deadline(limits)
        if connection.timer == .none || deadline < connection.timerAt {
            timers.cancel(connection.timer)
            connection.timer = timers.schedule(deadline: deadline, token: word)
            connection.timerAt = deadline
        }
    }
}
