// The buffers that a shard's connections share: bytes pass through them, nothing stays in them from one
// connection to the next. This is why an idle connection owns none.

internal import Base
internal import Reactor
internal import Sessions

/// Scratch space and effects of one shard; its thread's alone.
final class Workspace {
    /// What one read takes from a socket at most.
    let received: UnsafeMutableRawBufferPointer
    /// What one read decrypts to. Empty between connections.
    var plaintext = ByteBuffer()
    /// What one connection is about to send. Empty between connections.
    var ciphertext = ByteBuffer()
    /// What the session in hand wants done. Empty between connections.
    var effects: [SessionEffect] = []
    let environment: SessionEnvironment
    /// The turn's time.
    var moment: Moment

    var limits: Limits { environment.limits }

    init(environment: SessionEnvironment, at moment: Moment) {
        self.environment = environment
        self.moment = moment
        received = .allocate(byteCount: environment.limits.readSizePerTurn, alignment: 16)
    }

    deinit { received.deallocate() }
}
