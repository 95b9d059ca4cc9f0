// The names of the limits in the configuration file's [limits] table.

internal import Base

/// One limit by its name in the configuration file.
struct LimitField: Sendable {
    private enum Place: @unchecked Sendable {
        // Key paths of a struct of integers: immutable, without captured state.
        case count(WritableKeyPath<Limits, Int>)
        case time(WritableKeyPath<Limits, UInt64>)
    }

    /// More than any machine has, and little enough for sums of limits.
    static let valueMax = 1 << 40

    private let place: Place

    /// Sets the limit; false when the value makes no sense.
    func set(_ value: Int, _ limits: inout Limits) -> Bool {
        guard (1...Self.valueMax).contains(value) else { return false }
        switch place {
        case .count(let path): limits[keyPath: path] = value
        case .time(let path): limits[keyPath: path] = UInt64(value)
        }
        return true
    }

    /// The limit's value.
    func value(_ limits: Limits) -> UInt64 {
        switch place {
        case .count(let path): UInt64(limits[keyPath: path])
        case .time(let path): limits[keyPath: path]
        }
    }

    private static func count(_ path: WritableKeyPath<Limits, Int>) -> LimitField {
        LimitField(place: .count(path))
    }

    private static func time(_ path: WritableKeyPath<Limits, UInt64>) -> LimitField {
        LimitField(place: .time(path))
    }

    /// Every limit, by name.
    static let all: [String: LimitField] = [
        "frame-size-max-before-login": count(\.frameSizeMaxBeforeLogin),
        "frame-size-max": count(\.frameSizeMax),
        "inflated-size-max": count(\.inflatedSizeMax),
        "deflate-size-min": count(\.deflateSizeMin),
        "preset-deflate-size-min": count(\.presetDeflateSizeMin),
        "connections-per-shard-max": count(\.connectionsPerShardMax),
        "unauthenticated-per-shard-max": count(\.unauthenticatedPerShardMax),
        "unauthenticated-per-source-max": count(\.unauthenticatedPerSourceMax),
        "half-open-per-shard-max": count(\.halfOpenPerShardMax),
        "handshakes-in-flight-per-shard-max": count(\.handshakesInFlightPerShardMax),
        "handshakes-per-second-max": count(\.handshakesPerSecondMax),
        "handshake-burst-max": count(\.handshakeBurstMax),
        "handshakes-per-turn-max": count(\.handshakesPerTurnMax),
        "accepts-per-turn-max": count(\.acceptsPerTurnMax),
        "read-size-per-turn": count(\.readSizePerTurn),
        "output-size-max": count(\.outputSizeMax),
        "handshake-timeout-ms": time(\.handshakeTimeoutMs),
        "login-timeout-ms": time(\.loginTimeoutMs),
        "ping-after-ms": time(\.pingAfterMs),
        "ping-timeout-ms": time(\.pingTimeoutMs),
        "send-timeout-ms": time(\.sendTimeoutMs),
        "turn-time-ms": time(\.turnTimeMs),
        "close-timeout-ms": time(\.closeTimeoutMs),
        "unacked-per-session-max": count(\.unackedPerSessionMax),
        "refused-recipients-per-session-max": count(\.refusedRecipientsPerSessionMax),
        "refused-stanzas-per-session-max": count(\.refusedStanzasPerSessionMax),
        "unsettled-per-shard-max": count(\.unsettledPerShardMax),
        "early-ack-backlog-max": count(\.earlyAckBacklogMax),
        "in-flight-per-device-max": count(\.inFlightPerDeviceMax),
        "in-flight-per-device-low": count(\.inFlightPerDeviceLow),
        "in-flight-size-per-device-max": count(\.inFlightSizePerDeviceMax),
        "page-count-max": count(\.pageCountMax),
        "page-size-max": count(\.pageSizeMax),
        "page-attempts-max": count(\.pageAttemptsMax),
        "page-retry-pause-ms": time(\.pageRetryPauseMs),
        "waiting-settles-per-shard-max": count(\.waitingSettlesPerShardMax),
        "tail-count-max": count(\.tailCountMax),
        "tail-size-max": count(\.tailSizeMax),
        "mailbox-depth-max": count(\.mailboxDepthMax),
        "queue-depth-max": count(\.queueDepthMax),
        "logins-per-device-max": count(\.loginsPerDeviceMax),
        "queue-size-max": count(\.queueSizeMax),
        "devices-per-account-max": count(\.devicesPerAccountMax),
        "login-token-lifetime-s": time(\.loginTokenLifetimeS),
        "contacts-per-account-max": count(\.contactsPerAccountMax),
        "contact-changes-per-iq-max": count(\.contactChangesPerIQMax),
        "store-depth-max": count(\.storeDepthMax),
        "store-batch-max": count(\.storeBatchMax),
        "store-full-pause-ms": time(\.storeFullPauseMs),
    ]
}
