// A client: the real session, outbox, filter and back-off, driven over a simulated link as Client's `Driver`
// drives them over a socket, and a store that outlives its process. One app with one memory: a second login
// of the device is another one.
//
// Invariant: the session is connected only while there is a link that both ends have opened; what a turn
// made leaves when the store has what the turn changed, or never.

internal import Base
internal import Client
internal import Sessions
internal import Wire

/// One installation of an app, from its first start to the end of its state.
final class SimulatedClient {
    enum Phase {
        case idle(until: UInt64)
        case connecting(until: UInt64)
        case running
        /// Says its last words.
        case draining(DisconnectReason, until: UInt64)
        /// The app is closed for now.
        case away
        /// It will do nothing more.
        case stopped(ClientError?)
    }

    unowned let world: World
    let number: Int
    let device: DeviceAddress
    let knowsPassword: Bool
    var session: ClientSession
    var phase = Phase.away
    var link: SimulatedLink?
    private var backoff: Backoff
    private var onlineSince: UInt64?
    private var output = ByteBuffer()
    private var unsent = ByteBuffer()
    private var isClosing = false
    private var wakeAt = UInt64.max

    // Troubles of its own.
    var sleepsUntil: UInt64 = 0
    var isSlowUntil: UInt64 = 0

    // What its person does.
    var postedCount = 0
    var askCount: UInt64 = 0
    var unread: [IncomingMessage] = []
    /// What the app was given and has not acknowledged.
    private var unhandled: [Given] = []
    /// What the store holds.
    private(set) var kept = ClientState()
    private var crashCount = 0
    /// Which of its user's passwords the app was given: how many changes it knows of.
    private(set) var passwordNumber: Int
    /// The orders about it that had been carried out when its connection began, and when that began on which
    /// it got its token.
    private var revocationsAtConnect = 0
    private(set) var revocationsBeforeToken = 0
    /// Whether the process dies in the next commit.
    var diesInCommit = false
    /// Whether its person will open the app again.
    var returns = true

    init(
        world: World, number: Int, device: DeviceAddress, knowsPassword: Bool = true,
        policy: ReconnectPolicy
    ) {
        self.world = world
        self.number = number
        self.device = device
        self.knowsPassword = knowsPassword
        passwordNumber = world.passwordNumber(of: device.user)
        backoff = Backoff(policy: policy)
        session = Self.makeSession(
            world: world, device: device, password: knowsPassword ? passwordNumber : nil, kept: kept
        )
    }

    /// The session of a new process. `password`: which it is given; nil for a wrong one.
    private static func makeSession(
        world: World, device: DeviceAddress, password number: Int?, kept: ClientState
    ) -> ClientSession {
        guard let jid = JID(local: device.user, domain: World.domain) else {
            preconditionFailure("no address for \(device.user)")
        }
        let password =
            number.map { World.password(of: device.user, $0) } ?? Array("guess".utf8)
        return ClientSession(
            configuration: ClientSession.Configuration(
                jid: jid, device: device.device, password: password,
                seenCountMax: world.canary == .filterOff ? 1 : ClientLimits.seenCountMax),
            context: World.context, cryptography: world.cryptography, kept: kept)
    }

    /// An intruder may have a token that nobody issued.
    func guessToken(_ bytes: [UInt8]) {
        kept.token = ClientSecret(bytes)
        session = Self.makeSession(world: world, device: device, password: nil, kept: kept)
    }

    /// The app has stopped, since its password is no longer the right one: the person gives it the one that
    /// the operator told, and it goes on from what its store has.
    func enterPassword(afterUs pause: UInt64) {
        passwordNumber = world.passwordNumber(of: device.user)
        phase = .away
        crash()
        isClosing = false
        phase = .idle(until: world.now + pause)
        wake(at: world.now + pause)
    }

    /// The process is gone with all that its store does not have; the app is opened again some time.
    func crash() {
        guard !isStopped else { return }
        crashCount += 1
        link?.closeAtClient(in: world)
        link = nil
        output.clear()
        unsent.clear()
        unhandled = []
        unread = []
        onlineSince = nil
        isClosing = false
        diesInCommit = false
        phase = .away
        session = Self.makeSession(
            world: world, device: device, password: knowsPassword ? passwordNumber : nil, kept: kept
        )
        world.ledger.crashed(self)
        if !world.isActive { open() }
    }

    var isStopped: Bool { if case .stopped = phase { true } else { false } }
    var isRunning: Bool { if case .running = phase { true } else { false } }

    /// Whether the gateway thinks so too.
    var isReallyOnline: Bool {
        link?.isCut == false && link?.connection?.session.device == device
    }

    var isAway: Bool { if case .away = phase { true } else { false } }

    var moment: Moment {
        Moment(
            monotonic: Instant(milliseconds: world.now / 1_000), unixSeconds: world.unixSeconds)
    }

    // MARK: Driving

    /// The app is opened.
    func open() {
        guard isAway else { return }
        isClosing = false
        phase = .idle(until: world.now)
        wake(at: world.now)
    }

    /// The person closes the app; it comes back with all it knew.
    func close() {
        guard !isStopped, !isClosing, !isAway else { return }
        isClosing = true
        session.close(at: moment, output: &output)
        handleEffects()
        wake(at: world.now)
    }

    /// Plans to look around at that time or before.
    func wake(at time: UInt64) {
        let time = max(time, sleepsUntil, world.now)
        guard time < wakeAt else { return }
        wakeAt = time
        world.schedule.add(.client(self), at: time)
    }

    /// One turn of the driver.
    func run() {
        wakeAt = .max
        guard world.now >= sleepsUntil else {
            wake(at: sleepsUntil)
            return
        }
        advance()
        if case .running = phase {
            read()
            if case .running = phase {
                session.tick(at: moment, output: &output)
                handleEffects()
            }
        }
        flush()
        if let next = nextTime { wake(at: next) }
    }

    private func advance() {
        switch phase {
        case .idle(let until):
            if isClosing {
                phase = .away
            } else if world.now >= until {
                connect()
            }
        case .connecting(let until):
            if isClosing {
                end(.requested)
            } else if world.now >= until {
                end(.network("connection timed out"))
            }
        case .draining(let reason, let until):
            if world.now >= until { end(reason) }
        case .running, .away, .stopped:
            break
        }
    }

    private var nextTime: UInt64? {
        switch phase {
        case .idle(let until), .connecting(let until), .draining(_, let until): until
        case .running: session.deadline.map { $0.milliseconds &* 1_000 }
        case .away, .stopped: nil
        }
    }

    private func connect() {
        let link = world.makeLink(for: self)
        self.link = link
        revocationsAtConnect = world.revocationCount(of: device)
        let timeout = ClientLimits.connectTimeoutMs * 1_000
        phase = .connecting(until: world.now + timeout)
    }

    /// TCP, and the TLS that is not simulated, are open.
    func connected(_ link: SimulatedLink) {
        guard link === self.link, case .connecting = phase else {
            link.closeAtClient(in: world)
            return
        }
        guard !isClosing else {
            end(.requested)
            return
        }
        phase = .running
        session.connected(
            exporter: link.exporter, resumedTLS: false, at: moment, output: &output)
        wake(at: world.now)
    }

    /// The link is lost, or was refused.
    func lost(_ link: SimulatedLink) {
        guard link === self.link else { return }
        if case .draining(let reason, _) = phase {
            end(reason)
        } else {
            end(.network("reset"))
        }
        if let next = nextTime { wake(at: next) }
    }

    private func read() {
        guard let lane = link?.lane(to: .client) else { return }
        let isSlow = world.now < isSlowUntil
        if !lane.arrived.isEmpty {
            var bytes = ByteBuffer()
            swap(&bytes, &lane.arrived)
            if isSlow, bytes.count > 40 {
                lane.arrived.append(bytes.bytes.extracting(40..<bytes.count))
                bytes.truncate(to: 40)
                wake(at: world.now + 50_000)
            }
            session.receive(bytes.bytes, at: moment, output: &output)
            handleEffects()
            if let link, lane.takeWaitingWriter() { world.wakeServer(of: link) }
        }
        if case .running = phase, lane.arrived.isEmpty, lane.hasEnded {
            end(.network("the connection was closed by the other side"))
        }
    }

    private func flush() {
        unsent.append(contentsOf: output)
        output.clear()
        guard let link else {
            unsent.clear()
            return
        }
        if !unsent.isEmpty {
            let size = link.lane(to: .server).write(unsent.bytes, in: world)
            unsent.consume(size)
        }
        if case .draining(let reason, _) = phase, unsent.isEmpty { end(reason) }
    }

    /// The connection is over: a pause or the end begins.
    private func end(_ reason: DisconnectReason) {
        session.disconnected()
        link?.closeAtClient(in: world)
        link = nil
        output.clear()
        unsent.clear()
        let onlineMs = onlineSince.map { (world.now - $0) / 1_000 }
        onlineSince = nil
        handleEffects()
        if isClosing {
            phase = .away
            return
        }
        if let error = reason.finalError {
            phase = .stopped(error)
            world.stopped(self, error)
            return
        }
        if reason == .tokenRefused {
            world.tokenRefused(self)
            phase = .idle(until: world.now)
            return
        }
        let pause = backoff.nextPauseMs(
            afterOnlineMs: onlineMs, hintMs: session.takeRetryAfterMs(), random: world.random.next()
        )
        guard let pause else {
            phase = .stopped(nil)
            return
        }
        world.note(.event(client: number, .disconnected(reason, retryInMs: pause)))
        phase = .idle(until: world.now + pause * 1_000)
    }

    private func drain(_ reason: DisconnectReason) {
        guard link != nil else { return }
        phase = .draining(reason, until: world.now + ClientLimits.closeTimeoutMs * 1_000)
    }

    // MARK: What comes of it

    func handleEffects() {
        guard commit() else { return }
        for effect in session.takeEffects() {
            switch effect {
            case .event(let event):
                if case .online = event { onlineSince = world.now }
                take(event)
            case .reply:
                world.counts.replies += 1
            case .refused:
                break
            case .disconnect(let reason):
                drain(reason)
            }
        }
        if !unhandled.isEmpty, !world.isActive || world.random.chance(70) { acknowledgeAll() }
    }

    /// False when the process died in it; the store has all of the changes then, or none.
    private func commit() -> Bool {
        let changes = session.takeChanges()
        guard !changes.isEmpty else { return true }
        guard diesInCommit else {
            keep(changes)
            return true
        }
        if world.random.chance(50) { keep(changes) }
        world.note(.act(client: number, "dies in a commit"))
        world.counts.diedInCommit += 1
        crash()
        return false
    }

    private func keep(_ changes: [ClientChange]) {
        for change in changes {
            // A planted bug: the filter is written later, and that is too late.
            if world.canary == .filterNotKept, case .seenAdded = change { continue }
            if case .token(.some) = change { revocationsBeforeToken = revocationsAtConnect }
            kept.apply(change)
        }
    }

    /// The app has dealt with what it was given, in order.
    func acknowledgeAll() {
        let batch = unhandled
        unhandled = []
        guard !batch.isEmpty else { return }
        for given in batch { world.ledger.handled(given, by: self) }
        let lives = command { session, output in
            for given in batch {
                session.acknowledge(given.id, from: given.from, output: &output)
            }
        }
        if lives { for given in batch { world.ledger.confirmed(given, by: self) } }
    }

    private func take(_ event: ClientEvent) {
        world.note(.event(client: number, event))
        switch event {
        case .message(let message):
            world.counts.seen += 1
            unread.append(message)
            unhandled.append(.message(message))
        case .sentElsewhere(let message):
            world.counts.copies += 1
            unhandled.append(.copy(message))
        case .acked:
            world.counts.acked += 1
        case .delivered, .read:
            world.counts.receipts += 1
        case .failed:
            world.counts.failed += 1
        case .expired:
            world.counts.expiriesSeen += 1
        default:
            break
        }
        world.ledger.happened(event, to: self, world)
    }

    /// Lets the session act on behalf of the person. False when the process died of it.
    @discardableResult
    func command(_ body: (inout ClientSession, inout ByteBuffer) -> Void) -> Bool {
        guard !isStopped else { return false }
        body(&session, &output)
        let crashes = crashCount
        handleEffects()
        wake(at: world.now)
        return crashes == crashCount
    }

    /// Whether nothing of it waits for the server.
    var isIdle: Bool {
        switch phase {
        case .away, .stopped: true
        case .running:
            session.isOnline && session.outboxCount == 0 && session.receiptCount == 0
                && unhandled.isEmpty
                && unsent.isEmpty && output.isEmpty
        case .idle, .connecting, .draining: false
        }
    }
}
