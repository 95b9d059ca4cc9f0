import Base
import Reactor
import Testing

/// A wheel and its naive model, kept in step.
private struct Trial: ~Copyable {
    struct Entry {
        var deadline: UInt64
        var scheduledAt: UInt64
    }

    let tickMs: UInt64
    var wheel: TimerWheel
    var now: UInt64
    var live: [UInt64: Entry] = [:]
    var ids: [(id: TimerID, token: UInt64)] = []
    var nextToken: UInt64 = 0

    init(start: UInt64, tickMs: UInt64) {
        self.tickMs = tickMs
        now = start
        wheel = TimerWheel(start: Instant(milliseconds: start), tickMs: tickMs)
    }

    mutating func schedule(at deadline: UInt64) {
        let id = wheel.schedule(deadline: Instant(milliseconds: deadline), token: nextToken)
        live[nextToken] = Entry(deadline: deadline, scheduledAt: now)
        ids.append((id, nextToken))
        nextToken += 1
    }

    mutating func cancel(_ index: Int) -> Bool {
        let (id, token) = ids[index]
        let wasLive = live.removeValue(forKey: token) != nil
        return wheel.isLive(id) == wasLive && wheel.cancel(id) == wasLive && !wheel.cancel(id)
    }

    /// The time from which an entry must have fired.
    func dueAt(_ entry: Entry) -> UInt64 {
        let rounded = (entry.deadline + tickMs - 1) / tickMs
        return max(rounded, entry.scheduledAt / tickMs + 1) * tickMs
    }

    mutating func advance(to time: UInt64) -> Bool {
        now = time
        var fired: [UInt64] = []
        wheel.advance(to: Instant(milliseconds: now)) { fired.append($0) }
        var isGood = true
        var last: UInt64 = 0
        for token in fired {
            guard let entry = live.removeValue(forKey: token) else { return false }
            isGood = isGood && entry.deadline <= now && dueAt(entry) <= now && dueAt(entry) >= last
            last = dueAt(entry)
        }
        // None is left behind by more than a tick.
        isGood = isGood && live.values.allSatisfy { dueAt($0) > now }
        isGood =
            isGood
            && live.values.allSatisfy { max($0.deadline, $0.scheduledAt) + tickMs > now }
        wheel.checkInvariants()
        return isGood && wheel.count == live.count
    }

    /// Whether the wheel asks to be looked at early enough, and not without reason.
    func asksInTime() -> Bool {
        let wait = wheel.nextDeadlineMs(after: Instant(milliseconds: now))
        guard let first = live.values.map({ dueAt($0) }).min() else { return wait == nil }
        guard let wait else { return false }
        return now + UInt64(wait) <= first
    }
}

@Suite struct TimerWheelTests {
    @Test(arguments: [1, 4, 10, 1000] as [UInt64])
    func agreesWithTheModel(tickMs: UInt64) {
        var random = SeededRandom("timer wheel, tick \(tickMs) ms")
        for _ in 0..<10 {
            var trial = Trial(start: random.magnitude(bitCountMax: 44), tickMs: tickMs)
            for step in 0..<300 {
                switch Int.random(in: 0..<10, using: &random) {
                case 0..<5:
                    let distance = random.magnitude(bitCountMax: 40)
                    let isPast = Int.random(in: 0..<20, using: &random) == 0
                    trial.schedule(
                        at: isPast ? trial.now - min(distance, trial.now) : trial.now + distance)
                case 5..<7 where !trial.ids.isEmpty:
                    let index = Int.random(in: 0..<trial.ids.count, using: &random)
                    #expect(trial.cancel(index) == true, "seed \(random.seed) step \(step)")
                case 7:
                    let wait = trial.wheel.nextDeadlineMs(after: Instant(milliseconds: trial.now))
                    let isGood = trial.advance(to: trial.now + UInt64(wait ?? 0))
                    #expect(isGood, "seed \(random.seed) step \(step)")
                default:
                    let isGood = trial.advance(
                        to: trial.now + random.magnitude(bitCountMax: 36))
                    #expect(isGood, "seed \(random.seed) step \(step)")
                }
                let asksInTime = trial.asksInTime()
                #expect(asksInTime, "seed \(random.seed) step \(step)")
            }
        }
    }

    @Test func levelBoundariesCascadeOnTime() {
        let edges: [UInt64] = [1, 63, 64, 65, 4095, 4096, 4097, 262_143, 262_144, 262_145]
        let beyond: [UInt64] = [16_777_215, 16_777_216, 16_777_217, 50_331_648]
        for start in [0, 1, 63, 64, 4095, 16_777_215] as [UInt64] {
            var trial = Trial(start: start, tickMs: 1)
            for distance in edges + beyond { trial.schedule(at: start + distance) }
            for distance in edges + beyond {
                let before = trial.advance(to: start + distance - 1)
                #expect(before && trial.live.values.contains { $0.deadline == start + distance })
                let after = trial.advance(to: start + distance)
                #expect(after && !trial.live.values.contains { $0.deadline == start + distance })
            }
            #expect(trial.wheel.count == 0)
        }
    }

    @Test func followingTheWheelsOwnWaitsFindsEachTimer() {
        var random = SeededRandom("timer wheel waits")
        var trial = Trial(start: 12_345, tickMs: 10)
        for _ in 0..<500 { trial.schedule(at: 12_345 + random.magnitude(bitCountMax: 32)) }
        var looks = 0
        while let wait = trial.wheel.nextDeadlineMs(after: Instant(milliseconds: trial.now)) {
            let isGood = trial.advance(to: trial.now + UInt64(wait))
            #expect(isGood, "seed \(random.seed)")
            looks += 1
            guard looks < 10_000 else { break }
        }
        // Each timer is looked at once a level at most, once where the levels end, and when it fires.
        #expect(looks <= 500 * 6, "seed \(random.seed)")
        #expect(trial.live.count == 0)
    }

    @Test func firesInOrderOfDeadlineThenOfScheduling() {
        var wheel = TimerWheel(start: Instant(milliseconds: 0), tickMs: 1)
        for token in 0..<100 as Range<UInt64> {
            _ = wheel.schedule(deadline: Instant(milliseconds: 5000 - token / 10), token: token)
        }
        var fired: [UInt64] = []
        wheel.advance(to: Instant(milliseconds: 10_000)) { fired.append($0) }
        let expected = (0..<100 as Range<UInt64>).sorted {
            (5000 - $0 / 10, $0) < (5000 - $1 / 10, $1)
        }
        #expect(fired == expected)
    }

    @Test func expiredTimersCanStillBeCancelled() {
        var wheel = TimerWheel(start: Instant(milliseconds: 0), tickMs: 1)
        let first = wheel.schedule(deadline: Instant(milliseconds: 10), token: 1)
        let second = wheel.schedule(deadline: Instant(milliseconds: 10), token: 2)
        let third = wheel.schedule(deadline: Instant(milliseconds: 10), token: 3)
        wheel.advance(to: Instant(milliseconds: 10))
        wheel.checkInvariants()
        #expect(wheel.nextDeadlineMs(after: Instant(milliseconds: 10)) == 0)
        #expect(wheel.popExpired() == 1)
        #expect(wheel.cancel(second) == true)
        #expect(wheel.cancel(first) == false)
        // A timer set now waits for its own time, however late it is.
        let again = wheel.schedule(deadline: Instant(milliseconds: 3), token: 4)
        #expect(wheel.popExpired() == 3)
        #expect(wheel.popExpired() == nil)
        #expect(wheel.isLive(third) == false)
        #expect(wheel.isLive(again) == true)
        wheel.advance(to: Instant(milliseconds: 11))
        #expect(wheel.popExpired() == 4)
        #expect(wheel.count == 0)
        wheel.checkInvariants()
    }

    @Test func staleAndAbsentTimersAreHarmless() {
        var wheel = TimerWheel(start: Instant(milliseconds: 0), tickMs: 1)
        #expect(wheel.cancel(.none) == false)
        let old = wheel.schedule(deadline: Instant(milliseconds: 1), token: 1)
        #expect(wheel.cancel(old) == true)
        let new = wheel.schedule(deadline: Instant(milliseconds: 1), token: 2)
        #expect(old != new)
        #expect(wheel.cancel(old) == false)
        #expect(wheel.cancel(.none) == false)
        #expect(wheel.isLive(new) == true)
    }

    @Test func timeDoesNotRunBackwards() {
        var wheel = TimerWheel(start: Instant(milliseconds: 1000), tickMs: 10)
        _ = wheel.schedule(deadline: Instant(milliseconds: 2000), token: 1)
        wheel.advance(to: Instant(milliseconds: 1500))
        wheel.advance(to: Instant(milliseconds: 0))
        wheel.checkInvariants()
        let wait = wheel.nextDeadlineMs(after: Instant(milliseconds: 0)) ?? .max
        #expect(wait <= 2000)
        wheel.advance(to: Instant(milliseconds: 2000))
        #expect(wheel.popExpired() == 1)
    }

    @Test(arguments: [1, 10] as [UInt64])
    func theEndOfTimeIsAnUsableDeadline(tickMs: UInt64) {
        var wheel = TimerWheel(start: Instant(milliseconds: 5), tickMs: tickMs)
        let never = wheel.schedule(deadline: Instant(milliseconds: .max), token: 1)
        let wait = wheel.nextDeadlineMs(after: Instant(milliseconds: 5))
        #expect(wait.map { $0 > 0 } == true)
        wheel.advance(to: Instant(milliseconds: 1 << 50))
        wheel.checkInvariants()
        #expect(wheel.popExpired() == nil)
        #expect(wheel.cancel(never) == true)
    }

    @Test func aMillionTimers() {
        var random = SeededRandom("a million timers")
        var wheel = TimerWheel(start: Instant(milliseconds: 0), tickMs: 10)
        var ids: [TimerID] = []
        for token in 0..<1_000_000 as Range<UInt64> {
            let deadline = Instant(milliseconds: UInt64.random(in: 0..<600_000, using: &random))
            ids.append(wheel.schedule(deadline: deadline, token: token))
        }
        for index in stride(from: 0, to: ids.count, by: 2) { wheel.cancel(ids[index]) }
        #expect(wheel.count == 500_000)
        wheel.checkInvariants()
        var fired = 0
        for now in stride(from: 0 as UInt64, through: 600_000, by: 100) {
            wheel.advance(to: Instant(milliseconds: now)) { _ in fired += 1 }
        }
        #expect(fired == 500_000)
        #expect(wheel.count == 0)
        wheel.checkInvariants()
    }

    @Test func aBurstMovesDownInSteps() {
        var random = SeededRandom("a burst")
        var wheel = TimerWheel(start: Instant(milliseconds: 0), tickMs: 50)
        // All in one slot of the third level, which is 204.8 s long.
        let slotMs: UInt64 = 50 * 4_096
        var last: UInt64 = 0
        var ids: [TimerID] = []
        for token in 0..<50_000 as Range<UInt64> {
            let deadline = 3 * slotMs + UInt64.random(in: 1..<slotMs, using: &random)
            last = max(last, deadline)
            ids.append(wheel.schedule(deadline: Instant(milliseconds: deadline), token: token))
        }
        wheel.advance(to: Instant(milliseconds: 3 * slotMs), moveMax: 1_000)
        #expect(wheel.nextDeadlineMs(after: Instant(milliseconds: 3 * slotMs)) == 0)
        wheel.checkInvariants()
        // What waits to be moved can be taken back, and new timers find their place.
        for id in ids[40_000...] {
            let isCancelled = wheel.cancel(id)
            #expect(isCancelled)
        }
        _ = wheel.schedule(deadline: Instant(milliseconds: 3 * slotMs + 100), token: 50_000)
        var fired = 0
        var steps = 0
        var now = 3 * slotMs
        while wheel.count > 0, steps < 100_000 {
            wheel.advance(to: Instant(milliseconds: now), moveMax: 1_000)
            while wheel.popExpired() != nil { fired += 1 }
            steps += 1
            now += UInt64(wheel.nextDeadlineMs(after: Instant(milliseconds: now)) ?? 0)
        }
        #expect(fired == 40_001)
        #expect(now >= last && now < last + 50)
        wheel.checkInvariants()
    }

    @Test func timersGiveTheirMemoryBack() {
        var wheel = TimerWheel(start: Instant(milliseconds: 0), tickMs: 50)
        var ids: [TimerID] = []
        for token in 0..<100_000 as Range<UInt64> {
            ids.append(wheel.schedule(deadline: Instant(milliseconds: 1 + token), token: token))
        }
        // 24 bytes and the slab's six.
        let full = wheel.allocatedSize
        #expect(full < 31 * 101_000)
        for id in ids { wheel.cancel(id) }
        let left = wheel.allocatedSize
        #expect(left < 31 * 1_100)
    }
}
