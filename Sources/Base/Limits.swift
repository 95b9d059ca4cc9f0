// Every limit of the gateway, with its unit, default and reason. `validate()` holds their relations.
// docs/LIMITS.md shows the same table with what happens when each is reached.

/// The limits of one gateway. Sizes are bytes, times milliseconds, unless the name says otherwise.
public struct Limits: Sendable, Equatable {
    // Frames and nodes.

    /// Flags and payload of a frame before login: room for a SCRAM message, little to attack with.
    public var frameSizeMaxBeforeLogin = 4_096
    /// Flags and payload of a frame after login.
    public var frameSizeMax = 65_536
    /// What a compressed frame may inflate to.
    public var inflatedSizeMax = 262_144
    /// What a routed node must have to be compressed with zlib: smaller ones hardly ever shrink.
    public var deflateSizeMin = 512
    /// The same with a preset dictionary: below it a frame saves less than the work is worth.
    public var presetDeflateSizeMin = 48

    // Connections of one shard.

    /// Connections a shard holds.
    public var connectionsPerShardMax = 1_000_000
    /// Connections of a shard that have not logged in yet; beyond it the shard does not accept.
    public var unauthenticatedPerShardMax = 4_096
    /// Of those, connections from one IPv4 address or IPv6 /64 network; further ones are closed at once,
    /// so that one source cannot keep all others out. Carriers put many phones behind one address.
    public var unauthenticatedPerSourceMax = 1_024
    /// Connections of a shard that have sent nothing yet; a further one takes the place of the oldest.
    public var halfOpenPerShardMax = 2_048
    /// Handshakes of a shard between their first bytes and their end. Each holds 72 KB at its peak, so
    /// this is 144 MB; twice what one source may have, so that one cannot keep all others out.
    public var handshakesInFlightPerShardMax = 2_048
    /// Handshakes a shard begins in a second, over time. One takes about 0.22 ms of a core, so a core
    /// does 4,500; live sessions keep a third of it.
    public var handshakesPerSecondMax = 3_000
    /// Handshakes a shard begins at once after a quiet time.
    public var handshakeBurstMax = 256
    /// Handshakes a shard begins in one turn: 7 ms, so that live sessions wait no longer.
    public var handshakesPerTurnMax = 32
    /// Connections accepted in one turn, so that a storm leaves time for live sessions.
    public var acceptsPerTurnMax = 64
    /// Bytes taken from one socket in one turn.
    public var readSizePerTurn = 65_536
    /// Bytes a slow reader may leave unsent before its session is ended.
    public var outputSizeMax = 1_048_576

    // Times.

    /// From accept to the end of the TLS handshake.
    public var handshakeTimeoutMs: UInt64 = 10_000
    /// From the end of the handshake to `success`.
    public var loginTimeoutMs: UInt64 = 15_000
    /// Silence after which the server asks `ping`, or up to an eighth earlier. A client that wants to know
    /// sooner, or must keep a NAT's mapping, asks itself; this one only finds those that vanished without
    /// anything being sent to them. At a million sessions it is 600 pings a second.
    public var pingAfterMs: UInt64 = 1_800_000
    /// Silence after `ping` that ends the session.
    public var pingTimeoutMs: UInt64 = 30_000
    /// How long bytes that were sent may stay unacknowledged by the peer's TCP (TCP_USER_TIMEOUT): a phone
    /// in a tunnel comes back, one that is gone does not hold its messages for a quarter of an hour.
    public var sendTimeoutMs: UInt64 = 120_000
    /// How long a shard takes events and messages before it sends what they made and looks at its timers.
    public var turnTimeMs: UInt64 = 10
    /// How long a closing connection may take to drain its last bytes.
    public var closeTimeoutMs: UInt64 = 5_000

    // Sessions and routing.

    /// Stanzas of one session that await their ack; beyond it the session is not read.
    public var unackedPerSessionMax = 512
    /// Recipients of one session to whom something was refused with `wait` and not sent again; beyond it the
    /// session ends, and its client begins anew.
    public var refusedRecipientsPerSessionMax = 64
    /// Messages refused to one session with `wait`, or behind such, and not sent again; beyond it the session
    /// ends. Four times what the client library has on its way.
    public var refusedStanzasPerSessionMax = 512
    /// Stanzas of one shard that await the store; beyond it senders get `resource-constraint`.
    public var unsettledPerShardMax = 65_536
    /// Questions of one shard that the store has not answered; beyond it an ack waits for the store even
    /// if every device has the stanza, so that senders slow down to the store's pace.
    public var earlyAckBacklogMax = 4_096
    /// Stanzas sent to a device and not yet acked by it; beyond it the rest waits in the store.
    public var inFlightPerDeviceMax = 256
    /// How few must be in flight before the next page is read.
    public var inFlightPerDeviceLow = 128
    /// Bytes sent to a device and not yet acked by it; beyond it the rest waits in the store.
    public var inFlightSizePerDeviceMax = 262_144
    /// Stanzas in one page of a device's queue.
    public var pageCountMax = 256
    /// Bytes in one page of a device's queue; one stanza always fits.
    public var pageSizeMax = 262_144
    /// Attempts to read a page before the session ends.
    public var pageAttemptsMax = 8
    /// The pause after the first that failed; it doubles with each: the last attempt comes after half a minute.
    public var pageRetryPauseMs: UInt64 = 250
    /// Settles of one shard that the store has no room for; beyond it one is forgotten, and its stanza comes
    /// again with its device's next login.
    public var waitingSettlesPerShardMax = 65_536
    /// New stanzas held in memory while a page is read.
    public var tailCountMax = 64
    /// Bytes of new stanzas held in memory while a page is read.
    public var tailSizeMax = 131_072
    /// Messages waiting in a shard's mailbox.
    public var mailboxDepthMax = 262_144

    // Accounts and queues.

    /// Stanzas waiting for one device; beyond it senders get `resource-constraint`.
    public var queueDepthMax = 10_000
    /// Logins of one device that the store has still to decide on; a further one is to come later. A client has
    /// one under way, and one that it has given up.
    public var loginsPerDeviceMax = 4
    /// Bytes of payload waiting for one device; beyond it senders get `resource-constraint`. With small
    /// messages the count is reached first.
    public var queueSizeMax = 33_554_432
    /// Devices of one account.
    public var devicesPerAccountMax = 16
    /// How long a login token is valid, in seconds: 30 days.
    public var loginTokenLifetimeS: UInt64 = 2_592_000
    /// Contacts of one account: what fits one frame, with names of the greatest size.
    public var contactsPerAccountMax = 900
    /// Contact changes in one `iq`.
    public var contactChangesPerIQMax = 128
    /// Requests waiting for the store's writer.
    public var storeDepthMax = 65_536
    /// Requests the store commits together.
    public var storeBatchMax = 8_192
    /// How long clients are asked to stay away when the store has no room for their requests: the least that
    /// can be said. A full queue is a few commits long.
    public var storeFullPauseMs: UInt64 = 1_000

    /// The defaults.
    public init() {}

    /// Bytes that a device's window may put into its connection's output.
    private var windowSizeMax: Int { inFlightSizePerDeviceMax + pageSizeMax + tailSizeMax }

    /// Bytes of output from which on presence and chat states are dropped: a window still fits behind them, so that
    /// nobody can have a slow reader cut off by such.
    public var newsBacklogMax: Int { outputSizeMax - windowSizeMax - frameSizeMax }

    /// The limits of one of so many shards on so many cores. What is said of handshakes is said of a core's
    /// time and a machine's memory: when cores have several shards each, these share it.
    public func shared(shards: Int, cores: Int) -> Limits {
        guard shards > cores else { return self }
        var limits = self
        for path in [
            \Limits.handshakesInFlightPerShardMax, \.handshakesPerSecondMax, \.handshakeBurstMax,
            \.handshakesPerTurnMax,
        ] {
            limits[keyPath: path] = max(1, self[keyPath: path] / shards * cores)
        }
        // Still no source fills a shard's handshakes, but for the smallest of these.
        limits.unauthenticatedPerSourceMax = min(
            unauthenticatedPerSourceMax, max(16, limits.handshakesInFlightPerShardMax / 2))
        return limits
    }

    /// Holds the relations between limits; returns what is wrong, or nil.
    public func validate() -> String? {
        let relations: [(Bool, String)] = [
            (
                frameSizeMaxBeforeLogin >= 1_024,
                "frame-size-max-before-login must hold a SCRAM message"
            ),
            (
                frameSizeMax >= frameSizeMaxBeforeLogin,
                "frame-size-max < frame-size-max-before-login"
            ),
            (frameSizeMax <= 0xFF_FFFF, "frame-size-max does not fit the length field"),
            (inflatedSizeMax >= frameSizeMax, "inflated-size-max < frame-size-max"),
            (
                outputSizeMax >= windowSizeMax + 3 * frameSizeMax,
                "output-size-max does not hold a device's window"
            ),
            (inflatedSizeMax < 1 << 24, "inflated-size-max is more than a node can have"),
            (queueSizeMax >= frameSizeMax, "queue-size-max does not hold a frame"),
            (devicesPerAccountMax <= 256, "devices-per-account-max is more than there are numbers"),
            (
                inFlightSizePerDeviceMax >= 2 * frameSizeMax,
                "in-flight-size-per-device-max does not hold two frames"
            ),
            (
                inFlightPerDeviceLow < inFlightPerDeviceMax,
                "in-flight-per-device-low >= in-flight-per-device-max"
            ),
            (
                contactsPerAccountMax * 72 + 64 <= frameSizeMax,
                "contacts-per-account-max outgrows a frame"
            ),
            (pageCountMax > inFlightPerDeviceLow, "page-count-max <= in-flight-per-device-low"),
            (
                unackedPerSessionMax <= unsettledPerShardMax,
                "unacked-per-session-max > unsettled-per-shard-max"
            ),
            (connectionsPerShardMax < 1 << 31, "connections-per-shard-max is not below 2^31"),
            (
                connectionsPerShardMax >= unauthenticatedPerShardMax,
                "unauthenticated-per-shard-max > connections-per-shard-max"
            ),
            (
                earlyAckBacklogMax <= unsettledPerShardMax,
                "early-ack-backlog-max > unsettled-per-shard-max"
            ),
            (
                unauthenticatedPerShardMax >= unauthenticatedPerSourceMax,
                "unauthenticated-per-source-max > unauthenticated-per-shard-max"
            ),
            (
                handshakesPerTurnMax <= handshakeBurstMax,
                "handshakes-per-turn-max > handshake-burst-max"
            ),
            (handshakesPerSecondMax <= 1 << 32, "handshakes-per-second-max is more than 2^32"),
            (handshakeBurstMax <= 1 << 32, "handshake-burst-max is more than 2^32"),
            (
                storeDepthMax >= 2 * unackedPerSessionMax,
                "one session fills the store's queue: store-depth-max < 2 × unacked-per-session-max"
            ),
            (loginTokenLifetimeS < 1 << 32, "login-token-lifetime-s is not below 2^32"),
            (storeBatchMax <= storeDepthMax, "store-batch-max > store-depth-max"),
        ]
        return relations.first { !$0.0 }?.1
    }
}
