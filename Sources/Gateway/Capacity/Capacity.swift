// How many sessions a gateway can hold under the limits it finds, which of them is the narrowest, and
// what to change for more. A calculation without system calls: `Gateway` makes it at the start to set
// its shards up, `ternd doctor` makes it to advise.

internal import Base
public import Reactor

/// Whether shards share the process's descriptor table.
public enum DescriptorTables: String, Sendable, Codable, CaseIterable {
    /// One table if its limit is high enough for what memory could hold, else one a shard.
    case auto
    /// One table for the process, whatever its limit.
    case shared
    /// A table for each shard's thread: the limit then counts for each shard.
    case perShard = "per-shard"
}

/// What a gateway on some machine can hold.
public struct Capacity: Sendable, Equatable {
    /// What limits the number of sessions.
    public enum Bound: String, Sendable {
        case descriptors
        case memory
        /// `fs.file-max`.
        case openFiles = "open files"
        /// `nf_conntrack_max`.
        case trackedConnections = "tracked connections"
        /// `connections-per-shard-max` of the configuration.
        case configuration
    }

    /// Bytes of kernel memory of an idle connection: socket, inode, dentry, file, epoll item.
    public static let kernelSizePerSession = 4_300
    /// Bytes of our own memory of an idle session, at most (docs/SCALE.md).
    public static let userSizePerSession = 1_024
    /// Of the memory that is available, one part in so many is left alone.
    public static let memoryReserveDivisor = 8
    /// Descriptors besides connections: store, log, admin socket, and what libraries open.
    public static let reservedDescriptors = 64
    /// Descriptors of one shard besides connections: poller, mailbox, up to four listeners and spare.
    public static let reservedDescriptorsPerShard = 8

    /// Threads that hold connections.
    public let shardCount: Int
    /// Processors they run on.
    public let coreCount: Int
    /// Whether each of them has a descriptor table of its own.
    public let hasTablePerShard: Bool
    /// Connections that one shard takes: beyond it the shard does not listen.
    public let connectionsPerShard: Int
    /// Sessions in all.
    public let sessionCount: Int
    /// What keeps it from being more.
    public let bound: Bound
    /// What to change to hold as many as were wanted, most needed first; empty when they fit.
    public let advice: [Advice]

    /// - Parameters:
    ///   - shards: as configured; nil for one a core.
    ///   - wanted: sessions to advise for; nil for as many as the memory holds.
    public init(
        facts: MachineFacts, shards: Int?, tables: DescriptorTables, connectionsPerShardMax: Int,
        wanted: Int? = nil
    ) {
        let byMemory = Self.byMemory(facts)
        let goal = wanted ?? byMemory
        let count = shards ?? facts.coreCount

        let shared = Self.room(facts.descriptorLimit, shards: count)
        hasTablePerShard =
            switch tables {
            case .shared: false
            case .perShard: true
            case .auto: shared < byMemory
            }
        let perShard =
            hasTablePerShard
            ? Self.roomOfOwnTable(facts.descriptorLimit, shards: count) : max(1, shared / count)
        shardCount = count
        coreCount = facts.coreCount
        let each = min(perShard, connectionsPerShardMax)
        let (byTables, overflow) = each.multipliedReportingOverflow(by: count)
        var least = (
            overflow ? .max : byTables, each < perShard ? Bound.configuration : .descriptors
        )
        let others: [(Int, Bound)] = [
            (byMemory, .memory), (facts.openFilesMax, .openFiles),
            (facts.trackedConnectionsMax ?? .max, .trackedConnections),
        ]
        for other in others where other.0 < least.0 { least = other }
        (sessionCount, bound) = least
        connectionsPerShard = max(1, sessionCount / count)
        advice = Advice.list(
            facts: facts, goal: goal, byMemory: byMemory, tables: tables, shards: count,
            hasTablePerShard: hasTablePerShard, perShard: perShard,
            connectionsPerShardMax: connectionsPerShardMax)
    }

    /// How many sessions the memory holds.
    static func byMemory(_ facts: MachineFacts) -> Int {
        let available = facts.memoryAvailableSize
        let usable = available - available / memoryReserveDivisor
        return max(1, usable / (kernelSizePerSession + userSizePerSession))
    }

    /// How many connections fit one table that all shards share.
    static func room(_ descriptorLimit: Int, shards: Int) -> Int {
        max(1, descriptorLimit - reservedDescriptors - shards * reservedDescriptorsPerShard)
    }

    /// How many connections fit a shard's own table, which has every shard's mailbox too.
    static func roomOfOwnTable(_ descriptorLimit: Int, shards: Int) -> Int {
        max(1, descriptorLimit - reservedDescriptors - reservedDescriptorsPerShard - shards)
    }

    /// One line for the log.
    public var summary: String {
        let tables = hasTablePerShard ? "a table each" : "one table"
        return "\(sessionCount) sessions at most, bound by \(bound.rawValue); "
            + "\(shardCount) shards with \(tables), \(connectionsPerShard) connections each"
    }
}
