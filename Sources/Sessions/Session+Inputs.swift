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
        case .credentials(let keys):
            credentialsArrived(keys, in: environment, output: &output, effects: &effects)
        case .credentialsUnavailable:
            failLogin(.temporaryAuthFailure, in: environment, output: &output, effects: &effects)
        case .bound:
            bound(at: moment, in: environment, output: &output, effects: &effects)
        case .bindFailed(let failure):
            failLogin(failure, in: environment, output: &output, effects: &effects)
        case .deliver(let payload):
            deliver(payload, in: environment, output: &output)
        case .accepted(let key, let recipient, let device):
            answered()
            send(in: environment, output: &output) { node, context in
                StanzaWriter.ack(
                    key, recipient, device, at: moment.unixSeconds, into: &node, context: context)
            }
        case .refused(let key, let recipient, let device, let condition):
            answered()
            send(in: environment, output: &output) { node, context in
                StanzaWriter.refusal(
                    of: key, recipient, device, condition, into: &node, context: context)
            }
        case .contacts(let iq, let contacts):
            answered()
            send(in: environment, output: &output) { node, context in
                StanzaWriter.contacts(iq, contacts, into: &node, context: context)
            }
        case .contactsRefused(let iq, let condition):
            answered()
            send(in: environment, output: &output) { node, context in
                StanzaWriter.refusal(ofIQ: iq, condition, into: &node, context: context)
            }
        case .end(let error):
            end(error, in: environment, output: &output, effects: &effects)
        }
    }

    /// One answer fewer is awaited.
    private mutating func answered() {
        precondition(unackedCount > 0, "an answer that nobody awaits")
        unackedCount -= 1
    }

    /// Frames a node that routers made; the only kind that is worth compressing.
    private func deliver(
        _ payload: [UInt8], in environment: SessionEnvironment, output: inout ByteBuffer
    ) {
        // Checked against the limit when it was accepted, which may have been before a change of it.
        let mark = FrameWriter.begin(into: &output)
        output.append(payload)
        do {
            try FrameWriter.finish(
                mark, in: &output, frameSizeMax: FrameWriter.payloadSizeMax,
                deflater: &environment.deflater)
        } catch {
            preconditionFailure("a routed node of \(payload.count) bytes: \(error)")
        }
        environment.framesSent += 1
    }
}
