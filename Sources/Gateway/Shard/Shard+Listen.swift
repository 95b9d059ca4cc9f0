// Listeners of a shard: opened by its own thread, since its descriptors may be its own, and closed while
// it is full.
//
// A full shard must not only stop to accept: the kernel spreads new connections over all listeners of
// the port, and those that fell to this one would wait for nobody. Without its listener they go to the
// other shards; when all are full, the kernel refuses the connection and the client tries elsewhere.

internal import Base
internal import Logging
internal import Reactor
internal import Synchronization

/// A listening socket, shared by reference so that it closes once.
final class ListenerSocket {
    let socket: Socket

    init(_ socket: consuming Socket) { self.socket = socket }
}

extension Shard {
    static let listenRetryMs: UInt64 = 1_000

    /// Takes a descriptor table of its own, if it is to have one, and listens.
    func open() throws(ReactorError) {
        if setup.hasOwnTable {
            try ResourceLimits.unshareDescriptors()
            // Standard input and outputs, its poller, and every mailbox: to wake others and be woken.
            let mailboxes = shards.map(\.mailbox.descriptor) + [setup.started.descriptor]
            try ResourceLimits.closeDescriptors(except: [0, 1, 2, poller.descriptor] + mailboxes)
        }
        try poller.add(mailbox.descriptor, token: Self.mailboxToken, interest: [.readable])
        try openListeners()
    }

    private func openListeners() throws(ReactorError) {
        for address in setup.listen {
            let socket = try Socket.listen(address, reusePort: true)
            try poller.add(
                socket.rawValue, token: UInt64(listeners.count) + 1, interest: [.readable])
            listeners.append(ListenerSocket(socket))
        }
        isAccepting = true
    }

    /// Connections, with those whose handshake has not begun.
    var occupancy: Int { connections.count + arrivals.count }

    /// How many connections are left free when the listeners close, for those that wait in them.
    private var roomForWaiting: Int { setup.connectionsMax / 64 }

    /// Closes the listeners of a full shard, and opens them when a sixteenth is free again. Each turn.
    func listenWhileThereIsRoom() {
        guard stopAt == nil else { return }
        if listeners.isEmpty {
            let now = workspace.moment.monotonic
            guard occupancy < setup.connectionsMax - setup.connectionsMax / 16,
                now >= listenRetryAt
            else { return }
            do {
                try openListeners()
                logger.notice("room again: listening", metadata: ["shard": "\(index)"])
            } catch {
                closeListeners()
                listenRetryAt = now.advanced(byMs: Self.listenRetryMs)
                logger.error("cannot listen", metadata: ["error": "\(error)"])
                _ = timers.schedule(deadline: listenRetryAt, token: Self.acceptTimerToken)
            }
        } else if occupancy >= setup.connectionsMax - roomForWaiting {
            // Whoever waits was promised a connection: taken while there is room.
            for listener in listeners { accept(from: listener) }
            closeListeners()
            metrics.timesFull.count()
            logger.warning(
                "full: refusing connections",
                metadata: ["shard": "\(index)", "connections": "\(occupancy)"])
        }
    }

    func closeListeners() {
        listeners = []
        isAccepting = false
    }

    func pauseAccepting() {
        guard isAccepting else { return }
        setAccepting(false)
        _ = timers.schedule(
            deadline: workspace.moment.monotonic.advanced(byMs: Self.acceptPauseMs),
            token: Self.acceptTimerToken)
    }

    func setAccepting(_ accepts: Bool) {
        guard isAccepting != accepts, stopAt == nil || !accepts, !listeners.isEmpty else { return }
        isAccepting = accepts
        for (position, listener) in listeners.enumerated() {
            poller.modify(
                listener.socket.rawValue, token: UInt64(position) + 1,
                interest: accepts ? [.readable] : [])
        }
    }
}
