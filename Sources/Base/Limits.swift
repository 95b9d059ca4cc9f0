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

    // Connections of one shard.

    /// Connections a shard holds.
    public var connectionsPerShardMax = 1_000_000
    /// Connections of a shard that have not logged in yet; beyond it the shard does not accept.
    public var unauthenticatedPerShardMax = 4_096
    /// Of those, connections from one IPv4 address or IPv6 /64 network; further ones are closed at once,
    /// so that one source cannot keep all others out. Carriers put many phones behind one address.
    public var unauthenticatedPerSourceMax = 1_024
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
    /// Silence after which the server asks `ping`. Long, for the sake of radios and batteries.
    public var pingAfterMs: UInt64 = 300_000
    /// Silence after `ping` that ends the session.
    public var pingTimeoutMs: UInt64 = 30_000
    /// How long a closing connection may take to drain its last bytes.
    public var closeTimeoutMs: UInt64 = 5_000

    // Sessions and routing.

    /// Stanzas of one session that await their ack; beyond it the session is not read.
    public var unackedPerSessionMax = 512
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
    /// New stanzas held in memory while a page is read.
    public var tailCountMax = 64
    /// Bytes of new stanzas held in memory while a page is read.
    public var tailSizeMax = 131_072
    /// Messages waiting in a shard's mailbox.
    public var mailboxDepthMax = 262_144

    // Accounts and queues.

    /// Stanzas waiting for one device; beyond it senders get `resource-constraint`.
    public var queueDepthMax = 10_000
    /// Devices of one account.
    public var devicesPerAccountMax = 16
    /// Contacts of one account: what fits one frame, with names of the greatest size.
    public var contactsPerAccountMax = 900
    /// Contact changes in one `iq`.
    public var contactChangesPerIQMax = 128
    /// Requests waiting for the store's writer.
    public var storeDepthMax = 65_536
    /// Requests the store commits together.
    public var storeBatchMax = 8_192

    /// The defaults.
    public init() {}

    /// Holds the relations between limits; returns what is wrong, or nil.
    public func validate() -> String? {
        let relations: [(Bool, String)] = [
            (frameSizeMaxBeforeLogin >= 1_024, "frameSizeMaxBeforeLogin must hold a SCRAM message"),
            (frameSizeMax >= frameSizeMaxBeforeLogin, "frameSizeMax < frameSizeMaxBeforeLogin"),
            (frameSizeMax <= 0xFF_FFFF, "frameSizeMax does not fit the length field"),
            (inflatedSizeMax >= frameSizeMax, "inflatedSizeMax < frameSizeMax"),
            (
                outputSizeMax >= inFlightSizePerDeviceMax + pageSizeMax + tailSizeMax
                    + 3 * frameSizeMax, "outputSizeMax does not hold a device's window"
            ),
            (inflatedSizeMax < 1 << 24, "inflatedSizeMax is more than a node can have"),
            (devicesPerAccountMax <= 256, "devicesPerAccountMax is more than there are numbers"),
            (
                inFlightSizePerDeviceMax >= 2 * frameSizeMax,
                "inFlightSizePerDeviceMax does not hold two frames"
            ),
            (inFlightPerDeviceLow < inFlightPerDeviceMax, "inFlightPerDeviceLow is not below Max"),
            (
                contactsPerAccountMax * 72 + 64 <= frameSizeMax,
                "contactsPerAccountMax outgrows a frame"
            ),
            (pageCountMax > inFlightPerDeviceLow, "a page must outgrow inFlightPerDeviceLow"),
            (unackedPerSessionMax <= unsettledPerShardMax, "one session outgrows its shard"),
            (connectionsPerShardMax >= unauthenticatedPerShardMax, "unauthenticated > connections"),
            (
                earlyAckBacklogMax <= unsettledPerShardMax,
                "earlyAckBacklogMax > unsettledPerShardMax"
            ),
            (
                unauthenticatedPerShardMax >= unauthenticatedPerSourceMax,
                "unauthenticatedPerSourceMax > unauthenticatedPerShardMax"
            ),
            (storeBatchMax <= storeDepthMax, "storeBatchMax > storeDepthMax"),
        ]
        return relations.first { !$0.0 }?.1
    }
}
