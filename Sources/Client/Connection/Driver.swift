// The thread behind a client: one poll(2) loop that connects, runs TLS and the session, and comes
// back after a pause. All decisions about stanzas are the session's, all about pauses Backoff's.
//
// Invariant: `socket` and `tls` exist together from an open TCP connection to its end; the session
// is logged in or logging in only while they do.

internal import Base
internal import Glibc
internal import TLS
internal import Wire

/// Runs one client. `@unchecked Sendable`: everything but `commands`, `events` and `pipe`, which are
/// Sendable themselves, belongs to the one thread that `start` makes.
final class Driver: @unchecked Sendable {
    enum Phase {
        case idle(until: Instant)
        case connecting(deadline: Instant)
        case handshaking(deadline: Instant)
        case running
        case draining(DisconnectReason, deadline: Instant)
        case finished
    }

    /// How much is read from the socket at once.
    static let readSizeMax = 64 * 1024

    let commands: CommandQueue
    let events: EventQueue
    let pipe: WakePipe

    let configuration: ClientConfiguration
    let store: any ClientStore
    let tlsContext: TLSContext
    let ciphers = RecordCiphers()
    var session: ClientSession
    var backoff: Backoff
    var random = SystemRandomNumberGenerator()

    var phase = Phase.idle(until: Instant(milliseconds: 0))
    var addresses: [ResolvedAddress] = []
    var socket: ClientSocket?
    var tls: TLSConnection?
    var tlsSession: TLSSession?
    /// Whether the store has this connection's TLS ticket.
    var hasKeptTicket = false
    var hasStoreFailed = false
    var onlineSince: Instant?
    var isClosing = false

    var ciphertextIn = ByteBuffer()
    var plaintextIn = ByteBuffer()
    var plaintextOut = ByteBuffer()
    var ciphertextOut = ByteBuffer()

    var sends: [StanzaID: ClientCommand.SendContinuation] = [:]
    /// Those who wait for the next commit.
    var posts: [(StanzaID, ClientCommand.SendContinuation)] = []
    var acknowledgements: [ClientCommand.DoneContinuation] = []
    var asks: [UInt64: ClientCommand.AskContinuation] = [:]
    var askCount: UInt64 = 0
    var closers: [CheckedContinuation<Void, Never>] = []

    init(
        configuration: ClientConfiguration, session: consuming ClientSession,
        store: any ClientStore, kept: ClientState, tlsContext: TLSContext
    ) throws(ClientError) {
        let pipe = try WakePipe()
        self.pipe = pipe
        commands = CommandQueue(pipe: pipe, outbox: kept.outbox)
        events = EventQueue { pipe.wake() }
        self.configuration = configuration
        self.store = store
        self.tlsContext = tlsContext
        self.session = session
        tlsSession = kept.ticket.flatMap {
            TLSSession(
                serialized: $0.bytes, context: tlsContext,
                serverName: configuration.serverName ?? configuration.host)
        }
        backoff = Backoff(policy: configuration.reconnect)
    }

    /// Starts the thread. Called once.
    func start() throws(ClientError) {
        let argument = Unmanaged.passRetained(self)
        var thread = pthread_t()
        let code = pthread_create(&thread, nil, runDriver, argument.toOpaque())
        guard code == 0 else {
            argument.release()
            throw .unavailable("pthread_create: \(errorText(code))")
        }
        pthread_detach(thread)
    }

    /// The thread's whole life.
    func run() {
        while true {
            let moment = currentMoment()
            advance(at: moment)
            if case .finished = phase { return }
            if session.isOnline || tls != nil {
                session.tick(at: moment, isReading: isReading, output: &plaintextOut)
                handleEffects(at: moment)
            }
            seal(at: moment)
            flush(at: moment)
            if case .finished = phase { return }
            wait()
        }
    }

    /// Whether bytes from the server are taken: neither the application nor the socket is behind.
    var isReading: Bool {
        !events.isFull && ciphertextOut.count <= ClientLimits.outputSizeMax
    }

    // MARK: Phases

    private func advance(at moment: Moment) {
        obeyCommands(at: moment)
        let now = moment.monotonic
        switch phase {
        case .idle(let until):
            if isClosing {
                finish(nil)
            } else if now >= until, !events.isFull {
                resolve(at: moment)
            }
        case .connecting(let deadline):
            if isClosing {
                end(.requested, at: moment)
            } else if now >= deadline {
                socket = nil
                connectNext(at: moment, lastFailure: "connection timed out")
            }
        case .handshaking(let deadline):
            if isClosing {
                end(.requested, at: moment)
            } else if now >= deadline {
                end(.timeout("the TLS handshake"), at: moment)
            }
        case .draining(let reason, let deadline):
            if now >= deadline { end(reason, at: moment) }
        case .running, .finished:
            break
        }
    }

    private func resolve(at moment: Moment) {
        events.push(.connecting)
        let (found, text) = ResolvedAddress.resolve(
            host: configuration.host, port: configuration.port)
        addresses = found
        connectNext(at: moment, lastFailure: text)
    }

    func connectNext(at moment: Moment, lastFailure: String) {
        var failure = lastFailure
        while !addresses.isEmpty {
            do throws(SocketFailure) {
                socket = try ClientSocket.connect(to: addresses.removeFirst())
                let now = currentMoment().monotonic
                phase = .connecting(deadline: now.advanced(byMs: ClientLimits.connectTimeoutMs))
                return
            } catch {
                failure = errorText(error.code)
            }
        }
        end(.network("\(configuration.host):\(configuration.port): \(failure)"), at: moment)
    }

    private func startTLS(at moment: Moment) {
        do throws(TLSError) {
            var connection = try TLSConnection(
                client: tlsContext, serverName: configuration.serverName ?? configuration.host,
                session: tlsSession)
            try connection.start(output: &ciphertextOut, ciphers: ciphers)
            tls = consume connection
            let deadline = moment.monotonic.advanced(byMs: ClientLimits.loginTimeoutMs)
            phase = .handshaking(deadline: deadline)
        } catch {
            end(.tls("\(error)"), at: moment)
        }
    }

    /// The connection is over: everything of it goes, and either a pause or the end begins.
    func end(_ reason: DisconnectReason, at moment: Moment) {
        if let fresh = tls?.takeSession() { tlsSession = fresh }
        session.disconnected()
        handleEffects(at: moment)
        tls = nil
        socket = nil
        addresses = []
        ciphertextIn.release()
        plaintextIn.release()
        plaintextOut.release()
        ciphertextOut.release()
        let onlineMs = onlineSince.map { moment.monotonic.milliseconds(since: $0) }
        onlineSince = nil
        if isClosing {
            finish(nil, reason: .requested)
            return
        }
        if let error = reason.finalError {
            finish(error, reason: reason)
            return
        }
        hasKeptTicket = false
        if reason == .tokenRefused {
            // The password may be tried at once: the server refused nothing else.
            phase = .idle(until: moment.monotonic)
            return
        }
        let pause = backoff.nextPauseMs(
            afterOnlineMs: onlineMs, hintMs: session.takeRetryAfterMs(), random: random.next())
        guard let pause else {
            finish(reason.error, reason: reason)
            return
        }
        events.push(.disconnected(reason, retryInMs: pause))
        phase = .idle(until: currentMoment().monotonic.advanced(byMs: pause))
    }

    /// The client is over: everybody who waits is told.
    private func finish(_ error: ClientError?, reason: DisconnectReason? = nil) {
        phase = .finished
        let failure = error ?? .closed
        let orphans = commands.close(failure)
        for command in orphans { take(command, at: currentMoment(), refusal: failure) }
        for (_, continuation) in posts { continuation.resume(returning: .failure(failure)) }
        posts = []
        for continuation in acknowledgements {
            continuation.resume(returning: .failure(failure))
        }
        acknowledgements = []
        for continuation in sends.values { continuation.resume(returning: .failure(failure)) }
        sends = [:]
        for continuation in asks.values { continuation.resume(returning: .failure(failure)) }
        asks = [:]
        if let reason { events.push(.disconnected(reason, retryInMs: nil)) }
        events.push(.stopped(error))
        events.finish()
        for closer in closers { closer.resume() }
        closers = []
    }

    // MARK: Input and output

    private func wait() {
        let now = currentMoment().monotonic
        var deadline: Instant?
        switch phase {
        case .idle(let until): deadline = events.isFull ? nil : until
        case .connecting(let until), .handshaking(let until), .draining(_, let until):
            deadline = until
        case .running: deadline = session.deadline
        case .finished: return
        }
        var wanted = Int32(0)
        switch phase {
        case .connecting: wanted = POLLOUT
        case .idle, .finished: break
        case .draining: wanted = ciphertextOut.isEmpty ? 0 : POLLOUT
        case .handshaking, .running:
            if isReading { wanted |= POLLIN }
            if !ciphertextOut.isEmpty { wanted |= POLLOUT }
        }
        var entries = [
            pollfd(fd: pipe.readEnd, events: Int16(POLLIN), revents: 0),
            pollfd(fd: socket?.descriptor ?? -1, events: Int16(wanted), revents: 0),
        ]
        // A hang-up is always reported: without interest the descriptor stays out.
        if wanted == 0 { entries[1].fd = -1 }
        let pauseMs = deadline.map { Int32(clamping: $0.milliseconds(since: now)) } ?? -1
        guard poll(&entries, 2, pauseMs) > 0 else { return }
        if entries[0].revents != 0 { pipe.drain() }
        if entries[1].revents != 0 { handleSocket(at: currentMoment()) }
    }

    private func handleSocket(at moment: Moment) {
        switch phase {
        case .connecting:
            let code = socket?.connectionError() ?? 0
            if code == 0 {
                startTLS(at: moment)
            } else {
                socket = nil
                connectNext(at: moment, lastFailure: errorText(code))
            }
        case .handshaking, .running:
            flush(at: moment)
            if isReading { readSocket(at: moment) }
        case .idle, .draining, .finished:
            break
        }
    }

    private func readSocket(at moment: Moment) {
        let result = socket?.read(into: &ciphertextIn, sizeMax: Self.readSizeMax)
        switch result {
        case .bytes: open(at: moment)
        case .closed: end(.network("the connection was closed by the other side"), at: moment)
        case .failed(let code): end(.network(errorText(code)), at: moment)
        case .wouldBlock, nil: break
        }
    }

    /// Decrypts what was read and gives it to the session.
    private func open(at moment: Moment) {
        var isClosedByPeer = false
        do throws(TLSError) {
            let status = try ciphertextIn.withUnsafeBytes { (bytes) throws(TLSError) in
                try tls?.receive(
                    bytes, plaintext: &plaintextIn, output: &ciphertextOut, ciphers: ciphers)
            }
            isClosedByPeer = status == .closed
        } catch {
            ciphertextIn.clear()
            flush(at: moment)
            if case .certificateRejected = error {
                end(.certificateRejected("\(error)"), at: moment)
            } else {
                end(.tls("\(error)"), at: moment)
            }
            return
        }
        ciphertextIn.clear()
        if let facts = tls?.takeFacts() { beginSession(facts, at: moment) }
        if !plaintextIn.isEmpty {
            session.receive(plaintextIn.bytes, at: moment, output: &plaintextOut)
            plaintextIn.clear()
        }
        handleEffects(at: moment)
        if isClosedByPeer, case .running = phase { end(.closedByServer, at: moment) }
    }

    private func beginSession(_ facts: HandshakeFacts, at moment: Moment) {
        phase = .running
        guard let exporter = facts.exporter else {
            end(.tls("no channel binding on this connection"), at: moment)
            return
        }
        session.connected(
            exporter: exporter, resumedTLS: facts.isResumed, at: moment, output: &plaintextOut)
    }

    /// Encrypts what the session produced.
    func seal(at moment: Moment) {
        guard !plaintextOut.isEmpty else { return }
        do throws(TLSError) {
            try tls?.send(plaintextOut.bytes, output: &ciphertextOut, ciphers: ciphers)
            plaintextOut.clear()
        } catch {
            plaintextOut.clear()
            end(.tls("\(error)"), at: moment)
        }
    }

    /// Writes what the socket takes.
    func flush(at moment: Moment) {
        while !ciphertextOut.isEmpty, socket != nil {
            if case .connecting = phase { return }
            switch socket?.write(from: &ciphertextOut) {
            case .bytes: continue
            case .failed(let code):
                endBroken(errorText(code), at: moment)
                return
            case .wouldBlock, .closed, nil: return
            }
        }
        if case .draining(let reason, _) = phase, ciphertextOut.isEmpty {
            end(reason, at: moment)
        }
    }

    /// The socket broke while writing: a reason we had already is the better one.
    private func endBroken(_ text: String, at moment: Moment) {
        if case .draining(let reason, _) = phase {
            end(reason, at: moment)
        } else {
            end(.network(text), at: moment)
        }
    }
}

/// The thread's entry.
@c func runDriver(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument else { return nil }
    var all = sigset_t()
    sigfillset(&all)
    pthread_sigmask(SIG_BLOCK, &all, nil)
    Unmanaged<Driver>.fromOpaque(argument).takeRetainedValue().run()
    return nil
}
