// The frame of every run but the soak: find the gateway, have accounts, start the threads, run the phases,
// report, clean up.

internal import ArgumentParser
internal import Bench
internal import Foundation
internal import Reactor
internal import Wire

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

/// How many devices come, how fast, and over what.
struct LoadOptions: ParsableArguments {
    @OptionGroup var options: BenchOptions

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

    func validate() throws {
        try BenchOptions.check("--concurrent", concurrent, 1...BenchLimits.pendingCountMax)
        if let threads {
            try BenchOptions.check("--threads", threads, 1...BenchLimits.threadCountMax)
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
        let console = try BenchConsole(samples: options.samples)
        let population = try population(clients)
        let directory = BenchDirectory(
            path: options.admin, domain: options.domain, first: options.first,
            count: population.plan.accountCount + clients.awayCount)
        let (names, password) = try directory.prepare(options.accounts)
        defer { directory.cleanUp(names) }
        let target = try options.target(
            names, password, resumption: resumption, transport: transport)
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
        if options.json {
            try say(report.json())
        } else {
            for line in BenchText.lines(report) { try say(line) }
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
            devicesPerAccount: clients.devices, firstAccount: options.first, threadCount: count)
        guard
            options.first + plan.accountCount + clients.awayCount <= WireLimits.benchAccountCountMax
        else {
            throw Failure(
                .usage, "more than \(WireLimits.benchAccountCountMax) accounts, --first counted")
        }
        return (plan, unshares)
    }
}
