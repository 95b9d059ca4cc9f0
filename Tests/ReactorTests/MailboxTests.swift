import Glibc
import Reactor
import Synchronization
import Testing

private struct Letter: Sendable, Equatable {
    var producer: Int
    var number: Int
}

extension DescriptorTests {
    @Suite struct MailboxTests {
        private func isReadable(_ descriptor: Int32) throws -> Bool {
            var poller = try Poller(eventCountMax: 1)
            try poller.add(descriptor, token: 0, interest: .readable)
            return poller.wait(timeoutMs: 0) == 1
        }

        @Test func limitIsExactAndRefusalTakesNothing() throws {
            let mailbox = try Mailbox<Int>(countMax: 3)
            #expect(mailbox.post(contentsOf: []))
            #expect(try !isReadable(mailbox.descriptor))
            #expect(mailbox.post(1))
            #expect(!mailbox.post(contentsOf: [2, 3, 4]))
            #expect(mailbox.post(contentsOf: [2, 3]))
            #expect(!mailbox.post(4))
            #expect(!mailbox.post(contentsOf: [4]))
            mailbox.postAlways(5)
            #expect(mailbox.count == 4)
            #expect(!mailbox.post(6))
            #expect(!mailbox.post(contentsOf: [6]))
            var messages: [Int] = []
            mailbox.drain(into: &messages)
            #expect(messages == [1, 2, 3, 5])
            #expect(mailbox.post(7))
            mailbox.drain(into: &messages)
            #expect(messages == [1, 2, 3, 5, 7])
        }

        @Test func wakesOncePerBatch() throws {
            let mailbox = try Mailbox<Int>(countMax: 100)
            func signalCount() -> UInt64 {
                var count: UInt64 = 0
                return Glibc.read(mailbox.descriptor, &count, 8) == 8 ? count : 0
            }
            #expect(signalCount() == 0)
            for number in 0..<10 { #expect(mailbox.post(number)) }
            mailbox.postAlways(10)
            #expect(mailbox.post(contentsOf: [11, 12]))
            #expect(signalCount() == 1)
            // Taken, but not drained: no second wake-up for the same batch.
            #expect(mailbox.post(13))
            #expect(signalCount() == 0)
            var messages: [Int] = []
            mailbox.drain(into: &messages)
            #expect(messages == Array(0...13))
            #expect(signalCount() == 0)
            #expect(mailbox.post(14))
            #expect(try isReadable(mailbox.descriptor))
            messages.removeAll(keepingCapacity: true)
            mailbox.drain(into: &messages)
            #expect(messages == [14])
            #expect(try !isReadable(mailbox.descriptor))
        }

        @Test(arguments: [16, 1_000_000])
        func producersLoseNothingAndKeepTheirOrder(countMax: Int) throws {
            let producerCount = 4
            let letterCount = 10_000
            let mailbox = try Mailbox<Letter>(countMax: countMax)
            let refusals = Atomic<Int>(0)
            let threads = try (0..<producerCount).map { producer in
                try ShardThread(name: "producer \(producer)") {
                    var number = 0
                    while number < letterCount {
                        let letter = Letter(producer: producer, number: number)
                        let second = Letter(producer: producer, number: number + 1)
                        let isPosted: Bool
                        let isPair = number % 3 == 0 && number + 1 < letterCount
                        if isPair {
                            isPosted = mailbox.post(contentsOf: [letter, second])
                        } else {
                            isPosted = mailbox.post(letter)
                        }
                        if isPosted {
                            number += isPair ? 2 : 1
                        } else {
                            refusals.add(1, ordering: .relaxed)
                            sched_yield()
                        }
                    }
                }
            }
            var poller = try Poller(eventCountMax: 4)
            try poller.add(mailbox.descriptor, token: 0, interest: .readable)
            var expected = [Int](repeating: 0, count: producerCount)
            var batch: [Letter] = []
            var isOrdered = true
            var largest = 0
            while expected.reduce(0, +) < producerCount * letterCount {
                // A lost wake-up shows as a wait that ends without an event.
                guard poller.wait(timeoutMs: 30_000) == 1 else { break }
                batch.removeAll(keepingCapacity: true)
                mailbox.drain(into: &batch)
                largest = max(largest, batch.count)
                for letter in batch {
                    isOrdered = isOrdered && letter.number == expected[letter.producer]
                    expected[letter.producer] += 1
                }
            }
            #expect(expected == [Int](repeating: letterCount, count: producerCount))
            #expect(isOrdered)
            #expect(largest <= countMax)
            for thread in threads { thread.join() }
            #expect(mailbox.count == 0)
            if countMax == 1_000_000 { #expect(refusals.load(ordering: .relaxed) == 0) }
        }
    }
}
