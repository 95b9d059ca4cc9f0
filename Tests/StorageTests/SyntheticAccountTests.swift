// Accounts without rows: they answer like stored ones, and a row that they get fits no password.

import Base
import Storage
import Testing
import Wire

@Suite struct SyntheticAccountTests {
    let directory = TemporaryDirectory()
    let synthetic = SyntheticAccounts(keys: .sample(1), rowKeys: .sample(9))

    @Test func namesHaveOneForm() throws {
        #expect(BenchAccount.name(0).text == "bench-0")
        let last = WireLimits.benchAccountCountMax - 1
        #expect(BenchAccount.index(of: BenchAccount.name(last)) == last)
        for text in [
            "bench", "bench-", "bench-01", "bench-x", "bench--1", "alice", "bench-1.",
            "bench-\(last + 1)", "bench-99999999999999999999999",
        ] {
            #expect(BenchAccount.index(of: try name(text)) == nil, "\(text)")
        }
    }

    @Test(arguments: Backend.allCases) func idleAccountsNeedNoRow(_ backend: Backend) throws {
        let harness = try Harness(backend, directory: directory, synthetic: synthetic)
        guard case .credentials(let keys) = try harness.ask(.credentials(device("bench-7/0")))
        else {
            Issue.record("no credentials")
            return
        }
        #expect(keys?.keys == .sample(1))
        #expect(try harness.ask(.credentials(device("nobody/0"))).brief == "no credentials")
        let opening = try harness.open("bench-7/0")
        #expect(opening.devices == [0] && opening.page.rows.isEmpty && opening.page.isLast)
        #expect(try harness.page("bench-7/0").rows.isEmpty)
        try harness.settle("1", at: "bench-7/0")
        #expect(try harness.store.accounts().isEmpty)
    }

    @Test(arguments: Backend.allCases) func whatIsKeptMakesARow(_ backend: Backend) throws {
        let harness = try Harness(backend, directory: directory, synthetic: synthetic)
        #expect(try harness.enqueue("1", to: "bench-3").brief == "enqueued [0]")
        #expect(try harness.open("bench-3/0").page.rows.map(\.stanza.key.id.text) == ["1"])
        #expect(try harness.open("bench-4/2").devices == [0, 2])
        #expect(try harness.enqueue("2", to: "bench-4").brief == "enqueued [0, 2]")
        #expect(try harness.enqueue("3", to: "bench-5", device: 1).brief == "unknownDevice")
        let change = StoreRequest.changeContacts(
            try name("bench-6"), add: [try name("bench-3")], remove: [])
        #expect(try harness.ask(change).brief == #"contacts ["bench-3"]"#)
        #expect(try harness.open("bench-6/0").contacts.map(\.text) == ["bench-3"])
        #expect(try harness.enqueue("4", to: "nobody").brief == "unknownRecipient")
        // bench-5 has a row although the device was unknown: its account exists.
        #expect(
            try harness.store.accounts().map(\.text)
                == ["bench-3", "bench-4", "bench-5", "bench-6"])
    }

    @Test func rowsFitNoPassword() throws {
        do {
            let harness = try Harness(.sqlite, directory: directory, synthetic: synthetic)
            _ = try harness.enqueue("1", to: "bench-3")
            harness.store.close()
        }
        let harness = try Harness(.sqlite, directory: directory)
        guard case .credentials(let keys) = try harness.ask(.credentials(device("bench-3/0")))
        else {
            Issue.record("no credentials")
            return
        }
        #expect(keys?.keys == .sample(9))
        #expect(try harness.ask(.credentials(device("bench-4/0"))).brief == "no credentials")
    }
}
