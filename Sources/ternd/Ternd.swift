// The gateway's executable: reads the configuration, starts a gateway, waits for a signal, stops it.

import ArgumentParser
import Base
import Foundation
import Gateway
import Logging
import Reactor

@main
struct Ternd: ParsableCommand {
    private static let upkeepMs: UInt64 = 60_000

    static let configuration = CommandConfiguration(
        commandName: "ternd",
        abstract: "A TLS-secured gateway for mobile messengers.",
        discussion: """
            Without options it serves the domain localhost on 127.0.0.1:5223, with its data in var/ and \
            its certificate in certs/. Options win over the configuration file. SIGTERM and SIGINT stop \
            it in good order; SIGHUP makes it read certificates and ticket keys again.

            Exit codes: 0 stopped, 64 usage, 69 it could not start, 78 configuration.
            """,
        subcommands: [DoctorCommand.self])

    @Option(help: "A TOML file; see docs/CONFIGURATION.md.")
    var config: String?

    @Option(help: "Where to listen, as ADDRESS:PORT; may be repeated.")
    var listen: [String] = []

    @Option(help: "The domain whose users are served.")
    var domain: String?

    @Option(help: "The directory of the database and admin.sock.")
    var data: String?

    @Option(help: "PEM file of the certificate and its chain.")
    var certificate: String?

    @Option(help: "PEM file of the private key.")
    var key: String?

    @Option(help: "Threads that hold connections.")
    var shards: Int?

    @Flag(
        help: ArgumentHelp(
            "Let bench-0, bench-1, … log in with the password bench, without being stored.",
            discussion: "For load tests; only with all listeners on loopback."))
    var benchAuth = false

    func run() throws {
        Allocator.configure()
        let settings: GatewayConfiguration
        do {
            settings = try gatewayConfiguration()
            try settings.validate()
        } catch {
            complain("\(error)")
            throw ExitCode(78)
        }
        guard let level = Logger.Level(rawValue: settings.logLevel) else {
            complain("log-level \"\(settings.logLevel)\" is none of swift-log's levels")
            throw ExitCode(78)
        }
        LoggingSystem.bootstrap(StreamLogHandler.standardError)
        var logger = Logger(label: "ternd")
        logger.logLevel = level
        do {
            // Before the first thread starts, so that all block the signals.
            var signals = try SignalSource([SIGTERM, SIGINT, SIGHUP, SIGPIPE])
            try ResourceLimits.raiseDescriptorLimit()
            let gateway = try Gateway(configuration: settings, logger: logger)
            logger.notice(
                "ready",
                metadata: [
                    "domain": "\(settings.domain)",
                    "listen": "\(gateway.addresses.joined(separator: ","))",
                    "admin": "\(gateway.adminPath)",
                    "sessions": "\(gateway.capacity.sessionCount)",
                ])
            try serve(gateway, &signals)
            logger.notice("stopping")
            gateway.stop()
            logger.notice("stopped")
        } catch {
            complain("\(error)")
            if case GatewayError.configuration = error { throw ExitCode(78) }
            throw ExitCode(69)
        }
    }

    /// The file's settings, with the command line's over them.
    private func gatewayConfiguration() throws(ConfigurationError) -> GatewayConfiguration {
        var settings = GatewayConfiguration()
        if let config { settings = try GatewayConfiguration(file: config) }
        if !listen.isEmpty { settings.listen = listen }
        settings.domain = domain ?? settings.domain
        settings.dataPath = data ?? settings.dataPath
        settings.certificatePath = certificate ?? settings.certificatePath
        settings.keyPath = key ?? settings.keyPath
        settings.shardCount = shards ?? settings.shardCount
        settings.acceptsBenchAccounts = benchAuth
        return settings
    }

    /// Obeys signals until one says stop, and looks after the gateway each minute.
    private func serve(_ gateway: Gateway, _ signals: inout SignalSource) throws {
        var poller = try Poller(eventCountMax: 1)
        try poller.add(signals.descriptor, token: 0, interest: [.readable])
        var maintainAt = MonotonicClock.now().advanced(byMs: Self.upkeepMs)
        while true {
            let left = maintainAt.milliseconds(since: MonotonicClock.now())
            poller.wait(timeoutMs: Int(left))
            let arrived = signals.read()
            if arrived.contains(SIGTERM) || arrived.contains(SIGINT) { return }
            if arrived.contains(SIGHUP) { gateway.reload() }
            guard MonotonicClock.now() >= maintainAt else { continue }
            gateway.maintain()
            maintainAt = MonotonicClock.now().advanced(byMs: Self.upkeepMs)
        }
    }

    private func complain(_ text: String) {
        FileHandle.standardError.write(Data("ternd: \(text)\n".utf8))
    }
}
