// What a connection of the user-space TCP consists of. At rest it is a TCPControl and nothing else; a
// TCPFlight is there while something that was sent, or is to be sent, awaits the peer's acknowledgement.

internal import Base
internal import Reactor

/// A connection, in 36 bytes.
struct TCPControl {
    struct Flags: OptionSet {
        let rawValue: UInt8

        /// The handshake is over.
        static let isOpen = Flags(rawValue: 1)
        /// Something came that was not acknowledged yet.
        static let owesAck = Flags(rawValue: 2)
        /// The peer has sent its last byte.
        static let isEnded = Flags(rawValue: 4)
        /// Our FIN follows the last byte, or has.
        static let isClosing = Flags(rawValue: 8)
        /// Our FIN has a sequence number.
        static let hasSentFin = Flags(rawValue: 16)
        /// The user could not write everything and wants to know when there is room.
        static let isAwaited = Flags(rawValue: 32)
        /// A loss is being repaired: up to `TCPFlight.repairEnd`.
        static let isRepairing = Flags(rawValue: 64)
    }

    static let noFlight = UInt32.max

    private let tokenLow: UInt32
    private let tokenHigh: UInt32
    /// The oldest byte that the peer has not acknowledged (SND.UNA).
    var unacknowledged: UInt32
    /// The next to be sent for the first time (SND.NXT).
    var next: UInt32
    /// Behind the last that the peer takes at present.
    var windowEnd: UInt32
    /// The next that is expected from the peer (RCV.NXT).
    var expected: UInt32 = 0
    /// The place of what is under way.
    var flight = Self.noFlight
    /// The largest payload the peer takes.
    var segmentSize: UInt16
    var flags: Flags = []
    var windowShift: UInt8 = 0
    /// Which of the stack's servers.
    let server: UInt8

    init(token: UInt64, first: UInt32, segmentSize: UInt16, server: UInt8) {
        tokenLow = UInt32(truncatingIfNeeded: token)
        tokenHigh = UInt32(truncatingIfNeeded: token >> 32)
        unacknowledged = first
        next = first
        windowEnd = first
        self.segmentSize = segmentSize
        self.server = server
    }

    /// The user's word for the connection.
    var token: UInt64 { UInt64(tokenHigh) << 32 | UInt64(tokenLow) }

    /// Whether both directions are over and each end knows.
    var isOver: Bool {
        flags.isSuperset(of: [.isEnded, .hasSentFin]) && unacknowledged == next
    }
}

/// What is under way on a connection, or waits to be.
struct TCPFlight: ~Copyable {
    /// From `unacknowledged` on: sent, then not sent. SYN and FIN are not in it.
    var bytes = ByteBuffer()
    var timer = TimerID.none
    /// Times the timer fired since the peer last acknowledged something new.
    var attemptCount: UInt8 = 0
    /// Acknowledgements in a row that said nothing new.
    var repeatCount: UInt8 = 0
    /// Where a loss that is being repaired ends.
    var repairEnd: UInt32 = 0
    var nextFree = TCPControl.noFlight
}

/// What the stack tells its user about a connection. After `failed` it has forgotten it, and also when
/// both directions are over.
struct TCPArrival: Equatable {
    struct News: OptionSet, Equatable {
        let rawValue: UInt8

        /// The handshake is over.
        static let connected = News(rawValue: 1)
        /// `payload` came.
        static let data = News(rawValue: 2)
        /// Nothing more comes.
        static let ended = News(rawValue: 4)
        /// What the user could not write may be tried again.
        static let writable = News(rawValue: 8)
        /// The connection is gone; `reason` says why.
        static let failed = News(rawValue: 16)
    }

    enum Reason {
        /// A reset answered the SYN.
        case refused
        case reset
        /// No answer, however often.
        case silent
    }

    var token: UInt64
    var news: News = []
    /// Within the packet that was given.
    var payload = 0..<0
    var reason: Reason?
}

/// What a stack has seen and done.
package struct TCPCounters: Sendable, Codable, Equatable {
    package var packetsIn = 0
    package var packetsOut = 0
    /// Not a sound TCP segment for this network: other protocols, fragments, wrong checksums.
    package var packetsBad = 0
    /// Packets that the device would not take.
    package var packetsRefused = 0
    /// Segments sent again.
    package var retransmissions = 0
    /// Segments whose bytes had come before.
    package var duplicates = 0
    /// Segments that came ahead of one that is missing; dropped.
    package var outOfOrder = 0
    /// Resets for segments of no connection.
    package var strays = 0
    /// Connections given up because no answer came.
    package var silences = 0

    mutating func add(_ other: TCPCounters) {
        packetsIn += other.packetsIn
        packetsOut += other.packetsOut
        packetsBad += other.packetsBad
        packetsRefused += other.packetsRefused
        retransmissions += other.retransmissions
        duplicates += other.duplicates
        outOfOrder += other.outOfOrder
        strays += other.strays
        silences += other.silences
    }
}
