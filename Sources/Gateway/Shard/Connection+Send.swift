// Bytes out: the turn's frames → TLS → socket, once per turn. And the ways to end.

internal import Base
internal import Reactor
internal import Sessions
internal import TLS

extension Connection {
    /// Seals the turn's frames and sends what the socket takes; the rest stays, up to a limit.
    mutating func flush(_ workspace: Workspace) {
        guard stage != .dead else { return }
        if !unsealed.isEmpty {
            var frames = ByteBuffer()
            swap(&frames, &unsealed)
            seal(frames, workspace)
        }
        guard send(workspace) else { return }
        if outbound.count > workspace.limits.outputSizeMax {
            fail(.slowReader, &workspace.effects)
        } else if stage == .lingering && outbound.isEmpty {
            socket.shutdownWrite()
        }
    }

    /// Into the shard's scratch if nothing waits before it, else behind what waits.
    private mutating func seal(_ frames: borrowing ByteBuffer, _ workspace: Workspace) {
        do {
            if outbound.isEmpty {
                try tls.send(frames.bytes, output: &workspace.ciphertext)
            } else {
                try tls.send(frames.bytes, output: &outbound)
            }
        } catch {
            fail(.record("\(error)"), &workspace.effects)
        }
    }

    /// False when the connection is lost.
    private mutating func send(_ workspace: Workspace) -> Bool {
        defer { workspace.ciphertext.clear() }
        while !outbound.isEmpty {
            switch outbound.withUnsafeBytes({ socket.write($0) }) {
            case .bytes(let count):
                outbound.consume(count)
            case .wouldBlock:
                return true
            case .closed, .failed:
                fail(.lost, &workspace.effects)
                return false
            }
        }
        outbound.release()
        while !workspace.ciphertext.isEmpty {
            switch workspace.ciphertext.withUnsafeBytes({ socket.write($0) }) {
            case .bytes(let count):
                workspace.ciphertext.consume(count)
            case .wouldBlock:
                outbound.append(contentsOf: workspace.ciphertext)
                return true
            case .closed, .failed:
                fail(.lost, &workspace.effects)
                return false
            }
        }
        return true
    }

    /// The session is over: the last frames and close_notify go out, then the socket closes.
    mutating func close(_ workspace: Workspace) {
        guard stage == .open || stage == .handshake else { return }
        flush(workspace)
        guard stage != .dead else { return }
        tls.close(output: &outbound)
        linger(workspace)
    }

    /// Nothing more to say. A socket closed with unread bytes would reset the connection and take our
    /// last words with it, so the peer's end is awaited for a while.
    mutating func linger(_ workspace: Workspace) {
        guard stage != .dead else { return }
        stage = .lingering
        stageDeadline = workspace.moment.monotonic.advanced(byMs: workspace.limits.closeTimeoutMs)
        inbound.release()
        flush(workspace)
    }
}
