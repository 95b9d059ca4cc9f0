import Base
import Storage
import Testing
import Wire

@Suite struct MemoryStoreTests {
    let inbox = Inbox()

    func store(_ limits: StoreLimits = StoreLimits()) throws -> MemoryStore {
        let inbox = inbox
        let store = MemoryStore(limits: limits) { inbox.receive($0, $1) }
        try store.addAccount(try name("bob"), keys: .sample(1))
        return store
    }

    func waiting(_ store: MemoryStore) throws -> [String] {
        #expect(
            store.submit(
                .readPage(try device("bob/0"), after: 0, countMax: 99), ticket: 999, shard: 9))
        store.commit()
        guard case .page(let page)? = inbox.answers(shard: 9).last?.reply else { return ["none"] }
        return page.rows.map(\.stanza.key.id.text)
    }

    @Test func nothingHappensBeforeCommit() throws {
        let store = try store()
        #expect(store.submit(try request("1", to: "bob"), ticket: 1, shard: 0))
        #expect(inbox.count == 0 && store.waitingCount == 1)
        store.commit()
        #expect(try inbox.reply(to: 1).brief == "enqueued [0]")
    }

    @Test func aCrashForgetsWhatWasNotCommitted() throws {
        let store = try store()
        #expect(store.submit(try request("1", to: "bob"), ticket: 1, shard: 0))
        store.commit()
        #expect(store.submit(try request("2", to: "bob"), ticket: 2, shard: 0))
        store.crash()
        store.commit()
        #expect(inbox.count == 1)
        #expect(try waiting(store) == ["1"])
    }

    @Test(arguments: [false, true]) func aFailedCommit(isDurable: Bool) throws {
        let store = try store()
        #expect(store.submit(try request("0", to: "bob"), ticket: 1, shard: 0))
        store.commit()
        #expect(store.submit(try request("1", to: "bob"), ticket: 2, shard: 0))
        #expect(store.submit(.settle(try device("bob/0"), try key("0")), ticket: 3, shard: 0))
        store.failCommit(.database(code: 10, message: "disk I/O error"), isDurable: isDurable)
        #expect(try inbox.reply(to: 2).isFailed)
        #expect(try waiting(store) == (isDurable ? ["1"] : []))
    }

    @Test func theSubmitQueueIsLimited() throws {
        var limits = StoreLimits()
        limits.submitCountMax = 2
        let store = try store(limits)
        for (ticket, isTaken) in [(1, true), (2, true), (3, false)] as [(UInt64, Bool)] {
            let request = try request("\(ticket)", to: "bob")
            #expect(store.submit(request, ticket: ticket, shard: 0) == isTaken)
        }
        store.commit()
        #expect(try waiting(store) == ["1", "2"])
    }
}
