// Bytes out: the turn's frames → TLS → socket, once per turn. And the ways to end.

internal import Base
internal import Reactor
internal import Sessions
internal import TLS

extension Connection {
    /// Seals the turn's frames and sends what the socket takes; the rest stays, up to a limit.
    mutating func flush(_ workspace: Workspace) {
        guard stage != .dead else { return }
        if !buffers.unsealed.isEmpty {
            var frames = ByteBuffer()
            swap(&frames, &buffers.unsealed)
            seal(frames, workspace)
        }
        guard send(workspace) else { return }
        if buffers.outbound.count > workspace.limits.outputSizeMax {
            fail(.slowReader, workspace)
        } else if stage == .lingering && buffers.outbound.isEmpty {
            socket.shutdownWrite()
        } else if stage == .ending && buffers.outbound.isEmpty {
            stage = .dead
        }
    }

    /// Into the shard's scratch if nothing waits before it, else behind what waits.
    private mutating func seal(_ frames: borrowing ByteBuffer, _ workspace: Workspace) {
        do {
            if buffers.outbound.isEmpty {
                try tls.send(
                    frames.bytes, output: &workspace.ciphertext, ciphers: workspace.ciphers)
            } else {
                try tls.send(frames.bytes, output: &buffers.outbound, ciphers: workspace.ciphers)
            }
        } catch {
            fail(.record("\(error)"), workspace)
        }
    }

    /// False when the connection is lost.
    private mutating func send(_ workspace: Workspace) -> Bool {
        defer { workspace.ciphertext.clear() }
        while !buffers.outbound.isEmpty {
            switch buffers.outbound.withUnsafeBytes({ socket.write($0) }) {
            case .bytes(let count):
                buffers.outbound.consume(count)
            case .wouldBlock:
                return true
            case .closed, .failed:
                fail(.lost, workspace)
                return false
            }
        }
        if !buffers.isEmpty { buffers.outbound.release() }
        while !workspace.ciphertext.isEmpty {
            switch workspace.ciphertext.withUnsafeBytes({ socket.write($0) }) {
            case .bytes(let count):
                workspace.ciphertext.consume(count)
            case .wouldBlock:
                buffers.outbound.append(contentsOf: workspace.ciphertext)
                return true
            case .closed, .failed:
                fail(.lost, workspace)
                return false
            }
        }
        return true
    }

    /// The session is over: the last frames and close_notify go out, then the socket closes.
    mutating func close(_ workspace: Workspace) {
        guard [.hello, .handshake, .open].contains(stage) else { return }
        flush(workspace)
        guard stage != .dead else { return }
        tls.close(output: &buffers.outbound, ciphers: workspace.ciphers)
        linger(workspace)
    }

    /// Nothing more to say. A socket closed with unread bytes would reset the connection and take our
    /// last words with it, so the peer's end is awaited for a while.
    mutating func linger(_ workspace: Workspace) {
        guard stage != .dead else { return }
        stage = .lingering
        endHandshake(workspace)
        stageDeadline = workspace.moment.monotonic.advanced(byMs: workspace.limits.closeTimeoutMs)
        if !buffers.isEmpty { buffers.inbound.release() }
        flush(workspace)
    }
}
