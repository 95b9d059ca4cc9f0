// What the process's control group and those above it leave it of memory. Version 2 has one hierarchy,
// version 1 one for memory; a machine may have both, with memory in either.

/// The memory that control groups allow.
struct ControlGroup: Equatable {
    /// The least limit of the group and those above it, in bytes; `Int.max` for none.
    var memoryLimit = Int.max
    /// What the fullest of them has room for. What only caches files counts as room: it goes when memory is needed.
    var memoryAvailable = Int.max

    /// One version's files, below the directory where its hierarchy is mounted.
    private struct Version {
        let mount: String
        let limit: String
        let usage: String
        /// The line of `memory.stat` that counts cached files not in use.
        let cached: String
    }

    private static let second = Version(
        mount: "", limit: "memory.max", usage: "memory.current", cached: "inactive_file")
    private static let first = Version(
        mount: "/memory", limit: "memory.limit_in_bytes", usage: "memory.usage_in_bytes",
        cached: "total_inactive_file")

    /// Reads them. Where the process has a view of its own (a container), its group is the root that it sees.
    /// - Parameters:
    ///   - root: where the hierarchies are mounted.
    ///   - membership: the file that names the process's groups (cgroups(7)).
    static func read(
        root: String = "/sys/fs/cgroup", membership: String = "/proc/self/cgroup"
    ) -> ControlGroup {
        var group = ControlGroup()
        for line in SystemFile.text(membership).split(separator: "\n") {
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { continue }
            if fields[1].isEmpty {
                group.narrow(second, root: root, path: fields[2])
            } else if fields[1].split(separator: ",").contains("memory") {
                group.narrow(first, root: root, path: fields[2])
            }
        }
        return group
    }

    /// Takes in the limits from the root down to a group.
    private mutating func narrow(_ version: Version, root: String, path: Substring) {
        var directory = root + version.mount
        take(version, directory)
        for name in path.split(separator: "/") {
            directory += "/" + name
            take(version, directory)
        }
    }

    private mutating func take(_ version: Version, _ directory: String) {
        guard let limit = SystemFile.numbers("\(directory)/\(version.limit)").first else { return }
        let used = SystemFile.numbers("\(directory)/\(version.usage)").first ?? 0
        let stat = SystemFile.text("\(directory)/memory.stat").split(separator: "\n")
        let cached = stat.lazy.compactMap { line -> Int? in
            let words = line.split(separator: " ")
            return words.count == 2 && words[0] == version.cached ? Int(words[1]) : nil
        }.first
        memoryLimit = min(memoryLimit, limit)
        // Only a limit leaves room: the first version's "none" is a large number.
        memoryAvailable = min(memoryAvailable, max(0, limit - max(0, used - (cached ?? 0))))
    }
}
