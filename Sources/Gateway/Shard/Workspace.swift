// The buffers that a shard's connections share: bytes pass through them, nothing stays in them from one
// connection to the next. This is why an idle connection owns none.

internal import Base
internal import Reactor
internal import Sessions
internal import TLS
internal import Wire

/// Scratch space and effects of one shard; its thread's alone.
final class Workspace {
    /// What one read takes from a socket at most.
    let received: UnsafeMutableRawBufferPointer
    /// What one read decrypts to. Empty between connections.
    var plaintext = ByteBuffer()
    /// What one connection is about to send. Empty between connections.
    var ciphertext = ByteBuffer()
    /// What seals and opens records.
    let ciphers = RecordCiphers()
    /// What the session in hand wants done. Empty between connections.
    var effects: [SessionEffect] = []
    /// What the handshake settled that the connection in hand just ended. Nil between connections.
    var handshake: HandshakeFacts?
    /// Whether the connection in hand ended its handshake, well or not. False between connections.
    var hasHandshakeEnded = false
    /// What went wrong with the connection in hand. Nil between connections.
    var failure: Connection.Failure?
    /// Where the connection in hand is.
    var address: SessionAddress
    let environment: SessionEnvironment
    /// The turn's time.
    var moment: Moment

    var limits: Limits { environment.limits }

    init(environment: SessionEnvironment, shard: Int, at moment: Moment) {
        self.environment = environment
        address = SessionAddress(shard: shard, slot: SlotID(word: 0))
        self.moment = moment
        received = .allocate(byteCount: environment.limits.readSizePerTurn, alignment: 16)
    }

    deinit { received.deallocate() }
}
