// The pauses between connection attempts.

import Client
import Testing

struct BackoffTests {
    @Test func pausesDoubleWithinTheirBounds() {
        let policy = ReconnectPolicy()
        for random in [UInt64.min, 12_345, .max / 2, .max] {
            var backoff = Backoff(policy: policy)
            var full: UInt64 = 500
            for _ in 0..<80 {
                let pause = backoff.nextPauseMs(afterOnlineMs: nil, random: random)
                #expect(pause.map { ((full / 2)...full).contains($0) } == true)
                full = min(full * 2, 30_000)
            }
        }
    }

    @Test func jitterReachesBothEnds() {
        var low = Backoff(policy: ReconnectPolicy())
        #expect(low.nextPauseMs(afterOnlineMs: nil, random: 0) == 250)
        var high = Backoff(policy: ReconnectPolicy())
        #expect(high.nextPauseMs(afterOnlineMs: nil, random: 250) == 500)
    }

    @Test func stableConnectionBeginsAnew() {
        var backoff = Backoff(policy: ReconnectPolicy())
        for _ in 0..<10 { _ = backoff.nextPauseMs(afterOnlineMs: nil, random: 0) }
        #expect(backoff.nextPauseMs(afterOnlineMs: 29_999, random: 0) == 15_000)
        #expect(backoff.nextPauseMs(afterOnlineMs: 30_000, random: 0) == 250)
    }

    @Test func attemptsEnd() {
        var once = Backoff(policy: .never)
        #expect(once.nextPauseMs(afterOnlineMs: nil, random: 0) == nil)
        var thrice = Backoff(policy: ReconnectPolicy(attemptsMax: 3))
        #expect(thrice.nextPauseMs(afterOnlineMs: nil, random: 0) != nil)
        #expect(thrice.nextPauseMs(afterOnlineMs: nil, random: 0) != nil)
        #expect(thrice.nextPauseMs(afterOnlineMs: nil, random: 0) == nil)
    }

    @Test func hugePolicyDoesNotOverflow() {
        var backoff = Backoff(policy: ReconnectPolicy(pauseMs: .max / 2, pauseMsMax: .max - 1))
        for _ in 0..<40 { #expect(backoff.nextPauseMs(afterOnlineMs: nil, random: .max) != nil) }
    }
}
