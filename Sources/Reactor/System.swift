// What the process asks of its machine besides sockets: clocks, signals, limits and accounts.
// The clocks are read here and nowhere else; everything below the Gateway is told the time.

package import Base
internal import CLinux
internal import Glibc

/// The monotonic clock.
package enum MonotonicClock {
    /// The time in milliseconds from an origin that holds until the machine restarts.
    package static func now() -> Instant {
        Instant(milliseconds: nanoseconds() / 1_000_000)
    }

    /// The same in nanoseconds, for measurements.
    package static func nanoseconds() -> UInt64 { readClock(CLOCK_MONOTONIC) }
}

/// Both clocks.
package enum SystemClock {
    /// The time by the monotonic clock and by the wall clock.
    package static func moment() -> Moment {
        Moment(
            monotonic: MonotonicClock.now(), unixSeconds: readClock(CLOCK_REALTIME) / 1_000_000_000)
    }
}

private func readClock(_ clock: clockid_t) -> UInt64 {
    var time = timespec()
    provenCall("clock_gettime") { Int(clock_gettime(clock, &time)) }
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

/// Signals as readable events instead of interruptions.
package struct SignalSource: ~Copyable {
    private let source: FileDescriptor

    /// Blocks the signals in the calling thread and in all that it starts, and collects them here.
    /// Call it before the first thread starts: a thread that does not block them would be struck.
    package init(_ signals: [Int32]) throws(ReactorError) {
        let count = Int32(signals.count)
        try checkedCall("sigmask") { Int(clinux_mask_signals(signals, count, true)) }
        let raw = try checkedCall("signalfd") { Int(clinux_signalfd(signals, count)) }
        source = FileDescriptor(owning: Int32(raw))
    }

    /// The signals that came, at most 64 at a time; equal ones may have become one.
    package func read() -> [Int32] {
        var signals: [Int32] = []
        while signals.count < 64 {
            guard case .value(let signal) = systemCall({ Int(clinux_read_signal(descriptor)) })
            else {
                break
            }
            signals.append(Int32(signal))
        }
        return signals
    }

    /// The descriptor's number, for the poller (readable).
    package var descriptor: Int32 { source.rawValue }
}

/// The process's limits on descriptors.
package enum ResourceLimits {
    /// Raises the limit on open descriptors to what the system allows; returns it. A privileged process
    /// goes up to `fs.nr_open`, any other to its hard limit.
    @discardableResult
    package static func raiseDescriptorLimit() throws(ReactorError) -> Int {
        let most = try MachineFacts.read().descriptorLimitMax
        if case .value = systemCall({
            Int(clinux_set_descriptor_limit(UInt64(most), UInt64(most)))
        }) {
            return most
        }
        var soft: UInt64 = 0
        var hard: UInt64 = 0
        try checkedCall("getrlimit") { Int(clinux_descriptor_limit(&soft, &hard)) }
        if soft < hard {
            try checkedCall("setrlimit") { Int(clinux_set_descriptor_limit(hard, hard)) }
        }
        return Int(clamping: hard)
    }

    /// The present limit on open descriptors, of each descriptor table.
    package static func descriptorLimit() throws(ReactorError) -> Int {
        var soft: UInt64 = 0
        var hard: UInt64 = 0
        try checkedCall("getrlimit") { Int(clinux_descriptor_limit(&soft, &hard)) }
        return Int(clamping: soft)
    }

    /// Gives the calling thread a descriptor table of its own, a copy of the present one: the limit then
    /// counts for this thread alone. Descriptors that are opened from now on exist in this thread only,
    /// and those copied must be closed in every table before the kernel lets go of them.
    package static func unshareDescriptors() throws(ReactorError) {
        try checkedCall("unshare") { Int(clinux_unshare_descriptors()) }
    }

    /// Closes all descriptors of the calling thread's table but these. Whoever owns one of the others in
    /// this table must never use it again: call it only right after `unshareDescriptors`.
    package static func closeDescriptors(except kept: [Int32]) throws(ReactorError) {
        var first: UInt32 = 0
        for descriptor in kept.sorted() where descriptor >= 0 {
            let kept = UInt32(descriptor)
            if kept > first { try closeRange(first, kept - 1) }
            first = max(first, kept + 1)
        }
        try closeRange(first, UInt32.max)
    }

    private static func closeRange(_ first: UInt32, _ last: UInt32) throws(ReactorError) {
        try checkedCall("close_range") { Int(clinux_close_range(first, last)) }
    }
}

/// Processor time and memory used.
package enum ResourceUsage {
    /// Processor time of the calling thread.
    package static func threadCPUNanoseconds() -> UInt64 { readClock(CLOCK_THREAD_CPUTIME_ID) }

    /// Processor time of the process, in user and in kernel mode.
    package static func processCPUNanoseconds() -> (user: UInt64, system: UInt64) {
        var user: UInt64 = 0
        var system: UInt64 = 0
        provenCall("getrusage") { Int(clinux_process_usage(&user, &system)) }
        return (user, system)
    }

    /// Resident memory of the process in bytes; 0 when the system does not tell.
    package static func residentSize() -> Int {
        let fields = SystemFile.text("/proc/self/statm").split(separator: " ")
        guard fields.count > 1, let pages = Int(fields[1]) else { return 0 }
        return pages * clinux_page_size()
    }
}
