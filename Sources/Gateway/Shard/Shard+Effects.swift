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
            case .lookUpCredentials(let user):
                lookUp(user, for: slot)
            case .toRouter(let home, let input):
                send(.router(input), toHomeOf: home)
            case .close:
                connections.withElement(slot) { $0.close(workspace) }
            case .note(let note):
                take(note, of: slot)
            }
        }
        effects.removeAll(keepingCapacity: true)
        if workspace.effects.isEmpty { swap(&effects, &workspace.effects) }
    }

    /// Carries what the router wants done.
    func carryRouterEffects() {
        var effects: [RouterEffect] = []
        swap(&effects, &routerEffects)
        for effect in effects {
            switch effect {
            case .toSession(let address, let input):
                send(.session(address.slot, input), to: address.shard)
            case .toRouter(let home, let input):
                send(.router(input), toHomeOf: home)
            case .toStore(let request, let ticket):
                ask(request, ticket: ticket << 1)
            }
        }
        effects.removeAll(keepingCapacity: true)
        if routerEffects.isEmpty { swap(&effects, &routerEffects) }
    }

    private func send(_ message: ShardMessage, toHomeOf user: Localpart) {
        send(message, to: Int(user.homeHash % UInt64(shards.count)))
    }

    private func send(_ message: ShardMessage, to shard: Int) {
        if shard == index {
            work.append(message)
        } else {
            outgoing[shard].append(message)
        }
    }

    /// Posts what the turn made for other shards, a batch each. Stanzas that a full mailbox does not
    /// take are refused to their senders; everything else is bounded by what made it and always goes.
    func post() {
        for shard in shards.indices where !outgoing[shard].isEmpty {
            if shards[shard].mailbox.post(contentsOf: outgoing[shard]) {
                outgoing[shard].removeAll(keepingCapacity: true)
                continue
            }
            for message in outgoing[shard] {
                if case .router(.route(let request, let origin)) = message {
                    metrics.shed.count()
                    work.append(
                        .session(
                            origin.slot,
                            .refused(
                                request.key, recipient: request.recipient, device: request.device,
                                .resourceConstraint)))
                } else {
                    shards[shard].mailbox.postAlways(message)
                }
            }
            outgoing[shard].removeAll(keepingCapacity: true)
        }
    }

    // Tickets at the store: even ones are the router's, odd ones are sessions' look-ups.

    private func lookUp(_ user: Localpart, for slot: SlotID) {
        nextLookUp += 1
        let ticket = nextLookUp << 1 | 1
        lookUps[ticket] = slot
        ask(.credentials(user), ticket: ticket)
    }

    private func ask(_ request: StoreRequest, ticket: UInt64) {
        if store?.submit(request, ticket: ticket, shard: index) == true { return }
        metrics.shed.count()
        // A `settle` has no ticket: the stanza stays and comes again, and the client drops it.
        if ticket != 0 { work.append(.store([StoreAnswer(ticket: ticket, reply: .failed)])) }
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
        touch(slot) { connection, workspace in connection.deliver(input, workspace) }
    }

    private func take(_ note: SessionNote, of slot: SlotID) {
        let peer =
            connections.withElement(slot) { connection -> String in
                if case .loggedIn = note, !connection.isAuthenticated {
                    connection.isAuthenticated = true
                    leaveUnauthenticated(connection.peer)
                    metrics.sessions.add(1, ordering: .relaxed)
                }
                return connection.peer?.description ?? "unknown"
            } ?? "unknown"
        switch note {
        case .loggedIn(let device):
            metrics.logins.count()
            logger.debug(
                "logged in", metadata: ["device": "\(device.user)/\(device.device)"])
        case .loginFailed(let failure):
            metrics.loginsFailed.count()
            logger.info(
                "login failed", metadata: ["peer": "\(peer)", "reason": "\(failure)"])
        case .ended(.connectionTimeout):
            metrics.timeouts.count()
            logger.debug("timed out", metadata: ["peer": "\(peer)"])
        case .ended(.conflictReplaced), .ended(.systemShutdown):
            logger.debug("session ended", metadata: ["peer": "\(peer)", "reason": "\(note)"])
        case .ended(let error):
            metrics.streamErrors.count()
            logger.info(
                "stream error", metadata: ["peer": "\(peer)", "reason": "\(error)"])
        case .closedByPeer:
            break
        }
    }

    // MARK: The end

    func beginStop() {
        guard stopAt == nil else { return }
        setAccepting(false)
        stopAt = workspace.moment.monotonic.advanced(byMs: limits.closeTimeoutMs)
        var position: UInt32 = 0
        while let slot = connections.next(from: position) {
            position = slot.index + 1
            touch(slot) { connection, workspace in
                if connection.stage == .open {
                    connection.session?.end(
                        .systemShutdown, in: workspace.environment, output: &connection.unsealed,
                        effects: &workspace.effects)
                } else {
                    connection.fail(.lost, &workspace.effects)
                }
            }
        }
    }

    /// The thread's last act: whoever is left is cut off.
    func finish() {
        while let slot = connections.next(from: 0) { remove(slot) }
    }
}
