// Starting a gateway's shards: what the machine allows, the addresses, the threads.

internal import Base
internal import Logging
internal import Reactor

/// An address that is ours while this lives, also while no shard listens on it.
final class Reservation: Sendable {
    let address: SocketAddress
    private let socket: Socket

    init(_ socket: consuming Socket, address: SocketAddress) {
        self.socket = socket
        self.address = address
    }
}

extension Gateway {
    /// What this machine lets a gateway of that configuration hold.
    static func capacity(
        of configuration: GatewayConfiguration
    ) throws(GatewayError) -> Capacity {
        let facts: MachineFacts
        do { facts = try MachineFacts.read() } catch { throw .system("\(error)") }
        return Capacity(
            facts: facts, shards: configuration.shardCount,
            tables: configuration.descriptorTables,
            connectionsPerShardMax: configuration.limits.connectionsPerShardMax)
    }

    /// Says what the gateway can hold, and what to change for as much as the memory could.
    static func log(_ capacity: Capacity, _ logger: Logger) {
        logger.notice("\(capacity.summary)")
        for advice in capacity.advice { logger.info("for more sessions: \(advice)") }
    }

    /// Takes the addresses. Port 0 is chosen here.
    static func reserve(_ addresses: [String]) throws(GatewayError) -> [Reservation] {
        var reservations: [Reservation] = []
        for text in addresses {
            guard var address = SocketAddress(text) else {
                throw .listen(address: text, reason: "not ADDRESS:PORT")
            }
            do {
                // The shards share their port, which another gateway of ours could join.
                if address.port != 0 { _ = try Socket.listen(address) }
                let socket = try Socket.reserve(address)
                if let actual = socket.localAddress { address = actual }
                reservations.append(Reservation(socket, address: address))
            } catch {
                throw .listen(address: text, reason: "\(error)")
            }
        }
        return reservations
    }

    /// Starts the shards' threads; when it returns, all of them listen. If one cannot, all end again.
    static func start(
        _ shards: [Shard], _ started: Mailbox<ShardStart>
    ) throws(ReactorError) -> [ShardThread] {
        var threads: [ShardThread] = []
        do {
            for shard in shards {
                threads.append(
                    try ShardThread(name: "shard-\(shard.index)") { shard.run() })
            }
            try awaitStart(of: shards.count, started)
        } catch {
            stop(shards, threads)
            throw error
        }
        return threads
    }

    /// Ends the threads and lets go of what their shards know of each other.
    static func stop(_ shards: [Shard], _ threads: [ShardThread]) {
        for shard in shards { shard.mailbox.postAlways(.stop) }
        for thread in threads { thread.join() }
        // Shards know each other and so keep each other alive.
        for shard in shards { shard.shards = [] }
    }

    private static func awaitStart(
        of count: Int, _ started: Mailbox<ShardStart>
    ) throws(ReactorError) {
        var poller = try Poller(eventCountMax: 1)
        try poller.add(started.descriptor, token: 0, interest: [.readable])
        var reports: [ShardStart] = []
        while reports.count < count {
            poller.wait(timeoutMs: nil)
            started.drain(into: &reports)
            for case .failed(let error) in reports { throw error }
        }
    }
}
