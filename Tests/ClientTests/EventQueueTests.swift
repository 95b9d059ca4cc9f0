// The queue between a client's thread and its application.

import Testing

@testable import Client

struct EventQueueTests {
    @Test(.timeLimit(.minutes(10)))
    func aConsumerCancelledBeforeItWaitsIsNotLeftWaiting() async {
        let queue = EventQueue(wakeProducer: {})
        queue.abandon()
        #expect(await queue.next() == nil)
    }

    @Test(.timeLimit(.minutes(10)))
    func cancellingATaskEndsItsLoopWheneverItComes() async {
        for round in 0..<500 {
            let queue = EventQueue(wakeProducer: {})
            let events = AsyncStream(
                unfolding: { await queue.next() }, onCancel: { queue.abandon() })
            let reader = Task { for await _ in events {} }
            if round % 3 == 0 { await Task.yield() }
            reader.cancel()
            await reader.value
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func whatWaitedComesBeforeTheEnd() async {
        let queue = EventQueue(wakeProducer: {})
        queue.push(.connecting)
        queue.finish()
        #expect(await queue.next() == .connecting)
        #expect(await queue.next() == nil)
    }
}
