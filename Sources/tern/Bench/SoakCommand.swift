// `tern bench soak`: messages through faults that somebody else makes, with a ledger of what was
// promised. The run is SoakRun's; here are its options and its report.

internal import ArgumentParser
internal import Bench
internal import Wire

extension BenchCommand {
    struct Soak: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Writes between pairs through whatever happens, and tells what was lost.",
            discussion: """
                SIGINT or SIGTERM ends the sending; then all come back and drain. Ends with 0 if every \
                message was acked and delivered once and in order, with 65 if a promise of \
                docs/DELIVERY.md was broken, with 69 if not everything came through in time.
                """)
        @OptionGroup var options: BenchOptions
        @Option(help: "How many pairs; in each the first sends and the second receives.")
        var pairs = 16
        @Option(help: "Messages of one sender that await their ack.")
        var window = 16
        @Option(help: "Messages a second of all senders (default: as many as the window takes).")
        var rate: Double?
        @Option(help: "Bytes of a body; given more than once, in turn.")
        var size: [Int] = []
        @Option(help: "For how many seconds messages are sent.")
        var seconds = 10
        @Option(help: "How many recipients of a hundred leave and come back again and again.")
        var leaving = 50
        @Option(help: "Seconds without anything coming through that end the drain.")
        var drain = 30

        private static let columns = [
            "t", "phase", "online", "sent", "acked", "delivered", "refused", "reconnects",
        ]

        func validate() throws {
            try BenchOptions.check("--pairs", pairs, 1...BenchLimits.soakPairCountMax)
            try BenchOptions.check("--window", window, 1...BenchLimits.windowCountMax)
            try BenchOptions.check("--seconds", seconds, 1...BenchLimits.secondsMax)
            try BenchOptions.check("--leaving", leaving, 0...100)
            try BenchOptions.check("--drain", drain, 1...BenchLimits.secondsMax)
            for size in size { try BenchOptions.check("--size", size, 1...BenchLimits.bodySizeMax) }
            if let rate, rate < 0.01 || rate > 10_000_000 {
                throw ValidationError("--rate takes 0.01 to 10000000")
            }
            guard options.first <= WireLimits.benchAccountCountMax - 2 * pairs else {
                throw ValidationError(
                    "more than \(WireLimits.benchAccountCountMax) accounts, --first counted")
            }
        }

        func run() async throws {
            try await reportingFailures {
                let console = try BenchConsole(samples: options.samples, columns: Self.columns)
                let directory = BenchDirectory(
                    path: options.admin, domain: options.domain, first: options.first,
                    count: 2 * pairs)
                let (names, password) = try directory.prepare(options.accounts)
                let target = try options.target(names, password, resumption: .returning)
                let plan = SoakPlan(
                    pairCount: pairs, firstAccount: options.first, window: window, rate: rate,
                    sizes: size.isEmpty ? [100] : size, seconds: seconds, leavingPercent: leaving,
                    drainSeconds: drain)
                let run = try SoakRun(
                    target: target, plan: plan,
                    surroundings: SoakSurroundings(
                        isInterrupted: { BenchConsole.isInterrupted },
                        sample: { console.sample($0) }))
                let report = run.finish(parameters: parameters(names))
                console.end()
                // What is left after a violation is evidence.
                if report.verdict == .clean { directory.cleanUp(names) }
                if options.json {
                    try say(report.json())
                } else {
                    for line in BenchText.lines(report) { try say(line) }
                }
                switch report.verdict {
                case .clean: return
                case .violated: throw ExitCode(ExitStatus.data.rawValue)
                case .undrained: throw ExitCode(ExitStatus.unavailable.rawValue)
                }
            }
        }

        private func parameters(_ names: AccountNames) -> [String: String] {
            [
                "pairs": "\(pairs)", "window": "\(window)",
                "rate": rate.map { "\($0)" } ?? "window",
                "sizes": (size.isEmpty ? [100] : size).map(String.init).joined(separator: ","),
                "seconds": "\(seconds)", "leaving": "\(leaving)",
                "accounts": names == .synthetic ? "synthetic" : "real",
            ]
        }
    }
}

extension BenchText {
    static func lines(_ report: SoakReport) -> [String] {
        let counts = report.counts
        let violations = report.violations
        var lines = [
            "soak: \(report.verdict.rawValue) after \(report.seconds) s",
            "  \(report.sent) sent, \(report.acked) acked, \(report.delivered) delivered, "
                + "\(report.confirmed) confirmed by receipts",
            "  \(violations.lost) lost, \(violations.seenTwice) seen twice, "
                + "\(violations.outOfOrder) out of order, \(violations.damaged) damaged, "
                + "\(violations.falseReceipts) false receipts",
            "  \(counts.reconnects) reconnects, \(counts.cuts) cuts with \(counts.cutInFlight) "
                + "messages in flight, \(counts.departures) departures, "
                + "longest outage \(counts.longestOutageMs) ms",
            "  \(counts.refusedWithWait) refused with wait, \(counts.postedAgain) posted again, "
                + "\(report.overtaken) overtaken",
        ]
        for (kind, count) in counts.errors.sorted(by: { $0.key < $1.key }) {
            lines.append("  \(count) × \(TerminalText.neutralised(kind))")
        }
        return lines
    }
}
