// What an operator decides: a TOML file, and over it the command line. Unknown keys are errors: a typo
// must not become a default.

public import Base
internal import Foundation
internal import Reactor
internal import TOMLKit
internal import Wire

/// The least TLS version the gateway speaks.
public enum MinimumTLS: String, Sendable, Codable {
    /// TLS 1.2 with forward secrecy and AEAD only.
    case tls12 = "1.2"
    /// TLS 1.3, the default.
    case tls13 = "1.3"
}

/// A gateway's configuration.
public struct GatewayConfiguration: Sendable, Equatable {
    /// The domain whose users this gateway serves.
    public var domain = "localhost"
    /// `ADDRESS:PORT` of each listener.
    public var listen = ["127.0.0.1:5223"]
    /// The directory of the database, the login secret and `admin.sock`.
    public var dataPath = "var"
    /// PEM file of the certificate and its chain.
    public var certificatePath = "certs/server.pem"
    /// PEM file of the private key.
    public var keyPath = "certs/server-key.pem"
    /// Threads that hold connections; nil for one a core.
    public var shardCount: Int?
    /// Whether shards share one descriptor table.
    public var descriptorTables = DescriptorTables.auto
    /// The least TLS version.
    public var minimumTLS = MinimumTLS.tls13
    /// Everything else about TLS.
    public var tls = TLSSettings()
    /// `trace`, `debug`, `info`, `notice`, `warning`, `error` or `critical`.
    public var logLevel = "info"
    /// How long the store waits, and keeps.
    public var store = StoreSettings()
    /// Every limit.
    public var limits = Limits()
    /// Whether `bench-0`, `bench-1`, … may log in with a password that everyone knows: for load tests,
    /// with all listeners on loopback. Not to be had from a file.
    public var acceptsBenchAccounts = false

    /// The defaults.
    public init() {}

    /// The defaults, changed by a TOML file.
    public init(file path: String) throws(ConfigurationError) {
        let text: String
        do {
            text = try String(contentsOfFile: path, encoding: .utf8)
        } catch {
            throw .unreadable(path: path, reason: "\(error.localizedDescription)")
        }
        try self.init(toml: text, path: path)
    }

    /// The defaults, changed by TOML text; `path` is named in errors.
    public init(toml text: String, path: String) throws(ConfigurationError) {
        let file: ConfigurationFile
        do {
            file = try TOMLDecoder(strictDecoding: true).decode(
                ConfigurationFile.self, from: text)
        } catch {
            throw .malformed(path: path, reason: ConfigurationError.describe(error))
        }
        domain = file.domain ?? domain
        listen = file.listen ?? listen
        dataPath = file.data ?? dataPath
        certificatePath = file.certificate ?? certificatePath
        keyPath = file.key ?? keyPath
        shardCount = file.shards ?? shardCount
        descriptorTables = file.descriptorTables ?? descriptorTables
        minimumTLS = file.minimumTLS ?? minimumTLS
        tls = file.tls ?? tls
        logLevel = file.logLevel ?? logLevel
        store = file.store ?? store
        for (key, value) in file.limits ?? [:] {
            guard let field = LimitField.all[key] else {
                throw .malformed(path: path, reason: "limits.\(key) is not a limit")
            }
            guard field.set(value, &limits) else {
                throw .malformed(
                    path: path, reason: "limits.\(key) must be 1 to \(LimitField.valueMax)")
            }
        }
    }

    /// Checks what can be checked without touching the machine.
    public func validate() throws(ConfigurationError) {
        guard JID.isDomain(domain) else {
            throw .invalid("domain \"\(domain)\": lower-case letters, digits, '-' and '.' only")
        }
        guard !listen.isEmpty else { throw .invalid("no listener") }
        if let shardCount, !(1...256).contains(shardCount) {
            throw .invalid("shards \(shardCount): 1 to 256")
        }
        if acceptsBenchAccounts {
            for text in listen where SocketAddress(text)?.isLoopback != true {
                throw .invalid(
                    "bench accounts have a password that everyone knows: every listener must be "
                        + "on loopback, and \(text) is not")
            }
        }
        try tls.validate()
        try store.validate()
        if let problem = limits.validate() { throw .invalid("limits: \(problem)") }
    }
}

/// The file, key by key.
private struct ConfigurationFile: Decodable {
    var domain: String?
    var listen: [String]?
    var data: String?
    var certificate: String?
    var key: String?
    var shards: Int?
    var descriptorTables: DescriptorTables?
    var minimumTLS: MinimumTLS?
    var tls: TLSSettings?
    var logLevel: String?
    var store: StoreSettings?
    var limits: [String: Int]?

    enum CodingKeys: String, CodingKey {
        case domain
        case listen
        case data
        case certificate
        case key
        case shards
        case descriptorTables = "descriptor-tables"
        case minimumTLS = "minimum-tls"
        case tls
        case logLevel = "log-level"
        case store
        case limits
    }
}

/// What is wrong with a configuration.
public enum ConfigurationError: Error, CustomStringConvertible, Equatable {
    /// The file could not be read.
    case unreadable(path: String, reason: String)
    /// The file is not the TOML we expect.
    case malformed(path: String, reason: String)
    /// A value makes no sense.
    case invalid(String)

    /// One line for people.
    public var description: String {
        switch self {
        case .unreadable(let path, let reason): "\(path): cannot be read: \(reason)"
        case .malformed(let path, let reason): "\(path): \(reason)"
        case .invalid(let reason): reason
        }
    }

    fileprivate static func describe(_ error: any Error) -> String {
        switch error {
        case let error as TOMLParseError:
            "line \(error.source.begin.line): \(error.description)"
        case let error as UnexpectedKeysError:
            "unknown keys: \(error.keys.keys.sorted().joined(separator: ", "))"
        case DecodingError.typeMismatch(_, let context), DecodingError.dataCorrupted(let context),
            DecodingError.valueNotFound(_, let context), DecodingError.keyNotFound(_, let context):
            "\(context.codingPath.map(\.stringValue).joined(separator: ".")): "
                + context.debugDescription
        default:
            "\(error)"
        }
    }
}
