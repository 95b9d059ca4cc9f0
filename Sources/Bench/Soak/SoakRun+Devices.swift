// A soak's devices: what each is due to do, how it comes and goes, and what the session tells.

internal import Base
internal import Client
internal import Reactor
internal import TLS
internal import Wire

extension SoakRun {
    /// Does what is due for a device.
    func advance(_ device: SoakDevice) {
        let now = moment.monotonic
        if let end = device.stageEnd, now >= end { endStage(device) }
        if let end = device.leaveAt, now >= end { leave(device) }
        if device.isSender { post(device) }
        guard device.stage == .running else { return }
        device.session.tick(at: moment, output: &device.plaintext)
        settle(device)
    }

    private func endStage(_ device: SoakDevice) {
        device.stageEnd = nil
        switch device.stage {
        case .away:
            device.outageStart = moment.monotonic
            if phase == .send { device.leaveAt = departure() }
            connect(device)
        case .pausing: connect(device)
        case .connecting, .handshaking: lose(device, "timeout: \(device.stage)")
        case .running: break
        }
    }

    // MARK: Coming and going

    private func connect(_ device: SoakDevice) {
        let server = target.servers[device.index % target.servers.count]
        device.stage = .connecting
        device.stageEnd = moment.monotonic.advanced(byMs: SoakTimes.connectTimeoutMs)
        do throws(ReactorError) {
            let isSpread = server.isLoopback && server.version == .v4
            let socket = try Socket.connect(
                to: server, from: isSpread ? population.source(of: device.index) : nil)
            try poller.add(
                socket.rawValue, token: device.token, interest: [.readable, .writable])
            device.socket = consume socket
            device.isWriteWatched = true
        } catch {
            lose(device, "connect: \(error)")
        }
    }

    private func beginTLS(_ device: SoakDevice) {
        device.socket?.setNoDelay()
        device.stage = .handshaking
        do throws(TLSError) {
            var tls = try TLSConnection(
                client: target.tls, serverName: target.serverName, session: device.ticket)
            try tls.start(output: &device.output, ciphers: ciphers)
            device.tls = consume tls
            flush(device)
        } catch {
            lose(device, "TLS: \(error)")
        }
    }

    /// The recipient goes: half the time in order, half the time like a phone in a tunnel. One that is not
    /// there stays in its outage, which would else end here and not be counted.
    private func leave(_ device: SoakDevice) {
        guard device.session.isOnline else {
            device.leaveAt = departure()
            return
        }
        device.leaveAt = nil
        if Bool.random(using: &random) {
            device.session.close(at: moment, output: &device.plaintext)
            settle(device)
        } else {
            depart(device)
        }
    }

    private func depart(_ device: SoakDevice) {
        counts.departures += 1
        device.session.disconnected()
        _ = device.session.takeEffects()
        device.dropConnection()
        device.onlineSince = nil
        device.outageStart = nil
        device.stage = .away
        let pauseMs = UInt64.random(in: SoakTimes.absenceMs, using: &random)
        device.stageEnd =
            phase == .drain ? moment.monotonic : moment.monotonic.advanced(byMs: pauseMs)
    }

    /// The connection ended, or never came to be: tries again after a pause.
    func lose(_ device: SoakDevice, _ reason: String) {
        guard device.stage != .pausing, device.stage != .away else { return }
        let now = moment.monotonic
        counts.note(reason)
        if let since = device.onlineSince {
            counts.cuts += 1
            counts.cutInFlight += device.session.outboxCount
            device.outageStart = now
            let onlineMs = now.milliseconds(since: since)
            pause(device, afterOnlineMs: onlineMs)
        } else {
            pause(device, afterOnlineMs: nil)
        }
    }

    private func pause(_ device: SoakDevice, afterOnlineMs onlineMs: UInt64?) {
        device.session.disconnected()
        // What the session still says is about what it will send again.
        _ = device.session.takeEffects()
        device.dropConnection()
        device.onlineSince = nil
        let pauseMs = device.backoff.nextPauseMs(afterOnlineMs: onlineMs, random: random.next())
        device.stage = .pausing
        device.stageEnd = moment.monotonic.advanced(
            byMs: pauseMs ?? SoakTimes.pauseMsMax)
    }

    // MARK: Bytes

    func handle(_ device: SoakDevice, _ readiness: Readiness) {
        if device.stage == .connecting {
            switch device.socket?.finishConnect() {
            case .inProgress, nil: return
            case .failed(let code): lose(device, "connect: \(errorText(code))")
            case .connected: beginTLS(device)
            }
            return
        }
        if !readiness.isDisjoint(with: [.readable, .hangup, .error]) { receive(device) }
        if readiness.contains(.writable) { flush(device) }
    }

    private func receive(_ device: SoakDevice) {
        switch device.socket?.read(into: scratch) {
        case .bytes(let size): open(device, UnsafeRawBufferPointer(rebasing: scratch[..<size]))
        case .wouldBlock, nil: return
        case .closed: lose(device, "closed by the gateway")
        case .failed(let code): lose(device, "read: \(errorText(code))")
        }
    }

    private func open(_ device: SoakDevice, _ ciphertext: UnsafeRawBufferPointer) {
        var received = ByteBuffer()
        var status: TLSStatus?
        do throws(TLSError) {
            status = try device.tls?.receive(
                ciphertext, plaintext: &received, output: &device.output, ciphers: ciphers)
        } catch {
            lose(device, "TLS: \(error)")
            return
        }
        if let facts = device.tls?.takeFacts() {
            device.stage = .running
            device.stageEnd = nil
            device.session.connected(
                exporter: facts.exporter ?? [], resumedTLS: facts.isResumed, at: moment,
                output: &device.plaintext)
        }
        if !received.isEmpty, device.stage == .running {
            device.session.receive(received.bytes, at: moment, output: &device.plaintext)
        }
        settle(device)
        if status == .closed { lose(device, "closed by the gateway") }
    }

    /// Seals what the session produced and writes what the socket takes.
    private func flush(_ device: SoakDevice) {
        if !device.plaintext.isEmpty, device.tls?.isOpen == true {
            do throws(TLSError) {
                try device.tls?.send(
                    device.plaintext.bytes, output: &device.output, ciphers: ciphers)
                device.plaintext.clear()
            } catch {
                lose(device, "TLS: \(error)")
                return
            }
        }
        loop: while !device.output.isEmpty {
            switch device.output.withUnsafeBytes({ device.socket?.write($0) }) {
            case .bytes(let size): device.output.consume(size)
            case .wouldBlock: break loop
            case .closed, nil:
                lose(device, "closed by the gateway")
                return
            case .failed(let code):
                lose(device, "write: \(errorText(code))")
                return
            }
        }
        let wantsWrite = !device.output.isEmpty
        guard wantsWrite != device.isWriteWatched, let descriptor = device.socket?.rawValue else {
            return
        }
        device.isWriteWatched = wantsWrite
        poller.modify(
            descriptor, token: device.token,
            interest: wantsWrite ? [.readable, .writable] : [.readable])
    }

    // MARK: Messages

    /// Posts what is due, whether there is a connection or not: the session keeps it.
    private func post(_ device: SoakDevice) {
        let now = moment.monotonic
        while let first = device.givenUp.first, first.at <= now {
            device.givenUp.removeFirst()
            counts.postedAgain += 1
            post(first.number, of: device)
        }
        guard phase == .send else { return }
        let dueCount = plan.dueCount(afterMs: now.milliseconds(since: phaseStart)) ?? .max
        while device.session.outboxCount + device.givenUp.count < plan.window,
            ledger.sentCount(pair: device.pair) < dueCount
        {
            post(ledger.post(pair: device.pair), of: device)
        }
    }

    private func post(_ number: Int, of device: SoakDevice) {
        let message = SoakMessage(run: run, pair: device.pair, number: number)
        let recipient = devices[plan.pairCount + device.pair].jid
        guard let id = StanzaID(message.id) else { preconditionFailure(message.id) }
        let body = message.body(size: plan.sizes[number % plan.sizes.count])
        do throws(ClientError) {
            try device.session.send(
                OutgoingMessage(to: recipient, id: id, body: body), output: &device.plaintext)
        } catch {
            // The window is far below the outbox's limits.
            preconditionFailure("\(error)")
        }
    }

    /// Takes what the session tells, then sends what it wrote.
    private func settle(_ device: SoakDevice) {
        for effect in device.session.takeEffects() {
            switch effect {
            case .event(let event): take(event, device)
            case .refused: counts.refusedWithWait += 1
            case .reply: break
            case .disconnect(.requested):
                flush(device)
                if device.stage == .running { depart(device) }
                return
            case .disconnect(let reason):
                lose(device, "\(reason)")
                return
            }
        }
        // The ledger and the sessions live as long as this process, which nobody kills: that is their store.
        _ = device.session.takeChanges()
        if device.stage == .running { flush(device) }
    }

    private func take(_ event: ClientEvent, _ device: SoakDevice) {
        let now = moment.monotonic
        switch event {
        case .online:
            if device.loginCount > 0, device.outageStart != nil { counts.reconnects += 1 }
            if let start = device.outageStart, device.loginCount > 0 {
                counts.longestOutageMs = max(
                    counts.longestOutageMs, now.milliseconds(since: start))
            }
            if device.loginCount == 0 { progressAt = now }
            device.loginCount += 1
            device.outageStart = nil
            device.onlineSince = now
        case .message(let message): deliver(message, device)
        case .acked(let id):
            guard let message = own(id, device) else { return }
            progressAt = now
            ledger.ack(pair: device.pair, number: message.number)
        case .delivered(let id, _):
            guard let message = own(id, device) else { return }
            progressAt = now
            ledger.confirm(pair: device.pair, number: message.number)
        case .failed(let id, let condition, _):
            counts.note("message: \(condition)")
            guard let message = own(id, device) else { return }
            ledger.postAgain(pair: device.pair, number: message.number)
            device.givenUp.append(
                (message.number, now.advanced(byMs: SoakTimes.postAgainMs)))
        default: break
        }
    }

    /// A message of this run and this sender by its id; nil for one of an earlier run.
    private func own(_ id: StanzaID, _ device: SoakDevice) -> SoakMessage? {
        guard let message = SoakMessage(id: id.text), message.run == run else { return nil }
        guard message.pair == device.pair else {
            ledger.noteDamage()
            return nil
        }
        return message
    }

    private func deliver(_ incoming: IncomingMessage, _ device: SoakDevice) {
        guard let message = SoakMessage(id: incoming.id.text), message.run == run else {
            counts.foreign += 1
            return
        }
        progressAt = moment.monotonic
        let body = message.body(size: plan.sizes[message.number % plan.sizes.count])
        guard !device.isSender, message.pair == device.pair, incoming.body == body,
            incoming.from.bare == devices[device.pair].jid
        else { return ledger.noteDamage() }
        ledger.deliver(pair: message.pair, number: message.number)
        device.session.acknowledge(
            incoming.id, from: incoming.from, output: &device.plaintext)
    }
}
