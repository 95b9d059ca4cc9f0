// What was sent, acked and delivered in a soak, and what of it breaks the promises of docs/DELIVERY.md.
// It lives in the load generator, which no fault touches, and hears of a message only what an app
// would: `delivered` is called behind the client's seen-filter.
//
// Invariant: numbers of a pair are given in order from 0; `states[pair]` has an entry for each of them.
// Used by the soak's one thread.

/// What must never happen, by its kind.
package struct SoakViolations: Codable, Sendable, Equatable {
    /// Acked, and not delivered when all had come back and drained.
    package var lost = 0
    /// Given to the app a second time.
    package var seenTwice = 0
    /// Given to the app after a later one of the same sender, which had not given it up and posted it again.
    package var outOfOrder = 0
    /// Delivered with another content than it was sent with, to the wrong device, or never sent.
    package var damaged = 0
    /// A delivered receipt for a message that no app was given.
    package var falseReceipts = 0

    package init(
        lost: Int = 0, seenTwice: Int = 0, outOfOrder: Int = 0, damaged: Int = 0,
        falseReceipts: Int = 0
    ) {
        self.lost = lost
        self.seenTwice = seenTwice
        self.outOfOrder = outOfOrder
        self.damaged = damaged
        self.falseReceipts = falseReceipts
    }

    /// How many there are.
    package var count: Int { lost + seenTwice + outOfOrder + damaged + falseReceipts }
}

/// The fate of every message of a soak.
package struct SoakLedger: Sendable {
    private struct State: OptionSet {
        let rawValue: UInt8
        static let acked = State(rawValue: 1)
        static let delivered = State(rawValue: 2)
        /// The client gave it up, and the app posted it again: behind later ones.
        static let postedAgain = State(rawValue: 4)
        static let confirmed = State(rawValue: 8)

        var isLost: Bool { contains(.acked) && !contains(.delivered) }
    }

    private var states: [[State]]
    /// By pair: one more than the highest number that was delivered.
    private var deliveredEnd: [Int]
    package private(set) var sent = 0
    package private(set) var acked = 0
    package private(set) var delivered = 0
    package private(set) var confirmed = 0
    /// Delivered after a later one, having been given up and posted again.
    package private(set) var overtaken = 0
    private var found = SoakViolations()

    package init(pairCount: Int) {
        states = Array(repeating: [], count: pairCount)
        deliveredEnd = Array(repeating: 0, count: pairCount)
    }

    /// The sender of a pair posts its next message; its number.
    package mutating func post(pair: Int) -> Int {
        states[pair].append([])
        sent += 1
        return states[pair].count - 1
    }

    /// The gateway has said that a message is safe.
    package mutating func ack(pair: Int, number: Int) {
        guard isKnown(pair, number) else { return found.damaged += 1 }
        if states[pair][number].insert(.acked).inserted { acked += 1 }
    }

    /// The client has given a message up, and the app posts it again.
    package mutating func postAgain(pair: Int, number: Int) {
        guard isKnown(pair, number) else { return found.damaged += 1 }
        states[pair][number].insert(.postedAgain)
    }

    /// The recipient's app was given a message.
    package mutating func deliver(pair: Int, number: Int) {
        guard isKnown(pair, number) else { return found.damaged += 1 }
        guard states[pair][number].insert(.delivered).inserted else { return found.seenTwice += 1 }
        delivered += 1
        if number >= deliveredEnd[pair] {
            deliveredEnd[pair] = number + 1
        } else if states[pair][number].contains(.postedAgain) {
            overtaken += 1
        } else {
            found.outOfOrder += 1
        }
    }

    /// The recipient's app was given what its sender never wrote.
    package mutating func noteDamage() { found.damaged += 1 }

    /// The sender was told that the recipient has a message.
    package mutating func confirm(pair: Int, number: Int) {
        guard isKnown(pair, number) else { return found.damaged += 1 }
        if !states[pair][number].contains(.delivered) { found.falseReceipts += 1 }
        if states[pair][number].insert(.confirmed).inserted { confirmed += 1 }
    }

    /// How many messages a pair's sender has posted.
    package func sentCount(pair: Int) -> Int { states[pair].count }

    private func isKnown(_ pair: Int, _ number: Int) -> Bool {
        states.indices.contains(pair) && states[pair].indices.contains(number)
    }

    // MARK: Verdict

    /// Messages that the gateway has not acked.
    package var unackedCount: Int { sent - acked }

    /// Messages that were acked and not delivered: lost, once everybody is back and has drained.
    package var undeliveredCount: Int {
        states.reduce(0) { sum, numbers in
            sum + numbers.reduce(0) { $0 + ($1.isLost ? 1 : 0) }
        }
    }

    /// Whether nothing is missing: all acked, all delivered.
    package var isDrained: Bool { acked == sent && delivered == sent }

    /// The first few numbers of a pair that were acked and not delivered, for the trace of a loss.
    package func undelivered(countMax: Int) -> [String] {
        var names: [String] = []
        for (pair, numbers) in states.enumerated() {
            for (number, state) in numbers.enumerated()
            where state.isLost {
                if names.count == countMax { return names }
                names.append("\(pair):\(number)")
            }
        }
        return names
    }

    /// What broke; with `countsMissing`, what is missing now is lost.
    package func violations(countsMissing: Bool = true) -> SoakViolations {
        var all = found
        if countsMissing { all.lost = undeliveredCount }
        return all
    }
}

/// The id and the body of a message, both made of the run, the pair and the number: what arrives tells
/// where it belongs and whether it is whole.
package struct SoakMessage: Sendable, Equatable {
    /// Tells this run's messages from those that an earlier one left in the store.
    package var run: UInt32
    package var pair: Int
    package var number: Int

    package init(run: UInt32, pair: Int, number: Int) {
        self.run = run
        self.pair = pair
        self.number = number
    }

    /// Reads an id; nil when it is not of this kind.
    package init?(id: String) {
        let digits = Array(id.utf8)
        guard digits.count == 24,
            let run = UInt32(String(decoding: digits[..<8], as: UTF8.self), radix: 16),
            let pair = UInt32(String(decoding: digits[8..<16], as: UTF8.self), radix: 16),
            let number = UInt32(String(decoding: digits[16...], as: UTF8.self), radix: 16)
        else { return nil }
        self.init(run: run, pair: Int(pair), number: Int(number))
    }

    /// 24 hex digits.
    package var id: String {
        hex(run) + hex(UInt32(truncatingIfNeeded: pair)) + hex(UInt32(truncatingIfNeeded: number))
    }

    /// The id, over and over, in this many bytes.
    package func body(size: Int) -> String {
        let unit = Array(id.utf8)
        return String(decoding: (0..<size).map { unit[$0 % unit.count] }, as: UTF8.self)
    }

    private func hex(_ value: UInt32) -> String {
        let digits = String(value, radix: 16, uppercase: true)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }
}
