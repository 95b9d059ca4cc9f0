import Base
import Glibc
import Reactor
import Synchronization
import Testing

extension DescriptorTests {
    @Suite struct SystemTests {
        @Test func threadRunsUnderItsNameAndIsJoined() throws {
            let isRun = Atomic<Bool>(false)
            let thread = try ShardThread(name: "a name that is far too long") {
                var name = [UInt8](repeating: 0, count: 64)
                let file = FileDescriptor(owning: open("/proc/thread-self/comm", O_RDONLY))
                let count = read(file.rawValue, &name, name.count)
                let text = String(decoding: name.prefix(max(count, 0)), as: UTF8.self)
                isRun.store(text == "a name that is \n", ordering: .relaxed)
            }
            thread.join()
            #expect(isRun.load(ordering: .relaxed) == true)
        }

        @Test func droppedThreadGoesOn() throws {
            let mailbox = try Mailbox<Int>(countMax: 1)
            _ = try ShardThread(name: "dropped") { mailbox.postAlways(1) }
            var poller = try Poller(eventCountMax: 1)
            try poller.add(mailbox.descriptor, token: 0, interest: .readable)
            #expect(poller.wait(timeoutMs: 10_000) == 1)
        }

        @Test func signalsArriveAsEvents() throws {
            let source = try SignalSource([SIGUSR1, SIGUSR2])
            var poller = try Poller(eventCountMax: 1)
            try poller.add(source.descriptor, token: 9, interest: .readable)
            #expect(source.read() == [])
            #expect(poller.wait(timeoutMs: 0) == 0)
            raise(SIGUSR2)
            raise(SIGUSR1)
            raise(SIGUSR1)
            #expect(poller.wait(timeoutMs: 1000) == 1)
            #expect(poller.event(at: 0).token == 9)
            #expect(Set(source.read()) == [SIGUSR1, SIGUSR2])
            #expect(source.read() == [])
        }

        @Test func signalToTheProcessIsSeenFromItsThreads() async {
            await #expect(processExitsWith: .success) {
                // In a process whose other threads were there first, the signal has to be sent to a thread
                // that blocks it.
                let source = try SignalSource([SIGTERM])
                let thread = try ShardThread(name: "signalled") { raise(SIGTERM) }
                thread.join()
                exit(source.read().isEmpty ? 0 : 1)
            }
        }

        @Test func clocksGoForward() {
            let first = MonotonicClock.now()
            let firstNanoseconds = MonotonicClock.nanoseconds()
            let moment = SystemClock.moment()
            #expect(moment.monotonic >= first)
            #expect(MonotonicClock.nanoseconds() >= firstNanoseconds)
            #expect(moment.unixSeconds > 1_700_000_000)
        }

        @Test func descriptorLimitIsRaised() throws {
            let limit = try ResourceLimits.raiseDescriptorLimit()
            #expect(limit > 0)
            #expect(try ResourceLimits.descriptorLimit() == limit)
            #expect(try ResourceLimits.raiseDescriptorLimit() == limit)
        }

        @Test func usageIsCounted() {
            let before = ResourceUsage.threadCPUNanoseconds()
            var sum: UInt64 = 0
            for number in 0..<100_000 as Range<UInt64> { sum ^= number &* 31 }
            #expect(sum != 1)
            #expect(ResourceUsage.threadCPUNanoseconds() > before)
            let process = ResourceUsage.processCPUNanoseconds()
            #expect(process.user + process.system > 0)
            #expect(ResourceUsage.residentSize() > 1 << 20)
        }

        @Test func aThreadMayHaveItsOwnDescriptors() async {
            await #expect(processExitsWith: .success) {
                let numbers = try Mailbox<Int32>(countMax: 1)
                let permission = try Mailbox<Int32>(countMax: 1)
                let thread = try ShardThread(name: "own table") {
                    do {
                        try ResourceLimits.unshareDescriptors()
                        let own = FileDescriptor(owning: fcntl(2, F_DUPFD, 200))
                        numbers.postAlways(own.rawValue)
                        // What was open before is in both tables.
                        _ = try receiveOne(permission)
                    } catch {
                        exit(3)
                    }
                }
                let number = try receiveOne(numbers)
                guard number >= 200, fcntl(number, F_GETFD) == -1 else { exit(4) }
                permission.postAlways(0)
                thread.join()
            }
        }
    }
}

/// The first message of a mailbox, waiting for it.
private func receiveOne(_ mailbox: Mailbox<Int32>) throws -> Int32 {
    var poller = try Poller(eventCountMax: 1)
    try poller.add(mailbox.descriptor, token: 0, interest: .readable)
    poller.wait(timeoutMs: 10_000)
    var messages: [Int32] = []
    mailbox.drain(into: &messages)
    return try #require(messages.first)
}
