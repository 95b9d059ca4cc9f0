// What a seed makes of the world before it begins: how many live in it, how tight its limits are, how often
// what goes wrong. And the planted bugs.

package import Base
internal import Storage

/// A planted bug: each must be found, or the checkers are worth nothing.
package enum Canary: String, CaseIterable, Sendable {
    /// The store answers before its batch is durable.
    case ackBeforeCommit = "ack-before-commit"
    /// The store keeps a stanza again that waits already.
    case dedupeOff = "dedupe-off"
    /// Clients show a repeat to the app.
    case filterOff = "filter-off"
    /// What is meant for a session that is gone reaches the next one in its slot.
    case staleGeneration = "stale-generation"
    /// A shard's mailbox swaps neighbours.
    case orderBroken = "order-broken"
    /// A database that failed to sync is trusted without another sync.
    case unverifiedReopen = "unverified-reopen"
    /// A shard forgets to tell routers of sessions whose connection was lost.
    case releaseForgotten = "release-forgotten"
    /// A new login token makes those before it worthless before it was used.
    case tokenReplacedAtOnce = "token-replaced-at-once"
    /// A client's store forgets what its app has acknowledged.
    case filterNotKept = "filter-not-kept"
    /// The store takes what is behind a message that it refused.
    case refusalForgotten = "refusal-forgotten"
    /// The store forgets the copies for the sender's other devices.
    case copyForgotten = "copy-forgotten"
    /// Nobody tells a user's home of an operator's decision.
    case evictionForgotten = "eviction-forgotten"
    /// A login ends its device's session before it has succeeded.
    case claimEndsAtOnce = "claim-ends-at-once"
    /// The store forgets to tell the sender of a message that it has expired.
    case noticeForgotten = "notice-forgotten"
    /// The store takes everything that waits for expired.
    case ageIgnored = "age-ignored"
    /// The store believes a wall clock that has jumped.
    case clockBelieved = "clock-believed"
}

/// What goes wrong.
package enum Fault: String, CaseIterable, Sendable {
    case connectionLoss
    case halfOpenAtServer
    case halfOpenAtClient
    case lateBytes
    case duplicateLogin
    case wrongPassword
    case slowReader
    case sleepingClient
    case clientCrash
    case networkOutage
    case kill
    case powerCut
    case orderlyRestart
    case diskFull
    case fsyncError
    case locked
    case storeStall
    case gatewayStall
    case wallClockJump
    case tokensRevoked
    case passwordChanged
}

/// The parameters of one seed.
package struct Plan: Sendable {
    package var limits = Limits()
    package var userNames: [String] = []
    /// Devices of each user.
    package var deviceCounts: [Int] = []
    /// Devices that never come back once they are away.
    package var lostDevices: Set<Int> = []
    package var shardCount = 1
    /// How long people act and faults happen.
    package var activeUs: UInt64 = 0
    package var actionPauseUs: UInt64 = 0
    package var faultPauseUs: UInt64 = 0
    package var latencyUs: UInt64 = 0
    package var commitUs: UInt64 = 0
    package var linkCapacity = 0
    /// How long the store waits for more before it writes.
    package var windowUs: UInt64 = 0
    /// How long stanzas wait at most, in seconds; nil for ever.
    package var expiryS: UInt64?
    package var expiryStepCountMax = 1
    package var faults: [Fault] = []

    /// Draws a plan. A planted bug gets the faults that it needs to show, and little else.
    package init(random: inout Random, canary: Canary?) {
        limits = Self.limits(&random)
        let names = ["alice", "bob", "carol", "dave", "erin", "frank"]
        userNames = Array(names.prefix(random.between(3...6)))
        deviceCounts = userNames.map { _ in random.chance(60) ? 1 : random.between(1...3) }
        let total = deviceCounts.reduce(0, +)
        if random.chance(30) { lostDevices.insert(random.below(total)) }
        shardCount = random.between(1...4)
        activeUs = random.between(10_000_000...40_000_000)
        actionPauseUs = random.between(200_000...1_500_000)
        faultPauseUs = random.between(400_000...5_000_000)
        latencyUs = random.between(100...60_000)
        commitUs = random.between(200...20_000)
        linkCapacity = random.between(1_000...60_000)
        if random.chance(50) { windowUs = random.between(1_000...100_000) }
        // A few kinds at a time: what goes wrong together is then often the same, and goes far.
        faults = Fault.allCases.filter { _ in random.chance(45) }
        if random.chance(4) { faults = [] }
        if random.chance(40) {
            expiryS = random.between(2...20)
            expiryStepCountMax = random.between(1...20)
            // Somebody must be away for so long.
            if total > 1 { lostDevices.insert(random.below(total)) }
        }
        switch canary {
        case nil, .dedupeOff, .filterOff, .orderBroken, .copyForgotten:
            return
        case .ackBeforeCommit:
            faults = [.powerCut, .kill]
            commitUs = 50_000
        case .staleGeneration:
            faults = [.connectionLoss, .lateBytes, .storeStall]
            commitUs = 100_000
        case .unverifiedReopen:
            faults = [.fsyncError, .powerCut]
        case .releaseForgotten:
            faults = [.connectionLoss]
        case .tokenReplacedAtOnce:
            faults = [.connectionLoss, .lateBytes, .kill]
        case .filterNotKept:
            faults = [.clientCrash, .connectionLoss]
        case .evictionForgotten:
            faults = [.tokensRevoked, .passwordChanged]
        case .claimEndsAtOnce:
            faults = [.duplicateLogin, .lateBytes, .halfOpenAtServer]
        case .refusalForgotten:
            faults = [.diskFull, .fsyncError, .locked]
            commitUs = 50_000
        case .noticeForgotten, .ageIgnored:
            faults = [.connectionLoss]
            expiryS = 3
        case .clockBelieved:
            faults = [.wallClockJump]
            expiryS = 8
        }
        faultPauseUs = 500_000
    }

    /// The limits of its store.
    var storeLimits: StoreLimits {
        var limits = StoreLimits(limits)
        limits.expiryStepCountMax = expiryStepCountMax
        return limits
    }

    /// Limits so small that a short life reaches them, or the defaults.
    private static func limits(_ random: inout Random) -> Limits {
        var limits = Limits()
        limits.frameSizeMaxBeforeLogin = 2_048
        // Clocks jump by days here, and the simulator holds that no token is lost.
        limits.loginTokenLifetimeS = 1 << 31
        // What is half open must be noticed before a world has to be at rest.
        limits.pingAfterMs = 300_000
        guard random.chance(85) else { return limits }
        limits.frameSizeMax = 4_096
        limits.unackedPerSessionMax = random.between(4...20)
        limits.unsettledPerShardMax = random.between(20...60)
        if random.chance(30) {
            limits.refusedRecipientsPerSessionMax = random.between(1...3)
            limits.refusedStanzasPerSessionMax = random.between(4...40)
        }
        limits.earlyAckBacklogMax = random.between(0...20)
        limits.inFlightPerDeviceMax = random.between(3...12)
        limits.inFlightPerDeviceLow = random.between(1...2)
        limits.inFlightSizePerDeviceMax = 8_192
        limits.pageCountMax = random.between(3...8)
        limits.pageSizeMax = random.between(1_000...4_096)
        limits.pageAttemptsMax = random.between(2...10)
        if random.chance(50) { limits.waitingSettlesPerShardMax = random.between(1...20) }
        limits.tailCountMax = random.between(1...4)
        limits.tailSizeMax = 1_024
        limits.outputSizeMax = 32_768
        limits.mailboxDepthMax = random.chance(30) ? random.between(4...40) : 1_000
        limits.queueDepthMax = random.chance(30) ? random.between(8...20) : 200
        if random.chance(25) { limits.queueSizeMax = random.between(4_096...20_000) }
        limits.devicesPerAccountMax = 4
        limits.contactsPerAccountMax = 3
        limits.contactChangesPerIQMax = 3
        limits.storeDepthMax = random.chance(30) ? random.between(40...120) : 1_000
        limits.storeBatchMax = min(limits.storeDepthMax, random.between(4...60))
        return limits
    }
}
