// A gateway: store, shards, listeners and admin socket, wired up, started and stopped.

internal import Base
internal import Foundation
package import Logging
internal import Reactor
internal import Sessions
internal import Synchronization
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
    /// What it can hold.
    package let capacity: Capacity
    private let reservations: [Reservation]
    private let shards: [Shard]
    private let threads: [ShardThread]
    private let admin: AdminServer
    private let tls: GatewayTLS
    private let logger: Logger
    /// Connections that had come and gone when memory was last given back. `maintain` alone uses it.
    private let changesAtTrim = Atomic<Int>(0)
    private static let changesPerTrim = 1_000

    /// Starts a gateway; when it returns, it accepts connections.
    package init(
        configuration: GatewayConfiguration, logger: Logger
    ) throws(GatewayError) {
        do { try configuration.validate() } catch { throw .configuration(error) }
        if configuration.acceptsBenchAccounts {
            logger.warning("bench accounts are on: everyone on this machine knows their password")
        }
        guard let context = WireContext(domain: configuration.domain) else {
            throw .configuration(
                .invalid("domain \"\(configuration.domain)\" is a word of the dictionary"))
        }
        let tls = try GatewayTLS(configuration, logger: logger)
        self.tls = tls
        self.logger = logger
        let mailboxes = ShardDirectory()
        store = try Self.openStore(configuration, mailboxes, context, logger)
        capacity = try Self.capacity(of: configuration)
        reservations = try Self.reserve(configuration.listen)
        addresses = reservations.map(\.address.description)
        adminPath = configuration.dataPath + "/admin.sock"
        let secret = try LoginSecret.load(directory: configuration.dataPath)
        do {
            let setup = ShardSetup(
                limits: configuration.limits.shared(
                    shards: capacity.shardCount, cores: capacity.coreCount),
                context: context, tls: tls,
                cryptography: OpenSSLCryptography(), unknownAccountSecret: secret, logger: logger,
                listen: reservations.map(\.address), hasOwnTable: capacity.hasTablePerShard,
                connectionsMax: capacity.connectionsPerShard,
                handshakeGate: HandshakeGate(
                    countMax: capacity.coreCount, shardCount: capacity.shardCount),
                started: try Mailbox(countMax: capacity.shardCount))
            let shards = try (0..<capacity.shardCount).map { index throws(ReactorError) in
                try Shard(index: index, setup: setup)
            }
            for shard in shards {
                shard.shards = shards
                shard.store = store
            }
            mailboxes.fill(shards.map(\.mailbox))
            self.shards = shards
            threads = try Self.start(shards, setup.started)
            do {
                admin = try AdminServer(
                    path: adminPath, domain: configuration.domain,
                    acceptsBenchAccounts: configuration.acceptsBenchAccounts, accounts: store,
                    shards: shards, mailboxes: mailboxes, tls: tls, logger: logger)
            } catch {
                Self.stop(shards, threads)
                throw error
            }
            Self.log(capacity, logger)
        } catch {
            throw .system("\(error)")
        }
    }

    /// Ends all sessions with `system-shutdown`, finishes what the store has, and returns. Blocks for
    /// at most the close time-out and the last commit. Call once.
    package func stop() {
        admin.stop()
        Self.stop(shards, threads)
        store.close()
        for shard in shards { shard.store = nil }
    }

    /// Reads certificates and ticket keys again; the log says how it went. Live sessions go on.
    package func reload() {
        // It is logged and counted, and there is nobody else to tell.
        _ = try? tls.reload()
    }

    /// What time brings, beside traffic. Call it once a minute.
    package func maintain() {
        tls.maintain()
        trimMemory()
    }

    /// Gives memory back when a good many connections have come or gone since the last time: handshakes
    /// and sessions that ended leave free pages between those that stay.
    private func trimMemory() {
        var accepted = 0
        var connected = 0
        for shard in shards {
            accepted += Int(shard.metrics.accepted.load(ordering: .relaxed))
            connected += shard.metrics.connections.load(ordering: .relaxed)
        }
        // Those that came and those that went.
        let changes = 2 * accepted - connected
        guard changes - changesAtTrim.load(ordering: .relaxed) >= Self.changesPerTrim else {
            return
        }
        changesAtTrim.store(changes, ordering: .relaxed)
        let beganAt = MonotonicClock.nanoseconds()
        let isLess = Allocator.trim()
        let took = (MonotonicClock.nanoseconds() - beganAt) / 1_000
        logger.debug(
            "gave free memory back", metadata: ["us": "\(took)", "had-some": "\(isLess)"])
    }

    private static func openStore(
        _ configuration: GatewayConfiguration, _ mailboxes: ShardDirectory, _ context: WireContext,
        _ logger: Logger
    ) throws(GatewayError) -> SQLiteStore {
        do {
            var limits = StoreLimits(configuration.limits)
            limits.windowMs = configuration.store.windowMs
            var expiry: StoreExpiry?
            if configuration.store.expiryS > 0 {
                expiry = StoreExpiry(
                    lifetimeS: configuration.store.expiryS,
                    notice: { $0.expiryNotice(at: $1, context: context) },
                    report: { mailboxes.expired($0) })
            }
            return try SQLiteStore(
                path: configuration.dataPath, limits: limits,
                synthetic: configuration.acceptsBenchAccounts ? makeBenchAccounts() : nil,
                expiry: expiry,
                log: { logger.warning("\($0)") },
                deliver: { shard, answers in mailboxes.deliver(answers, to: shard) })
        } catch {
            throw .store(error)
        }
    }

    /// The cheapest verifier that the protocol allows, and for rows one that no password fits.
    private static func makeBenchAccounts() -> SyntheticAccounts {
        let cryptography = OpenSSLCryptography()
        let iterations = WireLimits.scramIterations.lowerBound
        let keys = ScramKeys.derive(
            password: BenchAccount.password, salt: cryptography.randomBytes(16),
            iterations: iterations, cryptography: cryptography)
        let rowKeys = ScramKeys(
            salt: cryptography.randomBytes(16), iterations: WireLimits.scramIterationsDefault,
            storedKey: cryptography.randomBytes(32), serverKey: cryptography.randomBytes(32))
        return SyntheticAccounts(keys: keys, rowKeys: rowKeys)
    }
}

/// The shards' mailboxes, for the store's threads; filled before the first request is made.
final class ShardDirectory: Sendable {
    private let mailboxes = Lock<[Mailbox<ShardMessage>]>([])
    // What has expired, counted. Relaxed: written by one thread, each true by itself.
    private let stanzasExpired = Atomic<UInt64>(0)
    private let expiryNotices = Atomic<UInt64>(0)
    private let expiryNoticesDropped = Atomic<UInt64>(0)

    func fill(_ mailboxes: [Mailbox<ShardMessage>]) {
        self.mailboxes.withLock { $0 = mailboxes }
    }

    func deliver(_ answers: [StoreAnswer], to shard: Int) {
        let mailbox = mailboxes.withLock { $0[shard] }
        // Each answers a request that was bounded when it was made.
        mailbox.postAlways(.store(answers))
    }

    /// Tells the homes of those whose messages have expired, and counts.
    func expired(_ expired: Expired) {
        stanzasExpired.add(UInt64(expired.stanzas.count), ordering: .relaxed)
        expiryNotices.add(UInt64(expired.notices.count), ordering: .relaxed)
        expiryNoticesDropped.add(UInt64(expired.droppedNotices.count), ordering: .relaxed)
        let mailboxes = mailboxes.withLock { $0 }
        // A step that comes before the shards do: the notices wait in their queues.
        guard !mailboxes.isEmpty else { return }
        func tell(homeOf user: Localpart, _ input: RouterInput) {
            // A step is bounded, and they are some way apart.
            mailboxes[user.home(among: mailboxes.count)].postAlways(.router(input))
        }
        for (owner, stanza) in expired.notices {
            tell(
                homeOf: owner.user, .stored(stanza, for: owner.user, devices: [owner.device]))
        }
        for user in expired.uncertain { tell(homeOf: user, .mayWait(for: user)) }
    }

    /// The counters by name.
    var snapshot: [String: Int] {
        [
            "stanzas-expired": Int(stanzasExpired.load(ordering: .relaxed)),
            "expiry-notices": Int(expiryNotices.load(ordering: .relaxed)),
            "expiry-notices-dropped": Int(expiryNoticesDropped.load(ordering: .relaxed)),
        ]
    }
}

extension [Shard] {
    /// Counters by name, summed.
    var status: [String: Int] {
        var sum: [String: Int] = ["shards": count]
        for shard in self {
            sum.merge(shard.metrics.snapshot) { $0 + $1 }
        }
        let turns = map { $0.metrics.turnMaxUs.exchange(0, ordering: .relaxed) }
        sum["turn-max-us"] = Int(turns.max() ?? 0)
        sum["connections-max"] = reduce(0) { $0 + $1.setup.connectionsMax }
        let cpu = ResourceUsage.processCPUNanoseconds()
        sum["cpu-ms"] = Int((cpu.user + cpu.system) / 1_000_000)
        sum["resident-bytes"] = ResourceUsage.residentSize()
        return sum
    }
}
