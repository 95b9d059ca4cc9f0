// What a client's thread does with the application's commands and the session's effects.

internal import Base
internal import TLS
internal import Wire

extension Driver {
    func obeyCommands(at moment: Moment) {
        let batch = commands.takeAll()
        guard !batch.isEmpty else { return }
        for command in batch { take(command, at: moment) }
        handleEffects(at: moment)
    }

    /// Carries out one command, or tells its sender why it will not be.
    func take(_ command: ClientCommand, at moment: Moment, refusal: ClientError? = nil) {
        let refusal = refusal ?? (isClosing ? .closed : nil)
        switch command {
        case .send(let message, let untilAcked, let continuation):
            if let refusal {
                continuation.resume(returning: .failure(refusal))
            } else {
                send(message, untilAcked: untilAcked, continuation)
            }
        case .acknowledge(let id, let sender, let isRead, let continuation):
            if let refusal {
                continuation.resume(returning: .failure(refusal))
            } else {
                acknowledge(id, from: sender, isRead: isRead, continuation)
            }
        case .ask(let request, let continuation):
            if let refusal {
                continuation.resume(returning: .failure(refusal))
                return
            }
            askCount += 1
            asks[askCount] = continuation
            session.ask(request, number: askCount, output: &plaintextOut)
        case .state(let id, let continuation):
            continuation.resume(
                returning: refusal.map { .failure($0) } ?? .success(session.state(of: id)))
        case .outbox(let continuation):
            continuation.resume(
                returning: refusal.map { .failure($0) } ?? .success(session.outboxMessages))
        case .close(let continuation):
            if let continuation { closers.append(continuation) }
            guard !isClosing else { return }
            isClosing = true
            session.close(at: moment, output: &plaintextOut)
        case .setAvailable(let isAvailable):
            session.setAvailable(isAvailable, output: &plaintextOut)
        case .chatstate(let to, let composing):
            session.chatstate(to: to, composing: composing, output: &plaintextOut)
        }
    }

    private func send(
        _ message: OutgoingMessage, untilAcked: Bool,
        _ continuation: ClientCommand.SendContinuation
    ) {
        do throws(ClientError) {
            try session.send(message, output: &plaintextOut)
            if untilAcked {
                sends[message.id] = continuation
            } else {
                posts.append((message.id, continuation))
            }
        } catch {
            // The queue's account and the session's outbox agree, so this is not reached.
            commands.release(message.id)
            continuation.resume(returning: .failure(error))
        }
    }

    private func acknowledge(
        _ id: StanzaID, from sender: JID, isRead: Bool,
        _ continuation: ClientCommand.DoneContinuation
    ) {
        guard isRead else {
            session.acknowledge(id, from: sender, output: &plaintextOut)
            acknowledgements.append(continuation)
            return
        }
        do throws(ClientError) {
            try session.markRead(id, from: sender, output: &plaintextOut)
            acknowledgements.append(continuation)
        } catch {
            continuation.resume(returning: .failure(error))
        }
    }

    /// Makes durable what changed, then lets go what came of it.
    func handleEffects(at moment: Moment) {
        guard commitChanges(at: moment) else { return }
        for effect in session.takeEffects() {
            switch effect {
            case .event(let event): handle(event, at: moment)
            case .reply(let number, let result):
                asks.removeValue(forKey: number)?.resume(returning: result)
            case .refused: break
            case .disconnect(let reason): drain(reason, at: moment)
            }
        }
    }

    /// False when the store failed: then nothing of the turn may leave, and the client stops.
    private func commitChanges(at moment: Moment) -> Bool {
        var changes = session.takeChanges()
        // The ticket comes before the first data, and a process that is killed should have it.
        if session.isOnline, !hasKeptTicket, let fresh = tls?.takeSession() {
            hasKeptTicket = true
            tlsSession = fresh
            if let bytes = fresh.serialized { changes.append(.ticket(ClientSecret(bytes))) }
        }
        var failure: ClientStoreError?
        if !changes.isEmpty {
            do throws(ClientStoreError) {
                try store.commit(changes)
            } catch {
                failure = error
            }
        }
        let error = failure.map { ClientError.storeFailed($0.description) }
        for (id, continuation) in posts {
            continuation.resume(returning: error.map { .failure($0) } ?? .success(id))
        }
        posts = []
        for continuation in acknowledgements {
            continuation.resume(returning: error.map { .failure($0) } ?? .success(()))
        }
        acknowledgements = []
        guard let failure else { return true }
        _ = session.takeEffects()
        plaintextOut.clear()
        if !hasStoreFailed {
            hasStoreFailed = true
            end(.storeFailed(failure.description), at: moment)
        }
        return false
    }

    private func handle(_ event: ClientEvent, at moment: Moment) {
        switch event {
        case .online:
            onlineSince = moment.monotonic
            if let fresh = tls?.takeSession() { tlsSession = fresh }
        case .acked(let id):
            commands.release(id)
            sends.removeValue(forKey: id)?.resume(returning: .success(id))
        case .failed(let id, let condition, let text):
            commands.release(id)
            let error = ClientError.refused(condition: condition, text: text)
            sends.removeValue(forKey: id)?.resume(returning: .failure(error))
        default:
            break
        }
        events.push(event)
    }

    /// Sends what is left, then close_notify, then closes the socket.
    private func drain(_ reason: DisconnectReason, at moment: Moment) {
        guard tls != nil else { return }
        if tls?.isOpen == true {
            if let fresh = tls?.takeSession() { tlsSession = fresh }
            try? tls?.send(plaintextOut.bytes, output: &ciphertextOut, ciphers: ciphers)
            tls?.close(output: &ciphertextOut, ciphers: ciphers)
        }
        plaintextOut.clear()
        let deadline = moment.monotonic.advanced(byMs: ClientLimits.closeTimeoutMs)
        phase = .draining(reason, deadline: deadline)
    }
}
