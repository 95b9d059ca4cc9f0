// Connections coming and going: accepting within a budget, counting, removing.

internal import Base
internal import Logging
internal import Reactor
internal import Sessions
internal import Synchronization
internal import TLS

/// A listening socket, shared by reference so that it closes once.
final class ListenerSocket: Sendable {
    let socket: Socket
    let address: SocketAddress

    init(_ socket: consuming Socket, address: SocketAddress) {
        self.socket = socket
        self.address = address
    }
}

extension Shard {
    /// Takes waiting connections, so many a turn, while there is room for those not logged in.
    func accept(from listener: ListenerSocket) {
        for _ in 0..<limits.acceptsPerTurnMax {
            guard unauthenticatedCount < limits.unauthenticatedPerShardMax,
                connections.count < limits.connectionsPerShardMax
            else {
                pauseAccepting()
                return
            }
            switch listener.socket.accept() {
            case .accepted(let accepted):
                add(accepted)
            case .wouldBlock:
                return
            case .descriptorsExhausted:
                logger.warning("no descriptors left: not accepting for a while")
                pauseAccepting()
                return
            case .failed(let code):
                logger.warning("accept failed", metadata: ["errno": "\(code)"])
                pauseAccepting()
                return
            }
        }
    }

    private func add(_ accepted: consuming AcceptedSocket) {
        metrics.accepted.count()
        let peer = accepted.peer
        let source = peer?.sourceKey ?? 0
        guard unauthenticatedBySource[source, default: 0] < limits.unauthenticatedPerSourceMax
        else {
            metrics.shed.count()
            return
        }
        accepted.socket.setNoDelay(true)
        let deadline = workspace.moment.monotonic.advanced(byMs: limits.handshakeTimeoutMs)
        let raw = accepted.socket.rawValue
        do {
            let tls = try TLSConnection(server: tls)
            let nowhere = SessionAddress(shard: index, slot: SlotID(word: 0))
            let connection = Connection(
                socket: accepted.socket, address: nowhere, peer: peer, tls: tls,
                deadline: deadline)
            guard let slot = connections.insert(connection) else { return }
            connections.withElement(slot) { connection in
                connection.address.slot = slot
                connection.timer = timers.schedule(deadline: deadline, token: slot.word)
            }
            unauthenticatedCount += 1
            unauthenticatedBySource[source, default: 0] += 1
            metrics.connections.add(1, ordering: .relaxed)
            do {
                try poller.add(raw, token: slot.word, interest: [.readable])
            } catch {
                logger.warning("cannot watch a connection", metadata: ["error": "\(error)"])
                remove(slot)
            }
        } catch {
            logger.error("cannot begin a handshake", metadata: ["error": "\(error)"])
        }
    }

    func pauseAccepting() {
        guard isAccepting else { return }
        setAccepting(false)
        _ = timers.schedule(
            deadline: workspace.moment.monotonic.advanced(byMs: Self.acceptPauseMs),
            token: Self.acceptTimerToken)
    }

    func setAccepting(_ accepts: Bool) {
        guard isAccepting != accepts, stopAt == nil || !accepts else { return }
        isAccepting = accepts
        for (position, listener) in listeners.enumerated() {
            poller.modify(
                listener.socket.rawValue, token: UInt64(position) + 1,
                interest: accepts ? [.readable] : [])
        }
    }

    /// Counts a handshake's end, once.
    func countHandshake(_ slot: SlotID) {
        connections.withElement(slot) { connection in
            guard connection.session != nil else { return }
            metrics.handshakes.count()
            if connection.tls.resumed { metrics.resumptions.count() }
        }
    }

    /// Takes a dead connection out; its socket closes here.
    func remove(_ slot: SlotID) {
        guard let connection = connections.remove(slot) else { return }
        timers.cancel(connection.timer)
        metrics.connections.subtract(1, ordering: .relaxed)
        if connection.isAuthenticated {
            metrics.sessions.subtract(1, ordering: .relaxed)
        } else {
            leaveUnauthenticated(connection.peer)
        }
        report(connection.failure, peer: connection.peer)
    }

    /// A connection has logged in or gone before it did.
    func leaveUnauthenticated(_ peer: SocketAddress?) {
        unauthenticatedCount -= 1
        let source = peer?.sourceKey ?? 0
        let count = unauthenticatedBySource[source, default: 1] - 1
        unauthenticatedBySource[source] = count == 0 ? nil : count
    }

    /// One count and one line for a connection that went wrong.
    private func report(_ failure: Connection.Failure?, peer: SocketAddress?) {
        let peer = peer?.description ?? "unknown"
        switch failure {
        case nil, .lost:
            return
        case .handshake(let reason):
            metrics.handshakesFailed.count()
            logger.info(
                "handshake failed", metadata: ["peer": "\(peer)", "reason": "\(reason)"])
        case .record(let reason):
            metrics.streamErrors.count()
            logger.info("bad record", metadata: ["peer": "\(peer)", "reason": "\(reason)"])
        case .slowReader:
            metrics.slowReaders.count()
            logger.info("slow reader", metadata: ["peer": "\(peer)"])
        case .handshakeTimeout:
            metrics.timeouts.count()
            logger.info("handshake took too long", metadata: ["peer": "\(peer)"])
        }
    }
}
