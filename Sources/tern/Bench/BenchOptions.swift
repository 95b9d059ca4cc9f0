// What every kind of load needs to know of the gateway and its accounts.

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

/// The gateway, the accounts and the report.
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
        for text in server where ServerAddress(argument: text) == nil {
            throw ValidationError("--server \(text) is not HOST:PORT")
        }
    }

    func target(
        _ names: AccountNames, _ password: [UInt8], resumption: Resumption,
        transport: BenchTransport = .kernel
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
