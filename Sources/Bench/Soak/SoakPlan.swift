// What a soak is to do, and what it needs from its surroundings.

internal import Base

/// How many there are and what they do.
package struct SoakPlan: Sendable {
    /// In each pair the first account sends and the second receives.
    package var pairCount: Int
    /// The account of the first sender; recipients have those behind the senders'.
    package var firstAccount: Int
    /// Messages that one sender has waiting for their ack.
    package var window: Int
    /// Messages a second of all senders together; nil for as many as the window takes.
    package var rate: Double?
    /// Bytes of a body, in turn.
    package var sizes: [Int]
    /// For how long messages are sent, unless it is interrupted.
    package var seconds: Int
    /// How many recipients of a hundred leave and come back again and again.
    package var leavingPercent: Int
    /// For how long nothing may come through at the end before it is given up.
    package var drainSeconds: Int

    package init(
        pairCount: Int, firstAccount: Int, window: Int, rate: Double?, sizes: [Int], seconds: Int,
        leavingPercent: Int, drainSeconds: Int
    ) {
        precondition(pairCount > 0 && !sizes.isEmpty, "\(pairCount) pairs, sizes \(sizes)")
        self.pairCount = pairCount
        self.firstAccount = firstAccount
        self.window = window
        self.rate = rate
        self.sizes = sizes
        self.seconds = seconds
        self.leavingPercent = leavingPercent
        self.drainSeconds = drainSeconds
    }

    /// Whether a pair's recipient leaves and comes back.
    func isLeaving(pair: Int) -> Bool {
        // Spread evenly: with 50 of a hundred, every other one.
        (pair + 1) * leavingPercent / 100 > pair * leavingPercent / 100
    }

    /// How many messages a pair's sender should have posted after so long; nil for no bound.
    func dueCount(afterMs elapsed: UInt64) -> Int? {
        rate.map { Int(Double(elapsed) / 1_000 * $0 / Double(pairCount)) }
    }
}

/// What a soak is told by and tells.
package struct SoakSurroundings {
    /// Whether sending is to end now.
    package var isInterrupted: () -> Bool
    /// Told several times a second how it stands.
    package var sample: (SoakReading) -> Void

    package init(isInterrupted: @escaping () -> Bool, sample: @escaping (SoakReading) -> Void) {
        self.isInterrupted = isInterrupted
        self.sample = sample
    }
}

/// The pace of a soak. Its devices are back soon: it is about gateways that die often.
enum SoakTimes {
    /// The first pause before a device connects again; it doubles, up to `pauseMsMax`.
    static let pauseMs: UInt64 = 50
    static let pauseMsMax: UInt64 = 400
    /// A connection that lasted for so long begins the pauses anew.
    static let stableAfterMs: UInt64 = 500
    /// From the start of a connection to the end of its TLS handshake.
    static let connectTimeoutMs: UInt64 = 10_000
    /// How long a recipient that leaves has been there.
    static let stayMs: ClosedRange<UInt64> = 1_000...4_000
    /// How long it is away.
    static let absenceMs: ClosedRange<UInt64> = 300...3_000
    /// When a message that the client gave up is posted again.
    static let postAgainMs: UInt64 = 1_000
    /// How long the end waits for ticks when all is delivered.
    static let tickTimeoutMs: UInt64 = 5_000
    /// The longest turn without an event.
    static let turnMsMax: UInt64 = 5
    /// From one sample to the next.
    static let sampleMs: UInt64 = 200
}
