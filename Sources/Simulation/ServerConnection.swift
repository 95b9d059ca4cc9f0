// A connection at the gateway: what Gateway's `Connection` is, over a simulated link and without TLS.

internal import Base
internal import Sessions
internal import Wire

/// The server's end of a link, and the session on it.
final class ServerConnection {
    enum Stage {
        case open
        case lingering
        case dead
    }

    let link: SimulatedLink
    var address: SessionAddress
    var session: Session
    var stage = Stage.open
    var stageDeadline = Instant(milliseconds: .max)
    /// What a paused session has not read, or a started frame.
    var inbound = ByteBuffer()
    /// Frames of this turn.
    var unsealed = ByteBuffer()
    /// What the link has not taken.
    var outbound = ByteBuffer()
    var isFlushQueued = false
    var isReady = false
    /// Whether its user had further devices when it wanted to be its own.
    var hadSiblings = false
    /// How its login was proved.
    var proof: ProofNote?

    init(link: SimulatedLink, address: SessionAddress, at now: Instant) {
        self.link = link
        self.address = address
        session = Session(address: address, channelBinding: link.exporter, at: now)
    }

    /// The device whose password the client at the other end has; nil for an intruder.
    var credential: DeviceAddress? {
        link.client.knowsPassword ? link.client.device : nil
    }

    /// What a report says of it.
    var summary: String {
        "client \(link.client.number) (\(stage), \(session.isEnded ? "ended" : "not ended"), "
            + "\(inbound.count) B unread, \(outbound.count) B unsent)"
    }

    func deadline(_ limits: Limits) -> Instant {
        stage == .open && !session.isEnded ? session.deadline(limits) : stageDeadline
    }

    func wantsToRead(_ limits: Limits) -> Bool {
        switch stage {
        case .open: !session.isPaused(limits) && outbound.count < limits.outputSizeMax / 4
        case .lingering: true
        case .dead: false
        }
    }
}
