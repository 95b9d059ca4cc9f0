import Base
import Foundation
import Testing

@testable import TLS

/// A wall clock that a test sets.
final class TestClock: Sendable {
    private let seconds: Lock<UInt64>
    init(_ seconds: UInt64) { self.seconds = Lock(seconds) }
    var now: UInt64 { seconds.withLock { $0 } }
    func advance(by count: UInt64) { seconds.withLock { $0 += count } }
    func goBack(by count: UInt64) { seconds.withLock { $0 -= count } }
}

/// A filter that test macros can hold.
private final class Spent {
    private var tickets: SpentTickets
    init(_ tickets: SpentTickets) { self.tickets = tickets }
    func spend(_ ticket: UInt64, at now: UInt64) -> SpentTickets.Outcome {
        defer { tickets.checkInvariants() }
        return tickets.spend(ticket, at: now)
    }
}

private func refusal(_ text: String) -> TicketKeyFileError? {
    do throws(TicketKeyFileError) {
        _ = try TicketKeyFile.parse(text)
        return nil
    } catch {
        return error
    }
}

@Suite struct TicketKeyTests {
    @Test func filesComeBackAsTheyWere() throws {
        let keys = [1_000, 2_000, 3_000].map { TicketKey(startsAt: $0) }
        let text = TicketKeyFile.text(keys.reversed())
        let read = try TicketKeyFile.parse("\(text)\n# a remark\n")
        #expect(read.map(\.startsAt) == [1_000, 2_000, 3_000])
        #expect(read.map(\.all) == keys.map(\.all))
    }

    @Test func brokenFilesAreRefusedWithTheirLine() throws {
        let good = TicketKeyFile.text([TicketKey(startsAt: 5), TicketKey(startsAt: 6)])
        #expect(refusal("") == .notTicketKeys)
        #expect(refusal("tern-ticket-keys 2\n") == .notTicketKeys)
        #expect(refusal(TicketKeyFile.header + "\n") == .count(0))
        let lines = good.split(separator: "\n").map(String.init)
        #expect(refusal(good + lines[1] + "\n") == .repeated(line: 4))
        for bad in [
            "7", "7 ", " ", "x \(lines[1])", "-1 " + lines[1].dropFirst(2),
            String(lines[1].dropLast()), lines[1] + "A", lines[1] + " more", "7 " + lines[1],
            "7 " + String(repeating: "=", count: 108),
            "9223372036854775808 " + lines[1].dropFirst(2),
        ] {
            #expect(refusal(good + bad + "\n") == .malformedLine(4), "\(bad)")
        }
        let many = (0...256).map { TicketKey(startsAt: UInt64($0)) }
        #expect(refusal(TicketKeyFile.text(many)) == .count(257))
        #expect(refusal(TicketKeyFile.text(many.dropLast())) == nil)
    }

    @Test func everyTruncationIsRefusedOrHasWholeKeysOnly() throws {
        let keys = [TicketKey(startsAt: 5), TicketKey(startsAt: 6)]
        let text = TicketKeyFile.text(keys)
        for size in 0..<text.utf8.count - 1 {
            guard let read = try? TicketKeyFile.parse(String(text.prefix(size))) else { continue }
            #expect(read.map(\.all) == [keys[0].all])
        }
    }

    @Test func renewalPreparesTheNextAndDropsTheOver() {
        func renewed(_ keys: [TicketKey], _ now: UInt64) -> [TicketKey] {
            TicketKeyFile.renewed(keys, at: now, periodS: 100, lifetimeS: 250)
        }
        var keys = renewed([], 1_000)
        #expect(keys.map(\.startsAt) == [1_000, 1_100])
        #expect(renewed(keys, 1_099).map(\.all) == keys.map(\.all))
        keys = renewed(keys, 1_100)
        #expect(keys.map(\.startsAt) == [1_000, 1_100, 1_200])
        for now in stride(from: UInt64(1_110), through: 1_500, by: 10) { keys = renewed(keys, now) }
        // At 1,500 a ticket of 1,250 still lives; the key of 1,200 sealed it.
        #expect(keys.map(\.startsAt) == [1_200, 1_300, 1_400, 1_500, 1_600])
        // Nobody was there for long: one in force, the next a whole period away.
        #expect(renewed(keys, 9_000).map(\.startsAt) == [1_600, 9_100])
        // A clock that went back.
        #expect(renewed(keys, 500).map(\.startsAt).first == 500)
    }

    @Test func keysSealInTurnAndOpenForALifetime() throws {
        let clock = TestClock(10_000)
        let ring = TicketKeyRing(lifetimeS: 250, periodS: 100) { clock.now }
        let first = try #require(ring.sealingKey)
        #expect(ring.openingKey(name: first.name) === first)
        clock.advance(by: 100)
        // The prepared key takes over even before anyone rotates.
        let second = try #require(ring.sealingKey)
        #expect(second !== first && ring.openingKey(name: first.name) === first)
        for _ in 0..<249 {
            clock.advance(by: 1)
            ring.rotate()
            #expect(ring.openingKey(name: first.name) === first)
        }
        clock.advance(by: 1)
        #expect(ring.openingKey(name: first.name) == nil)
        #expect(ring.openingKey(name: second.name) === second)
        #expect(ring.sealingKeyAgeS == 50)
    }

    @Test func sharedKeysAreTheFilesBusiness() throws {
        let clock = TestClock(10_000)
        let ring = TicketKeyRing(lifetimeS: 250, periodS: 100) { clock.now }
        let keys = [9_900, 10_050].map { TicketKey(startsAt: $0) }
        try ring.share(keys)
        #expect(ring.sealingKey === keys[0])
        #expect(ring.openingKey(name: keys[1].name) === keys[1])
        clock.advance(by: 1_000)
        ring.rotate()
        #expect(ring.sealingKey === keys[1])
        #expect(throws: TicketKeyFileError.noneInForce) {
            try ring.share([TicketKey(startsAt: clock.now + 1)])
        }
        #expect(ring.sealingKey === keys[1])
        clock.goBack(by: 2_000)
        #expect(ring.sealingKey == nil)
    }

    @Test func aSpentTicketIsRefusedForALifetimeAtLeast() {
        let spent = Spent(SpentTickets(spanS: 100, countMax: 3))
        #expect(spent.spend(1, at: 1_000) == .accepted)
        #expect(spent.spend(2, at: 1_099) == .accepted)
        #expect(spent.spend(3, at: 1_100) == .accepted)
        for now in UInt64(1_100)..<1_200 {
            #expect(spent.spend(1, at: now) == .spent && spent.spend(2, at: now) == .spent)
        }
        #expect(spent.spend(1, at: 1_200) == .accepted)
        // Full: refused, until a span is over.
        #expect(spent.spend(4, at: 1_200) == .accepted)
        #expect(spent.spend(5, at: 1_200) == .accepted)
        #expect(spent.spend(6, at: 1_299) == .full)
        #expect(spent.spend(3, at: 1_299) == .spent)
        #expect(spent.spend(6, at: 1_300) == .accepted)
        // Two spans of silence.
        #expect(spent.spend(6, at: 1_500) == .accepted)
    }

    @Test func termsComeBackAsTheyWere() {
        let terms = TicketTerms(policy: 1, name: .max, number: 0x0102_0304_0506_0708)
        let bytes = terms.bytes
        #expect(bytes.withUnsafeBytes { TicketTerms($0) } == terms)
        for size in 0..<bytes.count {
            #expect(bytes[..<size].withUnsafeBytes { TicketTerms($0) } == nil)
        }
        #expect(([2] + bytes.dropFirst()).withUnsafeBytes { TicketTerms($0) } == nil)
        #expect((bytes + [0]).withUnsafeBytes { TicketTerms($0) } == nil)
    }
}
