// What every kind of load needs to know, and the frame of every run: find the gateway, have accounts,
// start the threads, run the phases, report, clean up.

internal import ArgumentParser
internal import Base
internal import Bench
internal import Client
internal import Foundation
internal import Reactor
internal import TLS
internal import Wire

/// Where accounts come from.
enum AccountSource: String, ExpressibleByArgument, CaseIterable {
    case auto, synthetic, real
}

/// How many clients a command has and whose they are.
struct BenchClients {
    var count: Int
    /// The first so many have an account each; nil for all.
    var singleCount: Int?
    var devices = 1
    /// Accounts behind those of the clients that are written to and stay away.
    var awayCount = 0
}

extension BenchTransport: ExpressibleByArgument {}

struct BenchOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The gateway's address; may be repeated.", valueName: "host:port"))
    var server: [String] = []

    @Option(help: "The name the gateway's certificate must carry (default: the first host).")
    var serverName: String?

    @Option(help: ArgumentHelp("PEM file of trusted certificates.", valueName: "file"))
    var ca = ConnectionOptions.defaultCAFile

    @Option(help: ArgumentHelp("The gateway's administration socket.", valueName: "socket"))
    var admin = "var/admin.sock"

    @Option(help: "The gateway's domain.")
    var domain = "localhost"

    @Option(
        help: """
            synthetic: those of ternd --bench-auth; real: made over the admin socket and removed; \
            auto: synthetic if the gateway has them.
            """)
    var accounts = AccountSource.auto

    @Option(help: "The first account's number, for several processes side by side.")
    var first = 0

    @Option(
        help: """
            kernel: a socket for each device; tun: none, with a TCP of this program's own over TUN \
            devices, in a network namespace that the gateway shares (needs CAP_NET_ADMIN).
            """)
    var transport = BenchTransport.kernel

    @Option(help: "Threads (default: the cores, or as many as there are descriptors for).")
    var threads: Int?

    @Option(help: "Logins under way at once.")
    var concurrent = 256

    @Option(help: "Logins a second (default: as fast as they go).")
    var loginRate: Double?

    @Option(help: ArgumentHelp("CSV file for a line of figures each second.", valueName: "file"))
    var samples: String?

    @Flag(help: "Print the report as one JSON object.")
    var json = false

    static func check(_ name: String, _ value: Int, _ range: ClosedRange<Int>) throws {
        guard range.contains(value) else {
            throw ValidationError("\(name) takes \(range.lowerBound) to \(range.upperBound)")
        }
    }

    func validate() throws {
        try Self.check("--first", first, 0...WireLimits.benchAccountCountMax)
        try Self.check("--concurrent", concurrent, 1...BenchLimits.pendingCountMax)
        if let threads { try Self.check("--threads", threads, 1...BenchLimits.threadCountMax) }
        for text in server where ServerAddress(argument: text) == nil {
            throw ValidationError("--server \(text) is not HOST:PORT")
        }
        if let loginRate, loginRate < 0.01 || loginRate > 10_000_000 {
            throw ValidationError("--login-rate takes 0.01 to 10000000")
        }
    }

    // MARK: The run

    /// Runs `phases` on clients that are there for it, prints the report.
    func run(
        kind: String, clients: BenchClients, resumption: Resumption = .never,
        parameters: [String: String], _ phases: (BenchRun) -> Void
    ) throws {
        if transport == .tun, let way = try NetworkNamespace.waysOut().first {
            throw Failure(
                .usage,
                "--transport tun is for a network namespace of its own, and here is \(way): see "
                    + "docs/TERN.md")
        }
        Allocator.configure()
        let console = try BenchConsole(samples: samples)
        let population = try population(clients)
        let directory = BenchDirectory(
            path: admin, domain: domain, first: first,
            count: population.plan.accountCount + clients.awayCount)
        let (names, password) = try directory.prepare(accounts)
        defer { directory.cleanUp(names) }
        let target = try target(names, password, resumption: resumption)
        let run = try start(
            target, population.plan, unshares: population.unshares,
            surroundings: BenchSurroundings(
                gatewayStatus: { directory.status() },
                isInterrupted: { BenchConsole.isInterrupted },
                progress: { console.progress($0, $1, $2) },
                sample: { console.sample($0, $1) }))
        phases(run)
        var all = parameters
        all["transport"] = transport.rawValue
        all["threads"] = "\(population.plan.threadCount)"
        all["accounts"] = names == .synthetic ? "synthetic" : "real"
        all["concurrent"] = "\(concurrent)"
        all["login-rate"] = loginRate.map { "\($0)" } ?? "none"
        let report = run.finish(kind: kind, parameters: all)
        console.end()
        if json {
            say(try report.json())
        } else {
            for line in BenchText.lines(report) { say(line) }
        }
        if report.isInterrupted { throw ExitCode(ExitStatus.interrupted.rawValue) }
    }

    private func start(
        _ target: BenchTarget, _ population: Population, unshares: Bool,
        surroundings: BenchSurroundings
    ) throws -> BenchRun {
        do {
            return try BenchRun(
                target: target, population: population, transport: transport, unshares: unshares,
                surroundings: surroundings)
        } catch let error as ReactorError {
            throw Failure(.internalError, "\(error)")
        }
    }

    private func population(
        _ clients: BenchClients
    ) throws -> (plan: Population, unshares: Bool) {
        let limit = try ResourceLimits.raiseDescriptorLimit()
        guard
            let (count, unshares) = BenchRun.threads(
                for: clients.count, asked: threads, descriptorLimit: limit,
                coreCount: ProcessInfo.processInfo.activeProcessorCount, transport: transport)
        else {
            throw Failure(
                .usage,
                "\(clients.count) devices need more --threads: each has \(limit) descriptors")
        }
        let plan = Population(
            count: clients.count, singleCount: clients.singleCount,
            devicesPerAccount: clients.devices, firstAccount: first, threadCount: count)
        guard first + plan.accountCount + clients.awayCount <= WireLimits.benchAccountCountMax
        else {
            throw Failure(
                .usage, "more than \(WireLimits.benchAccountCountMax) accounts, --first counted")
        }
        return (plan, unshares)
    }

    func target(
        _ names: AccountNames, _ password: [UInt8], resumption: Resumption
    ) throws -> BenchTarget {
        let texts = server.isEmpty ? ["127.0.0.1:5223"] : server
        let parsed = texts.compactMap { ServerAddress(argument: $0) }
        guard let context = WireContexts.context(domain: domain), let host = parsed.first?.host
        else { throw Failure(.usage, "no such server or domain") }
        var addresses: [SocketAddress] = []
        for address in parsed {
            do {
                let found = try SocketAddress.resolve(host: address.host, port: address.port)
                addresses.append(
                    contentsOf: found.lazy.filter { transport == .kernel || $0.version == .v4 }
                        .prefix(1))
            } catch {
                throw Failure(.unavailable, "\(error)")
            }
        }
        guard addresses.count == parsed.count else {
            throw Failure(.usage, "--transport tun needs IPv4 addresses")
        }
        var configuration = TLSClientConfiguration(caPath: ca)
        configuration.detachment = resumption == .never ? .afterHandshake : .afterTicket
        let tls: TLSContext
        do {
            tls = try TLSContext(client: configuration)
        } catch {
            throw Failure(.data, "\(error)")
        }
        return BenchTarget(
            servers: addresses, serverName: serverName ?? host, tls: tls,
            resumption: resumption, context: context, names: names, password: password)
    }
}
