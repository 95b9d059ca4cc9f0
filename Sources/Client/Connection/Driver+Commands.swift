// What a client's thread does with the application's commands and the session's effects.

internal import Base
internal import TLS
internal import Wire

extension Driver {
    func obeyCommands(at moment: Moment) {
        for command in commands.takeAll() { take(command, at: moment) }
    }

    /// Carries out one command, or tells its sender why it will not be.
    func take(_ command: ClientCommand, at moment: Moment, refusal: ClientError? = nil) {
        let refusal = refusal ?? (isClosing ? .closed : nil)
        switch command {
        case .send(let message, let continuation):
            if let refusal {
                continuation?.resume(returning: .failure(refusal))
            } else {
                send(message, continuation)
            }
        case .ask(let request, let continuation):
            if let refusal {
                continuation.resume(returning: .failure(refusal))
                return
            }
            askCount += 1
            asks[askCount] = continuation
            session.ask(request, number: askCount, output: &plaintextOut)
        case .close(let continuation):
            if let continuation { closers.append(continuation) }
            guard !isClosing else { return }
            isClosing = true
            session.close(at: moment, output: &plaintextOut)
        case .markRead(let id, let sender):
            // Too many receipts: the message stays unread for its sender, no more.
            try? session.markRead(id, from: sender, output: &plaintextOut)
        case .setAvailable(let isAvailable):
            session.setAvailable(isAvailable, output: &plaintextOut)
        case .chatstate(let to, let composing):
            session.chatstate(to: to, composing: composing, output: &plaintextOut)
        }
        handleEffects(at: moment)
    }

    private func send(
        _ message: OutgoingMessage, _ continuation: ClientCommand.SendContinuation?
    ) {
        do throws(ClientError) {
            try session.send(message, output: &plaintextOut)
            if let continuation { sends[message.id] = continuation }
        } catch {
            // The queue's account and the session's outbox agree, so this is not reached.
            commands.release(message.id)
            continuation?.resume(returning: .failure(error))
        }
    }

    func handleEffects(at moment: Moment) {
        for effect in session.takeEffects() {
            switch effect {
            case .event(let event): handle(event, at: moment)
            case .reply(let number, let result):
                asks.removeValue(forKey: number)?.resume(returning: result)
            case .disconnect(let reason): drain(reason, at: moment)
            }
        }
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
            try? tls?.send(plaintextOut.bytes, output: &ciphertextOut)
            tls?.close(output: &ciphertextOut)
        }
        plaintextOut.clear()
        let deadline = moment.monotonic.advanced(byMs: ClientLimits.closeTimeoutMs)
        phase = .draining(reason, deadline: deadline)
    }
}
