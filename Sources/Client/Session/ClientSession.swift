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
        package var password: [UInt8]
        package var channelBinding: ChannelBinding
        package var isAvailable: Bool

        package init(
            jid: JID, device: UInt8, password: [UInt8], channelBinding: ChannelBinding = .required,
            isAvailable: Bool = true
        ) {
            self.jid = jid
            self.device = device
            self.password = password
            self.channelBinding = channelBinding
            self.isAvailable = isAvailable
        }
    }

    /// What the owner of the session has to do.
    package enum Effect: Sendable, Equatable {
        /// Tell the application.
        case event(ClientEvent)
        /// Answer the request that came with this number.
        case reply(UInt64, Result<[JID], ClientError>)
        /// Send what was produced, close TLS and the socket.
        case disconnect(DisconnectReason)
    }

    /// What to ask the server.
    package enum Request: Sendable, Equatable {
        case contacts
        case addContact(JID)
        case removeContact(JID)
    }

    enum State {
        case offline
        case sentAuth
        case sentResponse
        case online
        case closing
    }

    let configuration: Configuration
    let context: WireContext
    var scram: ScramClient

    var state = State.offline
    var resumedTLS = false
    var input = ByteBuffer()
    var inflater: Inflater?
    var effects: [Effect] = []

    var outbox = Outbox()
    var receipts: [OutgoingReceipt] = []
    var sentReceiptCount = 0
    var seen = SeenSet(countMax: ClientLimits.seenCountMax)
    var isAvailable: Bool
    var requests: [StanzaID: (number: UInt64, request: Request)] = [:]
    var iqCount: UInt64 = 0

    var loginDeadline: Instant?
    var closeDeadline: Instant?
    var pausedUntil: Instant?
    var lastReceived = Instant(milliseconds: 0)
    var pingSentAt: Instant?

    /// A session that has no connection yet. Precondition: the address names a user.
    package init(
        configuration: Configuration, context: WireContext, cryptography: any Cryptography
    ) {
        guard let user = configuration.jid.local else {
            preconditionFailure("\(configuration.jid) names no user")
        }
        self.configuration = configuration
        self.context = context
        scram = ScramClient(
            user: user.text, password: configuration.password,
            cryptography: cryptography)
        isAvailable = configuration.isAvailable
    }

    // MARK: Connection

    /// TLS is open: begins the login. `exporter` is the connection's tls-exporter value.
    package mutating func connected(
        exporter: [UInt8], resumedTLS: Bool, at moment: Moment, output: inout ByteBuffer
    ) {
        precondition(state == .offline, "connected in \(state)")
        self.resumedTLS = resumedTLS
        input.clear()
        lastReceived = moment.monotonic
        pingSentAt = nil
        loginDeadline = moment.monotonic.advanced(byMs: ClientLimits.loginTimeoutMs)
        state = .sentAuth
        output.append(Prologue.bytes)
        let binding = configuration.channelBinding == .required ? exporter : nil
        let first = scram.begin(exporter: binding)
        let node = Node(
            "auth",
            [
                Attribute(key: "mechanism", value: scram.mechanism),
                Attribute(key: "device", value: String(configuration.device)),
            ], content: .bytes(first))
        write(node, to: &output)
    }

    /// The connection is gone, whoever ended it. What waits is kept for the next one.
    package mutating func disconnected() {
        guard state != .offline else { return }
        state = .offline
        input.release()
        outbox.putBackAll()
        sentReceiptCount = 0
        loginDeadline = nil
        closeDeadline = nil
        pausedUntil = nil
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
        case .sentAuth, .sentResponse:
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
            } else if now >= lastReceived.advanced(byMs: ClientLimits.pingAfterMs) {
                pingSentAt = now
                writeIQ(type: "get", content: [Node("ping")], to: &output)
            }
            if let pausedUntil, now >= pausedUntil { self.pausedUntil = nil }
            sendWaiting(output: &output)
        }
    }

    /// When `tick` has something to do; nil for never.
    package var deadline: Instant? {
        var deadline = [loginDeadline, closeDeadline, pausedUntil].compactMap(\.self).min()
        if state == .online {
            let ping =
                pingSentAt?.advanced(byMs: ClientLimits.pingTimeoutMs)
                ?? lastReceived.advanced(byMs: ClientLimits.pingAfterMs)
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

    /// Whether stanzas can be sent now.
    package var isOnline: Bool { state == .online }

    /// Messages that the server has not acked.
    package var outboxCount: Int { outbox.count }

    /// Their ids, oldest first.
    package var outboxIDs: [StanzaID] { outbox.ids }

    /// Receipts that the server has not acked.
    package var receiptCount: Int { receipts.count }

    mutating func emit(_ event: ClientEvent) {
        effects.append(.event(event))
    }

    /// Ends the connection from this side.
    mutating func disconnect(_ reason: DisconnectReason) {
        effects.append(.disconnect(reason))
        disconnected()
    }
}
