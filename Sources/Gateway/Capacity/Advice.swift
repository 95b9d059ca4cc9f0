// What an operator can change so that a machine holds more sessions.

internal import Reactor

/// One change that makes room.
public struct Advice: Sendable, Equatable, CustomStringConvertible {
    /// What kind of setting it is.
    public enum Kind: Sendable, Equatable {
        /// A kernel parameter, which root can set at once.
        case sysctl
        /// A key of the gateway's configuration file.
        case configuration
        /// The descriptor limit: systemd's LimitNOFILE, or `ulimit -Hn` of whoever starts the gateway.
        case descriptorLimit
        /// Memory, which nobody can set.
        case machine
    }

    /// What kind of setting it is.
    public let kind: Kind
    /// The setting's name, as `net.core.somaxconn`.
    public let name: String
    /// Its value now.
    public let value: String
    /// The value that makes room.
    public let wanted: String
    /// Why, in one sentence.
    public let reason: String

    /// One line for people.
    public var description: String { "\(name) = \(wanted) (now \(value)): \(reason)" }

    /// Waiting connections at one listener that a login storm of a big gateway needs.
    static let listenBacklogWanted = 4_096
    /// Of so many sessions one has data under way at a time: what TCP's memory must hold a page for.
    static let sessionsPerBusySocket = 8
    private static let pageSize = 4_096

    static func list(
        facts: MachineFacts, goal: Int, byMemory: Int, tables: DescriptorTables, shards: Int,
        hasTablePerShard: Bool, perShard: Int, connectionsPerShardMax: Int
    ) -> [Advice] {
        var list: [Advice] = []
        if perShard < (goal + shards - 1) / shards {
            list += descriptors(
                facts, goal: goal, shards: shards, hasTablePerShard: hasTablePerShard,
                perShard: perShard)
        }
        if connectionsPerShardMax < min(perShard, (goal + shards - 1) / shards) {
            list.append(
                Advice(
                    kind: .configuration, name: "limits.connections-per-shard-max",
                    value: "\(connectionsPerShardMax)",
                    wanted: "\((goal + shards - 1) / shards)",
                    reason: "each of \(shards) shards takes no more"))
        }
        if byMemory < goal {
            let size = goal * (Capacity.kernelSizePerSession + Capacity.userSizePerSession)
            list.append(
                Advice(
                    kind: .machine, name: "memory", value: "\(facts.memoryAvailableSize) bytes",
                    wanted: "\(size + size / (Capacity.memoryReserveDivisor - 1)) bytes",
                    reason: "a session takes \(size / goal) bytes with the kernel's share"))
        }
        return list + sysctls(facts, goal: goal)
    }

    private static func descriptors(
        _ facts: MachineFacts, goal: Int, shards: Int, hasTablePerShard: Bool, perShard: Int
    ) -> [Advice] {
        let limit =
            goal + Capacity.reservedDescriptors + shards * Capacity.reservedDescriptorsPerShard
        var list: [Advice] = []
        // With each further shard the others' tables hold one connection less.
        let enough = (1...256).first {
            $0 * Capacity.roomOfOwnTable(facts.descriptorLimit, shards: $0) >= goal
        }
        if hasTablePerShard, let enough {
            list.append(
                Advice(
                    kind: .configuration, name: "shards", value: "\(shards)", wanted: "\(enough)",
                    reason: "each shard's descriptor table holds \(perShard) connections"))
        }
        if limit > facts.descriptorLimitMax {
            list.append(
                Advice(
                    kind: .sysctl, name: "fs.nr_open", value: "\(facts.descriptorLimitMax)",
                    wanted: "\(limit)",
                    reason: "no descriptor limit can be higher"))
        }
        list.append(
            Advice(
                kind: .descriptorLimit, name: "LimitNOFILE", value: "\(facts.descriptorLimit)",
                wanted: "\(limit)",
                reason: "each session takes a descriptor"))
        return list
    }

    private static func sysctls(_ facts: MachineFacts, goal: Int) -> [Advice] {
        var list: [Advice] = []
        func add(_ name: String, _ value: Int, _ wanted: Int, _ reason: String) {
            guard value < wanted else { return }
            list.append(
                Advice(
                    kind: .sysctl, name: name, value: "\(value)", wanted: "\(wanted)",
                    reason: reason))
        }
        add("fs.file-max", facts.openFilesMax, goal + goal / 8, "each session is an open file")
        if let tracked = facts.trackedConnectionsMax {
            add(
                "net.netfilter.nf_conntrack_max", tracked, goal + goal / 8,
                "connections beyond it are dropped")
        }
        add(
            "net.core.somaxconn", facts.listenBacklogMax, listenBacklogWanted,
            "connections that wait at a full listener are dropped")
        let busy = goal / sessionsPerBusySocket * pageSize
        if facts.tcpMemoryMax < busy {
            let pages = busy / pageSize
            list.append(
                Advice(
                    kind: .sysctl, name: "net.ipv4.tcp_mem",
                    value: "... \(facts.tcpMemoryMax / pageSize)",
                    wanted: "\(pages / 2) \(pages * 3 / 4) \(pages)",
                    reason: "TCP drops data beyond it when many sessions are busy at once"))
        }
        return list
    }
}
