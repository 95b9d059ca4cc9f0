// What the machine and the process are allowed, as the kernel tells it: read once, at the start, and
// by `ternd doctor`. Decisions from it are made elsewhere (Gateway's Capacity), without a system call.

internal import CLinux
internal import Glibc

/// The limits that decide how many connections a process can hold.
public struct MachineFacts: Sendable, Equatable {
    /// Descriptors a table may hold now.
    public var descriptorLimit: Int
    /// To what this process may raise it by itself.
    public var descriptorLimitHard: Int
    /// `fs.nr_open`: to what a privileged process may raise it.
    public var descriptorLimitMax: Int
    /// `fs.file-max`: open files of the whole machine.
    public var openFilesMax: Int
    /// Processors this process may run on.
    public var coreCount: Int
    /// Bytes of memory, by the machine or by the process's control group, whichever is less.
    public var memorySize: Int
    /// Bytes of memory that programs could still take.
    public var memoryAvailableSize: Int
    /// `net.core.somaxconn`: how many connections wait at a listener at most.
    public var listenBacklogMax: Int
    /// The third number of `net.ipv4.tcp_mem`, in bytes: data in all TCP sockets.
    public var tcpMemoryMax: Int
    /// `nf_conntrack_max`, and how many connections are tracked; nil where nothing is tracked.
    public var trackedConnectionsMax: Int?

    /// Facts as given: for tests, and for machines that are planned.
    public init(
        descriptorLimit: Int, descriptorLimitHard: Int, descriptorLimitMax: Int = 1_048_576,
        openFilesMax: Int = .max, coreCount: Int, memorySize: Int, memoryAvailableSize: Int,
        listenBacklogMax: Int = 4_096, tcpMemoryMax: Int = .max,
        trackedConnectionsMax: Int? = nil
    ) {
        self.descriptorLimit = descriptorLimit
        self.descriptorLimitHard = descriptorLimitHard
        self.descriptorLimitMax = descriptorLimitMax
        self.openFilesMax = openFilesMax
        self.coreCount = coreCount
        self.memorySize = memorySize
        self.memoryAvailableSize = memoryAvailableSize
        self.listenBacklogMax = listenBacklogMax
        self.tcpMemoryMax = tcpMemoryMax
        self.trackedConnectionsMax = trackedConnectionsMax
    }

    /// Reads them. What the kernel does not tell counts as no limit. Throws when the descriptor limit
    /// cannot be read.
    package static func read() throws(ReactorError) -> MachineFacts {
        var soft: UInt64 = 0
        var hard: UInt64 = 0
        try checkedCall("getrlimit") { Int(clinux_descriptor_limit(&soft, &hard)) }
        let memory = memorySizes()
        let group = ControlGroup.read()
        return MachineFacts(
            descriptorLimit: Int(clamping: soft), descriptorLimitHard: Int(clamping: hard),
            descriptorLimitMax: SystemFile.numbers("/proc/sys/fs/nr_open").first
                ?? Int(clamping: hard),
            openFilesMax: SystemFile.numbers("/proc/sys/fs/file-max").first ?? .max,
            coreCount: max(1, Int(clinux_core_count())),
            memorySize: min(memory.total, group.memoryLimit),
            memoryAvailableSize: min(memory.available, group.memoryAvailable),
            listenBacklogMax: SystemFile.numbers("/proc/sys/net/core/somaxconn").first ?? .max,
            tcpMemoryMax: tcpMemoryMax(), trackedConnectionsMax: trackedConnectionsMax())
    }

    private static func tcpMemoryMax() -> Int {
        let pages = SystemFile.numbers("/proc/sys/net/ipv4/tcp_mem")
        guard pages.count == 3 else { return .max }
        let (size, overflow) = pages[2].multipliedReportingOverflow(by: clinux_page_size())
        return overflow ? .max : size
    }

    /// The module may be loaded without tracking anything: then it limits nothing.
    private static func trackedConnectionsMax() -> Int? {
        guard (SystemFile.numbers("/proc/sys/net/netfilter/nf_conntrack_count").first ?? 0) > 0
        else {
            return nil
        }
        return SystemFile.numbers("/proc/sys/net/netfilter/nf_conntrack_max").first
    }

    /// From /proc/meminfo, whose unit is the kibibyte.
    private static func memorySizes() -> (total: Int, available: Int) {
        var total = Int.max
        var available = Int.max
        for line in SystemFile.text("/proc/meminfo").split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard fields.count >= 2, let size = Int(fields[1]) else { continue }
            if fields[0] == "MemTotal:" { total = size * 1_024 }
            if fields[0] == "MemAvailable:" { available = size * 1_024 }
        }
        return (total, available)
    }
}

/// The kernel's small text files.
enum SystemFile {
    private static let sizeMax = 8_192

    /// The file's first bytes as text; empty when it cannot be read.
    static func text(_ path: String) -> String {
        let raw = systemCall { Int(open(path, O_RDONLY | O_CLOEXEC)) }
        guard case .value(let number) = raw else { return "" }
        let file = FileDescriptor(owning: Int32(number))
        var text = [UInt8](repeating: 0, count: sizeMax)
        let result = text.withUnsafeMutableBytes { buffer in
            systemCall { Glibc.read(file.rawValue, buffer.baseAddress, buffer.count) }
        }
        guard case .value(let size) = result else { return "" }
        return String(decoding: text[..<size], as: UTF8.self)
    }

    /// The numbers in a small file, up to the first word that is none.
    static func numbers(_ path: String) -> [Int] {
        var numbers: [Int] = []
        for word in text(path).split(whereSeparator: \.isWhitespace) {
            // The kernel writes some "no limit" as 2^63 or more.
            guard let number = UInt64(word) else { break }
            numbers.append(Int(clamping: number))
        }
        return numbers
    }
}
