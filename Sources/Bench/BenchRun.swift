// One run: starts the threads, leads them through phases, reads what there is to read, makes the report.
// Used by one thread. A run that is interrupted ends its phase early and every later one at once.

internal import Base
internal import Glibc
internal import Reactor
internal import Synchronization
internal import TLS

/// What a run needs from its surroundings.
package struct BenchSurroundings {
    /// The gateway's counters; nil when it does not tell.
    package var gatewayStatus: () -> [String: Int]?
    /// Whether the user wants to leave.
    package var isInterrupted: () -> Bool
    /// Told a few times a second how it goes.
    package var progress: (_ phase: String, _ reading: BenchCounts, _ seconds: Double) -> Void
    /// Told each second, for tables over time.
    package var sample: (_ phase: String, _ reading: BenchReading) -> Void

    package init(
        gatewayStatus: @escaping () -> [String: Int]?, isInterrupted: @escaping () -> Bool,
        progress: @escaping (String, BenchCounts, Double) -> Void,
        sample: @escaping (String, BenchReading) -> Void
    ) {
        self.gatewayStatus = gatewayStatus
        self.isInterrupted = isInterrupted
        self.progress = progress
        self.sample = sample
    }
}

/// Threads, phases and the report.
package final class BenchRun {
    private let surroundings: BenchSurroundings
    private let population: Population
    private let workers: [BenchWorker]
    private let startNs = MonotonicClock.nanoseconds()
    private var phases: [BenchPhase] = []
    private var first: BenchReading?
    private var fullest: BenchReading?
    private var settledCount = 0

    /// Starts the threads. Throws when the system refuses one, or a device.
    package init(
        target: BenchTarget, population: Population, transport: BenchTransport, unshares: Bool,
        surroundings: BenchSurroundings
    ) throws {
        self.surroundings = surroundings
        self.population = population
        let reachesLoopback = target.servers.contains { $0.isLoopback }
        workers = try (0..<population.threadCount).map {
            let means: BenchWorker.Means =
                switch transport {
                case .kernel: .sockets(unshares: unshares)
                case .tun:
                    .device(
                        try TunDevice(
                            packetSizeMax: BenchLimits.packetSizeMax,
                            queueCount: BenchLimits.packetQueueCountMax,
                            reachesLoopback: reachesLoopback))
                }
            return try BenchWorker(
                index: $0, target: target, population: population, means: means)
        }
        first = reading
    }

    /// Whether the user has asked to leave.
    package var isInterrupted: Bool { surroundings.isInterrupted() }

    /// Threads that a number of clients needs, and whether each needs a descriptor table of its own.
    package static func threads(
        for clientCount: Int, asked: Int?, descriptorLimit: Int, coreCount: Int,
        transport: BenchTransport = .kernel
    ) -> (count: Int, unshares: Bool)? {
        if transport == .tun {
            // One for each core is as good as more: a client costs no descriptor.
            return (asked ?? min(coreCount, max(1, clientCount)), false)
        }
        let room = max(1, descriptorLimit - BenchLimits.descriptorMarginCount)
        if clientCount <= room {
            return (asked ?? min(coreCount, max(1, clientCount)), false)
        }
        let needed = (clientCount + room - 1) / room
        let count = asked ?? max(needed, coreCount)
        guard count >= needed, count <= BenchLimits.threadCountMax else { return nil }
        return (count, true)
    }

    // MARK: Phases

    /// Every client comes online or gives up. After a storm all were due at once.
    package func arrive(
        name: String, rate: Double?, pendingMax: Int, isAfterStorm: Bool = false
    ) {
        phase(name) { startNs in
            for worker in workers {
                worker.counters.expected.store(1, ordering: .relaxed)  // until the thread counts
                let plan = ArrivalPlan(
                    pace: pace(startNs, rate, worker), pendingMax: share(of: pendingMax, worker),
                    isDueAtStart: isAfterStorm)
                worker.post(.arrive(plan))
            }
            return wait(name) { $0.expected <= 0 }
        }
    }

    /// Nothing happens for so long.
    package func hold(name: String = "hold", seconds: Int) {
        phase(name) { startNs in
            let endNs = startNs + UInt64(seconds) * 1_000_000_000
            return wait(name) { _ in MonotonicClock.nanoseconds() >= endNs }
        }
    }

    /// Every connection is reset at once; over when all are gone here.
    package func drop(name: String) {
        phase(name) { _ in
            for worker in workers { worker.post(.drop) }
            return wait(name) { $0.online == 0 && $0.pending == 0 }
        }
    }

    /// Clients log in and leave, again and again.
    package func logins(name: String, rate: Double?, pendingMax: Int, seconds: Int) {
        phase(name) { startNs in
            let endNs = startNs + UInt64(seconds) * 1_000_000_000
            for worker in workers {
                let plan = ArrivalPlan(
                    pace: pace(startNs, rate, worker),
                    pendingMax: share(of: pendingMax, worker),
                    isCycling: true, endNs: endNs)
                worker.post(.arrive(plan))
            }
            return wait(name) { _ in MonotonicClock.nanoseconds() >= endNs }
        }
    }

    /// Messages flow; over when the time is and every answer has come, or no more come. It lasted until the
    /// last answer, however long one that is missing was waited for.
    package func messages(name: String, _ plan: MessagePlan) {
        let before = counts
        phase(name) { startNs in
            for worker in workers { worker.post(.send(plan, startNs: startNs)) }
            let endNs = startNs + UInt64(plan.seconds) * 1_000_000_000
            var answeredNs = wait(name) { _ in MonotonicClock.nanoseconds() >= endNs }
            var answerCount = -1
            wait(name) { counts in
                let grown = counts - before
                let current = MonotonicClock.nanoseconds()
                let count = grown.acked + grown.refused + grown.delivered + grown.receipts
                if count != answerCount {
                    if answerCount >= 0 { answeredNs = current }
                    answerCount = count
                }
                let isAnswered = grown.acked + grown.refused >= grown.sent
                let expected = grown.acked * plan.devicesOnline
                let isDelivered = grown.delivered >= expected
                let isConfirmed = !plan.hasReceipts || grown.receipts >= expected
                return isAnswered && isDelivered && isConfirmed
                    || current >= answeredNs + BenchLimits.drainTimeoutMs * 1_000_000
            }
            return answeredNs
        }
    }

    /// Ends the threads and gives the report.
    package func finish(kind: String, parameters: [String: String]) -> BenchReport {
        for worker in workers { worker.stop() }
        var perSession: BenchPerSession?
        if let first, let fullest { perSession = BenchPerSession(from: first, to: fullest) }
        return BenchReport(
            kind: kind, parameters: parameters, machine: .read(),
            versions: ["openssl": TLSLibrary.version, "protocol": ternApplicationProtocol],
            phases: phases, isInterrupted: isInterrupted, perSession: perSession)
    }

    // MARK: Inside

    private func pace(_ startNs: UInt64, _ rate: Double?, _ worker: BenchWorker) -> Pace {
        Pace(startNs: startNs, rate: rate)
            .share(population.count(ofThread: worker.index), of: population.count)
    }

    /// A thread's part of what all may have under way: one at least.
    private func share(of pendingMax: Int, _ worker: BenchWorker) -> Int {
        let (each, rest) = pendingMax.quotientAndRemainder(dividingBy: workers.count)
        return max(1, each + (worker.index < rest ? 1 : 0))
    }

    /// Takes the readings around a phase. `body` is given its start and gives its end.
    private func phase(_ name: String, _ body: (UInt64) -> UInt64) {
        guard !isInterrupted else { return }
        let before = reading
        let startNs = MonotonicClock.nanoseconds()
        let seconds = Double(body(startNs) - startNs) / 1e9
        for worker in workers { worker.post(.settle) }
        settledCount += 1
        // A thread answers within a turn; one that has ended never will.
        let deadline = MonotonicClock.now().advanced(byMs: BenchLimits.drainTimeoutMs)
        while MonotonicClock.now() < deadline, !areSettled { pause() }
        var measured = Measurements()
        for worker in workers {
            measured.merge(worker.takeMeasurements())
            if let reason = worker.failureReason { measured.note("generator: \(reason)") }
        }
        // Handshakes leave holes, which are not what sessions cost.
        Allocator.trim()
        let after = reading
        // A hold shows what is left when the logins' own memory is free again.
        let most = fullest?.counts.online ?? 0
        if after.counts.online > most || (name == "hold" && after.counts.online == most) {
            fullest = after
        }
        var grown = after.counts - before.counts
        grown.online = after.counts.online
        grown.pending = after.counts.pending
        grown.expected = after.counts.expected
        phases.append(
            BenchPhase(
                name: name, seconds: seconds, before: before, after: after, counts: grown,
                acks: BenchLatency(measured.acks), deliveries: BenchLatency(measured.deliveries),
                receipts: BenchLatency(measured.receipts),
                fullLogins: BenchLatency(measured.fullLogins),
                resumedLogins: BenchLatency(measured.resumedLogins), errors: measured.errors,
                tcp: measured.tcp))
    }

    private var areSettled: Bool {
        workers.allSatisfy {
            $0.counters.settled.load(ordering: .acquiring) >= settledCount
                || $0.failureReason != nil
        }
    }

    /// Waits until the condition holds, the user leaves or a thread has failed; the time then.
    @discardableResult
    private func wait(_ phase: String, until condition: (BenchCounts) -> Bool) -> UInt64 {
        var sampledNs: UInt64 = 0
        while true {
            let counts = counts
            let isOver = condition(counts) || isInterrupted
            let current = MonotonicClock.nanoseconds()
            if isOver || workers.contains(where: { $0.failureReason != nil }) { return current }
            let seconds = Double(current - startNs) / 1e9
            surroundings.progress(phase, counts, seconds)
            if current >= sampledNs + 1_000_000_000 {
                sampledNs = current
                surroundings.sample(phase, reading)
            }
            pause()
        }
    }

    private func pause() {
        usleep(20_000)
    }

    private var counts: BenchCounts {
        workers.reduce(BenchCounts()) { $0 + $1.counters.snapshot }
    }

    private var reading: BenchReading {
        let cpu = ResourceUsage.processCPUNanoseconds()
        return BenchReading(
            atS: Double(MonotonicClock.nanoseconds() - startNs) / 1e9, counts: counts,
            gateway: surroundings.gatewayStatus().map { GatewayReading(status: $0) },
            kernel: .read(), generatorCPUMs: Int((cpu.user + cpu.system) / 1_000_000),
            generatorResidentBytes: ResourceUsage.residentSize())
    }
}
