// One device's session as its client sees it: bytes, commands and time in; bytes and effects out.
// No descriptor, thread or clock inside. It outlives its connections: what the server has not acked
// is kept and sent again, in order and with the same ids, on the next one.
//
// Invariant: `state` says what the server may send; effects leave in the order they happened; after
// `.disconnect` nothing is produced until `connected` begins the next connection.

package import Base
package import Wire

/// A client's state machine.
package struct ClientSession: ~Copyable {
    /// What the session needs to know.
    package struct Configuration: Sendable {
        package var jid: JID
        package var device: UInt8
        /// Prepared (RFC 8265 OpaqueString).
        /// Nil when only a token can log in.
        package var password: [UInt8]?
        package var channelBinding: ChannelBinding
        package var isAvailable: Bool
        /// Whether the server is asked for compression with a preset dictionary.
        package var offersPreset: Bool
        /// Whether the server is asked for login tokens.
        package var wantsToken: Bool
        package var seenCountMax: Int
        package var pingAfterMs: UInt64

        package init(
            jid: JID, device: UInt8, password: [UInt8]?,
            channelBinding: ChannelBinding = .required, isAvailable: Bool = true,
            offersPreset: Bool = true, wantsToken: Bool = true,
            seenCountMax: Int = ClientLimits.seenCountMax,
            pingAfterMs: UInt64 = ClientLimits.pingAfterMs
        ) {
            self.jid = jid
            self.device = device
            self.password = password
            self.channelBinding = channelBinding
            self.isAvailable = isAvailable
            self.offersPreset = offersPreset
            self.wantsToken = wantsToken
            self.seenCountMax = seenCountMax
            self.pingAfterMs = pingAfterMs
        }
    }

    /// What the owner of the session has to do.
    package enum Effect: Sendable, Equatable {
        /// Tell the application.
        case event(ClientEvent)
        /// Answer the request that came with this number.
        case reply(UInt64, Result<[JID], ClientError>)
        /// The server refused this message for now; the session sends it again by itself.
        case refused(StanzaID)
        /// Send what was produced, close TLS and the socket.
        case disconnect(DisconnectReason)
    }

    /// What to ask the server.
    package enum Request: Sendable, Equatable {
        case contacts
        case addContact(JID)
        case removeContact(JID)
    }

    enum State: Equatable {
        case offline
        case sentAuth
        case sentToken(signature: [UInt8])
        case sentResponse
        case online
        case closing
    }

    let configuration: Configuration
    let user: Localpart
    let context: WireContext
    let cryptography: any Cryptography
    /// Nil without a password.
    var scram: ScramClient?
    /// What logs in without the password.
    var token: LoginToken?

    var state = State.offline
    var resumedTLS = false
    var input = ByteBuffer()
    let contexts: CompressionContexts
    /// What the login agreed on; nil before `success`.
    var preset: PresetDictionary?
    var effects: [Effect] = []
    /// What its store does not know yet.
    var changes: [ClientChange] = []

    var outbox: Outbox
    var records: MessageRecords
    var receipts: [OutgoingReceipt]
    /// Receipts that were refused with `wait`, until `receiptsPausedUntil`.
    var refusedReceipts: [OutgoingReceipt] = []
    var sentReceiptCount = 0
    /// What was answered with an `ack` on this connection: the answers may be lost with it.
    var recentAcks: [SeenKey] = []
    /// What `auth` has announced and goes with the response.
    var announcedResume: Node?
    var seen: SeenSet
    /// Messages that the app was given and has not acknowledged.
    var unacknowledged: Set<SeenKey> = []
    var isAvailable: Bool
    var requests: [StanzaID: (number: UInt64, request: Request)] = [:]
    var iqCount: UInt64 = 0

    var loginDeadline: Instant?
    var closeDeadline: Instant?
    /// Recipients to whom nothing is sent for now, by their bare addresses.
    var pauses: [JID: Instant] = [:]
    var receiptsPausedUntil: Instant?
    var lastReceived = Instant(milliseconds: 0)
    var pingSentAt: Instant?
    /// How long the server said to stay away when it ended the last connection or refused the login.
    package internal(set) var retryAfterMs: UInt64?

    /// That, once: it is asked for one absence, and not for each attempt that then fails on its way.
    package mutating func takeRetryAfterMs() -> UInt64? { retryAfterMs.take() }

    /// A session that has no connection yet and goes on from `kept`. Sessions of one thread may share its
    /// compression contexts. Precondition: the address names a user.
    package init(
        configuration: Configuration, context: WireContext, cryptography: any Cryptography,
        contexts: CompressionContexts = CompressionContexts(), kept: ClientState = ClientState()
    ) {
        guard let user = configuration.jid.local else {
            preconditionFailure("\(configuration.jid) names no user")
        }
        self.configuration = configuration
        self.context = context
        self.contexts = contexts
        self.cryptography = cryptography
        self.user = user
        scram = configuration.password.map {
            ScramClient(user: user.text, password: $0, cryptography: cryptography)
        }
        isAvailable = configuration.isAvailable
        token = kept.token.flatMap { LoginToken($0.bytes) }
        outbox = Outbox(kept.outbox)
        records = MessageRecords(countMax: ClientLimits.recordCountMax, kept.records)
        receipts = kept.receipts
        seen = SeenSet(countMax: configuration.seenCountMax, members: kept.seen)
    }

    // MARK: Connection

    /// TLS is open: begins the login. `exporter` is the connection's tls-exporter value.
    package mutating func connected(
        exporter: [UInt8], resumedTLS: Bool, at moment: Moment, output: inout ByteBuffer
    ) {
        precondition(state == .offline, "connected in \(state)")
        self.resumedTLS = resumedTLS
        input.clear()
        retryAfterMs = nil
        lastReceived = moment.monotonic
        pingSentAt = nil
        loginDeadline = moment.monotonic.advanced(byMs: ClientLimits.loginTimeoutMs)
        output.append(Prologue.bytes)
        beginLogin(exporter: exporter, output: &output)
    }

    /// The connection is gone, whoever ended it. What waits is kept for the next one.
    package mutating func disconnected() {
        guard state != .offline else { return }
        state = .offline
        announcedResume = nil
        input.release()
        preset = nil
        outbox.putBackAll()
        sentReceiptCount = 0
        loginDeadline = nil
        closeDeadline = nil
        pauses = [:]
        resumeReceipts()
        pingSentAt = nil
        for entry in requests.values.sorted(by: { $0.number < $1.number }) {
            effects.append(.reply(entry.number, .failure(.disconnected)))
        }
        requests = [:]
    }

    /// Begins an orderly close: what was sent is not waited for.
    package mutating func close(at moment: Moment, output: inout ByteBuffer) {
        switch state {
        case .online:
            state = .closing
            closeDeadline = moment.monotonic.advanced(byMs: ClientLimits.closeTimeoutMs)
            writePayload(Self.streamEnd, to: &output)
        case .sentAuth, .sentToken, .sentResponse:
            disconnect(.requested)
        case .offline, .closing:
            break
        }
    }

    // MARK: Time

    /// Acts on time-outs, pings, and sends what may be sent. `isReading` is false while the owner
    /// does not read from the connection: silence is then no reason to ping.
    package mutating func tick(at moment: Moment, isReading: Bool = true, output: inout ByteBuffer)
    {
        let now = moment.monotonic
        if !isReading { noteReceived(at: moment) }
        if let loginDeadline, now >= loginDeadline {
            disconnect(.timeout("the login"))
        } else if let closeDeadline, now >= closeDeadline {
            disconnect(.requested)
        } else if state == .online {
            if let sentAt = pingSentAt {
                if now >= sentAt.advanced(byMs: ClientLimits.pingTimeoutMs) {
                    disconnect(.timeout("a ping"))
                    return
                }
            } else if now >= lastReceived.advanced(byMs: configuration.pingAfterMs) {
                pingSentAt = now
                writeIQ(type: "get", content: [Node("ping")], to: &output)
            }
            if !pauses.isEmpty { pauses = pauses.filter { now < $0.value } }
            if let receiptsPausedUntil, now >= receiptsPausedUntil { resumeReceipts() }
            sendWaiting(output: &output)
        }
    }

    /// When `tick` has something to do; nil for never.
    package var deadline: Instant? {
        var deadline = [loginDeadline, closeDeadline].compactMap(\.self).min()
        // A pause matters to nobody who is closing: a deadline that `tick` does not heed would spin.
        if state == .online {
            for pause in pauses.values { deadline = min(deadline ?? pause, pause) }
            if let receiptsPausedUntil {
                deadline = min(deadline ?? receiptsPausedUntil, receiptsPausedUntil)
            }
            let ping =
                pingSentAt?.advanced(byMs: ClientLimits.pingTimeoutMs)
                ?? lastReceived.advanced(byMs: configuration.pingAfterMs)
            deadline = min(deadline ?? ping, ping)
        }
        return deadline
    }

    mutating func noteReceived(at moment: Moment) {
        lastReceived = moment.monotonic
        pingSentAt = nil
    }

    // MARK: Results

    /// What happened since the last call, in order.
    package mutating func takeEffects() -> [Effect] {
        defer { effects = [] }
        return effects
    }

    /// What changed since the last call. It must be durable before anything else that came of it (bytes,
    /// effects) goes anywhere.
    package mutating func takeChanges() -> [ClientChange] {
        defer { changes = [] }
        return changes
    }

    /// Whether stanzas can be sent now.
    package var isOnline: Bool { state == .online }

    /// Messages that the server has not acked.
    package var outboxCount: Int { outbox.count }

    /// Those messages, oldest first.
    package var outboxMessages: [OutgoingMessage] { outbox.messages }

    /// Where a message stands; nil when it is not known, or not any more.
    package func state(of id: StanzaID) -> MessageState? { records.state(of: id) }

    /// Their ids, oldest first.
    package var outboxIDs: [StanzaID] { outbox.ids }

    /// Receipts that the server has not acked.
    package var receiptCount: Int { receipts.count + refusedReceipts.count }

    mutating func emit(_ event: ClientEvent) {
        effects.append(.event(event))
    }

    /// Ends the connection from this side.
    mutating func disconnect(_ reason: DisconnectReason) {
        effects.append(.disconnect(reason))
        disconnected()
    }
}
