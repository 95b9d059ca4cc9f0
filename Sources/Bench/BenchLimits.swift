// Every maximum of the load generator in one place; docs/LIMITS.md says what happens at each. How many
// accounts there can be is WireLimits.benchAccountCountMax.

internal import Wire

/// The load generator's limits.
package enum BenchLimits {
    /// Threads of one process.
    package static let threadCountMax = 256
    /// Seconds of one phase: a day.
    package static let secondsMax = 86_400
    /// Messages of one sender that await their ack; half of what the gateway takes from a session.
    package static let windowCountMax = 256
    /// Bytes of one message's body; with its stanza it fits a frame of 65,536 bytes.
    package static let bodySizeMax = 60 * 1024
    /// Recipients of one sender in `fanout`.
    package static let recipientCountMax = 100_000
    /// Logins under way at once in one process.
    package static let pendingCountMax = 4_096
    /// Attempts of one login before the client gives up.
    package static let attemptCountMax = 8
    /// From the start of an attempt to `success`.
    package static let loginTimeoutMs: UInt64 = 30_000
    /// The pause before the second attempt; it doubles, up to `retryPauseMsMax`.
    package static let retryPauseMs: UInt64 = 500
    /// The longest pause between attempts.
    package static let retryPauseMsMax: UInt64 = 8_000
    /// How long the end of a phase waits for answers that are still out.
    package static let drainTimeoutMs: UInt64 = 15_000
    /// Bytes that a client could not send; beyond it the client is closed. A window of the largest messages fits.
    package static let outputSizeMax = windowCountMax * WireLimits.frameSizeMax
    /// Kinds of errors told apart; further ones count as `other`.
    package static let errorKindCountMax = 64
    /// Clients of one source address: ports are found quickly while most are free.
    package static let clientsPerSourceMax = 8_000
    /// Descriptors of a table that are not for clients.
    package static let descriptorMarginCount = 512
    /// TLS sessions that a thread keeps for its clients to resume.
    package static let ticketCountMax = 64
    /// Connections begun in one turn of a thread.
    package static let connectsPerTurnMax = 64
    /// Pairs of a soak.
    package static let soakPairCountMax = 1_000

    // The TCP of `--transport tun`.

    /// Bytes of a packet, headers included: a TLS record goes in one or two.
    package static let packetSizeMax = 16_384
    /// Packets that wait in a device for their thread; a storm's answers come at once.
    package static let packetQueueCountMax = 16_384
    /// Packets read in one turn.
    package static let packetsPerTurnMax = 1_024
    /// Bytes of a connection that were not acknowledged or not sent.
    package static let unsentSizeMax = 262_144
    /// From sending to sending again; it doubles each time (RFC 6298 has no less than a second).
    package static let retransmitTimeoutMs: UInt64 = 1_000
    /// The longest of these times.
    package static let retransmitTimeoutMsMax: UInt64 = 16_000
    /// How often something is sent again before the connection is given up: after 79 seconds.
    package static let retransmitCountMax = 8
    /// Blocks of memory for what is under way that a thread keeps for the next.
    package static let spareFlightCountMax = 1_024
    /// Bytes of such a block.
    package static let spareFlightSizeMax = 4_096
    /// Bytes of packets that are made before they are sent.
    package static let packetBatchSizeMax = 262_144
}
