// The store of one life of the gateway: a queue, the real writer over a simulated disk, and a reader for
// logins. What the threads of SQLiteStore do in parallel happens here as events, with the same limits.
//
// Invariant: an answer is posted after the writer gave its outcome; a batch that was begun and not
// finished when the process dies is on the disk whole or not at all.

internal import Base
internal import Sessions
internal import Storage
internal import Wire

/// A store that lives as long as its process.
final class SimulatedStore {
    private struct LookUp {
        var device: DeviceAddress
        var ticket: UInt64
        var shard: Int
    }

    private unowned let world: World
    private let life: Int
    private let limits: StoreLimits
    private let deliver: (_ shard: Int, _ answers: [StoreAnswer]) -> Void
    private let report: (Expired) -> Void
    private var sweeper: Sweeper?
    private var isSweepPlanned = false
    private var writer: StoreWriter<SimulatedDisk>
    private var waiting: [StoreEntry] = []
    private var batch: [StoreEntry] = []
    private var isBusy = false
    /// Counts the windows and their ends.
    private var windowNumber = 0
    private var isInWindow = false
    private var lookUps: [LookUp] = []
    private var isRetryPlanned = false
    /// The queue was full not long ago.
    private var fullUntil = Instant(milliseconds: 0)
    /// Outcomes that a planted bug gave away too early.
    private var given: [EntryOutcome]?

    init(
        world: World, life: Int, limits: StoreLimits,
        report: @escaping (Expired) -> Void,
        deliver: @escaping (_ shard: Int, _ answers: [StoreAnswer]) -> Void
    ) throws(StoreError) {
        self.world = world
        self.life = life
        self.limits = limits
        self.deliver = deliver
        self.report = report
        // The world is one thread, and outlives its store, which must not keep it alive.
        nonisolated(unsafe) let unsafeWorld = Unmanaged.passUnretained(world)
        writer = try StoreWriter(
            engine: world.disk, limits: limits, retryPauseMs: 100...5_000,
            log: { unsafeWorld.takeUnretainedValue().note(.store($0)) })
        if let expiryS = world.plan.expiryS {
            let expiry = StoreExpiry(
                lifetimeS: expiryS, notice: { $0.expiryNotice(at: $1, context: World.context) },
                report: { _ in })
            sweeper = Sweeper(
                expiry, at: moment,
                log: { unsafeWorld.takeUnretainedValue().note(.store($0)) })
            planSweep()
        }
    }

    /// Takes a request; false when the queue is full.
    func submit(_ request: StoreRequest, ticket: UInt64, shard: Int) -> Bool {
        if case .credentials(let device) = request {
            guard lookUps.count < limits.submitCountMax else { return refuse() }
            lookUps.append(LookUp(device: device, ticket: ticket, shard: shard))
            if lookUps.count == 1 { plan(.answerLookUps, in: world.random.around(300)) }
            return true
        }
        guard waiting.count < limits.submitCountMax || request.isAlwaysTaken else {
            return refuse()
        }
        waiting.append(.request(request, ticket: ticket, shard: shard))
        wake()
        endWindowIfDue()
        return true
    }

    private func refuse() -> Bool {
        world.counts.storeFull += 1
        fullUntil = now.advanced(byMs: limits.fullPauseMs)
        return false
    }

    /// How long it is not worth a try.
    var retryLeftMs: UInt64 {
        max(writer.pauseLeftMs(at: now) ?? 0, fullUntil.milliseconds(since: now))
    }

    /// Takes an operator's order; false when the queue is full. `home`: the user's shard.
    func submit(_ change: AccountChange, home: Int) -> Bool {
        guard waiting.count < limits.submitCountMax else { return false }
        waiting.append(.admin(change, home: home, Completion()))
        wake()
        endWindowIfDue()
        return true
    }

    private func wake() {
        guard !isBusy, !waiting.isEmpty else { return }
        isBusy = true
        windowNumber += 1
        isInWindow = true
        plan(.takeBatch(window: windowNumber), in: world.random.around(50) + world.plan.windowUs)
        endWindowIfDue()
    }

    /// A batch that is full, or in which somebody waits for more than an ack, waits no longer.
    private func endWindowIfDue() {
        guard isInWindow, world.plan.windowUs > 0,
            waiting.count >= limits.batchCountMax || waiting.contains(where: { !$0.canWait })
        else { return }
        isInWindow = false
        plan(.takeBatch(window: windowNumber), in: world.random.around(50))
    }

    private func plan(_ step: StoreStep, in delay: UInt64) {
        let start = max(world.now, world.storeStalledUntil)
        world.schedule.add(.store(step, life: life), at: start + delay)
    }

    func take(_ step: StoreStep) {
        switch step {
        case .takeBatch(let window):
            // The end that was planned for a window that ended early.
            guard window == windowNumber else { return }
            windowNumber += 1
            isInWindow = false
            batch = Array(waiting.prefix(limits.batchCountMax))
            waiting.removeFirst(batch.count)
            if world.canary == .ackBeforeCommit, writer.pauseLeftMs(at: now) == nil {
                given = world.disk.executeUnsynced(batch, closed: writer.closed)
                tell(given ?? [])
            }
            plan(.finishBatch, in: world.random.around(world.plan.commitUs) + 20)
        case .finishBatch:
            finish()
        case .retry:
            isRetryPlanned = false
            guard !isBusy else { return }
            _ = writer.take([], at: now)
            planRetry()
        case .sweep:
            isSweepPlanned = false
            // After a batch it is looked at anyway.
            if !isBusy, !beginSweep() { planSweep() }
        case .answerLookUps:
            answerLookUps()
        }
    }

    private var now: Instant { Instant(milliseconds: world.now / 1_000) }

    /// What the sweeper goes by. A planted bug lets the monotonic clock go ahead with the other.
    private var moment: Moment {
        let aheadMs = world.canary == .clockBelieved ? world.jumpedAheadS * 1_000 : 0
        return Moment(monotonic: now.advanced(byMs: aheadMs), unixSeconds: world.unixSeconds)
    }

    /// Begins a step of expiry, if one is due.
    private func beginSweep() -> Bool {
        guard let step = sweeper?.step(at: moment) else { return false }
        world.checkClockBeforeExpiry()
        batch = [.expire(step)]
        isBusy = true
        plan(.finishBatch, in: world.random.around(world.plan.commitUs) + 20)
        return true
    }

    private func planSweep() {
        guard !isSweepPlanned, let pauseMs = sweeper?.pauseLeftMs(at: moment.monotonic) else {
            return
        }
        isSweepPlanned = true
        plan(.sweep, in: (pauseMs + 1) * 1_000)
    }

    /// Takes what came of a step.
    private func tookSweep(_ step: ExpiryStep, _ outcome: EntryOutcome?) {
        guard case .expired(let expired) = outcome else {
            sweeper?.tookStep(nil, at: moment.monotonic)
            world.counts.batchesFailed += 1
            let failed = Expired(failed: step)
            if !failed.isEmpty { report(failed) }
            return
        }
        sweeper?.tookStep(expired, at: moment.monotonic)
        world.counts.expired += expired.stanzas.count
        for place in expired.stanzas { world.note(.expired(place.key, place.owner)) }
        for (owner, _) in expired.notices { world.checkQueues(of: owner.user) }
        if !expired.isEmpty { report(expired) }
    }

    private func finish() {
        if given == nil {
            let forgottenCount = writer.forgottenCount
            let outcomes = writer.take(batch, at: now)
            for entry in batch.filter(\.isSettle).suffix(writer.forgottenCount - forgottenCount) {
                guard case .request(.settle(let device, let key), _, _) = entry else { continue }
                world.ledger.forgot(key, at: device)
            }
            if case .expire(let step)? = batch.first {
                tookSweep(step, outcomes.first)
            } else {
                record(outcomes)
                tell(outcomes)
            }
        } else {
            world.disk.syncForCanary()
        }
        given = nil
        batch = []
        isBusy = false
        planRetry()
        if beginSweep() { return }
        planSweep()
        wake()
    }

    private func planRetry() {
        guard !isRetryPlanned, let pauseMs = writer.pauseLeftMs(at: now) else { return }
        isRetryPlanned = true
        plan(.retry, in: (pauseMs + 1) * 1_000)
    }

    private func tell(_ outcomes: [EntryOutcome]) {
        var sheets: [(shard: Int, answers: [StoreAnswer])] = []
        for (entry, outcome) in zip(batch, outcomes) {
            guard let (shard, answer) = answer(to: entry, outcome) else { continue }
            if let index = sheets.firstIndex(where: { $0.shard == shard }) {
                sheets[index].answers.append(answer)
            } else {
                sheets.append((shard, [answer]))
            }
        }
        for sheet in sheets { deliver(sheet.shard, sheet.answers) }
    }

    private func answer(
        to entry: StoreEntry, _ outcome: EntryOutcome
    ) -> (shard: Int, answer: StoreAnswer)? {
        switch (entry, outcome) {
        case (.request(_, let ticket, let shard), .reply(let reply)):
            return (shard, StoreAnswer(ticket: ticket, reply: reply))
        case (.admin(let change, let home?, _), .admin(let error)):
            guard world.canary != .evictionForgotten,
                let eviction = change.eviction(after: error)
            else { return nil }
            return (home, StoreAnswer(eviction))
        default:
            return nil
        }
    }

    /// Tells the ledger what is durable now.
    private func record(_ outcomes: [EntryOutcome]) {
        var isFailed = false
        var filled: Set<Localpart> = []
        for (entry, outcome) in zip(batch, outcomes) {
            if case .admin(let error) = outcome { world.orderAnswered(error) }
            guard case .request(let request, _, _) = entry else { continue }
            switch (request, outcome) {
            case (.enqueue(let request), .reply(.enqueued(let devices, let copies))):
                world.note(
                    .stored(request.key, recipient: request.recipient, devices: devices))
                world.ledger.stored(request, at: devices, copies: copies)
                if !copies.isEmpty { filled.insert(request.key.sender.user) }
                filled.insert(request.recipient)
            case (_, .reply(.failed)):
                isFailed = true
            case (_, .reply(.queueFull)):
                world.counts.queueFull += 1
            default:
                break
            }
        }
        if isFailed {
            world.counts.batchesFailed += 1
        } else {
            world.counts.batches += 1
        }
        world.note(.batch(count: batch.count, failed: isFailed))
        for user in filled.sorted() { world.checkQueues(of: user) }
    }

    private func answerLookUps() {
        let batch = lookUps
        lookUps = []
        for lookUp in batch {
            let reply: StoreReply
            do throws(StoreError) {
                reply = .credentials(try world.disk.credentials(of: lookUp.device))
            } catch {
                reply = .failed
            }
            deliver(lookUp.shard, [StoreAnswer(ticket: lookUp.ticket, reply: reply)])
        }
    }

    /// The process dies.
    func crash(losingPower: Bool) {
        world.disk.crash(
            given == nil ? batch : [], closed: writer.closed, losingPower: losingPower)
    }

    /// Finishes what was submitted, at once.
    func close() {
        if isBusy, !batch.isEmpty { finish() }
        while !waiting.isEmpty {
            batch = Array(waiting.prefix(limits.batchCountMax))
            waiting.removeFirst(batch.count)
            finish()
        }
        world.disk.close()
    }

    /// Whether nobody waits for anything.
    var isIdle: Bool {
        waiting.isEmpty && !isBusy && lookUps.isEmpty && writer.pauseLeftMs(at: now) == nil
    }

    func checkInvariants() {
        world.require(
            waiting.count(where: { !$0.isAlwaysTaken }) <= limits.submitCountMax
                && lookUps.count <= limits.submitCountMax
                && batch.count <= limits.batchCountMax, .limits, "the store's queue")
        world.require(
            writer.carriedCount <= limits.submitCountMax, .limits, "settles that are carried")
    }
}
