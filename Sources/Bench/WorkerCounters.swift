// What a thread of the load generator counts and measures: counters that the coordinator reads at any
// time, latencies and errors that are handed over when a phase ends.

internal import Base
internal import Histogram
internal import Synchronization

/// Counters of one thread. All are relaxed: each is true by itself.
final class WorkerCounters: Sendable {
    let online = Atomic<Int>(0)
    let pending = Atomic<Int>(0)
    /// Clients of an arrival that are neither online nor given up.
    let expected = Atomic<Int>(0)
    let logins = Atomic<Int>(0)
    let resumed = Atomic<Int>(0)
    let gaveUp = Atomic<Int>(0)
    let retries = Atomic<Int>(0)
    let dropped = Atomic<Int>(0)
    let sent = Atomic<Int>(0)
    let acked = Atomic<Int>(0)
    let refused = Atomic<Int>(0)
    let delivered = Atomic<Int>(0)
    let receipts = Atomic<Int>(0)
    let pings = Atomic<Int>(0)
    /// Phases begun and handed over. Releasing; the coordinator acquires.
    let settled = Atomic<Int>(0)

    /// All as they are now.
    var snapshot: BenchCounts {
        BenchCounts(
            online: online.load(ordering: .relaxed), pending: pending.load(ordering: .relaxed),
            expected: expected.load(ordering: .relaxed), logins: logins.load(ordering: .relaxed),
            resumed: resumed.load(ordering: .relaxed), gaveUp: gaveUp.load(ordering: .relaxed),
            retries: retries.load(ordering: .relaxed), dropped: dropped.load(ordering: .relaxed),
            sent: sent.load(ordering: .relaxed), acked: acked.load(ordering: .relaxed),
            refused: refused.load(ordering: .relaxed),
            delivered: delivered.load(ordering: .relaxed),
            receipts: receipts.load(ordering: .relaxed), pings: pings.load(ordering: .relaxed))
    }
}

extension Atomic where Value == Int {
    borrowing func count(_ amount: Int = 1) { add(amount, ordering: .relaxed) }
}

/// The counters' values, of one thread or of all.
package struct BenchCounts: Sendable, Codable, Equatable {
    package var online = 0
    package var pending = 0
    package var expected = 0
    package var logins = 0
    package var resumed = 0
    package var gaveUp = 0
    package var retries = 0
    package var dropped = 0
    package var sent = 0
    package var acked = 0
    package var refused = 0
    package var delivered = 0
    package var receipts = 0
    package var pings = 0

    static func + (left: BenchCounts, right: BenchCounts) -> BenchCounts {
        left.combined(right, +)
    }

    static func - (left: BenchCounts, right: BenchCounts) -> BenchCounts {
        left.combined(right, -)
    }

    private func combined(_ other: BenchCounts, _ join: (Int, Int) -> Int) -> BenchCounts {
        BenchCounts(
            online: join(online, other.online), pending: join(pending, other.pending),
            expected: join(expected, other.expected), logins: join(logins, other.logins),
            resumed: join(resumed, other.resumed), gaveUp: join(gaveUp, other.gaveUp),
            retries: join(retries, other.retries), dropped: join(dropped, other.dropped),
            sent: join(sent, other.sent), acked: join(acked, other.acked),
            refused: join(refused, other.refused), delivered: join(delivered, other.delivered),
            receipts: join(receipts, other.receipts), pings: join(pings, other.pings))
    }
}

/// What was measured, in microseconds, and what went wrong.
struct Measurements: Sendable {
    typealias Microseconds = Histogram<UInt64>

    var acks = Microseconds(numberOfSignificantValueDigits: .three)
    var deliveries = Microseconds(numberOfSignificantValueDigits: .three)
    var receipts = Microseconds(numberOfSignificantValueDigits: .three)
    var fullLogins = Microseconds(numberOfSignificantValueDigits: .three)
    var resumedLogins = Microseconds(numberOfSignificantValueDigits: .three)
    private(set) var errors: [String: Int] = [:]
    /// Of the user-space TCP, where there is one.
    var tcp: TCPCounters?

    /// One more error of this kind.
    mutating func note(_ kind: String, count: Int = 1) {
        let isKnown = errors[kind] != nil || errors.count < BenchLimits.errorKindCountMax
        errors[isKnown ? kind : "other", default: 0] += count
    }

    mutating func merge(_ other: Measurements) {
        acks.add(other.acks)
        deliveries.add(other.deliveries)
        receipts.add(other.receipts)
        fullLogins.add(other.fullLogins)
        resumedLogins.add(other.resumedLogins)
        for (kind, count) in other.errors { note(kind, count: count) }
        if let counters = other.tcp {
            var sum = tcp ?? TCPCounters()
            sum.add(counters)
            tcp = sum
        }
    }
}
