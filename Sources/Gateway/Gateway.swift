// A gateway: store, shards, listeners and admin socket, wired up, started and stopped.

internal import Base
internal import Foundation
package import Logging
internal import Reactor
internal import Sessions
package import Storage
package import TLS
internal import Wire

/// Why a gateway did not start.
package enum GatewayError: Error, CustomStringConvertible {
    /// The configuration makes no sense.
    case configuration(ConfigurationError)
    /// Certificate or key cannot be used.
    case tls(TLSError)
    /// The data directory or the database cannot be used.
    case store(StoreError)
    /// An address cannot be listened on.
    case listen(address: String, reason: String)
    /// The system refused something else.
    case system(String)

    /// One line for people.
    package var description: String {
        switch self {
        case .configuration(let error): "configuration: \(error)"
        case .tls(let error): "TLS: \(error)"
        case .store(let error): "data: \(error)"
        case .listen(let address, let reason): "cannot listen on \(address): \(reason)"
        case .system(let reason): reason
        }
    }
}

/// A running gateway.
package final class Gateway: Sendable {
    /// `ADDRESS:PORT` of each listener, with the port that the system chose for port 0.
    package let addresses: [String]
    /// The admin socket's path.
    package let adminPath: String
    /// The store's directory has `admin.sock`, the database and the login secret.
    private let store: SQLiteStore
    private let shards: [Shard]
    private let threads: [ShardThread]
    private let admin: AdminServer

    /// Starts a gateway; when it returns, it accepts connections.
    package init(
        configuration: GatewayConfiguration, logger: Logger
    ) throws(GatewayError) {
        do { try configuration.validate() } catch { throw .configuration(error) }
        guard let context = WireContext(domain: configuration.domain) else {
            throw .configuration(
                .invalid("domain \"\(configuration.domain)\" is a word of the dictionary"))
        }
        let tls = try Self.makeTLS(configuration)
        let mailboxes = ShardDirectory()
        store = try Self.openStore(configuration, mailboxes, logger)
        let count =
            configuration.shardCount ?? max(1, ProcessInfo.processInfo.activeProcessorCount)
        let listeners = try Self.listen(configuration.listen, shardCount: count)
        let setup = ShardSetup(
            limits: configuration.limits, context: context, tls: tls,
            cryptography: OpenSSLCryptography(),
            unknownAccountSecret: try LoginSecret.load(directory: configuration.dataPath),
            logger: logger)
        do {
            var shards: [Shard] = []
            for index in 0..<count {
                shards.append(
                    try Shard(index: index, setup: setup, listeners: listeners[index]))
            }
            for shard in shards {
                shard.shards = shards
                shard.store = store
            }
            mailboxes.fill(shards.map(\.mailbox))
            self.shards = shards
            addresses = listeners[0].map(\.address.description)
            adminPath = configuration.dataPath + "/admin.sock"
            admin = try AdminServer(
                path: adminPath, domain: configuration.domain, accounts: store, shards: shards,
                logger: logger)
            var threads: [ShardThread] = []
            for shard in shards {
                threads.append(
                    try ShardThread(name: "shard-\(shard.index)") { shard.run() })
            }
            self.threads = threads
        } catch {
            throw .system("\(error)")
        }
    }

    /// Ends all sessions with `system-shutdown`, finishes what the store has, and returns. Blocks for
    /// at most the close time-out and the last commit. Call once.
    package func stop() {
        admin.stop()
        for shard in shards { shard.mailbox.postAlways(.stop) }
        for thread in threads { thread.join() }
        store.close()
        // Shards know each other and so keep each other alive.
        for shard in shards {
            shard.shards = []
            shard.store = nil
        }
    }

    /// Counters by name, summed over the shards.
    package var status: [String: Int] { shards.status }

    private static func makeTLS(
        _ configuration: GatewayConfiguration
    ) throws(GatewayError) -> TLSContext {
        var tls = TLSServerConfiguration(
            certificateChainPath: configuration.certificatePath,
            privateKeyPath: configuration.keyPath)
        tls.minimumVersion = configuration.minimumTLS == .tls12 ? .tls12 : .tls13
        do { return try TLSContext(server: tls) } catch { throw .tls(error) }
    }

    private static func openStore(
        _ configuration: GatewayConfiguration, _ mailboxes: ShardDirectory, _ logger: Logger
    ) throws(GatewayError) -> SQLiteStore {
        do {
            return try SQLiteStore(
                path: configuration.dataPath, limits: StoreLimits(configuration.limits),
                log: { logger.warning("store: \($0)") },
                deliver: { shard, answers in mailboxes.deliver(answers, to: shard) })
        } catch {
            throw .store(error)
        }
    }

    /// One listener an address and shard. Port 0 is chosen once, by the first.
    private static func listen(
        _ addresses: [String], shardCount: Int
    ) throws(GatewayError) -> [[ListenerSocket]] {
        var listeners: [[ListenerSocket]] = Array(repeating: [], count: shardCount)
        for text in addresses {
            guard var address = SocketAddress(text) else {
                throw .listen(address: text, reason: "not ADDRESS:PORT")
            }
            do {
                // The shards share their port, which another gateway of ours could join.
                if address.port != 0 { _ = try Socket.listen(address) }
            } catch {
                throw .listen(address: text, reason: "\(error)")
            }
            for index in 0..<shardCount {
                do {
                    let socket = try Socket.listen(address, reusePort: true)
                    if let actual = socket.localAddress { address = actual }
                    listeners[index].append(ListenerSocket(socket, address: address))
                } catch {
                    throw .listen(address: text, reason: "\(error)")
                }
            }
        }
        return listeners
    }
}

/// The shards' mailboxes, for the store's thread; filled before the first request is made.
final class ShardDirectory: Sendable {
    private let mailboxes = Lock<[Mailbox<ShardMessage>]>([])

    func fill(_ mailboxes: [Mailbox<ShardMessage>]) {
        self.mailboxes.withLock { $0 = mailboxes }
    }

    func deliver(_ answers: [StoreAnswer], to shard: Int) {
        let mailbox = mailboxes.withLock { $0[shard] }
        // Each answers a request that was bounded when it was made.
        mailbox.postAlways(.store(answers))
    }
}

extension [Shard] {
    /// Counters by name, summed.
    var status: [String: Int] {
        var sum: [String: Int] = ["shards": count]
        for shard in self {
            sum.merge(shard.metrics.snapshot) { $0 + $1 }
        }
        let cpu = ResourceUsage.processCPUNanoseconds()
        sum["cpu-ms"] = Int((cpu.user + cpu.system) / 1_000_000)
        sum["resident-bytes"] = ResourceUsage.residentSize()
        return sum
    }
}
