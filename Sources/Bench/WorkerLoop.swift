// What a thread of the load generator owns and does: its clients, their transport, a timer wheel and
// buffers that all its clients share. A turn: take events, commands and timers, then begin what is due.
//
// Invariant: a client's connection is known to the transport under its incarnation; `pendingCount` clients
// are neither absent nor online; a client that is absent is in `ready`, waits for its retry timer, or
// has given up.

internal import Base
internal import Reactor
internal import Synchronization
internal import TLS
internal import Wire

/// The thread's own state.
final class WorkerLoop<Link: Transport> {
    enum Task {
        case idle
        case arriving(ArrivalPlan)
        case sending(MessageTask<Link>)
    }

    let worker: BenchWorker
    let target: BenchTarget
    let population: Population
    let clients: UnsafeMutablePointer<BenchClient>
    let clientCount: Int
    let ciphers = RecordCiphers()
    let writer: NodeWriter
    /// When the thread began.
    let startNs = MonotonicClock.nanoseconds()

    let transport: Link
    var timers: TimerWheel
    var scram: BenchScram
    var inflater = Inflater()
    var measurements = Measurements()
    var tickets = TicketRing()
    var task = Task.idle
    var pendingCount = 0
    var onlineCount = 0
    /// Absent clients that may begin, oldest first from `readyHead`.
    var ready: [UInt32] = []
    var readyHead = 0
    /// Logins begun by the present arrival.
    var begunCount = 0

    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 16)
    var plaintext = ByteBuffer()
    var inflated = ByteBuffer()
    /// Frames of the client at hand.
    var frames = ByteBuffer()
    /// Sealed bytes of the client at hand.
    var output = ByteBuffer()
    var now = MonotonicClock.now()
    /// What a node meant for its connection; taken right after the node.
    var failure: BenchFailure?
    private var isStopping = false

    init(
        _ worker: BenchWorker, target: BenchTarget, population: Population, transport: Link
    ) {
        self.worker = worker
        self.target = target
        self.population = population
        clientCount = population.count(ofThread: worker.index)
        writer = NodeWriter(context: target.context)
        self.transport = transport
        timers = TimerWheel(start: MonotonicClock.now(), tickMs: 10)
        scram = BenchScram(password: target.password)
        clients = .allocate(capacity: max(1, clientCount))
        for index in 0..<clientCount { (clients + index).initialize(to: BenchClient()) }
    }

    deinit {
        clients.deinitialize(count: clientCount)
        clients.deallocate()
        scratch.deallocate()
    }

    /// Runs until told to stop; then every connection is reset.
    func run() {
        while !isStopping {
            transport.wait(timeoutMs: timeoutMs)
            now = MonotonicClock.now()
            while let event = transport.next(now) { take(event) }
            timers.advance(to: now)
            while let token = timers.popExpired() { fire(token) }
            advance()
        }
        for index in 0..<clientCount { close(index) }
        transport.flush()
    }

    private var timeoutMs: Int? {
        let timer = timers.nextDeadlineMs(after: now)
        guard let due = nextDueNs else { return timer }
        let current = MonotonicClock.nanoseconds()
        let wait = due > current ? Int((due - current + 999_999) / 1_000_000) : 0
        return min(wait, timer ?? wait)
    }

    /// When `advance` has something to do without an event; nil for never.
    private var nextDueNs: UInt64? {
        switch task {
        case .idle: nil
        case .arriving(let plan):
            readyHead < ready.count && pendingCount < plan.pendingMax
                ? plan.pace.dueNs(begunCount) ?? 0 : nil
        case .sending(let sending): sending.nextDueNs
        }
    }

    private func take(_ event: TransportEvent) {
        switch event {
        case .mailbox:
            var commands: [WorkerCommand] = []
            worker.mailbox.drain(into: &commands)
            for command in commands { obey(command) }
        case .connection(let token, let readiness):
            let index = Int(token & 0xFFFF_FFFF) - 1
            guard clients[index].incarnation == UInt32(token >> 32) else { return }
            handle(index, readiness)
        }
    }

    func token(_ index: Int) -> UInt64 {
        UInt64(clients[index].incarnation) << 32 | UInt64(index + 1)
    }

    private func obey(_ command: WorkerCommand) {
        switch command {
        case .arrive(let plan):
            task = .arriving(plan)
            begunCount = 0
            ready = (0..<clientCount).compactMap {
                clients[$0].phase == .absent ? UInt32($0) : nil
            }
            readyHead = 0
            worker.counters.expected.store(
                plan.isCycling ? 0 : ready.count, ordering: .relaxed)
            for index in 0..<clientCount { clients[index].attemptCount = 0 }
        case .drop:
            for index in 0..<clientCount where clients[index].phase != .absent { close(index) }
        case .send(let plan, let startNs):
            task = .sending(MessageTask(plan, startNs: startNs, self))
        case .settle:
            settle()
        case .stop:
            settle()
            isStopping = true
        }
    }

    private func settle() {
        if case .arriving(let plan) = task, plan.isCycling {
            // Half a login is no login: it neither counts nor fails.
            for index in 0..<clientCount where clients[index].phase != .absent { close(index) }
        }
        if case .sending(let sending) = task, sending.unackedCount > 0 {
            measurements.note("message: no ack", count: sending.unackedCount)
        }
        task = .idle
        ready = []
        readyHead = 0
        measurements.tcp = transport.takeCounters()
        worker.publish(measurements)
        measurements = Measurements()
        worker.counters.settled.add(1, ordering: .releasing)
    }

    /// Begins what is due.
    private func advance() {
        switch task {
        case .idle: return
        case .arriving(let plan): advanceArrival(plan)
        case .sending(let sending): sending.advance()
        }
    }
}
