// One client's connection: socket, TLS and session, and the bytes between them that could not go on.
//
// The stages only move forward: handshake → open → lingering → dead. Invariant: a connection at rest
// owns no buffer; `inbound` holds a started frame or what a paused session has not read, `unsealed` the
// frames of this turn, `outbound` the sealed bytes that the socket refused.
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
        case handshake
        case open
        /// Everything was said; what is left goes out, what still comes in is dropped.
        case lingering
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

    let socket: Socket
    /// Its slot is known only once it sits there.
    var address: SessionAddress
    let peer: SocketAddress?
    var tls: TLSConnection
    var session: Session?
    var stage = Stage.handshake
    /// What went wrong, until the shard has counted it.
    var failure: Failure?
    var inbound = ByteBuffer()
    var unsealed = ByteBuffer()
    var outbound = ByteBuffer()
    var interest: Interest = [.readable]
    var timer = TimerID.none
    var timerAt: Instant
    /// When lingering or the handshake must be over.
    var stageDeadline: Instant
    var isFlushQueued = false
    var isAuthenticated = false

    init(
        socket: consuming Socket, address: SessionAddress, peer: SocketAddress?,
        tls: consuming TLSConnection, deadline: Instant
    ) {
        self.socket = socket
        self.address = address
        self.peer = peer
        self.tls = tls
        stageDeadline = deadline
        timerAt = deadline
    }

    /// When the connection next needs the clock.
    func deadline(_ limits: Limits) -> Instant {
        guard stage == .open, let session, !session.isEnded else { return stageDeadline }
        return session.deadline(limits)
    }

    /// What the poller should watch for.
    func wantedInterest(_ limits: Limits) -> Interest {
        var wanted: Interest = []
        if !outbound.isEmpty { wanted.insert(.writable) }
        switch stage {
        case .handshake, .lingering:
            wanted.insert(.readable)
        case .open:
            // A peer that does not read its answers is not read either.
            let isPaused = session?.isPaused(limits) ?? false
            if !isPaused && outbound.count < limits.outputSizeMax / 4 { wanted.insert(.readable) }
        case .dead:
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
        case .lingering:
            stage = .dead
        case .handshake:
            fail(.handshakeTimeout, &workspace.effects)
        case .open:
            session?.tick(
                at: workspace.moment, in: workspace.environment, output: &unsealed,
                effects: &workspace.effects)
        }
    }

    /// Ends the connection at once.
    mutating func fail(_ failure: Failure, _ effects: inout [SessionEffect]) {
        guard stage != .dead else { return }
        self.failure = self.failure ?? failure
        session?.connectionLost(effects: &effects)
        stage = .dead
    }
}
