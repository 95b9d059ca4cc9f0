// One TCP connection: two lanes of bytes that take their time, arrive in pieces, and can be cut at any
// byte. Each side learns of a loss at a time of its own, or never.
//
// Invariant: bytes of one lane arrive in order and at most once; after a cut nothing new arrives. What is
// on its way or has arrived and was not read is at most `capacity`: the rest the writer must keep.

internal import Base

/// An end of a connection.
enum LinkSide {
    case client
    case server
}

/// One direction of a connection.
final class Lane {
    struct Chunk {
        var number: Int
        /// Empty: the end of the stream.
        var bytes: [UInt8]
    }

    unowned let link: SimulatedLink
    let reader: LinkSide
    let capacity: Int
    /// On its way, oldest first.
    private(set) var flying: [Chunk] = []
    private(set) var flyingSize = 0
    /// Written after a cut: counts, and arrives nowhere.
    private var swallowedSize = 0
    /// Arrived and not read.
    var arrived = ByteBuffer()
    private(set) var hasEnded = false
    private(set) var isCut = false
    private var isFinished = false
    private var isWriterWaiting = false
    private var lastArrival: UInt64 = 0
    private var chunkLast = 0

    init(link: SimulatedLink, reader: LinkSide, capacity: Int) {
        self.link = link
        self.reader = reader
        self.capacity = capacity
    }

    /// Takes what fits and returns how much that was.
    func write(_ bytes: RawSpan, in world: World) -> Int {
        let size = min(bytes.byteCount, max(0, capacity - pendingSize))
        if size < bytes.byteCount { isWriterWaiting = true }
        guard size > 0, !isFinished else { return size }
        if isCut {
            swallowedSize += size
            return size
        }
        var used = 0
        while used < size {
            var end = size
            // Most writes arrive whole, some in two pieces, a few byte by byte.
            if size > 1, world.random.chance(25) {
                end = used + 1 + world.random.below(world.random.chance(30) ? 3 : size - used)
            }
            let piece = bytes.extracting(used..<min(end, size)).withUnsafeBytes { [UInt8]($0) }
            used += piece.count
            add(piece, in: world)
        }
        return size
    }

    private var pendingSize: Int { flyingSize + swallowedSize + arrived.count }

    private func add(_ bytes: [UInt8], in world: World) {
        chunkLast += 1
        lastArrival = max(lastArrival, world.now + world.latency())
        flying.append(Chunk(number: chunkLast, bytes: bytes))
        flyingSize += bytes.count
        world.schedule.add(.arrival(link, reader, chunk: chunkLast), at: lastArrival)
    }

    /// No byte follows.
    func finish(in world: World) {
        guard !isFinished else { return }
        isFinished = true
        if !isCut { add([], in: world) }
    }

    /// A chunk has come; false when it was cut off or put off meanwhile.
    func arrive(_ number: Int) -> Bool {
        guard let chunk = flying.first, chunk.number == number else { return false }
        flying.removeFirst()
        flyingSize -= chunk.bytes.count
        if chunk.bytes.isEmpty { hasEnded = true } else { arrived.append(chunk.bytes) }
        return true
    }

    /// Cuts the lane; only the first `keptSize` of the bytes on their way still arrive.
    func cut(keptSize: Int) {
        isCut = true
        var left = keptSize
        var kept: [Chunk] = []
        for chunk in flying {
            guard left > 0, !chunk.bytes.isEmpty else { break }
            kept.append(Chunk(number: chunk.number, bytes: Array(chunk.bytes.prefix(left))))
            left -= chunk.bytes.count
        }
        flying = kept
        flyingSize = kept.reduce(0) { $0 + $1.bytes.count }
    }

    /// What is on its way comes so much later.
    func putOff(byUs delay: UInt64, in world: World) {
        lastArrival = max(lastArrival, world.now) + delay
        for index in flying.indices {
            chunkLast += 1
            flying[index].number = chunkLast
            world.schedule.add(.arrival(link, reader, chunk: chunkLast), at: lastArrival)
        }
    }

    /// Whether a writer that was refused may try again; once.
    func takeWaitingWriter() -> Bool {
        guard isWriterWaiting, pendingSize < capacity else { return false }
        isWriterWaiting = false
        return true
    }
}

/// A connection between a client and the gateway.
final class SimulatedLink {
    let number: Int
    unowned let client: SimulatedClient
    /// What TLS would give both ends, and nobody else (RFC 9266).
    let exporter: [UInt8]
    private var lanes: (toServer: Lane, toClient: Lane)?
    /// The server's end, once it was accepted and until it is closed.
    weak var connection: ServerConnection?
    /// Sides that never learn of a loss by themselves.
    var deaf: Set<LinkSide> = []
    var isClosedByClient = false
    var acceptedAt: Instant?

    init(number: Int, client: SimulatedClient, capacity: Int) {
        self.number = number
        self.client = client
        exporter = (0..<32).map { UInt8(truncatingIfNeeded: (number &* 31) >> ($0 % 4)) }
        lanes = (
            Lane(link: self, reader: .server, capacity: capacity),
            Lane(link: self, reader: .client, capacity: capacity)
        )
    }

    /// What that side reads from.
    func lane(to side: LinkSide) -> Lane {
        guard let lanes else { preconditionFailure("a link without lanes") }
        return side == .server ? lanes.toServer : lanes.toClient
    }

    var capacity: Int { lane(to: .server).capacity }

    /// The server's socket is closed: what it wrote arrives, then the end; what comes goes nowhere.
    func closeAtServer(in world: World) {
        connection = nil
        lane(to: .server).cut(keptSize: 0)
        lane(to: .client).finish(in: world)
    }

    /// The client's socket is closed.
    func closeAtClient(in world: World) {
        isClosedByClient = true
        lane(to: .client).cut(keptSize: 0)
        lane(to: .server).finish(in: world)
    }

    /// Whether nothing is on its way, or has arrived and was not read.
    var isSilent: Bool {
        [LinkSide.client, .server].allSatisfy {
            lane(to: $0).flyingSize == 0 && lane(to: $0).arrived.isEmpty
        } && (connection?.outbound.isEmpty ?? true) && (connection?.inbound.isEmpty ?? true)
    }

    var isCut: Bool { lane(to: .server).isCut && lane(to: .client).isCut }
}
