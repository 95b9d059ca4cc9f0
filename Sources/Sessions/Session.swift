// One client's session, from the prologue to the end of the stream.
//
// Sans-IO: plaintext in, frames out into the caller's buffer, effects for everything else. The
// connection that owns it calls `receive` with what has arrived, delivers what routers and the store
// answer, and calls `tick` when `deadline` has passed.
//
// Invariant: nothing is read while an answer is awaited on which the meaning of the next stanza
// depends (`isPaused`), so a client's stanzas take effect in the order in which it sent them.
//
// A session at rest is small and owns nothing on the heap but a name longer than 15 bytes: the order of
// its fields leaves no gaps, and what only a login needs lies in its LoginExchange (docs/SCALE.md).

package import Base
package import Wire

/// The server's side of one stream.
package struct Session {
    enum State {
        /// Nothing but a part of the prologue has come.
        case prologue(LoginExchange)
        /// Not logged in; the exchange goes when the login is over.
        case login(LoginExchange)
        /// Logged in as this device.
        case online(DeviceAddress)
        /// The stream has ended; what still comes is ignored.
        case ended
    }

    var state: State
    /// Whether a ping of ours has had no answer.
    var pingSent = false
    /// Whether its user has further devices, which get a copy of what it sends.
    var hasSiblings = false
    /// What frames may be compressed with, if the login agreed on it; nil before `success`.
    var preset: PresetDictionary?
    let address: SessionAddress
    /// What does not work; nil when all is well.
    var trouble: SessionTrouble?
    /// Stanzas handed to routers and not answered yet.
    var unackedCount: UInt32 = 0
    /// Bytes that the last `receive` left over: when no more than these come, the peer said nothing.
    private var leftOverSize: UInt32 = 0
    /// When bytes last came from the peer.
    var heardAt: Instant

    /// A session for a connection whose TLS handshake is over.
    /// - Parameters:
    ///   - channelBinding: the `tls-exporter` value (RFC 9266), 32 bytes; empty if TLS had none.
    ///   - acceptedAt: when the connection was accepted, if that was earlier: of two logins of a device the
    ///     one on the newer connection wins.
    package init(
        address: SessionAddress, channelBinding: [UInt8], acceptedAt: Instant? = nil,
        at now: Instant
    ) {
        self.address = address
        state = .prologue(
            LoginExchange(
                channelBinding: channelBinding, acceptedAt: acceptedAt ?? now, at: now))
        heardAt = now
    }

    /// Takes what has arrived and returns how many bytes it used up; the rest comes again with more.
    package mutating func receive(
        _ bytes: RawSpan, at moment: Moment, in environment: SessionEnvironment,
        output: inout ByteBuffer, effects: inout [SessionEffect]
    ) -> Int {
        if bytes.byteCount > Int(leftOverSize) {
            heardAt = moment.monotonic
            pingSent = false
        }
        var used = 0
        defer { leftOverSize = UInt32(clamping: bytes.byteCount - used) }
        do {
            while used < bytes.byteCount, !isPaused(environment.limits) {
                let rest = bytes.extracting(used..<bytes.byteCount)
                let step = try receiveOne(
                    rest, at: moment, in: environment, output: &output, effects: &effects)
                if step == 0 { break }
                used += step
            }
        } catch {
            end(error, in: environment, output: &output, effects: &effects)
            used = bytes.byteCount
        }
        announceAvailability(environment, &effects)
        return used
    }

    /// Tells of the last presence in what was read: each change goes to all contacts, and sixteen bytes would
    /// make hundreds of messages.
    private func announceAvailability(
        _ environment: SessionEnvironment, _ effects: inout [SessionEffect]
    ) {
        guard let isAvailable = environment.availability else { return }
        environment.availability = nil
        guard let device else { return }
        effects.append(.toRouter(home: device.user, .setAvailable(device, address, isAvailable)))
    }

    /// The prologue or one frame; 0 when it has not come whole.
    private mutating func receiveOne(
        _ bytes: RawSpan, at moment: Moment, in environment: SessionEnvironment,
        output: inout ByteBuffer, effects: inout [SessionEffect]
    ) throws(StreamError) -> Int {
        switch state {
        case .ended:
            return bytes.byteCount
        case .prologue(let exchange):
            return try receivePrologue(bytes, exchange)
        case .login, .online:
            break
        }
        let sizeMax =
            isOnline ? environment.limits.frameSizeMax : environment.limits.frameSizeMaxBeforeLogin
        let step: FrameStep
        do {
            step = try FrameSplitter.next(
                in: bytes, frameSizeMax: sizeMax, allowsPreset: preset != nil)
        } catch {
            throw error.streamError
        }
        guard case .frame(let flags, let payload, let size) = step else { return 0 }
        environment.framesReceived += 1
        try receiveFrame(
            bytes.extracting(payload), flags: flags, at: moment, in: environment,
            output: &output, effects: &effects)
        return size
    }

    private mutating func receivePrologue(
        _ bytes: RawSpan, _ exchange: LoginExchange
    ) throws(StreamError) -> Int {
        let step: Prologue.Step
        do {
            step = try Prologue.parse(bytes)
        } catch {
            throw .badFormat
        }
        guard case .complete(let protocolVersion, let dictionaryVersion) = step else { return 0 }
        guard protocolVersion == 1, dictionaryVersion == 1 else { throw .unsupportedVersion }
        state = .login(exchange)
        return Prologue.size
    }

    /// Whether a page of its device's queue could not be read and will be asked for again.
    package var awaitsPage: Bool { isOnline && trouble?.readAgainAt != nil }

    /// Whether nothing is read for now: an answer is awaited, or too many acks are outstanding.
    package func isPaused(_ limits: Limits) -> Bool {
        switch state {
        case .login(let exchange): exchange.awaitsAnswer
        case .online: Int(unackedCount) >= limits.unackedPerSessionMax
        case .prologue, .ended: false
        }
    }

    var isOnline: Bool {
        if case .online = state { true } else { false }
    }

    /// Whether the stream has ended.
    package var isEnded: Bool {
        if case .ended = state { true } else { false }
    }

    /// Who is logged in.
    package var device: DeviceAddress? {
        if case .online(let device) = state { device } else { nil }
    }

    /// When `tick` has something to do at the latest.
    package func deadline(_ limits: Limits) -> Instant {
        switch state {
        case .prologue(let exchange), .login(let exchange):
            exchange.startedAt.advanced(byMs: limits.loginTimeoutMs)
        case .online:
            min(
                trouble?.readAgainAt ?? Instant(milliseconds: .max),
                heardAt.advanced(
                    byMs: pingAfterMs(limits) + (pingSent ? limits.pingTimeoutMs : 0)))
        case .ended:
            Instant(milliseconds: .max)
        }
    }

    /// Up to an eighth earlier than the limit, by the session's place: those that logged in together
    /// are not pinged together.
    private func pingAfterMs(_ limits: Limits) -> UInt64 {
        // The upper ten bits of a product with the golden ratio are spread evenly. Meant modulo 2^32.
        let spread = UInt64((address.slot.index &* 2_654_435_769) >> 22)
        return limits.pingAfterMs - limits.pingAfterMs / 8 * spread / 1_024
    }

    /// Does what time demands: ends a login that takes too long, asks a silent peer, ends a dead one.
    package mutating func tick(
        at moment: Moment, in environment: SessionEnvironment, output: inout ByteBuffer,
        effects: inout [SessionEffect]
    ) {
        // A session that is not read cannot be heard from: that is our doing, not its silence.
        if isPaused(environment.limits), isOnline { heardAt = moment.monotonic }
        guard moment.monotonic >= deadline(environment.limits) else { return }
        switch state {
        case .ended:
            return
        case .online(let device)
        where trouble?.readAgainAt.map { moment.monotonic >= $0 } == true:
            trouble?.readAgainAt = nil
            effects.append(.toRouter(home: device.user, .readAgain(device, address)))
        case .online where !pingSent:
            pingSent = true
            environment.pingCount &+= 1  // an id may come again after 2^32 pings
            let number = environment.pingCount
            send(in: environment, output: &output) { node, context in
                StanzaWriter.ping(number: number, into: &node, context: context)
            }
        case .prologue, .login, .online:
            end(.connectionTimeout, in: environment, output: &output, effects: &effects)
        }
    }

    /// The connection is gone, or must go without a word. Gives up the device; idempotent.
    package mutating func connectionLost(effects: inout [SessionEffect]) {
        switch state {
        case .online(let device):
            effects.append(.toRouter(home: device.user, .release(device, address)))
        case .login(let exchange):
            if let device = exchange.claimedDevice {
                effects.append(.toRouter(home: device.user, .release(device, address)))
            }
        case .prologue, .ended:
            break
        }
        state = .ended
    }

    /// Ends the stream with an error: the peer is told, then the connection closes.
    /// `after`: for how many seconds it should stay away, if its owner knows.
    package mutating func end(
        _ error: StreamError, after: UInt64? = nil, in environment: SessionEnvironment,
        output: inout ByteBuffer, effects: inout [SessionEffect]
    ) {
        guard !isEnded else { return }
        let retryAfterS = after ?? (error.waitsForStore ? environment.retryAfterS : nil)
        send(in: environment, output: &output) { node, context in
            StanzaWriter.streamError(error, after: retryAfterS, into: &node, context: context)
        }
        connectionLost(effects: &effects)
        effects.append(.note(.ended(error)))
        effects.append(.close)
    }

    /// Writes one node of our own into a frame.
    func send(
        in environment: SessionEnvironment, output: inout ByteBuffer,
        _ write: (inout ByteBuffer, WireContext) -> Void
    ) {
        write(&environment.node, environment.context)
        finishNode(in: environment, output: &output)
    }

    /// Frames the node in the environment's scratch. Only the contacts are worth compressing, and they
    /// may be: their own account wrote them. A node of the login must not be.
    func finishNode(
        in environment: SessionEnvironment, output: inout ByteBuffer, isCompressible: Bool = false
    ) {
        let mark = FrameWriter.begin(into: &output)
        output.append(contentsOf: environment.node)
        do {
            if isCompressible {
                try environment.contexts.finish(
                    mark, in: &output, agreed: preset, frameSizeMax: FrameWriter.payloadSizeMax)
            } else {
                try FrameWriter.finish(
                    mark, in: &output, frameSizeMax: FrameWriter.payloadSizeMax)
            }
        } catch {
            preconditionFailure("a node of \(environment.node.count) bytes of our own: \(error)")
        }
        environment.node.clear()
        environment.framesSent += 1
    }
}
