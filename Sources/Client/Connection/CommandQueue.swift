// Commands on their way from the application to a client's thread, and the account of what waits in
// the outbox, so that a full one is refused at once.

internal import Base
internal import Wire

/// What the application asks of the thread.
enum ClientCommand {
    typealias SendContinuation = CheckedContinuation<Result<StanzaID, ClientError>, Never>
    typealias AskContinuation = CheckedContinuation<Result<[JID], ClientError>, Never>
    typealias DoneContinuation = CheckedContinuation<Result<Void, ClientError>, Never>

    /// Answered when the message is durable in the outbox, or when the server has acked it.
    case send(OutgoingMessage, untilAcked: Bool, SendContinuation)
    /// Answered when it is durable.
    case acknowledge(StanzaID, from: JID, isRead: Bool, DoneContinuation)
    case state(
        StanzaID, CheckedContinuation<Result<MessageState?, ClientError>, Never>)
    case outbox(CheckedContinuation<Result<[OutgoingMessage], ClientError>, Never>)
    case setAvailable(Bool)
    case chatstate(JID, composing: Bool)
    case ask(ClientSession.Request, AskContinuation)
    case close(CheckedContinuation<Void, Never>?)
}

/// A bounded queue with many producers and one consumer.
final class CommandQueue: Sendable {
    private struct State {
        var commands: [ClientCommand] = []
        /// Messages that were accepted and not yet acked or failed, with their sizes.
        var accepted: [StanzaID: Int] = [:]
        var acceptedSize = 0
        /// What everything is refused with.
        var refusal: ClientError?
    }

    private let state = Lock(State())
    private let pipe: WakePipe

    /// `outbox` is what an earlier process left.
    init(pipe: WakePipe, outbox: [OutgoingMessage]) {
        self.pipe = pipe
        state.withLock { state in
            for message in outbox {
                state.accepted[message.id] = message.size
                state.acceptedSize += message.size
            }
        }
    }

    /// Adds a command. Throws `tooManyRequests`, and what the queue was closed with.
    func push(_ command: ClientCommand) throws(ClientError) {
        try state.withLock { (state) throws(ClientError) in
            if let refusal = state.refusal { throw refusal }
            guard state.commands.count < ClientLimits.commandCountMax else {
                throw .tooManyRequests
            }
            state.commands.append(command)
        }
        pipe.wake()
    }

    /// Adds a message. Throws also `outboxFull`, `duplicateID`, `bodySize` and `invalidAddress`.
    func push(
        _ message: OutgoingMessage, untilAcked: Bool,
        _ continuation: ClientCommand.SendContinuation
    ) throws(ClientError) {
        guard message.to.local != nil else { throw .invalidAddress }
        guard (1...ClientLimits.bodySizeMax).contains(message.size) else {
            throw .bodySize(message.size)
        }
        try state.withLock { (state) throws(ClientError) in
            if let refusal = state.refusal { throw refusal }
            guard state.accepted[message.id] == nil else { throw .duplicateID(message.id) }
            guard state.accepted.count < ClientLimits.outboxCountMax,
                state.acceptedSize + message.size <= ClientLimits.outboxSizeMax
            else { throw .outboxFull }
            state.accepted[message.id] = message.size
            state.acceptedSize += message.size
            state.commands.append(.send(message, untilAcked: untilAcked, continuation))
        }
        pipe.wake()
    }

    /// Takes all commands.
    func takeAll() -> [ClientCommand] {
        state.withLock { state in
            defer { state.commands = [] }
            return state.commands
        }
    }

    /// A message left the outbox.
    func release(_ id: StanzaID) {
        state.withLock { state in
            if let size = state.accepted.removeValue(forKey: id) { state.acceptedSize -= size }
        }
    }

    /// Refuses everything from now on with this, and gives what nobody will take any more.
    func close(_ refusal: ClientError) -> [ClientCommand] {
        state.withLock { state in
            state.refusal = refusal
            defer { state.commands = [] }
            return state.commands
        }
    }
}
