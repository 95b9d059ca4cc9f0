// Carrying effects, as Gateway's `Shard+Effects` does, with the ledger looking on.

internal import Base
internal import Sessions
internal import Storage
internal import Wire

extension SimulatedShard {
    func carryEffects(of connection: ServerConnection) {
        guard !effects.isEmpty else { return }
        var batch: [SessionEffect] = []
        swap(&batch, &effects)
        for effect in batch {
            switch effect {
            case .lookUpCredentials(let user):
                nextLookUp += 1
                let ticket = nextLookUp << 1 | 1
                lookUps[ticket] = connection.address.slot
                if !ask(.credentials(user), ticket: ticket) {
                    work.append(.store([StoreAnswer(ticket: ticket, reply: .failed)]))
                }
            case .toRouter(let home, let input):
                record(input, of: connection)
                send(.router(input), toHomeOf: home)
            case .close:
                close(connection)
            case .note(let note):
                take(note, of: connection)
            }
        }
    }

    private func take(_ note: SessionNote, of connection: ServerConnection) {
        switch note {
        case .loggedIn(let device):
            world.counts.logins += 1
            world.require(
                device == connection.credential, .sessions,
                "\(Trace.text(device)) without its password")
            connection.proof?.revocationsAtLogin = world.revocationCount(of: device)
        case .loginFailed:
            world.counts.loginsFailed += 1
        case .ended(let error):
            if error == .reset { world.counts.evicted += 1 }
            world.note(.ended(connection.address, error))
        case .closedByPeer:
            break
        }
    }

    /// Notes what a session says, and that it says it for itself only.
    private func record(_ input: RouterInput, of connection: ServerConnection) {
        let own = connection.credential
        let address = connection.address
        func isOwn(_ device: DeviceAddress, _ session: SessionAddress) {
            world.require(
                device == own && session == address, .sessions,
                "\(Trace.text(session)) speaks for \(Trace.text(device))")
        }
        switch input {
        case .readAgain(let device, let session):
            isOwn(device, session)
            world.counts.pagesAgain += 1
        case .claim(let device, let session, _, let login):
            isOwn(device, session)
            connection.proof = ProofNote(login, device, world)
            if world.canary == .claimEndsAtOnce { endOthers(of: device, than: connection) }
            connection.hadSiblings = world.disk.durableDevices(of: device.user).contains {
                $0 != device.device
            }
            world.note(.claim(device, session))
        case .release(let device, let session):
            isOwn(device, session)
            world.note(.release(device, session))
        case .setAvailable(let device, let session, _):
            isOwn(device, session)
        case .route(let request, let origin):
            isOwn(request.key.sender, origin)
            world.note(
                .route(
                    request.key, to: request.recipient, device: request.device, from: origin))
            world.ledger.routed(request, world.disk.durableDevices(of: request.recipient))
            world.require(
                request.key.kind != .message || request.recipient == own?.user
                    || !connection.hadSiblings || request.copy != nil, .nothingLost,
                "\(request.key.id) without copies")
        case .settle(let device, let session, let key, _):
            isOwn(device, session)
            world.note(.settle(device, key))
        case .contacts(let request):
            isOwn(request.device, request.session)
        case .transient, .presence, .reopen, .stored, .mayWait:
            break
        }
    }

    func carryRouterEffects() {
        var batch: [RouterEffect] = []
        var notTaken: [UInt64] = []
        swap(&batch, &routerEffects)
        checkReplacements(batch)
        for effect in Self.withNewsInOrder(batch) {
            switch effect {
            case .toSession(let address, let input):
                record(input, to: address)
                send(.session(address.slot, input), to: address.shard)
            case .toRouter(let home, let input):
                send(.router(input), toHomeOf: home)
            case .toStore(let request, let ticket):
                if !ask(request, ticket: ticket << 1), request.hasAnswer { notTaken.append(ticket) }
            }
        }
        for ticket in notTaken {
            router.receive(
                .notTaken, ticket: ticket, at: moment.unixSeconds, effects: &routerEffects)
            carryRouterEffects()
        }
    }

    /// A session ends for another only when that one is in.
    private func checkReplacements(_ batch: [RouterEffect]) {
        let binds = batch.contains { if case .toSession(_, .bound) = $0 { true } else { false } }
        for case .toSession(let address, .end(.conflictReplaced)) in batch {
            requireReplaced(address, binds)
        }
    }

    private func requireReplaced(_ address: SessionAddress, _ binds: Bool) {
        let connection = gateway.shards[address.shard].connections.withElement(address.slot) { $0 }
        guard let device = connection?.session.device else { return }
        world.require(
            binds, .sessions, "\(Trace.text(device)) was ended for a login that had not succeeded")
    }

    /// A planted bug: whoever claims a device ends its session, whatever becomes of the claim.
    private func endOthers(of device: DeviceAddress, than claimer: ServerConnection) {
        for shard in gateway.shards {
            shard.forEachConnection { other in
                guard other !== claimer, other.session.device == device else { return }
                routerEffects.append(.toSession(other.address, .end(.conflictReplaced)))
            }
        }
        carryRouterEffects()
    }

    /// News for many contacts comes in the order of a set, which differs from run to run; a seed must not.
    private static func withNewsInOrder(_ effects: [RouterEffect]) -> [RouterEffect] {
        func contact(_ effect: RouterEffect) -> Localpart? {
            if case .toRouter(_, .presence(let news)) = effect { news.to } else { nil }
        }
        var sorted = effects
        var start = 0
        while start < sorted.count {
            var end = start
            while end < sorted.count, contact(sorted[end]) != nil { end += 1 }
            if end > start + 1 {
                sorted[start..<end].sort { left, right in
                    guard let left = contact(left), let right = contact(right) else { return false }
                    return left < right
                }
            }
            start = max(end, start + 1)
        }
        return sorted
    }

    private func record(_ input: SessionInput, to address: SessionAddress) {
        switch input {
        case .accepted(let key, let recipient, _):
            world.note(.answer(address, "accepted", key))
            world.ledger.accepted(key, recipient)
        case .refused(let request, let condition):
            world.note(.answer(address, "refused (\(condition))", request.key))
            noteRefusal(of: request.key)
        case .deliver(let payload):
            world.note(.deliver(address, size: payload.count))
        default:
            break
        }
    }

    func noteRefusal(of key: StanzaKey) {
        if key.kind == .message { world.counts.refused += 1 }
        world.ledger.refused(key)
    }

    func send(_ mail: Mail, toHomeOf user: Localpart) {
        send(mail, to: user.home(among: gateway.shards.count))
    }

    private func send(_ mail: Mail, to shard: Int) {
        if shard == index { work.append(mail) } else { outgoing[shard].append(mail) }
    }

    private func ask(_ request: StoreRequest, ticket: UInt64) -> Bool {
        settles.submit { gateway.store.submit($0, ticket: 0, shard: index) }
        let isNext = settles.isEmpty || request.isAlwaysTaken
        if isNext, gateway.store.submit(request, ticket: ticket, shard: index) { return true }
        if case .settle(let device, let key) = request {
            if settles.append(device, key) { return true }
            world.ledger.forgot(key, at: device)
        }
        return false
    }

    func take(_ answer: StoreAnswer) {
        guard answer.ticket & 1 == 1 else {
            router.receive(
                answer.reply, ticket: answer.ticket >> 1, at: moment.unixSeconds,
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

    /// Ends all sessions, as an orderly stop does.
    func stop() {
        moment = gateway.moment
        forEachConnection { connection in
            touch(connection) {
                connection.session.end(
                    .systemShutdown,
                    after: SessionEnvironment.retryAfterS(ms: self.limits.closeTimeoutMs),
                    in: self.environment, output: &connection.unsealed,
                    effects: &self.effects)
            }
        }
        wake()
    }
}
