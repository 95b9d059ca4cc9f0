// Bytes in: socket → TLS → session.

internal import Base
internal import Reactor
internal import Sessions
internal import TLS

extension Connection {
    /// The socket is readable: takes one turn's worth.
    mutating func receive(_ workspace: Workspace) {
        guard stage != .dead else { return }
        switch socket.read(into: workspace.received) {
        case .bytes(let count):
            if stage == .lingering || stage == .ending { return }
            let bytes = UnsafeRawBufferPointer(rebasing: workspace.received[..<count])
            decrypt(bytes, workspace)
        case .wouldBlock:
            return
        case .closed where stage == .lingering && !buffers.outbound.isEmpty:
            stage = .ending  // what we still owe it goes out first
        case .closed where stage == .ending:
            return
        case .closed:
            // The end of TCP without close_notify; after ours it is simply the end.
            fail(.lost, workspace)
        case .failed:
            fail(.lost, workspace)
        }
    }

    private mutating func decrypt(_ bytes: UnsafeRawBufferPointer, _ workspace: Workspace) {
        defer { workspace.plaintext.clear() }
        let status: TLSStatus
        do {
            status = try tls.receive(
                bytes, plaintext: &workspace.plaintext, output: &buffers.outbound,
                ciphers: workspace.ciphers)
        } catch {
            // The alert is in `outbound`: it goes out, then the connection closes.
            workspace.failure =
                session == nil ? .handshake("\(error)") : .record("\(error)")
            session?.connectionLost(effects: &workspace.effects)
            linger(workspace)
            return
        }
        if session == nil {
            switch status {
            case .awaitingHello: return
            case .handshaking:
                stage = .handshake
                return
            case .open, .closed: begin(workspace)
            }
        }
        feed(workspace)
        if status == .closed && stage == .open {
            session?.connectionLost(effects: &workspace.effects)
            close(workspace)
        }
    }

    /// The handshake is over: from here on there is a session.
    private mutating func begin(_ workspace: Workspace) {
        stage = .open
        endHandshake(workspace)
        workspace.handshake = tls.takeFacts()
        // Until now the deadline was the handshake's, which counts from the accept.
        let timeoutMs = workspace.environment.limits.handshakeTimeoutMs
        let acceptedAt = stageDeadline.milliseconds - min(stageDeadline.milliseconds, timeoutMs)
        session = Session(
            address: workspace.address, channelBinding: workspace.handshake?.exporter ?? [],
            acceptedAt: Instant(milliseconds: acceptedAt), at: workspace.moment.monotonic)
    }

    /// Gives the session what was decrypted, behind what it had left over.
    private mutating func feed(_ workspace: Workspace) {
        guard !workspace.plaintext.isEmpty else { return }
        guard buffers.inbound.isEmpty else {
            buffers.inbound.append(contentsOf: workspace.plaintext)
            resume(workspace)
            return
        }
        let used =
            session?.receive(
                workspace.plaintext.bytes, at: workspace.moment, in: workspace.environment,
                output: &buffers.unsealed, effects: &workspace.effects) ?? 0
        workspace.plaintext.consume(used)
        buffers.inbound.append(contentsOf: workspace.plaintext)
    }

    /// Gives the session what it left over, now that it may read on.
    mutating func resume(_ workspace: Workspace) {
        guard stage == .open, !buffers.inbound.isEmpty else { return }
        var waiting = ByteBuffer()
        swap(&waiting, &buffers.inbound)
        let used =
            session?.receive(
                waiting.bytes, at: workspace.moment, in: workspace.environment,
                output: &buffers.unsealed, effects: &workspace.effects) ?? 0
        waiting.consume(used)
        // What is used up gives its storage back.
        if !waiting.isEmpty { swap(&waiting, &buffers.inbound) }
    }

    /// Whether so much waits for the peer that what may be lost is: others must not be able to end a slow
    /// peer's connection by chat states.
    private func isBehind(_ limits: Limits) -> Bool {
        buffers.outbound.count + buffers.unsealed.count > limits.newsBacklogMax
    }

    /// Takes an answer or a delivery for the session.
    mutating func deliver(_ input: SessionInput, _ workspace: Workspace, readsOn: Bool = true) {
        guard stage == .open, session != nil else { return }
        if case .news = input, isBehind(workspace.limits) { return }
        session?.deliver(
            input, at: workspace.moment, in: workspace.environment, output: &buffers.unsealed,
            effects: &workspace.effects)
        if readsOn { resume(workspace) }
    }
}
