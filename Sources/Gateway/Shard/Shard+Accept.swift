// Connections coming and going: accepting within a budget, beginning handshakes, counting, removing.

internal import Base
internal import Logging
internal import Reactor
internal import Sessions
internal import Synchronization
internal import TLS

extension Shard {
    /// Takes waiting connections, so many a turn, while there is room for those not logged in.
    func accept(from listener: ListenerSocket) {
        for _ in 0..<limits.acceptsPerTurnMax {
            // Full: see listenWhileThereIsRoom.
            guard occupancy < setup.connectionsMax else { return }
            guard unauthenticatedCount < limits.unauthenticatedPerShardMax else {
                pauseAccepting()
                return
            }
            switch listener.socket.accept() {
            case .accepted(let accepted):
                add(accepted)
            case .wouldBlock:
                return
            case .descriptorsExhausted:
                logger.warning("no descriptors left: not accepting for a while")
                pauseAccepting()
                return
            case .failed(let code):
                logger.warning("accept failed", metadata: ["errno": "\(code)"])
                pauseAccepting()
                return
            }
        }
    }

    private func add(_ accepted: consuming AcceptedSocket) {
        metrics.accepted.count()
        let peer = accepted.peer
        let source = peer?.sourceKey ?? 0
        guard unauthenticatedBySource[source, default: 0] < limits.unauthenticatedPerSourceMax
        else {
            metrics.shed.count()
            return
        }
        accepted.socket.setNoDelay(true)
        let deadline = workspace.moment.monotonic.advanced(byMs: limits.handshakeTimeoutMs)
        let raw = accepted.socket.rawValue
        let arrival = Arrival(socket: accepted.socket, peer: peer, deadline: deadline)
        guard let slot = arrivals.add(arrival) else { return }
        let token = Arrivals.token(slot)
        _ = arrivals.with(slot) { arrival in
            arrival.timer = timers.schedule(deadline: deadline, token: token)
        }
        unauthenticatedCount += 1
        unauthenticatedBySource[source, default: 0] += 1
        metrics.connections.add(1, ordering: .relaxed)
        do {
            try poller.add(raw, token: token, interest: [.readable])
        } catch {
            logger.warning("cannot watch a connection", metadata: ["error": "\(error)"])
            dismiss(slot)
        }
        while let oldest = arrivals.surplus() {
            metrics.shed.count()
            dismiss(oldest)
        }
    }

    // MARK: Handshakes

    /// Something happened to an arrival.
    func take(_ event: PollEvent, ofArrival slot: SlotID) {
        if !event.readiness.isDisjoint(with: [.hangup, .error]) {
            dismiss(slot)
            return
        }
        guard !arrivals.hear(slot) else { return }
        // It still waits: until its turn it is not looked at, however often it could be read.
        let muted = arrivals.with(slot) { arrival -> Int32? in
            guard !arrival.isMuted else { return nil }
            arrival.isMuted = true
            return arrival.socket.rawValue
        }
        guard let raw = muted ?? nil else { return }
        metrics.handshakesDelayed.count()
        poller.modify(raw, token: Arrivals.token(slot), interest: [])
    }

    /// Begins the handshakes whose turn it is, and goes on with those whose ClientHello came in pieces, as
    /// many as a fifth of a turn's time is enough for and one at least.
    func beginHandshakes() {
        isGateShut = false
        let moment = workspace.moment.monotonic
        guard
            !delayedHellos.isEmpty
                || arrivals.waitMs(inFlight: handshakesInFlight, at: moment) == 0
        else { return }
        guard setup.handshakeGate.tryEnter(shard: index) else {
            isGateShut = true
            return
        }
        let deadlineNs = MonotonicClock.nanoseconds() + limits.turnTimeMs * 200_000
        for number in 0..<limits.handshakesPerTurnMax {
            // In turn, so that many in pieces do not keep out those that come whole.
            let wasAny =
                number % 2 == 0
                ? beginOne(at: moment) || continueOne() : continueOne() || beginOne(at: moment)
            guard wasAny else { break }
            if MonotonicClock.nanoseconds() >= deadlineNs { break }
        }
        if let next = setup.handshakeGate.leave() {
            // One message for each time that a shard found the gate shut.
            shards[next].mailbox.postAlways(.mayBeginHandshakes)
        }
        #if DEBUG
            if arrivals.count < 64 { arrivals.checkInvariants() }
        #endif
    }

    /// Begins the next handshake; false when none may begin.
    private func beginOne(at moment: Instant) -> Bool {
        guard let slot = arrivals.next(inFlight: handshakesInFlight, at: moment) else {
            return false
        }
        begin(slot)
        return true
    }

    /// Reads more of the next delayed ClientHello; false when there is none.
    private func continueOne() -> Bool {
        guard let slot = delayedHellos.popFirst() else { return false }
        touch(slot) { connection, workspace in
            connection.newcomer?.isHelloDelayed = false
            connection.receive(workspace)
        }
        return true
    }

    /// More of a ClientHello has come: it waits, unread, for the time that handshakes have.
    func delayHello(_ slot: SlotID) {
        metrics.handshakesDelayed.count()
        delayedHellos.append(slot)
    }

    /// Shows the turn's figures.
    func publishGauges() {
        metrics.handshakesWaiting.store(arrivals.waitingCount, ordering: .relaxed)
        metrics.handshakesInFlight.store(handshakesInFlight, ordering: .relaxed)
    }

    private func begin(_ waiting: SlotID) {
        guard let arrival = arrivals.remove(waiting) else { return }
        timers.cancel(arrival.timer)
        let peer = arrival.peer
        let deadline = arrival.deadline
        let raw = arrival.socket.rawValue
        let tls: TLSConnection
        do {
            tls = try TLSConnection(server: self.tls.context)
        } catch {
            logger.error("cannot begin a handshake", metadata: ["error": "\(error)"])
            leave(peer)
            return
        }
        let connection = Connection(
            socket: arrival.socket, peer: peer, tls: tls, deadline: deadline)
        guard let slot = connections.insert(connection) else {
            leave(peer)
            return
        }
        connections.withElement(slot) { connection in
            connection.timer = timers.schedule(deadline: deadline, token: slot.word)
        }
        handshakesInFlight += 1
        poller.modify(raw, token: slot.word, interest: [.readable])
        touch(slot) { connection, workspace in connection.receive(workspace) }
    }

    /// Closes an arrival.
    func dismiss(_ slot: SlotID, as failure: Connection.Failure? = nil) {
        guard let arrival = arrivals.remove(slot) else { return }
        timers.cancel(arrival.timer)
        leave(arrival.peer)
        report(failure, peer: arrival.peer)
    }

    /// Counts the handshake that has just ended, if one has.
    func countHandshake() {
        if workspace.hasHandshakeEnded {
            workspace.hasHandshakeEnded = false
            handshakesInFlight -= 1
        }
        guard let handshake = workspace.handshake else { return }
        workspace.handshake = nil
        metrics.handshakes.count()
        if handshake.isResumed { metrics.resumptions.count() }
    }

    // MARK: Leaving

    /// Takes a dead connection out; its socket closes here.
    func remove(_ slot: SlotID) {
        guard let connection = connections.remove(slot) else { return }
        timers.cancel(connection.timer)
        if connection.newcomer?.isInFlight == true { handshakesInFlight -= 1 }
        if let newcomer = connection.newcomer {
            leave(newcomer.peer)
        } else {
            metrics.connections.subtract(1, ordering: .relaxed)
            metrics.sessions.subtract(1, ordering: .relaxed)
        }
    }

    /// A connection has gone before it logged in.
    private func leave(_ peer: SocketAddress?) {
        metrics.connections.subtract(1, ordering: .relaxed)
        leaveUnauthenticated(peer)
    }

    /// A connection has logged in or gone before it did.
    func leaveUnauthenticated(_ peer: SocketAddress?) {
        unauthenticatedCount -= 1
        let source = peer?.sourceKey ?? 0
        let count = unauthenticatedBySource[source, default: 1] - 1
        unauthenticatedBySource[source] = count == 0 ? nil : count
    }

    /// Reports what went wrong with the connection in hand, if anything did.
    func reportFailure(of slot: SlotID) {
        guard let failure = workspace.failure else { return }
        workspace.failure = nil
        if failure == .lost { return }
        report(failure, peer: connections.withElement(slot) { $0.peer } ?? nil)
    }

    /// One count and one line for a connection that went wrong.
    private func report(_ failure: Connection.Failure?, peer: SocketAddress?) {
        let peer = peer?.description ?? "unknown"
        switch failure {
        case nil, .lost:
            return
        case .handshake(let reason):
            metrics.handshakesFailed.count()
            log("handshake failed", of: peer, reason)
        case .record(let reason):
            metrics.streamErrors.count()
            log("bad record", of: peer, reason)
        case .slowReader:
            metrics.slowReaders.count()
            log("slow reader", of: peer)
        case .handshakeTimeout:
            metrics.timeouts.count()
            metrics.handshakeTimeouts.count()
            log("handshake took too long", of: peer)
        }
    }

    /// A line about what a peer did.
    func log(_ text: Logger.Message, of peer: String, _ reason: String? = nil) {
        var metadata: Logger.Metadata = ["peer": "\(peer)"]
        if let reason { metadata["reason"] = "\(reason)" }
        peerLog.info(text, metadata, at: workspace.moment.monotonic)
    }
}
