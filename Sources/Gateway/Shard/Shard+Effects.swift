// Carrying effects: between sessions, routers and the store, here and on other shards.

internal import Base
internal import Logging
internal import Reactor
internal import Sessions
internal import Storage
internal import Synchronization
internal import Wire

extension Shard {
    /// Carries what a session wants done.
    func carryEffects(of slot: SlotID) {
        guard !workspace.effects.isEmpty else { return }
        var effects: [SessionEffect] = []
        swap(&effects, &workspace.effects)
        for effect in effects {
            switch effect {
            case .lookUpCredentials(let device):
                lookUp(device, for: slot)
            case .toRouter(let home, let input):
                send(.router(input), toHomeOf: home)
            case .close:
                connections.withElement(slot) { $0.close(workspace) }
                reportFailure(of: slot)
            case .note(let note):
                take(note, of: slot)
            }
        }
        effects.empty()
        if workspace.effects.isEmpty { swap(&effects, &workspace.effects) }
    }

    /// Carries what the router wants done.
    func carryRouterEffects() {
        var effects: [RouterEffect] = []
        var notTaken: [UInt64] = []
        swap(&effects, &routerEffects)
        for effect in effects {
            switch effect {
            case .toSession(let address, let input):
                send(.session(address.slot, input), to: address.shard)
            case .toRouter(let home, let input):
                send(.router(input), toHomeOf: home)
            case .toStore(let request, let ticket):
                if !ask(request, ticket: ticket << 1), request.hasAnswer { notTaken.append(ticket) }
            }
        }
        effects.empty()
        if routerEffects.isEmpty { swap(&effects, &routerEffects) }
        // At once: what comes next must not overtake what was not taken.
        for ticket in notTaken {
            router.receive(
                .notTaken, ticket: ticket, at: workspace.moment.unixSeconds, effects: &routerEffects
            )
            carryRouterEffects()
        }
    }

    private func send(_ message: ShardMessage, toHomeOf user: Localpart) {
        send(message, to: user.home(among: shards.count))
    }

    private func send(_ message: ShardMessage, to shard: Int) {
        if shard == index {
            work.append(message)
        } else {
            if outgoing[shard].isEmpty { addressees.append(shard) }
            outgoing[shard].append(message)
        }
    }

    /// Posts what the turn made for other shards, a batch each. Stanzas that a full mailbox does not
    /// take are refused to their senders, from the first of them on; presence and chat states are lost;
    /// everything else is bounded by what made it and always goes.
    func post() {
        var refused: [(SlotID, SessionInput)] = []
        guard !addressees.isEmpty else { return }
        for shard in addressees {
            if shards[shard].mailbox.post(contentsOf: outgoing[shard]) {
                outgoing[shard].empty()
                continue
            }
            var isFull = false
            for message in outgoing[shard] {
                if case .router(.route(let request, let origin)) = message {
                    if !isFull, shards[shard].mailbox.post(message) { continue }
                    isFull = true
                    metrics.shed.count()
                    refused.append(
                        (origin.slot, .refused(Refused(request), .resourceConstraint)))
                } else if message.mayBeLost {
                    if !shards[shard].mailbox.post(message) { metrics.shed.count() }
                } else {
                    shards[shard].mailbox.postAlways(message)
                }
            }
            outgoing[shard].empty()
        }
        addressees.empty()
        // At once, and all of them before anything more is read: it would overtake what was refused.
        for (slot, input) in refused { deliver(input, to: slot, readsOn: false) }
        for (slot, _) in refused { touch(slot) { $0.resume($1) } }
    }

    /// Gives a session an answer or a delivery, if it still is there.
    func deliver(_ input: SessionInput, to slot: SlotID, readsOn: Bool = true) {
        if let echo = input.echo { send(.router(echo.input), toHomeOf: echo.home) }
        touch(slot) { connection, workspace in
            connection.deliver(input, workspace, readsOn: readsOn)
        }
    }

    // Tickets at the store: even ones are the router's, odd ones are sessions' look-ups.

    private func lookUp(_ device: DeviceAddress, for slot: SlotID) {
        nextLookUp += 1
        let ticket = nextLookUp << 1 | 1
        lookUps[ticket] = slot
        if ask(.credentials(device), ticket: ticket) { return }
        work.append(.store([StoreAnswer(ticket: ticket, reply: .failed)]))
    }

    /// Asks the store; false when it has no room. A `settle` waits until there is some.
    private func ask(_ request: StoreRequest, ticket: UInt64) -> Bool {
        // What waits goes first: a page that is read must not show again what was settled before.
        submitSettles()
        let isNext = settles.isEmpty || request.isAlwaysTaken
        if isNext, store?.submit(request, ticket: ticket, shard: index) == true { return true }
        heedStore()
        if case .settle(let device, let key) = request, settles.append(device, key) { return true }
        metrics.shed.count()
        return false
    }

    /// Lets sessions say how long it is no use to come again.
    func heedStore() {
        guard let store else { return }
        workspace.environment.setRetry(at: store.retryAt, now: workspace.moment.monotonic)
    }

    /// Tells the store what it had no room for.
    func submitSettles() {
        if settles.isEmpty { return }
        settles.submit { store?.submit($0, ticket: 0, shard: index) == true }
    }

    /// Takes an answer of the store.
    func take(_ answer: StoreAnswer) {
        guard answer.ticket & 1 == 1 else {
            router.receive(
                answer.reply, ticket: answer.ticket >> 1, at: workspace.moment.unixSeconds,
                effects: &routerEffects)
            carryRouterEffects()
            return
        }
        guard let slot = lookUps.removeValue(forKey: answer.ticket) else { return }
        let input: SessionInput =
            if case .credentials(let keys) = answer.reply { .credentials(keys) } else {
                .credentialsUnavailable
            }
        deliver(input, to: slot)
    }

    private func take(_ note: SessionNote, of slot: SlotID) {
        let peer =
            connections.withElement(slot) { connection -> String in
                if case .loggedIn = note, let newcomer = connection.newcomer {
                    connection.newcomer = nil
                    connection.socket.setUserTimeout(ms: UInt32(clamping: limits.sendTimeoutMs))
                    leaveUnauthenticated(newcomer.peer)
                    metrics.sessions.add(1, ordering: .relaxed)
                    return ""
                }
                if case .closedByPeer = note { return "" }
                return connection.peer?.description ?? "unknown"
            } ?? "unknown"
        switch note {
        case .loggedIn(let device):
            metrics.logins.count()
            logger.debug(
                "logged in", metadata: ["device": "\(device.user)/\(device.device)"])
        case .loginFailed(let failure):
            metrics.loginsFailed.count()
            log("login failed", of: peer, "\(failure)")
        case .ended(.connectionTimeout):
            metrics.timeouts.count()
            logger.debug("timed out", metadata: ["peer": "\(peer)"])
        case .ended(.conflictReplaced), .ended(.reset), .ended(.systemShutdown):
            logger.debug("session ended", metadata: ["peer": "\(peer)", "reason": "\(note)"])
        case .ended(let error):
            metrics.streamErrors.count()
            log("stream error", of: peer, "\(error)")
        case .closedByPeer:
            break
        }
    }

    // MARK: The end

    func beginStop() {
        guard stopAt == nil else { return }
        closeListeners()
        stopAt = workspace.moment.monotonic.advanced(byMs: limits.closeTimeoutMs)
        while let slot = arrivals.any { dismiss(slot) }
        endedUpTo = 0
    }

    /// Ends some more sessions of a shard that stops.
    func endSessions() {
        guard var position = endedUpTo else { return }
        while !isTurnOver {
            guard let slot = connections.next(from: position) else {
                endedUpTo = nil
                stopAt = workspace.moment.monotonic.advanced(byMs: limits.closeTimeoutMs)
                return
            }
            position = slot.index + 1
            endedUpTo = position
            let after = afterStopS
            touch(slot) { connection, workspace in
                if connection.stage == .open {
                    connection.session?.end(
                        .systemShutdown, after: after, in: workspace.environment,
                        output: &connection.buffers.unsealed, effects: &workspace.effects)
                } else {
                    connection.fail(.lost, workspace)
                }
            }
        }
    }

    /// How long the next client that a stop sends away should stay away: longer than the stop may take, and
    /// so much longer than those before it that they come back no faster than handshakes are taken.
    private var afterStopS: UInt64 {
        defer { sentAwayCount += 1 }
        let turn = UInt64(sentAwayCount) * 1_000 / UInt64(limits.handshakesPerSecondMax)
        return SessionEnvironment.retryAfterS(ms: limits.closeTimeoutMs + turn)
    }

    /// The thread's last act: whoever is left is cut off.
    func finish() {
        while let slot = arrivals.any { dismiss(slot) }
        while let slot = connections.next(from: 0) { remove(slot) }
    }
}
