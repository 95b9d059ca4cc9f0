import Base
import Glibc
import Reactor
import Testing

extension DescriptorTests {
    @Suite struct WaitingTests {
        @Test func tellsWhatCameFirst() throws {
            let pair = try Socket.pair()
            let wakeup = try Wakeup()
            let (now, later) = (MonotonicClock.now(), MonotonicClock.now().advanced(byMs: 60_000))
            let first = pair.first.rawValue
            #expect(wait(for: first, [.readable], wakeup: wakeup, until: now) == .timeUp)
            #expect(wait(for: first, [.writable], wakeup: wakeup, until: nil) == .ready)
            #expect(pair.second.write("x") == .bytes(1))
            #expect(wait(for: first, [.readable], wakeup: wakeup, until: later) == .ready)
            wakeup.signal()
            #expect(wait(for: first, [.readable], wakeup: wakeup, until: later) == .woken)
            #expect(wait(for: nil, [], wakeup: wakeup, until: nil) == .woken)
            wakeup.clear()
            #expect(wait(for: nil, [], wakeup: wakeup, until: now.advanced(byMs: 20)) == .timeUp)
            #expect(MonotonicClock.now() >= now.advanced(byMs: 20))
        }
    }
}
