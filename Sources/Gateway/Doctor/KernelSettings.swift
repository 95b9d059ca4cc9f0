// The kernel's settings that matter to a gateway, as text under /proc/sys. Reading is a parameter: tests
// have machines of their own.

internal import Foundation

/// Settings by the names that sysctl has for them. What the machine does not have is not there.
package struct KernelSettings: Sendable, Equatable {
    /// Values, with one space between the numbers of one setting.
    package private(set) var values: [String: String] = [:]

    /// Every name, in the order in which they are told.
    package static let names = [
        "fs.nr_open", "fs.file-max", "net.core.somaxconn", "net.ipv4.tcp_max_syn_backlog",
        "net.core.netdev_max_backlog", "net.ipv4.tcp_mem", "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_wmem", "net.ipv4.tcp_max_tw_buckets", "net.ipv4.ip_local_port_range",
        "net.netfilter.nf_conntrack_max", "vm.max_map_count", "vm.overcommit_memory",
    ]

    /// The file of a setting.
    package static func path(_ name: String) -> String {
        "/proc/sys/" + name.split(separator: ".").joined(separator: "/")
    }

    /// Asks `read` for the text of each file; nil when there is none.
    package init(read: (String) -> String?) {
        for name in Self.names {
            guard let text = read(Self.path(name)) else { continue }
            values[name] = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        }
    }

    /// This machine's.
    package static func read() -> KernelSettings {
        KernelSettings { try? String(contentsOfFile: $0, encoding: .utf8) }
    }

    /// A setting's numbers; empty when it is not there or not numbers.
    func numbers(_ name: String) -> [Int] {
        let fields = (values[name] ?? "").split(separator: " ")
        // The kernel writes some "no limit" as 2^63 or more.
        let numbers = fields.compactMap { UInt64($0).map { Int(clamping: $0) } }
        return numbers.count == fields.count ? numbers : []
    }
}
