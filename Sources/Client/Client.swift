// A Tern client for applications: one account's device, kept connected.
//
//     let client = try Client(configuration, store: store)
//     try client.start()
//     for await event in client.events { … }
//
// docs/CLIENT.md has a whole example.
//
// The work is done by one thread (Driver); this type hands it commands and never blocks.

internal import Base
internal import TLS
public import Wire

/// One device of one account, connected to a server and connected again whenever that breaks.
///
/// `events` must be consumed: when `ClientLimits.eventCountMax` of them wait, the client stops reading
/// from the server until the application has caught up. A client that is released closes itself.
public final class Client: Sendable {
    private let driver: Driver
    private let isStarted = Lock(false)

    /// What happens, in order; ends after `stopped`. One consumer.
    public let events: AsyncStream<ClientEvent>

    /// Prepares a client that goes on from what `store` holds; nothing is connected before `start`.
    /// Throws `invalidConfiguration` for an address without a user, a password that no account can
    /// have, a domain that the protocol cannot carry or an unusable file of certificates, and
    /// `storeFailed`.
    public init(
        _ configuration: ClientConfiguration, store: any ClientStore = MemoryClientStore()
    ) throws(ClientError) {
        let jid = configuration.jid
        guard jid.local != nil else {
            throw .invalidConfiguration("\(jid) names no user")
        }
        var password: [UInt8]?
        if let text = configuration.password {
            password = PasswordPreparation.prepare(text)
            guard password != nil else {
                throw .invalidConfiguration(
                    "the password is empty, too long or has control characters")
            }
        }
        guard let context = WireContexts.context(domain: jid.domain) else {
            throw .invalidConfiguration("\(jid.domain) cannot be a domain")
        }
        let tlsContext: TLSContext
        do throws(TLSError) {
            tlsContext = try TLSContext(
                client: TLSClientConfiguration(caPath: configuration.caFile))
        } catch {
            throw .invalidConfiguration("\(error)")
        }
        let kept: ClientState
        do throws(ClientStoreError) {
            kept = try store.load()
        } catch {
            throw .storeFailed(error.description)
        }
        let session = ClientSession(
            configuration: ClientSession.Configuration(
                jid: jid.bare, device: configuration.device, password: password,
                channelBinding: configuration.channelBinding,
                isAvailable: configuration.isAvailable, wantsToken: configuration.wantsToken,
                pingAfterMs: configuration.pingAfterMs),
            context: context, cryptography: OpenSSLCryptography(), kept: kept)
        let driver = try Driver(
            configuration: configuration, session: session, store: store, kept: kept,
            tlsContext: tlsContext)
        self.driver = driver
        events = AsyncStream(
            unfolding: { await driver.events.next() },
            onCancel: { driver.events.abandon() })
    }

    deinit {
        try? driver.commands.push(.close(nil))
    }

    /// Starts to connect. Later calls do nothing. Throws `unavailable` when there is no thread to be had.
    public func start() throws(ClientError) {
        try isStarted.withLock { (isStarted) throws(ClientError) in
            guard !isStarted else { return }
            try driver.start()
            isStarted = true
        }
    }

    // MARK: Messages

    /// Sends a text and returns once the server has it safely; before that it survives reconnects.
    /// An id of the application's own makes a repetition harmless: the server knows it.
    /// Throws `outboxFull`, `bodySize`, `duplicateID`, `invalidAddress`, `closed`, `refused`, or what
    /// stopped the client.
    public func send(
        to: JID, body: String, id: StanzaID? = nil
    ) async throws(ClientError) -> StanzaID {
        try await push(to: to, body: body, id: id, untilAcked: true)
    }

    /// Puts a text into the outbox and returns its id once the store has it: from then on it is sent,
    /// also by a later process. `acked`, `delivered`, `read` or `failed` follow.
    /// Throws `outboxFull`, `bodySize`, `duplicateID`, `invalidAddress`, `closed`, or what stopped the
    /// client.
    public func post(
        to: JID, body: String, id: StanzaID? = nil
    ) async throws(ClientError) -> StanzaID {
        try await push(to: to, body: body, id: id, untilAcked: false)
    }

    private func push(
        to: JID, body: String, id: StanzaID?, untilAcked: Bool
    ) async throws(ClientError) -> StanzaID {
        let message = OutgoingMessage(to: to, id: id ?? Self.makeID(), body: body)
        let result = await withCheckedContinuation {
            (continuation: CheckedContinuation<Result<StanzaID, ClientError>, Never>) in
            do throws(ClientError) {
                try driver.commands.push(message, untilAcked: untilAcked, continuation)
            } catch {
                continuation.resume(returning: .failure(error))
            }
        }
        return try result.get()
    }

    /// Says that the app has dealt with a message, and returns once the store knows: from then on the
    /// message is never given to the app again, in this or a later process. Only then the server learns
    /// that this device has it, and its sender gets the second tick. A message that was not acknowledged
    /// is given again to a later process, and to this one never twice.
    /// Throws `tooManyRequests`, `closed`, or what stopped the client.
    public func acknowledge(_ message: IncomingMessage) async throws(ClientError) {
        try await acknowledge(message.id, from: message.from, isRead: false)
    }

    /// The same for a copy of what another device of the account sent; nobody is told.
    public func acknowledge(_ copy: SentMessage) async throws(ClientError) {
        try await acknowledge(copy.id, from: copy.from, isRead: false)
    }

    /// Tells the sender of a message that a person has read it, which acknowledges it too. Returns once the
    /// store knows. Throws `outboxFull`, `tooManyRequests`, `closed`, or what stopped the client.
    public func markRead(_ message: IncomingMessage) async throws(ClientError) {
        try await acknowledge(message.id, from: message.from, isRead: true)
    }

    private func acknowledge(
        _ id: StanzaID, from sender: JID, isRead: Bool
    ) async throws(ClientError) {
        let result = await withCheckedContinuation {
            (continuation: CheckedContinuation<Result<Void, ClientError>, Never>) in
            do throws(ClientError) {
                try driver.commands.push(
                    .acknowledge(id, from: sender, isRead: isRead, continuation))
            } catch {
                continuation.resume(returning: .failure(error))
            }
        }
        try result.get()
    }

    /// Where a message stands that was sent by this client or, with the same store, an earlier one; nil
    /// when it is not known, or not any more (`ClientLimits.recordCountMax`). Throws `tooManyRequests`,
    /// `closed`, or what stopped the client.
    public func state(of id: StanzaID) async throws(ClientError) -> MessageState? {
        let result = await withCheckedContinuation {
            (continuation: CheckedContinuation<Result<MessageState?, ClientError>, Never>) in
            do throws(ClientError) {
                try driver.commands.push(.state(id, continuation))
            } catch {
                continuation.resume(returning: .failure(error))
            }
        }
        return try result.get()
    }

    /// The messages that the server has not acked, oldest first. Errors as `state`.
    public func outbox() async throws(ClientError) -> [OutgoingMessage] {
        let result = await withCheckedContinuation {
            (continuation: CheckedContinuation<Result<[OutgoingMessage], ClientError>, Never>) in
            do throws(ClientError) {
                try driver.commands.push(.outbox(continuation))
            } catch {
                continuation.resume(returning: .failure(error))
            }
        }
        return try result.get()
    }

    /// Says that the user is writing to `to`, or has stopped. Lost when there is no connection.
    public func chatstate(to: JID, composing: Bool) throws(ClientError) {
        try driver.commands.push(.chatstate(to, composing: composing))
    }

    // MARK: Presence and contacts

    /// Says whether this device is available to its contacts, now and after every login.
    public func setAvailable(_ isAvailable: Bool) throws(ClientError) {
        try driver.commands.push(.setAvailable(isAvailable))
    }

    /// The account's contacts. Throws `disconnected` when there is no connection, `refused`, `closed`,
    /// or what stopped the client.
    public func contacts() async throws(ClientError) -> [JID] {
        try await ask(.contacts)
    }

    /// Adds a contact: those who have each other see each other's presence. Errors as `contacts`.
    public func addContact(_ jid: JID) async throws(ClientError) {
        _ = try await ask(.addContact(jid))
    }

    /// Removes a contact. Errors as `contacts`.
    public func removeContact(_ jid: JID) async throws(ClientError) {
        _ = try await ask(.removeContact(jid))
    }

    private func ask(_ request: ClientSession.Request) async throws(ClientError) -> [JID] {
        let result = await withCheckedContinuation {
            (continuation: CheckedContinuation<Result<[JID], ClientError>, Never>) in
            do throws(ClientError) {
                try driver.commands.push(.ask(request, continuation))
            } catch {
                continuation.resume(returning: .failure(error))
            }
        }
        return try result.get()
    }

    // MARK: The end

    /// Ends the stream in order, sends what was produced, closes TLS and returns when the thread is
    /// done, at most `ClientLimits.closeTimeoutMs` later per step. Those who wait for acks are told
    /// `closed`; the messages stay in the store.
    public func close() async {
        guard isStarted.withLock({ $0 }) else { return }
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            do throws(ClientError) {
                try driver.commands.push(.close(continuation))
            } catch {
                continuation.resume()
            }
        }
    }

    /// A fresh message id, for those who must know it before `post` returns: 80 random bits. Upper-case hex is packed on the wire.
    public static func makeID() -> StanzaID {
        var random = SystemRandomNumberGenerator()
        var text = ""
        for _ in 0..<10 {
            let byte = UInt8.random(in: 0...255, using: &random)
            text += String(byte >> 4, radix: 16, uppercase: true)
            text += String(byte & 0xF, radix: 16, uppercase: true)
        }
        guard let id = StanzaID(text) else { preconditionFailure("\(text)") }
        return id
    }
}

/// One context a domain and process: contexts live for ever.
package enum WireContexts {
    private static let contexts = Lock<[String: WireContext]>([:])

    /// The context of a domain; nil when it cannot be one.
    package static func context(domain: String) -> WireContext? {
        contexts.withLock { contexts in
            if let context = contexts[domain] { return context }
            guard let context = WireContext(domain: domain) else { return nil }
            contexts[domain] = context
            return context
        }
    }
}
