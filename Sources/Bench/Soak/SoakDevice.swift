// One device of a soak: the client library's session, and the connection it has at present. All that
// is about messages is ClientSession's; here is only how bytes get to it, as in the library's Driver.
//
// Invariant: `tls` exists only while `socket` does; the session is logged in or logging in only while
// `stage` is `running`. Belongs to the soak's one thread.

internal import Base
internal import Client
internal import Reactor
internal import TLS
internal import Wire

/// A device and its connection.
final class SoakDevice {
    enum Stage {
        /// Wants no connection until `stageEnd`.
        case away
        /// Tries again at `stageEnd`.
        case pausing
        /// Each gives up at `stageEnd`.
        case connecting, handshaking
        /// Has no end of its own.
        case running
    }

    let index: Int
    let pair: Int
    let isSender: Bool
    let jid: JID
    var session: ClientSession

    var stage = Stage.pausing
    var stageEnd: Instant?
    /// When it leaves on purpose, connected or not.
    var leaveAt: Instant?
    var socket: Socket?
    var tls: TLSConnection?
    var ticket: TLSSession?
    var backoff = Backoff(policy: SoakDevice.policy)
    var plaintext = ByteBuffer()
    var output = ByteBuffer()
    var isWriteWatched = false
    /// Tells events of an earlier connection apart.
    var incarnation: UInt32 = 0
    var loginCount = 0
    var onlineSince: Instant?
    /// Since when it wants to be logged in and is not.
    var outageStart: Instant?
    /// What the client gave up, to be posted again at the given time.
    var givenUp: [(number: Int, at: Instant)] = []

    /// Back soon: a soak is about gateways that die often.
    private static let policy = ReconnectPolicy(
        pauseMs: SoakTimes.pauseMs, pauseMsMax: SoakTimes.pauseMsMax,
        stableAfterMs: SoakTimes.stableAfterMs)

    init(index: Int, pair: Int, isSender: Bool, jid: JID, session: consuming ClientSession) {
        self.index = index
        self.pair = pair
        self.isSender = isSender
        self.jid = jid
        self.session = session
    }

    /// What the poller knows the connection by.
    var token: UInt64 { UInt64(incarnation) << 32 | UInt64(index) }

    /// Forgets the connection; the socket is reset.
    func dropConnection() {
        if let fresh = tls?.takeSession() { ticket = fresh }
        tls = nil
        plaintext.release()
        output.release()
        isWriteWatched = false
        incarnation &+= 1  // wraps after 2^32 connections: harmless
        if let socket = socket.take() { socket.reset() }
    }

    /// When something is due without an event; nil for never.
    var deadline: Instant? {
        let own = [stageEnd, leaveAt, givenUp.first?.at].compactMap(\.self).min()
        guard stage == .running, let session = session.deadline else { return own }
        return own.map { min($0, session) } ?? session
    }
}
