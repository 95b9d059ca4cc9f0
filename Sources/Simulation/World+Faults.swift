// What goes wrong, and when it is over. A fault that does not fit the moment does nothing.

internal import Base
internal import Sessions
internal import Storage
internal import Wire

extension World {
    func causeFault() {
        guard let fault = random.pick(plan.faults), cause(fault) else { return }
        counts.count(fault)
    }

    private func cause(_ fault: Fault) -> Bool {
        switch fault {
        case .connectionLoss: cut(fault, deaf: nil)
        case .halfOpenAtServer: cut(fault, deaf: .server)
        case .halfOpenAtClient: cut(fault, deaf: .client)
        case .lateBytes: delayOldBytes()
        case .duplicateLogin: logInTwice()
        case .wrongPassword: intrude()
        case .slowReader, .sleepingClient: slowDown(fault)
        case .clientCrash: crashClient()
        case .networkOutage: breakNetwork()
        case .kill, .powerCut: crash(fault)
        case .orderlyRestart: restart()
        case .diskFull, .fsyncError, .locked, .storeStall: troubleStore(fault)
        case .gatewayStall: stallGateway()
        case .wallClockJump: jump()
        case .tokensRevoked, .passwordChanged: decide(fault)
        }
    }

    private func pause(_ range: ClosedRange<UInt64>) -> UInt64 { random.between(range) }

    // MARK: Connections

    private var openLinks: [SimulatedLink] {
        links.removeAll { $0.isClosedByClient && $0.connection == nil }
        return links.filter { !$0.isCut && !$0.isClosedByClient && $0.connection != nil }
    }

    private func cut(_ fault: Fault, deaf: LinkSide?) -> Bool {
        guard let link = random.pick(openLinks) else { return false }
        note(.fault(fault, "link \(link.number)"))
        cut(link, deaf: deaf)
        return true
    }

    /// Cuts a link at any byte of what is on its way.
    private func cut(_ link: SimulatedLink, deaf: LinkSide?) {
        let toServer = random.below(link.lane(to: .server).flyingSize + 1)
        let toClient = random.below(link.lane(to: .client).flyingSize + 1)
        link.lane(to: .server).cut(keptSize: toServer)
        link.lane(to: .client).cut(keptSize: toClient)
        note(.cut(link: link.number, toServerKept: toServer, toClientKept: toClient))
        for side in [LinkSide.client, .server] where side != deaf {
            schedule.add(.loss(link, side), at: now + random.around(500_000))
        }
    }

    /// The client gives a connection up whose last bytes still come, after its next login perhaps.
    private func delayOldBytes() -> Bool {
        guard let link = random.pick(openLinks) else { return false }
        note(.fault(.lateBytes, "link \(link.number)"))
        link.lane(to: .server).putOff(byUs: pause(1_000...3_000_000), in: self)
        link.lane(to: .client).cut(keptSize: 0)
        schedule.add(.loss(link, .client), at: now)
        return true
    }

    private func breakNetwork() -> Bool {
        guard now >= outageUntil else { return false }
        outageUntil = now + pause(100_000...15_000_000)
        note(.fault(.networkOutage, "for \((outageUntil - now) / 1_000) ms"))
        for link in openLinks {
            cut(link, deaf: random.chance(50) ? .server : random.chance(50) ? .client : nil)
        }
        schedule.add(.relief(.network), at: outageUntil)
        return true
    }

    // MARK: Clients

    private func logInTwice() -> Bool {
        guard clients.count < 40,
            let old = random.pick(clients.filter { !$0.isStopped && $0.knowsPassword })
        else { return false }
        note(.fault(.duplicateLogin, "client \(clients.count) as client \(old.number)"))
        let twin = addClient(old.device)
        twin.returns = old.returns
        twin.open()
        return true
    }

    private func intrude() -> Bool {
        guard clients.count < 40, let user = random.pick(users) else { return false }
        let device = UInt8(random.below(3))
        note(.fault(.wrongPassword, "client \(clients.count) as \(user)/\(device)"))
        let intruder = addClient(
            DeviceAddress(user: user, device: device), knowsPassword: false)
        if random.chance(50) { intruder.guessToken(cryptography.randomBytes(32)) }
        intruder.open()
        return true
    }

    /// At once, or in the next commit of its store.
    private func crashClient() -> Bool {
        guard let client = random.pick(clients.filter { !$0.isStopped && $0.knowsPassword }) else {
            return false
        }
        note(.fault(.clientCrash, "client \(client.number)"))
        if random.chance(50), !client.isAway { client.diesInCommit = true } else { client.crash() }
        return true
    }

    private func slowDown(_ fault: Fault) -> Bool {
        guard let client = random.pick(clients.filter { !$0.isStopped && !$0.isAway }) else {
            return false
        }
        let until = now + pause(500_000...20_000_000)
        note(.fault(fault, "client \(client.number) for \((until - now) / 1_000) ms"))
        if fault == .slowReader { client.isSlowUntil = until } else { client.sleepsUntil = until }
        return true
    }

    // MARK: Gateway and disk

    private func crash(_ fault: Fault) -> Bool {
        guard let gateway else { return false }
        note(.fault(fault, ""))
        gateway.crash(losingPower: fault == .powerCut)
        self.gateway = nil
        schedule.add(.start, at: now + pause(10_000...3_000_000))
        return true
    }

    private func restart() -> Bool {
        guard let gateway, now >= gateway.stalledUntil else { return false }
        note(.fault(.orderlyRestart, ""))
        for shard in gateway.shards { shard.stop() }
        for shard in gateway.shards { shard.turn() }
        gateway.finish()
        self.gateway = nil
        schedule.add(.start, at: now + pause(10_000...3_000_000))
        return true
    }

    private func troubleStore(_ fault: Fault) -> Bool {
        guard case .none = disk.trouble else { return false }
        let duration = pause(50_000...4_000_000)
        switch fault {
        case .diskFull: disk.trouble = random.chance(50) ? .full : .fullToTheBrim
        case .locked: disk.trouble = .locked
        case .fsyncError: disk.trouble = .syncFails(count: random.between(1...3))
        default: storeStalledUntil = now + duration
        }
        note(.fault(fault, "for \(duration / 1_000) ms"))
        if fault == .diskFull || fault == .locked {
            schedule.add(.relief(.disk), at: now + duration)
        }
        return true
    }

    private func stallGateway() -> Bool {
        guard let gateway, now >= gateway.stalledUntil else { return false }
        let duration = pause(10_000...8_000_000)
        note(.fault(.gatewayStall, "for \(duration / 1_000) ms"))
        gateway.stall(forUs: duration)
        return true
    }

    private func jump() -> Bool {
        let seconds = Int64(random.between(0...200_000)) - 100_000
        clockJumps.append((now, wallClockOffset))
        if seconds > 0 { jumpedAheadS += UInt64(seconds) }
        wallClockOffset += seconds
        note(.fault(.wallClockJump, "by \(seconds) s"))
        return true
    }

    func relief(_ relief: Relief) {
        note(.relief(relief))
        switch relief {
        case .disk: disk.trouble = .none
        case .network, .shards: break
        }
    }
}
