// How long a batch waits for more, and what makes it wait no longer.

import Base
import Storage
import Testing
import Wire

@Suite struct WindowTests {
    let directory = TemporaryDirectory()

    private func harness(windowMs: UInt64, batchCountMax: Int = 1_000) throws -> Harness {
        var limits = StoreLimits()
        limits.windowMs = windowMs
        limits.batchCountMax = batchCountMax
        let harness = try Harness(.sqlite, directory: directory, limits: limits)
        try harness.addAccount("bob")
        return harness
    }

    private func passedMs(_ body: () throws -> Void) rethrows -> Double {
        let clock = ContinuousClock()
        return try clock.measure(body) / .milliseconds(1)
    }

    @Test func anAckWaitsForTheWindow() throws {
        let harness = try harness(windowMs: 300)
        let passedMs = try passedMs { _ = try harness.enqueue("1", to: "bob") }
        #expect(passedMs >= 299)
    }

    /// The window here is longer than a test may take.
    @Test func whatCannotWaitEndsIt() throws {
        let harness = try harness(windowMs: 600_000)
        let ticket = try #require(try harness.submit(request("1", to: "bob")))
        let opening = try harness.open("bob/0")
        #expect(opening.page.rows.map(\.stanza.key.id.text) == ["1"])
        #expect(try harness.inbox.reply(to: ticket).brief == "enqueued [0]")
        try harness.addAccount("carol")
        #expect(try harness.page("bob/0").rows.count == 1)
    }

    @Test func aFullBatchEndsIt() throws {
        let harness = try harness(windowMs: 600_000, batchCountMax: 3)
        let tickets = try (1...3).map { try harness.submit(request("\($0)", to: "bob")) }
        for ticket in tickets {
            #expect(try harness.inbox.reply(to: try #require(ticket)).brief == "enqueued [0]")
        }
    }

    @Test func closingEndsIt() throws {
        let harness = try harness(windowMs: 600_000)
        let ticket = try #require(try harness.submit(request("1", to: "bob")))
        harness.store.close()
        #expect(try harness.inbox.reply(to: ticket).brief == "enqueued [0]")
    }
}
