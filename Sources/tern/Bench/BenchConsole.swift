// The terminal of a run: a line that tells how it goes, a table over time in a file, and the signals
// that end it early.

internal import Bench
internal import Foundation
internal import Synchronization

// Touched before the handler is installed, then only loaded and stored.
private let interruptions = Atomic<Int>(0)

/// The first signal asks for the end, the second is the end.
@c private func noteBenchSignal(_ number: Int32) {
    interruptions.add(1, ordering: .relaxed)
    signal(number, SIG_DFL)
}

/// Progress and samples.
final class BenchConsole {
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private let file: FileHandle?
    private var shownPhase = ""
    private var shownAt = 0.0
    private var shownLogins = 0
    private var shownSent = 0
    private var hasLine = false

    static let columns = [
        "t", "phase", "online", "pending", "logins", "dropped", "sent", "acked", "delivered",
        "gateway_rss", "gateway_cpu_ms", "gateway_sessions", "generator_rss", "generator_cpu_ms",
        "mem_free", "slab", "tcp_sockets", "tcp_buffers",
    ]

    /// Whether SIGINT or SIGTERM has come.
    static var isInterrupted: Bool { interruptions.load(ordering: .relaxed) > 0 }

    /// Catches the signals from here on; opens the file for samples.
    init(samples path: String?, columns: [String] = BenchConsole.columns) throws {
        if let path {
            guard FileManager.default.createFile(atPath: path, contents: nil),
                let handle = FileHandle(forWritingAtPath: path)
            else { throw Failure(.data, "\(path): cannot be written") }
            file = handle
            try handle.write(contentsOf: Data((columns.joined(separator: ",") + "\n").utf8))
        } else {
            file = nil
        }
        _ = Self.isInterrupted
        for number in [SIGINT, SIGTERM] { signal(number, noteBenchSignal) }
    }

    /// Shows how it goes: on a terminal twice a second on one line, elsewhere a line a phase.
    func progress(_ phase: String, _ counts: BenchCounts, _ seconds: Double) {
        let isNew = phase != shownPhase
        guard isNew || (isTerminal && seconds >= shownAt + 0.5) else { return }
        let elapsed = max(0.001, seconds - shownAt)
        var text = "\(phase): \(counts.online) online, \(counts.pending) logging in"
        if isTerminal {
            text += ", \(Int(Double(counts.logins - shownLogins) / elapsed)) logins/s"
            text += ", \(Int(Double(counts.sent - shownSent) / elapsed)) sends/s"
            if counts.dropped > 0 { text += ", \(counts.dropped) dropped" }
            if counts.gaveUp > 0 { text += ", \(counts.gaveUp) gave up" }
        }
        show(text)
        shownPhase = phase
        shownAt = seconds
        shownLogins = counts.logins
        shownSent = counts.sent
    }

    private func show(_ text: String) {
        if isTerminal {
            writeAll(Array("\r\(text)\u{1B}[K".utf8), to: STDERR_FILENO)
            hasLine = true
        } else {
            writeAll(Array("tern: bench: \(text)\n".utf8), to: STDERR_FILENO)
        }
    }

    /// One line of the table.
    func sample(_ phase: String, _ reading: BenchReading) {
        let counts = reading.counts
        let cells: [String] = [
            String(format: "%.1f", reading.atS), phase, "\(counts.online)", "\(counts.pending)",
            "\(counts.logins)", "\(counts.dropped)", "\(counts.sent)", "\(counts.acked)",
            "\(counts.delivered)", reading.gateway.map { "\($0.residentBytes)" } ?? "",
            reading.gateway.map { "\($0.cpuMs)" } ?? "",
            reading.gateway.map { "\($0.sessions)" } ?? "", "\(reading.generatorResidentBytes)",
            "\(reading.generatorCPUMs)", "\(reading.kernel.memFreeBytes)",
            "\(reading.kernel.slabBytes)", "\(reading.kernel.tcpSockets)",
            "\(reading.kernel.tcpBufferBytes)",
        ]
        write(cells)
    }

    private func write(_ cells: [String]) {
        // A full disk must not end the run.
        try? file?.write(contentsOf: Data((cells.joined(separator: ",") + "\n").utf8))
    }

    /// The same for a soak.
    func sample(_ reading: SoakReading) {
        if reading.phase != shownPhase || (isTerminal && reading.seconds >= shownAt + 0.5) {
            let text =
                "\(reading.phase): \(reading.online) online, \(reading.sent) sent, "
                + "\(reading.acked) acked, \(reading.delivered) delivered, "
                + "\(reading.reconnects) reconnects"
            show(text)
            shownPhase = reading.phase
            shownAt = reading.seconds
        }
        let cells: [String] = [
            String(format: "%.1f", reading.seconds), reading.phase, "\(reading.online)",
            "\(reading.sent)", "\(reading.acked)", "\(reading.delivered)",
            "\(reading.refusedWithWait)", "\(reading.reconnects)",
        ]
        write(cells)
    }

    /// The report comes next.
    func end() {
        if hasLine { writeAll(Array("\r\u{1B}[K".utf8), to: STDERR_FILENO) }
    }
}

/// A report for people.
enum BenchText {
    static func lines(_ report: BenchReport) -> [String] {
        var lines = [
            "\(report.kind) on \(report.machine.cores) cores, "
                + "\(report.machine.memoryBytes >> 20) MiB, Linux \(report.machine.kernel)"
        ]
        for phase in report.phases { lines += self.lines(phase) }
        if let memory = report.perSession {
            if let gateway = memory.gatewayResidentBytes {
                lines.append("memory per session: gateway \(gateway) B resident")
            }
            lines.append(
                "memory per session, both ends: kernel slab \(memory.kernelSlabBytes) B, "
                    + "all in all \(memory.memFreeBytes) B; generator "
                    + "\(memory.generatorResidentBytes) B resident")
        }
        if report.isInterrupted { lines.append("interrupted") }
        return lines
    }

    private static func lines(_ phase: BenchPhase) -> [String] {
        let counts = phase.counts
        var lines = [
            "\(phase.name): \(rounded(phase.seconds)) s, \(counts.online) online"
        ]
        func add(_ text: String) { lines.append("  " + text) }
        if counts.logins > 0 {
            add(
                "\(counts.logins) logins, \(rounded(phase.rate(counts.logins)))/s, "
                    + "\(counts.resumed) resumed; \(counts.retries) retries, \(counts.gaveUp) gave up"
            )
        }
        if counts.sent > 0 {
            add(
                "\(counts.sent) sent, \(counts.acked) acked "
                    + "(\(rounded(phase.rate(counts.acked)))/s), \(counts.delivered) delivered "
                    + "(\(rounded(phase.rate(counts.delivered)))/s), \(counts.receipts) receipts, "
                    + "\(counts.refused) refused")
        }
        if counts.dropped > 0 { add("\(counts.dropped) dropped") }
        for (name, latency) in [
            ("ack", phase.acks), ("delivery", phase.deliveries), ("receipt", phase.receipts),
            ("login", phase.fullLogins), ("login, resumed", phase.resumedLogins),
        ] {
            guard let latency else { continue }
            add(
                "\(name) ms: p50 \(rounded(latency.p50)), p90 \(rounded(latency.p90)), "
                    + "p99 \(rounded(latency.p99)), p99.9 \(rounded(latency.p999)), "
                    + "max \(rounded(latency.max))")
        }
        if let cpu = phase.gatewayCPUMs {
            var text = "gateway CPU \(rounded(Double(cpu) / 1_000)) s"
            let share = Double(cpu) / 10 / max(phase.seconds, 0.001)
            text += " (\(rounded(share)) % of a core)"
            if counts.acked > 0 {
                text += ", \(rounded(Double(cpu) * 1_000 / Double(counts.acked))) us/message"
            } else if counts.logins > 0 {
                text += ", \(rounded(Double(cpu) * 1_000 / Double(counts.logins))) us/login"
            }
            add(text)
        }
        for (kind, count) in phase.errors.sorted(by: { $0.key < $1.key }) {
            add("\(count) × \(TerminalText.neutralised(kind))")
        }
        return lines
    }

    private static func rounded(_ value: Double) -> String { String(format: "%.2f", value) }
}
