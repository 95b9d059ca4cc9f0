// What routers and the store tell a session.

package import Base
internal import Wire

extension Session {
    /// Takes one answer or delivery. After it, reading may go on: see `isPaused`.
    package mutating func deliver(
        _ input: SessionInput, at moment: Moment, in environment: SessionEnvironment,
        output: inout ByteBuffer, effects: inout [SessionEffect]
    ) {
        if isEnded { return }
        switch input {
        case .credentials(let credentials):
            credentialsArrived(
                credentials, at: moment, in: environment, output: &output, effects: &effects)
        case .credentialsUnavailable:
            failLogin(.temporaryAuthFailure, in: environment, output: &output, effects: &effects)
        case .bound(let isTokenKept):
            bound(
                isTokenKept: isTokenKept, at: moment, in: environment, output: &output,
                effects: &effects)
        case .hasSiblings:
            hasSiblings = true
        case .bindFailed(let failure):
            failLogin(failure, in: environment, output: &output, effects: &effects)
        case .deliver(let payload), .news(let payload):
            deliver(payload, in: environment, output: &output)
        case .accepted(let key, let recipient, let device):
            answered()
            if key.kind == .message { noLongerRefused(key.id, to: recipient) }
            send(in: environment, output: &output) { node, context in
                StanzaWriter.ack(
                    key, recipient, device, at: moment.unixSeconds, into: &node, context: context)
            }
        case .refused(let request, let condition):
            send(in: environment, output: &output) { node, context in
                StanzaWriter.refusal(
                    of: request.key, request.recipient, request.device, condition,
                    after: environment.retryAfterS, into: &node, context: context)
            }
            holdBack(
                behind: request, condition, in: environment, output: &output, effects: &effects)
            answered()
        case .pageFailed:
            pageFailed(at: moment, in: environment, output: &output, effects: &effects)
        case .contacts(let iq, let contacts):
            answered(Self.contactsWeight)
            StanzaWriter.contacts(
                iq, contacts, into: &environment.node, context: environment.context)
            finishNode(in: environment, output: &output, isCompressible: true)
        case .contactsRefused(let iq, let condition):
            answered(Self.contactsWeight)
            send(in: environment, output: &output) { node, context in
                StanzaWriter.refusal(
                    ofIQ: iq, condition, after: environment.retryAfterS, into: &node,
                    context: context)
            }
        case .end(let error):
            end(error, in: environment, output: &output, effects: &effects)
        }
    }

    /// An answer about contacts costs the store and the wire as much as so many acks.
    static let contactsWeight: UInt32 = 64

    /// An answer fewer is awaited.
    private mutating func answered(_ weight: UInt32 = 1) {
        precondition(unackedCount >= weight, "an answer that nobody awaits")
        unackedCount -= weight
    }

    /// What comes behind a message that may be taken later must not be taken before it.
    private mutating func holdBack(
        behind request: Refused, _ condition: StanzaCondition,
        in environment: SessionEnvironment, output: inout ByteBuffer,
        effects: inout [SessionEffect]
    ) {
        guard let place = request.place else { return }
        guard condition.type == .wait else {
            noLongerRefused(request.key.id, to: request.recipient)
            return
        }
        let refusals = trouble?.refused ?? RefusedRecipients(environment.limits)
        existingTrouble().refused = refusals
        do throws(RefusedRecipients.Overflow) {
            try refusals.refused(
                request.key.id, to: request.recipient, order: place.order)
        } catch {
            end(.resourceConstraint, in: environment, output: &output, effects: &effects)
        }
    }

    /// A message is answered for good.
    private mutating func noLongerRefused(_ id: StanzaID, to recipient: Localpart) {
        guard let refused = trouble?.refused else { return }
        refused.settled(id, to: recipient)
        if refused.isEmpty { trouble?.refused = nil }
    }

    private mutating func existingTrouble() -> SessionTrouble {
        let trouble = trouble ?? SessionTrouble()
        self.trouble = trouble
        return trouble
    }

    /// The next page of the queue could not be read: it is asked for again after a pause, or the client
    /// comes back for it.
    private mutating func pageFailed(
        at moment: Moment, in environment: SessionEnvironment, output: inout ByteBuffer,
        effects: inout [SessionEffect]
    ) {
        if existingTrouble().pageFailed(at: moment.monotonic, environment.limits) { return }
        end(.resourceConstraint, in: environment, output: &output, effects: &effects)
    }

    /// Frames a node that routers made.
    private func deliver(
        _ payload: [UInt8], in environment: SessionEnvironment, output: inout ByteBuffer
    ) {
        environment.routedFrames.write(
            payload, agreed: preset, contexts: environment.contexts, into: &output)
        environment.framesSent += 1
    }
}
