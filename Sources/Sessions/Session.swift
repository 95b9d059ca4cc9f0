// One client's session, from the prologue to the end of the stream.
//
// Sans-IO: plaintext in, frames out into the caller's buffer, effects for everything else. The
// connection that owns it calls `receive` with what has arrived, delivers what routers and the store
// answer, and calls `tick` when `deadline` has passed.
//
// Invariant: nothing is read while an answer is awaited on which the meaning of the next stanza
// depends (`isPaused`), so a client's stanzas take effect in the order in which it sent them.

package import Base
package import Wire

/// The server's side of one stream.
package struct Session {
    enum State {
        /// Nothing but a part of the prologue has come.
        case prologue
        /// Not logged in; the exchange goes when the login is over.
        case login(LoginExchange)
        /// Logged in as this device.
        case online(DeviceAddress)
        /// The stream has ended; what still comes is ignored.
        case ended
    }

    let address: SessionAddress
    var state = State.prologue
    /// Bound to the login by SCRAM-SHA-256-PLUS; dropped after it.
    var channelBinding: [UInt8]
    /// Stanzas handed to routers and not answered yet.
    var unackedCount = 0
    /// When bytes last came from the peer.
    var heardAt: Instant
    var pingSent = false
    /// Bytes that the last `receive` left over: when no more than these come, the peer said nothing.
    private var leftOverSize = 0
    /// Counts our own pings, for their ids.
    var pingCount: UInt32 = 0
    let startedAt: Instant

    /// A session for a connection whose TLS handshake is over.
    /// - Parameter channelBinding: the `tls-exporter` value (RFC 9266), 32 bytes; empty if TLS had none.
    package init(address: SessionAddress, channelBinding: [UInt8], at now: Instant) {
        self.address = address
        self.channelBinding = channelBinding
        heardAt = now
        startedAt = now
    }

    /// Takes what has arrived and returns how many bytes it used up; the rest comes again with more.
    package mutating func receive(
        _ bytes: RawSpan, at moment: Moment, in environment: SessionEnvironment,
        output: inout ByteBuffer, effects: inout [SessionEffect]
    ) -> Int {
        if bytes.byteCount > leftOverSize {
            heardAt = moment.monotonic
            pingSent = false
        }
        var used = 0
        defer { leftOverSize = bytes.byteCount - used }
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
        return used
    }

    /// The prologue or one frame; 0 when it has not come whole.
    private mutating func receiveOne(
        _ bytes: RawSpan, at moment: Moment, in environment: SessionEnvironment,
        output: inout ByteBuffer, effects: inout [SessionEffect]
    ) throws(StreamError) -> Int {
        switch state {
        case .ended:
            return bytes.byteCount
        case .prologue:
            return try receivePrologue(bytes)
        case .login, .online:
            break
        }
        let sizeMax =
            isOnline ? environment.limits.frameSizeMax : environment.limits.frameSizeMaxBeforeLogin
        let step: FrameStep
        do {
            step = try FrameSplitter.next(in: bytes, frameSizeMax: sizeMax)
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

    private mutating func receivePrologue(_ bytes: RawSpan) throws(StreamError) -> Int {
        let step: Prologue.Step
        do {
            step = try Prologue.parse(bytes)
        } catch {
            throw .badFormat
        }
        guard case .complete(let protocolVersion, let dictionaryVersion) = step else { return 0 }
        guard protocolVersion == 1, dictionaryVersion == 1 else { throw .unsupportedVersion }
        state = .login(LoginExchange())
        return Prologue.size
    }

    /// Whether nothing is read for now: an answer is awaited, or too many acks are outstanding.
    package func isPaused(_ limits: Limits) -> Bool {
        switch state {
        case .login(let exchange): exchange.awaitsAnswer
        case .online: unackedCount >= limits.unackedPerSessionMax
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
        case .prologue, .login:
            startedAt.advanced(byMs: limits.loginTimeoutMs)
        case .online:
            heardAt.advanced(
                byMs: limits.pingAfterMs + (pingSent ? limits.pingTimeoutMs : 0))
        case .ended:
            Instant(milliseconds: .max)
        }
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
        case .online where !pingSent:
            pingSent = true
            pingCount &+= 1  // an id may come again after 2^32 pings
            send(in: environment, output: &output) { node, context in
                StanzaWriter.ping(number: pingCount, into: &node, context: context)
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
        channelBinding = []
    }

    /// Ends the stream with an error: the peer is told, then the connection closes.
    package mutating func end(
        _ error: StreamError, in environment: SessionEnvironment, output: inout ByteBuffer,
        effects: inout [SessionEffect]
    ) {
        guard !isEnded else { return }
        send(in: environment, output: &output) { node, context in
            StanzaWriter.streamError(error, into: &node, context: context)
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

    /// Frames the node in the environment's scratch.
    func finishNode(in environment: SessionEnvironment, output: inout ByteBuffer) {
        do {
            try FrameWriter.write(
                environment.node.bytes, into: &output, frameSizeMax: FrameWriter.payloadSizeMax)
        } catch {
            preconditionFailure("a node of \(environment.node.count) bytes of our own: \(error)")
        }
        environment.node.clear()
        environment.framesSent += 1
    }
}
