// What a run is to do, as values that the coordinator makes and the threads read.

internal import Base
package import Reactor
package import TLS
package import Wire

/// Whose accounts the clients are.
package enum AccountNames: Sendable, Equatable {
    /// `bench-0`, …, which a gateway with `--bench-auth` has without storing them.
    case synthetic
    /// `benchmark-0`, …, made and removed over the admin socket.
    case real

    /// The account of an index.
    package func name(_ index: Int) -> Localpart {
        switch self {
        case .synthetic: return BenchAccount.name(index)
        case .real:
            guard let name = Localpart("benchmark-\(index)") else {
                preconditionFailure("account \(index)")
            }
            return name
        }
    }
}

/// Which logins resume a TLS session: with one of the latest tickets of their thread, whoever got it.
package enum Resumption: Sendable {
    case never
    /// All but a device's first.
    case returning
    /// All for which there is a ticket: as if the devices had been there before the run.
    case always
}

/// Where the gateway is and how a client gets in.
package struct BenchTarget: Sendable {
    /// Addresses to connect to, in turn.
    package var servers: [SocketAddress]
    /// The name the certificate must carry.
    package var serverName: String
    package var tls: TLSContext
    package var resumption: Resumption
    package var context: WireContext
    package var names: AccountNames
    package var password: [UInt8]

    package init(
        servers: [SocketAddress], serverName: String, tls: TLSContext, resumption: Resumption,
        context: WireContext, names: AccountNames, password: [UInt8]
    ) {
        precondition(!servers.isEmpty, "no server")
        self.servers = servers
        self.serverName = serverName
        self.tls = tls
        self.resumption = resumption
        self.context = context
        self.names = names
        self.password = password
    }
}

/// The clients: numbered from 0, dealt to the threads in turn. The first `singleCount` have an account
/// each, those behind them share one by `devicesPerAccount`.
package struct Population: Sendable {
    package var count: Int
    package var singleCount: Int
    package var devicesPerAccount: Int
    /// The account of client 0: several processes take ranges that do not overlap.
    package var firstAccount: Int
    package var threadCount: Int

    package init(
        count: Int, singleCount: Int? = nil, devicesPerAccount: Int = 1, firstAccount: Int = 0,
        threadCount: Int
    ) {
        self.count = count
        self.singleCount = singleCount ?? count
        self.devicesPerAccount = devicesPerAccount
        self.firstAccount = firstAccount
        self.threadCount = threadCount
    }

    /// How many accounts the clients have.
    package var accountCount: Int {
        singleCount + (count - singleCount + devicesPerAccount - 1) / devicesPerAccount
    }

    /// A client's account and device.
    func account(of client: Int) -> (account: Int, device: UInt8) {
        guard client >= singleCount else { return (firstAccount + client, 0) }
        let (group, device) = (client - singleCount).quotientAndRemainder(
            dividingBy: devicesPerAccount)
        return (firstAccount + singleCount + group, UInt8(truncatingIfNeeded: device))
    }

    /// How many clients a thread has.
    func count(ofThread thread: Int) -> Int {
        count / threadCount + (thread < count % threadCount ? 1 : 0)
    }

    /// Where a client connects from: 127.16.0.1 and up, so that ports suffice and no source has many.
    func source(of client: Int) -> SocketAddress {
        let sourcesPerBlock = 250
        let block = firstAccount + client
        let clientsPerBlock = sourcesPerBlock * BenchLimits.clientsPerSourceMax
        let address =
            0x7F10_0001 + (block / clientsPerBlock) * 256 + block % sourcesPerBlock
        return SocketAddress(ipv4: UInt32(address), port: 0)
    }
}

/// A number of things in time: at a rate, or as fast as it goes.
package struct Pace: Sendable {
    let startNs: UInt64
    /// A second; nil for as fast as it goes.
    let rate: Double?

    /// When the thing of this number is due.
    func dueNs(_ number: Int) -> UInt64? {
        rate.map { startNs + UInt64(Double(number) / $0 * 1e9) }
    }

    /// The share of one thread that does `part` of `whole`.
    func share(_ part: Int, of whole: Int) -> Pace {
        Pace(startNs: startNs, rate: rate.map { $0 * Double(part) / Double(max(1, whole)) })
    }
}

/// Clients come online, each once or again and again.
struct ArrivalPlan: Sendable {
    var pace: Pace
    var pendingMax: Int
    /// Whether a login was due when the phase began, as after a storm, not when its turn comes.
    var isDueAtStart = false
    /// Whether each client leaves at once and comes again, until `endNs`.
    var isCycling = false
    var endNs = UInt64.max
}

/// Messages from the first clients to others.
package struct MessagePlan: Sendable {
    /// Clients that send.
    package var senderCount: Int
    /// Offset of the first recipient's account from client 0's.
    package var recipientBase: Int
    /// How many recipients each sender has, written to in turn.
    package var recipientsPerSender: Int
    /// Whether one send is one message to each recipient, all with one intended time.
    package var isFanout: Bool
    /// Devices of a recipient that are online.
    package var devicesOnline: Int
    /// Sends a second in all; nil for as many as the window takes.
    package var rate: Double?
    package var window: Int
    /// Bodies' sizes in bytes, in turn.
    package var sizes: [Int]
    /// Whether recipients send receipts; otherwise they ack.
    package var hasReceipts: Bool
    package var seconds: Int

    package init(
        senderCount: Int, recipientBase: Int, recipientsPerSender: Int = 1, isFanout: Bool = false,
        devicesOnline: Int = 1, rate: Double?, window: Int, sizes: [Int], hasReceipts: Bool,
        seconds: Int
    ) {
        self.senderCount = senderCount
        self.recipientBase = recipientBase
        self.recipientsPerSender = recipientsPerSender
        self.isFanout = isFanout
        self.devicesOnline = devicesOnline
        self.rate = rate
        self.window = window
        self.sizes = sizes
        self.hasReceipts = hasReceipts
        self.seconds = seconds
    }
}

/// What the coordinator tells a thread. Each but the last begins a phase.
enum WorkerCommand: Sendable {
    case arrive(ArrivalPlan)
    /// Every connection is reset at once.
    case drop
    case send(MessagePlan, startNs: UInt64)
    /// The phase is over: hand over what was measured.
    case settle
    case stop
}
