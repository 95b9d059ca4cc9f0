// One client's connection: socket, TLS and session, and the bytes between them that could not go on.
//
// The stages only move forward: hello → handshake → open → lingering → ending → dead. Invariant: a connection at rest
// owns no buffer. There is one of these for each session, so what is not needed at rest is elsewhere, and
// the order of the fields leaves no gaps (docs/SCALE.md).
//
// Called by its shard only, which owns it in a slab, watches its socket and carries its effects.

internal import Base
internal import Reactor
internal import Sessions
internal import TLS

/// A client's connection.
struct Connection: ~Copyable {
    /// How far the connection has come.
    enum Stage: Equatable {
        /// The ClientHello that will be answered has not come whole: the first, or the second one after a
        /// HelloRetryRequest. The costly step is still to be done.
        case hello
        case handshake
        case open
        /// Everything was said; what is left goes out, what still comes in is dropped.
        case lingering
        /// The same, and the peer has ended its direction.
        case ending
        /// To be closed now.
        case dead
    }

    /// Why a connection ended without a stream error.
    enum Failure: Equatable {
        case handshake(String)
        case record(String)
        case slowReader
        case handshakeTimeout
        case lost
    }

    /// What only a connection that has not logged in has: against whom it is counted, and how far it is.
    final class Newcomer {
        let peer: SocketAddress?
        /// Whether it is counted among the handshakes under way.
        var isInFlight = true
        /// Whether the rest of its ClientHello waits, unread, for the shard's time for handshakes.
        var isHelloDelayed = false

        init(peer: SocketAddress?) { self.peer = peer }
    }

    var tls: TLSConnection
    var session: Session?
    var buffers = ConnectionBuffers()
    /// Nil once it has logged in.
    var newcomer: Newcomer?
    var timer = TimerID.none
    /// When lingering or the handshake must be over.
    var stageDeadline: Instant
    let socket: Socket
    var interest: Interest = [.readable]
    var stage = Stage.hello
    var isFlushQueued = false

    init(
        socket: consuming Socket, peer: SocketAddress?, tls: consuming TLSConnection,
        deadline: Instant
    ) {
        self.socket = socket
        newcomer = Newcomer(peer: peer)
        self.tls = tls
        stageDeadline = deadline
    }

    /// Where it comes from; nil when that is no longer known. The kernel knows while it is connected.
    var peer: SocketAddress? { newcomer?.peer ?? socket.peerAddress }

    /// When the connection next needs the clock.
    func deadline(_ limits: Limits) -> Instant {
        guard stage == .open, let session, !session.isEnded else { return stageDeadline }
        return session.deadline(limits)
    }

    /// What the poller should watch for.
    func wantedInterest(_ limits: Limits) -> Interest {
        var wanted: Interest = []
        if !buffers.outbound.isEmpty { wanted.insert(.writable) }
        switch stage {
        case .hello:
            if newcomer?.isHelloDelayed == false { wanted.insert(.readable) }
        case .handshake, .lingering:
            wanted.insert(.readable)
        case .open:
            // A peer that does not read its answers is not read either.
            let isPaused = session?.isPaused(limits) ?? false
            if !isPaused && buffers.outbound.count < limits.outputSizeMax / 4 {
                wanted.insert(.readable)
            }
        case .ending, .dead:
            break
        }
        return wanted
    }

    /// Time has passed.
    mutating func tick(_ workspace: Workspace) {
        guard workspace.moment.monotonic >= deadline(workspace.limits) else { return }
        switch stage {
        case .dead:
            return
        case .lingering, .ending:
            stage = .dead
        case .hello, .handshake:
            fail(.handshakeTimeout, workspace)
        case .open:
            session?.tick(
                at: workspace.moment, in: workspace.environment, output: &buffers.unsealed,
                effects: &workspace.effects)
        }
    }

    /// Ends the connection at once.
    mutating func fail(_ failure: Failure, _ workspace: Workspace) {
        guard stage != .dead else { return }
        workspace.failure = workspace.failure ?? failure
        session?.connectionLost(effects: &workspace.effects)
        stage = .dead
        endHandshake(workspace)
    }

    /// The handshake is over, in whatever way: it no longer counts against others.
    mutating func endHandshake(_ workspace: Workspace) {
        guard let newcomer, newcomer.isInFlight else { return }
        newcomer.isInFlight = false
        workspace.hasHandshakeEnded = true
    }
}
