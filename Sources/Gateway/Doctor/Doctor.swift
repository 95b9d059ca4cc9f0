// What a machine carries and what would have to change for so many sessions: Capacity's calculation, and
// the kernel's settings beside it. Decides, reads nothing and sets nothing: `ternd doctor` does both.
// Invariant: no advice for a kernel setting is below what the setting is.

internal import Base
package import Reactor

/// A machine's examination.
package struct Doctor: Sendable {
    /// A setting or a limit, and what it should be.
    package struct Finding: Sendable, Equatable, Encodable {
        /// As sysctl, systemd or the configuration file call it.
        package var name: String
        package var now: String
        /// What it should be for the sessions asked for; nil when it suffices.
        package var wanted: String?
        package var reason: String
        /// Whether it is a setting of the kernel, which `--apply` can set.
        package var isSetting: Bool
    }

    private let settings: KernelSettings
    private let advice: [Advice]
    /// Sessions that one gateway holds here at most.
    package let capacity: Int
    /// The sessions advised for.
    package let sessions: Int
    /// What bounds them, in one line.
    package let summary: String

    /// An examination for a gateway of so many shards (nil: one a core) and so many sessions (nil: what
    /// the memory carries).
    package init(
        _ facts: MachineFacts, _ settings: KernelSettings, shards: Int? = nil, sessions: Int? = nil
    ) {
        let capacity = Capacity(
            facts: facts, shards: shards, tables: .auto,
            connectionsPerShardMax: Limits().connectionsPerShardMax, wanted: sessions)
        self.settings = settings
        advice = capacity.advice
        self.capacity = capacity.sessionCount
        self.sessions = sessions ?? Capacity.byMemory(facts)
        summary = capacity.summary
    }

    /// Every setting that matters, in a fixed order; then what is none of the kernel's settings.
    package var findings: [Finding] {
        KernelSettings.names.compactMap { finding($0) } + otherFindings
    }

    private func finding(_ name: String) -> Finding? {
        guard let now = settings.values[name] else { return nil }
        if let advice = advice.first(where: { $0.name == name && $0.kind == .sysctl }) {
            return Finding(
                name: name, now: now, wanted: raised(name, to: advice.wanted),
                reason: advice.reason, isSetting: true)
        }
        if let least = Self.leasts[name] {
            return Finding(
                name: name, now: now, wanted: raised(name, to: "\(least.value)"),
                reason: least.reason, isSetting: true)
        }
        if name == "vm.overcommit_memory", now == "2" {
            return Finding(
                name: name, now: now, wanted: "0",
                reason: "memory that is never touched is refused: the operator's choice",
                isSetting: false)
        }
        return Finding(
            name: name, now: now, wanted: nil, reason: Self.told[name] ?? "", isSetting: true)
    }

    /// The larger of what is and what is wanted, number by number; nil when that changes nothing.
    private func raised(_ name: String, to wanted: String) -> String? {
        let now = settings.numbers(name)
        let least = wanted.split(separator: " ").compactMap { Int($0) }
        guard !now.isEmpty, now.count == least.count else { return nil }
        let raised = zip(now, least).map { max($0, $1) }
        return raised == now ? nil : raised.map(String.init).joined(separator: " ")
    }

    private var otherFindings: [Finding] {
        advice.filter { $0.kind != .sysctl }.map {
            Finding(
                name: $0.name, now: $0.value, wanted: $0.wanted, reason: $0.reason,
                isSetting: false)
        }
    }

    /// What a login storm needs, however many sessions there are.
    private static let leasts: [String: (value: Int, reason: String)] = [
        "net.ipv4.tcp_max_syn_backlog": (
            16_384, "TCP handshakes of one listener that go on at once"
        ),
        "net.core.netdev_max_backlog": (16_384, "packets that wait for one core"),
        "vm.max_map_count": (262_144, "pieces of memory of one process"),
    ]

    private static let told = [
        "fs.nr_open": "no descriptor limit can be higher",
        "fs.file-max": "each session is an open file",
        "net.core.somaxconn": "connections that wait at one listener",
        "net.ipv4.tcp_mem": "pages in all TCP buffers: ease, pressure, limit",
        "net.ipv4.tcp_rmem": "a receive buffer: least, default, most; an idle session has none",
        "net.ipv4.tcp_wmem": "a send buffer: least, default, most; an idle session has none",
        "net.ipv4.tcp_max_tw_buckets": "closed connections that the kernel remembers",
        "net.ipv4.ip_local_port_range":
            "ports of outgoing connections from one address: for load generators only",
        "net.netfilter.nf_conntrack_max": "connections that the firewall follows",
        "vm.overcommit_memory": "whether memory that is never touched may be promised",
    ]
}
