import Base
import Testing

/// A bucket that test macros can hold.
private final class Bucket {
    private var bucket: TokenBucket
    init(perSecond: Int, burst: Int, at now: Instant) {
        bucket = TokenBucket(perSecond: perSecond, burst: burst, at: now)
    }
    func take(at now: Instant) -> Bool {
        defer { bucket.checkInvariants() }
        return bucket.take(at: now)
    }
    func waitMs(at now: Instant) -> UInt64 { bucket.waitMs(at: now) }
}

@Suite struct TokenBucketTests {
    private func at(_ milliseconds: UInt64) -> Instant { Instant(milliseconds: milliseconds) }

    @Test func aBurstThenTheRate() {
        let bucket = Bucket(perSecond: 100, burst: 5, at: at(0))
        for _ in 0..<5 { #expect(bucket.take(at: at(0))) }
        #expect(!bucket.take(at: at(0)))
        #expect(bucket.waitMs(at: at(0)) == 10)
        #expect(!bucket.take(at: at(9)))
        #expect(bucket.waitMs(at: at(9)) == 1)
        #expect(bucket.take(at: at(10)))
        #expect(!bucket.take(at: at(10)))
    }

    @Test func neverMoreThanTheBurst() {
        let bucket = Bucket(perSecond: 1_000, burst: 3, at: at(50))
        for time in [UInt64(1_000_000), .max] {
            for _ in 0..<3 { #expect(bucket.take(at: at(time))) }
            #expect(!bucket.take(at: at(time)))
        }
    }

    @Test func aClockThatGoesBackBringsNothing() {
        let bucket = Bucket(perSecond: 10, burst: 1, at: at(1_000))
        #expect(bucket.take(at: at(1_000)))
        #expect(!bucket.take(at: at(500)))
        #expect(!bucket.take(at: at(1_099)))
        #expect(bucket.take(at: at(1_100)))
    }

    @Test(arguments: [(1, 1), (3, 2), (7, 100), (2_999, 17), (1 << 32, 1), (1, 1 << 32)])
    func theRateHoldsOverAnySteps(_ perSecond: Int, _ burst: Int) {
        var generator = SystemRandomNumberGenerator()
        let seed = UInt64.random(in: 0...UInt64.max, using: &generator)
        var state = seed
        var bucket = TokenBucket(perSecond: perSecond, burst: burst, at: at(0))
        var now: UInt64 = 0
        var taken = 0
        for _ in 0..<2_000 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            now += state >> 56
            let wait = bucket.waitMs(at: at(now))
            let isTaken = bucket.take(at: at(now))
            #expect(isTaken == (wait == 0), "seed \(seed)")
            if isTaken { taken += 1 }
            bucket.checkInvariants()
            if !isTaken {
                // As long as it said, and no shorter.
                var early = bucket
                let isEarly = early.take(at: at(now + wait - 1))
                #expect(!isEarly, "seed \(seed)")
                var later = bucket
                let isLater = later.take(at: at(now + wait))
                #expect(isLater, "seed \(seed)")
            }
        }
        #expect(taken <= burst + Int(now) * perSecond / 1_000 + 1, "seed \(seed)")
    }
}
