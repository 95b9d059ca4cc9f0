import Glibc
import Reactor
import Testing

extension DescriptorTests {
    @Suite struct PollerTests {
        @Test func tellsTokensAndReadiness() throws {
            let pair = try Socket.pair()
            var poller = try Poller(eventCountMax: 8)
            try poller.add(pair.first.rawValue, token: .max, interest: .readable)
            try poller.add(pair.second.rawValue, token: 0x0123_4567_89ab_cdef, interest: .writable)
            #expect(poller.wait(timeoutMs: 0) == 1)
            #expect(poller.event(at: 0).token == 0x0123_4567_89ab_cdef)
            #expect(poller.event(at: 0).readiness == .writable)

            #expect(pair.second.write("x") == .bytes(1))
            #expect(poller.wait(timeoutMs: 1000) == 2)
            let tokens = Set((0..<poller.eventCount).map { poller.event(at: $0).token })
            #expect(tokens == [.max, 0x0123_4567_89ab_cdef])

            poller.modify(pair.second.rawValue, token: 7, interest: [])
            #expect(poller.wait(timeoutMs: 0) == 1)
            #expect(poller.event(at: 0).token == .max)
            #expect(poller.event(at: 0).readiness == .readable)
            poller.remove(pair.first.rawValue)
            #expect(poller.wait(timeoutMs: 1) == 0)
        }

        @Test func levelRepeatsAndEdgeDoesNot() throws {
            let level = try Socket.pair()
            let edge = try Socket.pair()
            var poller = try Poller(eventCountMax: 8)
            try poller.add(level.first.rawValue, token: 1, interest: .readable)
            try poller.add(edge.first.rawValue, token: 2, interest: [.readable, .edge])
            _ = level.second.write("x")
            _ = edge.second.write("x")
            #expect(poller.wait(timeoutMs: 1000) == 2)
            #expect(poller.wait(timeoutMs: 0) == 1)
            #expect(poller.event(at: 0).token == 1)
            _ = edge.second.write("y")
            #expect(poller.wait(timeoutMs: 1000) == 2)
        }

        @Test func tellsHangUpAndTheEnd() throws {
            let pair = try Socket.pair()
            let first = pair.first
            var poller = try Poller(eventCountMax: 8)
            try poller.add(first.rawValue, token: 1, interest: .peerClosed)
            #expect(poller.wait(timeoutMs: 0) == 0)
            pair.second.shutdownWrite()
            #expect(poller.wait(timeoutMs: 1000) == 1)
            #expect(poller.event(at: 0).readiness == .peerClosed)
            pair.second.close()
            #expect(poller.wait(timeoutMs: 1000) == 1)
            #expect(poller.event(at: 0).readiness.isSuperset(of: .hangup) == true)
        }

        @Test func closedDescriptorsLeaveByThemselves() throws {
            var poller = try Poller(eventCountMax: 8)
            let pair = try Socket.pair()
            let second = pair.second
            try poller.add(pair.first.rawValue, token: 1, interest: .readable)
            #expect(second.write("x") == .bytes(1))
            #expect(poller.wait(timeoutMs: 1000) == 1)
            pair.first.close()
            #expect(poller.wait(timeoutMs: 0) == 0)
        }

        @Test func batchIsBoundedAndNobodyStarves() throws {
            var poller = try Poller(eventCountMax: 4)
            let wakeups = try (0..<10).map { _ in try SharedWakeup() }
            for (index, shared) in wakeups.enumerated() {
                try poller.add(shared.wakeup.descriptor, token: UInt64(index), interest: .readable)
                shared.wakeup.signal()
            }
            var seen: Set<UInt64> = []
            for _ in 0..<10 {
                #expect(poller.wait(timeoutMs: 0) == 4)
                for index in 0..<poller.eventCount { seen.insert(poller.event(at: index).token) }
            }
            #expect(seen.count == 10)
        }

        @Test func sameDescriptorTwiceIsRefused() throws {
            let poller = try Poller(eventCountMax: 1)
            let wakeup = try Wakeup()
            try poller.add(wakeup.descriptor, token: 1, interest: .readable)
            #expect(throws: ReactorError.system(operation: "epoll_ctl", code: EEXIST)) {
                try poller.add(wakeup.descriptor, token: 2, interest: .readable)
            }
        }

        @Test func wakeupIsReadableUntilCleared() throws {
            var poller = try Poller(eventCountMax: 1)
            let wakeup = try Wakeup()
            try poller.add(wakeup.descriptor, token: 1, interest: .readable)
            #expect(poller.wait(timeoutMs: 0) == 0)
            #expect(wakeup.clear() == false)
            wakeup.signal()
            wakeup.signal()
            #expect(poller.wait(timeoutMs: 0) == 1)
            #expect(poller.wait(timeoutMs: nil) == 1)
            #expect(wakeup.clear() == true)
            #expect(wakeup.clear() == false)
            #expect(poller.wait(timeoutMs: 0) == 0)
        }
    }
}

/// A wake-up that an array can hold.
private final class SharedWakeup {
    let wakeup: Wakeup
    init() throws { wakeup = try Wakeup() }
}
