// What the kernel says about the machine and its memory, read from /proc and /etc.

internal import Foundation

/// The machine a run was done on.
package struct BenchMachine: Codable, Sendable, Equatable {
    package var cores: Int
    package var processor: String
    package var memoryBytes: Int
    package var kernel: String
    package var system: String

    package static func read() -> BenchMachine {
        let processor = KernelFile.lines("/proc/cpuinfo")
            .first { $0.hasPrefix("model name") }?
            .split(separator: ":", maxSplits: 1).last.map {
                $0.trimmingCharacters(in: .whitespaces)
            }
        let system = KernelFile.lines("/etc/os-release")
            .first { $0.hasPrefix("PRETTY_NAME=") }?
            .dropFirst("PRETTY_NAME=".count).trimmingCharacters(in: ["\""])
        return BenchMachine(
            cores: ProcessInfo.processInfo.activeProcessorCount,
            processor: processor ?? "unknown",
            memoryBytes: Int(clamping: ProcessInfo.processInfo.physicalMemory),
            kernel: KernelFile.lines("/proc/sys/kernel/osrelease").first ?? "unknown",
            system: system ?? "unknown")
    }
}

/// The kernel's memory at one moment. MemFree and Slab, not MemAvailable, which counts the caches of
/// sockets as reclaimable.
package struct KernelMemory: Codable, Sendable, Equatable {
    package var memFreeBytes = 0
    package var slabBytes = 0
    /// TCP sockets in use, and in TIME_WAIT.
    package var tcpSockets = 0
    package var timeWaitSockets = 0
    /// Memory of TCP's buffers.
    package var tcpBufferBytes = 0

    package static func read() -> KernelMemory {
        KernelMemory(
            meminfo: KernelFile.lines("/proc/meminfo"),
            sockstat: KernelFile.lines("/proc/net/sockstat"))
    }

    /// From the lines of /proc/meminfo and /proc/net/sockstat.
    package init(meminfo: [String], sockstat: [String]) {
        for line in meminfo {
            let fields = line.split(separator: " ")
            guard fields.count >= 2, let kibibytes = Int(fields[1]) else { continue }
            switch fields[0] {
            case "MemFree:": memFreeBytes = kibibytes * 1024
            case "Slab:": slabBytes = kibibytes * 1024
            default: break
            }
        }
        guard let tcp = sockstat.first(where: { $0.hasPrefix("TCP:") }) else { return }
        let fields = tcp.split(separator: " ").dropFirst().map(String.init)
        for (name, value) in zip(fields, fields.dropFirst()) {
            guard let count = Int(value) else { continue }
            switch name {
            case "inuse": tcpSockets = count
            case "tw": timeWaitSockets = count
            case "mem": tcpBufferBytes = count * 4096
            default: break
            }
        }
    }
}

/// Small files that the kernel makes up.
enum KernelFile {
    /// A file's lines; empty when it cannot be read.
    static func lines(_ path: String) -> [String] {
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").map(String.init)
    }
}
