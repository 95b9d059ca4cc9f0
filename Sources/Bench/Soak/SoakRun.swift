// A soak: pairs of devices write to each other through whatever happens to the gateway, and a ledger
// keeps what each was promised. Senders number their messages and send what is not acked again, in
// order, as the client library does; some recipients leave and come back. At the end everybody comes
// back and drains, and the ledger gives its verdict.
//
// One thread, the caller's, with one poller. The sessions are the client library's own.

internal import Base
internal import Client
internal import Reactor
internal import TLS
internal import Wire

/// A soak under way.
package final class SoakRun {
    enum Phase: String {
        /// Every device logs in once before the first message: a queue begins with its device.
        case arrive, send, drain
    }

    let target: BenchTarget
    let plan: SoakPlan
    let surroundings: SoakSurroundings
    let population: Population
    let devices: [SoakDevice]
    let ciphers = RecordCiphers()
    let run = UInt32.random(in: 0...UInt32.max)
    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 16)

    var poller: Poller
    var random = SystemRandomNumberGenerator()
    var ledger: SoakLedger
    var counts = SoakCounts()
    var phase = Phase.arrive
    var moment = SystemClock.moment()
    /// When the present phase began.
    var phaseStart: Instant
    /// When something last came through, for the end of the drain.
    var progressAt: Instant

    private let start: Instant
    private var sampledAt: Instant?

    /// Makes the devices. Throws when the system refuses a poller.
    package init(
        target: BenchTarget, plan: SoakPlan, surroundings: SoakSurroundings
    ) throws {
        self.target = target
        self.plan = plan
        self.surroundings = surroundings
        ledger = SoakLedger(pairCount: plan.pairCount)
        population = Population(
            count: 2 * plan.pairCount, firstAccount: plan.firstAccount, threadCount: 1)
        poller = try Poller(eventCountMax: 256)
        start = MonotonicClock.now()
        phaseStart = start
        progressAt = start
        let contexts = CompressionContexts()
        devices = (0..<2 * plan.pairCount).map { index in
            let name = target.names.name(plan.firstAccount + index)
            guard let jid = JID(local: name, domain: target.context.domain) else {
                preconditionFailure("\(name)@\(target.context.domain)")
            }
            let session = ClientSession(
                configuration: ClientSession.Configuration(
                    jid: jid, device: 0, password: target.password, isAvailable: false),
                context: target.context, cryptography: OpenSSLCryptography(), contexts: contexts)
            return SoakDevice(
                index: index, pair: index % plan.pairCount, isSender: index < plan.pairCount,
                jid: jid, session: session)
        }
        for device in devices {
            device.stageEnd = start
            device.outageStart = start
        }
    }

    deinit { scratch.deallocate() }

    /// Runs to the end. Everything is reset then.
    package func finish(parameters: [String: String]) -> SoakReport {
        while !isOver { turn() }
        let seconds = Double(moment.monotonic.milliseconds(since: start)) / 1_000
        let areAllBack = devices.allSatisfy { $0.session.isOnline }
        for device in devices { device.dropConnection() }
        // What waits for somebody who could not come back is not lost.
        let violations = ledger.violations(countsMissing: areAllBack)
        let isComplete = ledger.isDrained && devices.allSatisfy { $0.loginCount > 0 }
        let verdict: SoakVerdict =
            violations.count > 0 ? .violated : isComplete ? .clean : .undrained
        return SoakReport(
            verdict: verdict, parameters: parameters, seconds: seconds, sent: ledger.sent,
            acked: ledger.acked, delivered: ledger.delivered, confirmed: ledger.confirmed,
            violations: violations, missingMessages: ledger.undelivered(countMax: 20),
            overtaken: ledger.overtaken, counts: counts)
    }

    private func turn() {
        let count = poller.wait(timeoutMs: timeoutMs)
        moment = SystemClock.moment()
        for position in 0..<count { take(poller.event(at: position)) }
        advancePhase()
        for device in devices { advance(device) }
        sample()
    }

    /// A sender whose rate makes something due looks for it each few milliseconds.
    private var timeoutMs: Int {
        var wait = SoakTimes.turnMsMax
        for device in devices {
            guard let deadline = device.deadline else { continue }
            wait = min(wait, deadline.milliseconds(since: moment.monotonic))
        }
        return Int(wait)
    }

    private func take(_ event: PollEvent) {
        let device = devices[Int(event.token & 0xFFFF_FFFF)]
        guard device.token == event.token else { return }
        handle(device, event.readiness)
    }

    // MARK: Phases

    private var isOver: Bool {
        guard phase == .drain else { return false }
        let now = moment.monotonic
        let quietMs = now.milliseconds(since: progressAt)
        if ledger.isDrained {
            // Ticks come last; one may be missing for good (docs/DELIVERY.md, limits).
            return ledger.confirmed == ledger.sent || quietMs >= SoakTimes.tickTimeoutMs
        }
        return quietMs >= UInt64(plan.drainSeconds) * 1_000
    }

    private func advancePhase() {
        let elapsedMs = moment.monotonic.milliseconds(since: phaseStart)
        switch phase {
        case .arrive:
            let quietMs = moment.monotonic.milliseconds(since: progressAt)
            if surroundings.isInterrupted() || quietMs >= UInt64(plan.drainSeconds) * 1_000 {
                return begin(.drain)
            }
            if devices.allSatisfy({ $0.loginCount > 0 }) { begin(.send) }
        case .send:
            guard surroundings.isInterrupted() || elapsedMs >= UInt64(plan.seconds) * 1_000 else {
                return
            }
            begin(.drain)
        case .drain: return
        }
    }

    private func begin(_ next: Phase) {
        phase = next
        phaseStart = moment.monotonic
        progressAt = phaseStart
        for device in devices where !device.isSender && plan.isLeaving(pair: device.pair) {
            device.leaveAt = next == .send ? departure() : nil
            if next == .drain, device.stage == .away { device.stageEnd = phaseStart }
        }
    }

    /// When a recipient that has just come leaves again.
    func departure() -> Instant {
        moment.monotonic.advanced(
            byMs: UInt64.random(in: SoakTimes.stayMs, using: &random))
    }

    private func sample() {
        let now = moment.monotonic
        if let sampledAt, now.milliseconds(since: sampledAt) < SoakTimes.sampleMs { return }
        sampledAt = now
        surroundings.sample(
            SoakReading(
                seconds: Double(now.milliseconds(since: start)) / 1_000, phase: phase.rawValue,
                online: devices.reduce(0) { $0 + ($1.session.isOnline ? 1 : 0) },
                sent: ledger.sent, acked: ledger.acked, delivered: ledger.delivered,
                refusedWithWait: counts.refusedWithWait, reconnects: counts.reconnects))
    }
}
