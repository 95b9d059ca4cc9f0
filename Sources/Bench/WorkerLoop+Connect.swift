// Clients coming and going: connecting, losing a connection, trying again.

internal import Base
internal import Glibc
internal import Reactor
internal import Synchronization
internal import TLS
internal import Wire

/// Why a client lost its connection.
struct BenchFailure: Error {
    let kind: String
    /// Whether another attempt may do better.
    var isFinal = false

    init(_ kind: String, isFinal: Bool = false) {
        self.kind = kind
        self.isFinal = isFinal
    }
}

extension WorkerLoop {
    func advanceArrival(_ plan: ArrivalPlan) {
        if plan.isCycling, MonotonicClock.nanoseconds() >= plan.endNs {
            readyHead = ready.count
            return
        }
        var count = 0
        while readyHead < ready.count, pendingCount < plan.pendingMax,
            count < BenchLimits.connectsPerTurnMax
        {
            let current = MonotonicClock.nanoseconds()
            let due = plan.pace.dueNs(begunCount) ?? current
            guard due <= current else { break }
            let index = Int(ready[readyHead])
            readyHead += 1
            begunCount += 1
            count += 1
            connect(index, intendedNs: plan.isDueAtStart ? plan.pace.startNs : due)
        }
        compactReady()
    }

    private func compactReady() {
        guard readyHead >= 1_024, readyHead * 2 >= ready.count else { return }
        ready.removeFirst(readyHead)
        readyHead = 0
    }

    /// Begins a connection. Precondition: the client is absent.
    private func connect(_ index: Int, intendedNs: UInt64) {
        precondition(clients[index].phase == .absent, "client \(index)")
        let client = index * population.threadCount + worker.index
        let deadline = now.advanced(byMs: BenchLimits.loginTimeoutMs)
        clients[index].incarnation &+= 1  // wraps after 2^32 connections of one client: harmless
        clients[index].attempt = LoginAttempt(
            intendedNs: intendedNs,
            timer: timers.schedule(deadline: deadline, token: timerToken(index, isRetry: false)))
        clients[index].phase = .connecting
        setPending(pendingCount + 1)
        do {
            try transport.connect(
                index, number: client, server: client % target.servers.count, token: token(index))
        } catch {
            lose(index, BenchFailure("connect: \(error)"))
        }
    }

    /// Something happened to the client's connection.
    func handle(_ index: Int, _ readiness: Readiness) {
        do throws(BenchFailure) {
            if clients[index].phase == .connecting {
                try finishConnect(index)
            } else {
                if !readiness.isDisjoint(with: [.readable, .hangup, .error]) {
                    try receive(index)
                }
                if readiness.contains(.writable) { try flushSpill(index) }
            }
        } catch {
            lose(index, error)
        }
    }

    private func finishConnect(_ index: Int) throws(BenchFailure) {
        switch transport.finishConnect(index) {
        case .inProgress: return
        case .failed(let code): throw BenchFailure("connect: \(errorText(code))")
        case .connected: break
        }
        clients[index].phase = .handshaking
        do throws(TLSError) {
            let resumes = clients[index].hasLoggedIn || target.resumption == .always
            var tls = try TLSConnection(
                client: target.tls, serverName: target.serverName,
                session: resumes ? tickets.next() : nil)
            try tls.start(output: &output, ciphers: ciphers)
            clients[index].tls = consume tls
        } catch {
            throw BenchFailure("TLS: \(error)")
        }
        try send(index)
    }

    /// The client's connection is gone; counts why, and tries again if that is worth it.
    func lose(_ index: Int, _ failure: BenchFailure) {
        measurements.note(failure.kind)
        // What was meant for this connection must not reach the next.
        frames.clear()
        output.clear()
        let wasOnline = clients[index].phase == .online
        close(index)
        guard !wasOnline else {
            worker.counters.dropped.count()
            return
        }
        guard case .arriving(let plan) = task else { return }
        clients[index].attemptCount += 1
        let attempts = Int(clients[index].attemptCount)
        if failure.isFinal || attempts >= BenchLimits.attemptCountMax {
            worker.counters.gaveUp.count()
            if !plan.isCycling { worker.counters.expected.count(-1) }
            return
        }
        worker.counters.retries.count()
        let doubled = BenchLimits.retryPauseMs << UInt64(min(attempts - 1, 16))
        let pause = min(doubled, BenchLimits.retryPauseMsMax)
        _ = timers.schedule(
            deadline: now.advanced(byMs: UInt64.random(in: pause / 2...pause)),
            token: timerToken(index, isRetry: true))
    }

    /// Resets the connection and forgets it, whatever it was doing.
    func close(_ index: Int) {
        switch clients[index].phase {
        case .absent: return
        case .online: setOnline(onlineCount - 1)
        case .connecting, .handshaking, .sentAuth, .sentResponse: setPending(pendingCount - 1)
        }
        if let attempt = clients[index].attempt { timers.cancel(attempt.timer) }
        if case .sending(let sending) = task {
            sending.lose(index, unackedCount: Int(clients[index].unackedCount))
        }
        clients[index].attempt = nil
        clients[index].tls = nil
        clients[index].spill = nil
        clients[index].unackedCount = 0
        clients[index].phase = .absent
        clients[index].incarnation &+= 1  // see connect
        transport.reset(index)
    }

    /// A timer: a login that takes too long, or one to try again.
    func fire(_ token: UInt64) {
        let index = Int((token & 0xFFFF_FFFF) >> 1)
        guard clients[index].incarnation == UInt32(token >> 32) else { return }
        if token & 1 == 1 {
            ready.append(UInt32(index))
        } else if clients[index].phase != .online {
            lose(index, BenchFailure("timeout: \(clients[index].phase)"))
        }
    }

    private func timerToken(_ index: Int, isRetry: Bool) -> UInt64 {
        UInt64(clients[index].incarnation) << 32 | UInt64(index) << 1 | (isRetry ? 1 : 0)
    }

    func setPending(_ count: Int) {
        pendingCount = count
        worker.counters.pending.store(count, ordering: .relaxed)
    }

    func setOnline(_ count: Int) {
        onlineCount = count
        worker.counters.online.store(count, ordering: .relaxed)
    }
}

/// What `errno`'s value means.
func errorText(_ code: Int32) -> String {
    strerror(code).map { String(cString: $0) } ?? "errno \(code)"
}
