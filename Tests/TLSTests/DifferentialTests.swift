import Base
import FuzzTargets
import Glibc
import Testing

@testable import TLS

/// SplitMix64: the same seed, the same traffic.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}

/// Random traffic between our record layer and OpenSSL's, in both roles: what one sends, the other reads.
/// TERN_DIFFERENTIAL_RECORDS says how many records at least, TERN_DIFFERENTIAL_SEED which ones.
@Suite struct DifferentialTests {
    static let recordCount = number("TERN_DIFFERENTIAL_RECORDS") ?? 5_000
    static let seed = number("TERN_DIFFERENTIAL_SEED") ?? Int.random(in: 0..<1_000_000_000)

    static func number(_ name: String) -> Int? {
        getenv(name).flatMap { Int(String(cString: $0)) }
    }

    /// One role and suite of ours.
    struct Arrangement: CustomTestStringConvertible {
        let isClient: Bool
        let suite: RecordSuite

        var testDescription: String { "\(isClient ? "client" : "server"), \(suite)" }

        static let all = [false, true].flatMap { isClient in
            RecordSuite.allCases.map { Arrangement(isClient: isClient, suite: $0) }
        }
    }

    @Test(arguments: Arrangement.all) func trafficIsTheSame(_ arrangement: Arrangement) throws {
        var random = SeededRandom(
            seed: UInt64(Self.seed) &* 8 &+ UInt64(arrangement.suite.rawValue) &* 2
                &+ (arrangement.isClient ? 1 : 0))
        var recordCount = 0
        let recordCountMin = Self.recordCount / Arrangement.all.count
        while recordCount < recordCountMin {
            recordCount += try converse(arrangement, &random)
        }
        print("differential: \(arrangement), seed \(Self.seed), \(recordCount) records")
    }

    /// One connection with some hundred steps; how many records it took.
    private func converse(
        _ arrangement: Arrangement, _ random: inout SeededRandom
    ) throws -> Int {
        var options = PeerOptions(isServer: arrangement.isClient, suite: arrangement.suite)
        options.padding = [0, 0, 64, 1_000, 16_384].randomElement(using: &random) ?? 0
        // Behind a padded ticket a client cannot know that nothing of another follows: it stays.
        let waits = options.padding == 0 && Bool.random(using: &random)
        let context = try MixedLink.context(
            isClient: arrangement.isClient, detachment: waits ? .afterTicket : .afterHandshake)
        options.fragmentSize = [512, 4_096, 16_384].randomElement(using: &random) ?? 512
        options.ticketCount = Int.random(in: 1...3, using: &random)
        let link = try MixedLink(options, context: context)
        link.pump(chunkSize: [1, 50, .max].randomElement(using: &random) ?? 1)
        try #require(link.ours.isDetached && link.peer.isOpen)
        var traffic = Traffic(link: link)
        for _ in 0..<Int.random(in: 1...300, using: &random) {
            try traffic.step(&random)
            try #require(link.ours.failure == nil && !link.peer.hasFailed, "seed \(Self.seed)")
        }
        try traffic.deliver(&random, all: true)
        try traffic.finish(&random)
        return traffic.recordCount
    }
}

/// What is under way on one connection.
private struct Traffic {
    private static let source = pattern(50_000)

    let link: MixedLink
    var toPeer: [UInt8] = []
    var toOurs: [UInt8] = []
    var expectedByPeer: [UInt8] = []
    var expectedByOurs: [UInt8] = []
    var recordCount = 0
    var updateCount = 0

    mutating func step(_ random: inout SeededRandom) throws {
        switch Int.random(in: 0..<20, using: &random) {
        case 0..<7:
            let bytes = content(&random)
            link.peer.send(bytes)
            expectedByOurs += bytes
            updateCount = 0
        case 7..<14:
            let bytes = content(&random)
            try link.ours.send(bytes)
            expectedByPeer += bytes
        case 14 where updateCount < TLSLimits.recordsWithoutDataMax:
            link.peer.updateKeys(asking: Bool.random(using: &random))
            updateCount += 1
        case 15:
            try link.ours.updateKeys(asking: Bool.random(using: &random))
        default:
            try deliver(&random, all: false)
        }
        collect()
    }

    private func content(_ random: inout SeededRandom) -> [UInt8] {
        let sizes = [1...16, 1...200, 1...200, 1...2_000, 16_380...16_390, 1...40_000]
        let size = Int.random(in: sizes.randomElement(using: &random) ?? 1...1, using: &random)
        let first = Int.random(in: 0..<10_000, using: &random)
        return Array(Self.source[first..<(first + size)])
    }

    private mutating func collect() {
        let sent = link.peer.takeOutput()
        let answered = link.ours.takeOutput()
        recordCount += Self.records(sent) + Self.records(answered)
        toOurs += sent
        toPeer += answered
    }

    /// Whole records: both ends write nothing else.
    private static func records(_ bytes: [UInt8]) -> Int {
        var offset = 0
        var count = 0
        while offset + 5 <= bytes.count {
            offset += 5 + Int(bytes[offset + 3]) << 8 + Int(bytes[offset + 4])
            count += 1
        }
        precondition(offset == bytes.count, "\(offset) of \(bytes.count) bytes are records")
        return count
    }

    /// Brings some or all of what is under way to its end, in pieces.
    mutating func deliver(_ random: inout SeededRandom, all: Bool) throws {
        repeat {
            let inSize = all ? toOurs.count : Int.random(in: 0...toOurs.count, using: &random)
            let outSize = all ? toPeer.count : Int.random(in: 0...toPeer.count, using: &random)
            var rest = toOurs.prefix(inSize)
            while !rest.isEmpty {
                let size = Int.random(in: 1...max(1, min(rest.count, 20_000)), using: &random)
                link.ours.receive(rest.prefix(size))
                rest = rest.dropFirst(size)
            }
            link.peer.receive(toPeer.prefix(outSize))
            toOurs.removeFirst(inSize)
            toPeer.removeFirst(outSize)
            collect()
        } while all && !(toOurs.isEmpty && toPeer.isEmpty)
        let ours = link.ours.takePlaintext()
        let theirs = link.peer.takePlaintext()
        try #require(expectedByOurs.starts(with: ours), "seed \(DifferentialTests.seed)")
        try #require(expectedByPeer.starts(with: theirs), "seed \(DifferentialTests.seed)")
        expectedByOurs.removeFirst(ours.count)
        expectedByPeer.removeFirst(theirs.count)
        if all { try #require(expectedByOurs.isEmpty && expectedByPeer.isEmpty) }
    }

    /// Ends with a close on either side, or with a damaged record either way.
    mutating func finish(_ random: inout SeededRandom) throws {
        switch Int.random(in: 0..<4, using: &random) {
        case 0:
            link.peer.close()
            try deliver(&random, all: true)
            #expect(link.ours.status == .closed && link.ours.isOpen)
        case 1:
            link.ours.close()
            collect()
            try deliver(&random, all: true)
            #expect(link.peer.isClosedByPeer)
        case 2:
            link.peer.send([1, 2, 3])
            var damaged = link.peer.takeOutput()
            // The last record's body: new keys may stand before it.
            damaged[Int.random(in: (damaged.count - 20)..<damaged.count, using: &random)] ^= 1
            link.ours.receive(damaged[...])
            link.peer.receive(link.ours.takeOutput()[...])
            #expect(link.peer.receivedAlert == RecordAlert.badRecordMAC.rawValue)
        default:
            try link.ours.send([1, 2, 3])
            var damaged = link.ours.takeOutput()
            // The last record's body: new keys may stand before it.
            damaged[Int.random(in: (damaged.count - 20)..<damaged.count, using: &random)] ^= 1
            link.peer.receive(damaged[...])
            link.ours.receive(link.peer.takeOutput()[...])
            guard case .peerAlert(20, _) = link.ours.failure else {
                Issue.record("\(String(describing: link.ours.failure))")
                return
            }
        }
    }
}
