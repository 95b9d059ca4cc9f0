// Options that several commands share, and how they become a client's configuration.

public import ArgumentParser
internal import Client
internal import ClientStorage
internal import Foundation
public import Wire

extension JID: ExpressibleByArgument {
    /// The user's address that an argument spells.
    public init?(argument: String) {
        self.init(argument)
        // Only users write and are written to.
        if local == nil { return nil }
    }
}

extension StanzaID: ExpressibleByArgument {
    /// The id that an argument spells.
    public init?(argument: String) {
        self.init(argument)
    }
}

/// `host:port`, `host`, `[::1]:port`.
package struct ServerAddress: ExpressibleByArgument, Equatable, Sendable {
    package var host: String
    package var port: UInt16

    package init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    package init?(argument: String) {
        var host = argument[...]
        var port: UInt16 = 5223
        if argument.hasPrefix("[") {
            guard let end = argument.firstIndex(of: "]") else { return nil }
            host = argument[argument.index(after: argument.startIndex)..<end]
            let rest = argument[argument.index(after: end)...]
            if !rest.isEmpty {
                guard rest.hasPrefix(":"), let number = UInt16(rest.dropFirst()) else { return nil }
                port = number
            }
        } else if let colon = argument.lastIndex(of: ":") {
            guard let number = UInt16(argument[argument.index(after: colon)...]) else { return nil }
            port = number
            host = argument[..<colon]
            if host.contains(":") { return nil }
        }
        guard !host.isEmpty, port != 0 else { return nil }
        self.host = String(host)
        self.port = port
    }
}

/// Where the server is, who we are.
struct ConnectionOptions: ParsableArguments {
    /// Trusted if it exists and nothing else is asked for.
    static let defaultCAFile = "certs/ca.pem"

    @Option(name: .customLong("as"), help: "The account to log in with: USER@DOMAIN.")
    var account: JID

    @Option(help: ArgumentHelp("The gateway's address.", valueName: "host:port"))
    var server = "127.0.0.1:5223"

    @Option(
        help: ArgumentHelp(
            "The name the gateway's certificate must carry (default: the host).", valueName: "name")
    )
    var serverName: String?

    @Option(
        help: ArgumentHelp(
            "PEM file of trusted certificates (default: certs/ca.pem if it exists, else the system's).",
            valueName: "file"))
    var ca: String?

    @Option(help: "This device's number, 0 to 255.")
    var device: UInt8 = 0

    @Option(
        help: ArgumentHelp(
            "File with the password (default: $TERN_PASSWORD, else a question on the terminal).",
            valueName: "file"))
    var passwordFile: String?

    @Option(
        help: ArgumentHelp(
            "Directory to keep what is unsent, what was seen and the login token in (default: nowhere).",
            valueName: "directory"))
    var state: String?

    @Flag(help: "Print one JSON object a line.")
    var json = false

    func validate() throws {
        guard ServerAddress(argument: server) != nil else {
            throw ValidationError("--server \(server) is not HOST:PORT")
        }
        guard account.device == nil else {
            throw ValidationError("--as takes USER@DOMAIN; give the device with --device")
        }
    }

    /// A client; reads the password unless there is a token in its place. `configure` has the last word.
    func client(
        reconnect: ReconnectPolicy, configure: (inout ClientConfiguration) -> Void = { _ in }
    ) throws -> Client {
        guard let address = ServerAddress(argument: server) else {
            throw Failure(.usage, "--server \(server) is not HOST:PORT")
        }
        let kept = try state.map { try openStore(in: $0) }
        let hasToken: Bool
        do throws(ClientStoreError) {
            hasToken = try kept?.hasToken() ?? false
        } catch {
            throw Failure(.unavailable, "\(error)")
        }
        let isPasswordGiven = passwordFile != nil || Password.environment != nil
        let password =
            hasToken && !isPasswordGiven
            ? nil : try Password.read(file: passwordFile, for: account.description)
        let hasDefaultCA = access(Self.defaultCAFile, R_OK) == 0
        var configuration = ClientConfiguration(
            host: address.host, port: address.port, serverName: serverName, jid: account,
            device: device, password: password,
            caFile: ca ?? (hasDefaultCA ? Self.defaultCAFile : nil))
        configuration.reconnect = reconnect
        // A token that ends with the process would end the one that a state directory has.
        configuration.wantsToken = kept != nil
        configure(&configuration)
        guard let kept else { return try Client(configuration) }
        return try Client(configuration, store: kept)
    }

    /// One file for each account and device.
    private func openStore(in directory: String) throws -> SQLiteClientStore {
        do {
            try FileManager.default.createDirectory(
                atPath: directory, withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700])
        } catch {
            throw Failure(.usage, "--state \(directory): \(error.localizedDescription)")
        }
        do throws(ClientStoreError) {
            return try SQLiteClientStore(
                path: "\(directory)/\(account)-\(device).sqlite", jid: account, device: device)
        } catch {
            throw Failure(.unavailable, "\(error)")
        }
    }
}
