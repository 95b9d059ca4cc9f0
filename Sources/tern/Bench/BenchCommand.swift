// `tern bench`: a load generator that anyone can run against a gateway of their own. It makes accounts
// `bench-0`, `bench-1`, … over the admin socket and removes them at the end.

internal import ArgumentParser
internal import Base
internal import Client
internal import Foundation
internal import Histogram
internal import Reactor
internal import TLS
internal import Wire

/// What every kind of load needs to know.
struct BenchOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The gateway's address.", valueName: "host:port"))
    var server = "127.0.0.1:5223"

    @Option(help: "The name the gateway's certificate must carry (default: the host).")
    var serverName: String?

    @Option(help: ArgumentHelp("PEM file of trusted certificates.", valueName: "file"))
    var ca = ConnectionOptions.defaultCAFile

    @Option(help: ArgumentHelp("The gateway's administration socket.", valueName: "socket"))
    var admin = "var/admin.sock"

    @Option(help: "The gateway's domain.")
    var domain = "localhost"

    var certificateAuthority: String { ca }
}

struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Puts load on a gateway and reports what it did.",
        subcommands: [Connections.self, Messages.self])

    struct Connections: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Logs in COUNT devices, leaves them idle, reports memory.")
        @OptionGroup var options: BenchOptions
        @Option(help: "How many devices.")
        var count = 1_000
        @Option(help: "How many seconds they stay.")
        var hold = 5

        func run() async throws {
            try await reportingFailures { try runBench() }
        }

        private func runBench() throws {
            let bench = try BenchRun(options, accountCount: count)
            defer { bench.removeAccounts() }
            let before = try bench.status()
            let seconds = try bench.loop.logIn(bench.accounts, password: BenchRun.password)
            let end = MonotonicClock.now().advanced(byMs: UInt64(hold) * 1_000)
            while MonotonicClock.now() < end { try bench.loop.turn(timeoutMs: 100) { _, _ in } }
            let after = try bench.status()
            let grown = (after["resident-bytes"] ?? 0) - (before["resident-bytes"] ?? 0)
            let cpu = (after["cpu-ms"] ?? 0) - (before["cpu-ms"] ?? 0)
            bench.report([
                ("kind", "connections"), ("online", "\(bench.loop.onlineCount)"),
                ("logins/s", BenchRun.rounded(Double(count) / seconds)),
                ("resident bytes/session", "\(grown / max(1, bench.loop.onlineCount))"),
                (
                    "gateway CPU us/login",
                    BenchRun.rounded(Double(cpu) * 1_000 / Double(count))
                ),
            ])
        }
    }

    struct Messages: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Sends messages between pairs, flat out within a window; reports acks.")
        @OptionGroup var options: BenchOptions
        @Option(help: "How many pairs; in each the first sends and the second receives.")
        var pairs = 1
        @Option(help: "For how many seconds.")
        var seconds = 10
        @Option(help: "Messages of one sender that await their ack.")
        var window = 64
        @Option(help: "Bytes of one message's body.")
        var size = 100

        func validate() throws {
            guard (1...ClientLimits.windowCountMax).contains(window) else {
                throw ValidationError("--window takes 1 to \(ClientLimits.windowCountMax)")
            }
            guard (1...ClientLimits.bodySizeMax).contains(size), pairs > 0, seconds > 0 else {
                throw ValidationError("--size, --pairs and --seconds must be positive")
            }
        }

        func run() async throws {
            try await reportingFailures { try runBench() }
        }

        private func runBench() throws {
            let bench = try BenchRun(options, accountCount: 2 * pairs)
            defer { bench.removeAccounts() }
            _ = try bench.loop.logIn(bench.accounts, password: BenchRun.password)
            var load = MessageLoad(bench, window: window, body: String(repeating: "x", count: size))
            let before = try bench.status()
            let taken = try load.run(seconds: seconds)
            let after = try bench.status()
            let cpu = Double((after["cpu-ms"] ?? 0) - (before["cpu-ms"] ?? 0))
            bench.report([
                ("kind", "messages"), ("acked", "\(load.ackedCount)"),
                ("acked/s", BenchRun.rounded(Double(load.ackedCount) / taken)),
                ("delivered/s", BenchRun.rounded(Double(load.deliveredCount) / taken)),
                ("ack p50 ms", load.latencyMs(50)), ("ack p99 ms", load.latencyMs(99)),
                ("ack p99.9 ms", load.latencyMs(99.9)),
                (
                    "gateway CPU us/message",
                    BenchRun.rounded(cpu * 1_000 / Double(max(1, load.ackedCount)))
                ),
            ])
        }
    }
}

/// Messages between pairs, and what became of them.
struct MessageLoad {
    private let bench: BenchRun
    private let window: Int
    private let body: String
    private var sentAt: [[StanzaID: UInt64]]
    private var sentCount: UInt64 = 0
    private var histogram = Histogram<UInt64>(numberOfSignificantValueDigits: .three)
    private(set) var ackedCount = 0
    private(set) var deliveredCount = 0

    init(_ bench: BenchRun, window: Int, body: String) {
        self.bench = bench
        self.window = window
        self.body = body
        sentAt = Array(repeating: [:], count: bench.accounts.count / 2)
    }

    /// Runs for so long, then until every message is acked; returns the seconds it took.
    mutating func run(seconds: Int) throws -> Double {
        let start = MonotonicClock.nanoseconds()
        let end = start + UInt64(seconds) * 1_000_000_000
        let giveUp = end + 30_000_000_000
        for pair in sentAt.indices { try fill(pair) }
        while sentAt.contains(where: { !$0.isEmpty }) {
            var toFill: Set<Int> = []
            try bench.loop.turn(timeoutMs: 10) { connection, event in
                switch event {
                case .acked(let id), .delivered(let id, _):
                    if case .delivered = event { deliveredCount += 1 }
                    acked(id, of: connection.index, &toFill)
                default:
                    return
                }
            }
            let now = MonotonicClock.nanoseconds()
            if now > giveUp { throw Failure(.unavailable, "messages were not acked in 30 s") }
            if now < end { for pair in toFill { try fill(pair) } }
        }
        return Double(MonotonicClock.nanoseconds() - start) / 1e9
    }

    private mutating func acked(_ id: StanzaID, of sender: Int, _ toFill: inout Set<Int>) {
        let pair = sender / 2
        guard let sent = sentAt[pair].removeValue(forKey: id) else { return }
        histogram.record((MonotonicClock.nanoseconds() - sent) / 1_000)
        ackedCount += 1
        toFill.insert(pair)
    }

    private mutating func fill(_ pair: Int) throws {
        let sender = bench.loop.connections[2 * pair]
        let moment = SystemClock.moment()
        while sentAt[pair].count < window {
            sentCount += 1
            guard let id = StanzaID(String(sentCount, radix: 16, uppercase: true)) else { return }
            sentAt[pair][id] = MonotonicClock.nanoseconds()
            try sender.send(id, to: bench.accounts[2 * pair + 1], body: body, at: moment)
        }
        try bench.loop.flush(sender, at: moment)
    }

    /// A percentile of the time from sending to the ack, in milliseconds.
    func latencyMs(_ percentile: Double) -> String {
        BenchRun.rounded(Double(histogram.valueAtPercentile(percentile)) / 1_000)
    }
}

/// Accounts, loop and report of one run.
final class BenchRun {
    static let password = Array("bench".utf8)

    let accounts: [JID]
    let loop: BenchLoop
    private let admin: AdminClient

    init(_ options: BenchOptions, accountCount: Int) throws {
        _ = try ResourceLimits.raiseDescriptorLimit()
        let admin = AdminClient(path: options.admin)
        let accounts = (0..<accountCount).compactMap { JID("bench-\($0)@\(options.domain)") }
        try Self.makeAccounts(accounts, admin)
        loop = try BenchLoop(options: options)
        self.accounts = accounts
        self.admin = admin
    }

    private static func makeAccounts(_ accounts: [JID], _ admin: AdminClient) throws {
        let cryptography = OpenSSLCryptography()
        // One verifier for all: what it protects is worth nothing.
        let keys = AdminKeys(
            ScramKeys.derive(
                password: password, salt: cryptography.randomBytes(16),
                iterations: WireLimits.scramIterations.lowerBound, cryptography: cryptography))
        for account in accounts {
            do {
                _ = try admin.request(
                    AdminRequest(command: .accountAdd, name: "\(account)", keys: keys))
            } catch AdminError.refused(.accountExists, _) {
                _ = try admin.request(
                    AdminRequest(command: .accountPassword, name: "\(account)", keys: keys))
            }
        }
    }

    func removeAccounts() {
        for account in accounts {
            _ = try? admin.request(AdminRequest(command: .accountRemove, name: "\(account)"))
        }
    }

    func status() throws -> [String: Int] {
        try admin.request(AdminRequest(command: .status)).status ?? [:]
    }

    static func rounded(_ value: Double) -> String { String(format: "%.1f", value) }

    /// One JSON object: the machine, the figures, the failures.
    func report(_ figures: [(String, String)]) {
        var line = JSONLine()
        for (name, value) in figures { line.add(name, value) }
        line.add("cores", "\(ProcessInfo.processInfo.activeProcessorCount)")
        line.add("memory MiB", "\(ProcessInfo.processInfo.physicalMemory >> 20)")
        for (failure, count) in loop.failures { line.add("failed: \(failure)", "\(count)") }
        say(line.text)
    }
}
