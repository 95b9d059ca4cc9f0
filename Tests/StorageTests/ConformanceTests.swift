// What every back end must do, run against each.

import Base
import Storage
import Testing
import Wire

@Suite struct ConformanceTests {
    let directory = TemporaryDirectory()

    func harness(_ backend: Backend, _ change: (inout StoreLimits) -> Void = { _ in }) throws
        -> Harness
    {
        var limits = StoreLimits()
        change(&limits)
        let harness = try Harness(backend, directory: directory, limits: limits)
        for user in ["alice", "bob", "carol"] { try harness.addAccount(user) }
        return harness
    }

    @Test(arguments: Backend.allCases) func accounts(_ backend: Backend) throws {
        let harness = try harness(backend)
        #expect(throws: StoreError.accountExists) { try harness.addAccount("bob") }
        #expect(try harness.store.accounts().map(\.text) == ["alice", "bob", "carol"])
        let dave = try name("dave")
        #expect(throws: StoreError.unknownAccount) { try harness.store.removeAccount(dave) }
        #expect(throws: StoreError.unknownAccount) {
            try harness.store.setKeys(.sample(9), of: dave)
        }
        try harness.store.setKeys(.sample(9), of: try name("bob"))
        guard case .credentials(let keys) = try harness.ask(.credentials(device("bob/0"))) else {
            Issue.record("no credentials")
            return
        }
        #expect(keys?.keys == .sample(9))
        #expect(try harness.ask(.credentials(device("dave/0"))).brief == "no credentials")
    }

    @Test(arguments: Backend.allCases) func removedAccountLeavesNothing(_ backend: Backend) throws {
        let harness = try harness(backend)
        _ = try harness.open("bob/3")
        _ = try harness.ask(.changeContacts(name("bob"), add: [name("alice")], remove: []))
        #expect(try harness.enqueue("1", to: "bob").brief == "enqueued [0, 3]")
        try harness.store.removeAccount(try name("bob"))
        #expect(try harness.enqueue("2", to: "bob").brief == "unknownRecipient")
        #expect(try harness.page("bob/3").rows.isEmpty)
        #expect(
            try harness.ask(.openDevice(device("bob/3"), pageCountMax: 9)).brief
                == "unknownAccount")
        try harness.addAccount("bob")
        let opening = try harness.open("bob/0")
        #expect(opening.devices == [0] && opening.contacts.isEmpty && opening.page.rows.isEmpty)
    }

    @Test(arguments: Backend.allCases) func enqueueAnswers(_ backend: Backend) throws {
        let harness = try harness(backend)
        #expect(try harness.enqueue("1", to: "bob").brief == "enqueued [0]")
        #expect(try harness.enqueue("1", to: "nobody").brief == "unknownRecipient")
        #expect(try harness.enqueue("2", to: "bob", device: 5).brief == "unknownDevice")
        #expect(try harness.open("bob/5").devices == [0, 5])
        #expect(try harness.enqueue("2", to: "bob", device: 5).brief == "enqueued [5]")
        #expect(try harness.enqueue("3", to: "bob").brief == "enqueued [0, 5]")
        #expect(try harness.ids("bob/0") == ["1", "3"])
        #expect(try harness.ids("bob/5") == ["2", "3"])
    }

    @Test(arguments: Backend.allCases) func contentIsKept(_ backend: Backend) throws {
        let harness = try harness(backend)
        for kind in StanzaKind.allCases {
            _ = try harness.enqueue(
                "~!id", from: "alice/255", to: "bob", kind: kind, payload: [0, 255, kind.rawValue])
        }
        _ = try harness.enqueue("empty", to: "bob", payload: [])
        let rows = try harness.page("bob/0").rows
        #expect(
            rows.map(\.stanza.payload)
                == StanzaKind.allCases.map { [0, 255, $0.rawValue] } + [[]])
        #expect(
            try rows.map(\.stanza.key)
                == StanzaKind.allCases.map { try key("~!id", from: "alice/255", kind: $0) }
                + [key("empty")])
    }

    @Test(arguments: Backend.allCases) func repeatsAreStoredOnce(_ backend: Backend) throws {
        let harness = try harness(backend)
        _ = try harness.open("bob/1")
        for _ in 0..<3 {
            #expect(try harness.enqueue("1", to: "bob").brief == "enqueued [0, 1]")
        }
        // The same id of another sender, another device of the sender, another kind: other stanzas.
        _ = try harness.enqueue("1", from: "carol/1", to: "bob")
        _ = try harness.enqueue("1", from: "alice/2", to: "bob")
        _ = try harness.enqueue("1", to: "bob", kind: .read)
        #expect(try harness.page("bob/0").rows.count == 4)
        // Within one batch as well.
        let tickets = try (0..<3).map { _ in harness.submit(try request("2", to: "bob")) }
        harness.commit()
        for ticket in tickets.compactMap({ $0 }) {
            #expect(try harness.inbox.reply(to: ticket).brief == "enqueued [0, 1]")
        }
        #expect(try harness.page("bob/0").rows.count == 5)
        // What one device has settled comes back to that device only.
        try harness.settle("1", at: "bob/1")
        #expect(try harness.ids("bob/1") == ["1", "1", "1", "2"])
        _ = try harness.enqueue("1", to: "bob")
        #expect(try harness.page("bob/0").rows.count == 5)
        #expect(try harness.ids("bob/1") == ["1", "1", "1", "2", "1"])
    }

    /// A message and the copies of it are written together, for whoever has room.
    @Test(arguments: Backend.allCases) func copies(_ backend: Backend) throws {
        let harness = try harness(backend) { $0.queueDepthMax = 2 }
        for device in ["alice/1", "alice/2"] { _ = try harness.open(device) }
        func send(_ id: String, from sender: String = "alice/1") throws -> String {
            let request = EnqueueRequest(
                key: try key(id, from: sender), recipient: try name("bob"), device: nil,
                payload: [1], sentAt: 1, copy: [2])
            return try harness.ask(.enqueue(request)).brief
        }
        #expect(try send("1") == "enqueued [0], copies [0, 2]")
        let rows = try harness.page("alice/2").rows
        #expect(rows.map(\.stanza.payload) == [[2]])
        #expect(try rows.map(\.stanza.key) == [key("1", kind: .copy)])
        #expect(try harness.ids("alice/1").isEmpty)
        // A repeat came with its copies: those that still wait are told of again. Once it is off the queue it
        // has them anew.
        _ = harness.submit(.settle(try device("alice/0"), try key("1", kind: .copy)))
        #expect(try send("1") == "enqueued [0], copies [2]")
        try harness.settle("1", at: "bob/0")
        _ = harness.submit(.settle(try device("alice/2"), try key("1", kind: .copy)))
        #expect(try send("1") == "enqueued [0], copies [0, 2]")
        #expect(try harness.ids("alice/0") == ["1"])
        // A full queue of the sender's own gets none; one of the recipient's refuses it all.
        #expect(try send("2", from: "alice/2") == "enqueued [0], copies [0, 1]")
        try harness.settle("1", at: "bob/0")
        #expect(try send("3", from: "alice/2") == "enqueued [0], copies [1]")
        #expect(try send("4", from: "alice/2") == "queueFull")
        #expect(try harness.ids("alice/1") == ["2", "3"])
    }

    @Test(arguments: Backend.allCases) func settle(_ backend: Backend) throws {
        let harness = try harness(backend)
        _ = try harness.open("bob/1")
        for id in ["1", "2", "3"] { _ = try harness.enqueue(id, to: "bob") }
        try harness.settle("2", at: "bob/0")
        try harness.settle("2", at: "bob/0")
        try harness.settle("9", at: "bob/0")
        try harness.settle("1", at: "bob/9")
        try harness.settle("1", at: "nobody/0")
        try harness.settle("1", from: "carol/1", at: "bob/0")
        #expect(try harness.ids("bob/0") == ["1", "3"])
        #expect(try harness.ids("bob/1") == ["1", "2", "3"])
    }

    @Test(arguments: Backend.allCases) func settleInTheSameBatch(_ backend: Backend) throws {
        let harness = try harness(backend)
        _ = try harness.open("bob/1")
        let first = try #require(try harness.submit(request("1", to: "bob")))
        _ = harness.submit(.settle(try device("bob/0"), try key("1")))
        _ = harness.submit(.settle(try device("bob/1"), try key("1")))
        let second = try #require(try harness.submit(request("2", to: "bob")))
        _ = harness.submit(.settle(try device("bob/0"), try key("2")))
        let again = try #require(try harness.submit(request("1", to: "bob")))
        // A settle before its stanza settles nothing.
        _ = harness.submit(.settle(try device("bob/0"), try key("3")))
        let third = try #require(try harness.submit(request("3", to: "bob")))
        harness.commit()
        for ticket in [first, second, again, third] {
            #expect(try harness.inbox.reply(to: ticket).brief == "enqueued [0, 1]")
        }
        #expect(try harness.ids("bob/0") == ["1", "3"])
        #expect(try harness.ids("bob/1") == ["2", "1", "3"])
    }

    @Test(arguments: Backend.allCases) func pages(_ backend: Backend) throws {
        let harness = try harness(backend)
        for id in 1...10 {
            _ = try harness.enqueue("\(id)", to: "bob")
            _ = try harness.enqueue("\(id)", to: "carol")
        }
        let first = try harness.open("bob/0", pageCountMax: 4).page
        #expect(first.rows.map(\.stanza.key.id.text) == ["1", "2", "3", "4"] && !first.isLast)
        let cursor = try #require(first.rows.last?.sequence)
        try harness.settle("5", at: "bob/0")
        let second = try harness.page("bob/0", after: cursor, countMax: 4)
        #expect(second.rows.map(\.stanza.key.id.text) == ["6", "7", "8", "9"] && !second.isLast)
        let third = try harness.page("bob/0", after: second.rows[3].sequence, countMax: 1)
        #expect(third.rows.map(\.stanza.key.id.text) == ["10"] && third.isLast)
        let fourth = try harness.page("bob/0", after: third.rows[0].sequence, countMax: 1)
        #expect(fourth.rows.isEmpty && fourth.isLast)
        let none = try harness.page("bob/0", countMax: 0)
        #expect(none.rows.isEmpty && !none.isLast)
        #expect(try harness.page("bob/0", countMax: -1).rows.isEmpty)
        #expect(try harness.page("bob/0", after: -9, countMax: 99).rows.count == 9)
        #expect(try harness.page("bob/7").isLast)
        #expect(try harness.page("nobody/7").isLast)
    }

    @Test(arguments: Backend.allCases) func pagesHoldBoundedBytes(_ backend: Backend) throws {
        let harness = try harness(backend) { $0.pageSizeMax = 100 }
        for (id, size) in [("a", 101), ("b", 50), ("c", 50), ("d", 1)] {
            _ = try harness.enqueue(
                id, to: "bob", payload: [UInt8](repeating: 7, count: size))
        }
        let first = try harness.page("bob/0")
        #expect(first.rows.map(\.stanza.key.id.text) == ["a"] && !first.isLast)
        let second = try harness.page("bob/0", after: first.rows[0].sequence)
        #expect(second.rows.map(\.stanza.key.id.text) == ["b", "c"] && !second.isLast)
    }

    @Test(arguments: Backend.allCases) func aPageIsWhatCameBefore(_ backend: Backend) throws {
        let harness = try harness(backend)
        let tickets = try [
            harness.submit(request("1", to: "bob")),
            harness.submit(.openDevice(device("bob/0"), pageCountMax: 9)),
            harness.submit(request("2", to: "bob")),
            harness.submit(.settle(device("bob/0"), key("1"))),
            harness.submit(.readPage(device("bob/0"), after: 0, countMax: 9)),
            harness.submit(request("3", to: "bob")),
        ].compactMap { $0 }
        harness.commit()
        guard case .opened(let opening) = try harness.inbox.reply(to: tickets[1]),
            case .page(let page) = try harness.inbox.reply(to: tickets[4])
        else {
            Issue.record("other replies")
            return
        }
        #expect(opening.page.rows.map(\.stanza.key.id.text) == ["1"])
        #expect(page.rows.map(\.stanza.key.id.text) == ["2"])
        _ = try harness.inbox.reply(to: tickets[5])
        #expect(
            harness.inbox.answers(shard: 0).map(\.ticket)
                == [tickets[0], tickets[1], tickets[2], tickets[4], tickets[5]])
    }

    @Test(arguments: Backend.allCases) func sequencesAreNeverUsedTwice(_ backend: Backend) throws {
        let harness = try harness(backend)
        _ = try harness.enqueue("1", to: "bob")
        let first = try #require(try harness.page("bob/0").rows.first).sequence
        try harness.settle("1", at: "bob/0")
        _ = try harness.enqueue("1", to: "bob")
        #expect(try #require(try harness.page("bob/0").rows.first).sequence > first)
    }

    @Test(arguments: Backend.allCases) func queueDepthIsLimited(_ backend: Backend) throws {
        let harness = try harness(backend) { $0.queueDepthMax = 3 }
        _ = try harness.open("bob/1")
        for id in ["1", "2"] { _ = try harness.enqueue(id, to: "bob") }
        try harness.settle("1", at: "bob/1")
        #expect(try harness.enqueue("3", to: "bob").brief == "enqueued [0, 1]")
        // Device 0 is full, device 1 is not: nothing is stored for either.
        #expect(try harness.enqueue("4", to: "bob").brief == "queueFull")
        #expect(try harness.ids("bob/1") == ["2", "3"])
        // A repeat that waits everywhere needs no room.
        #expect(try harness.enqueue("3", to: "bob").brief == "enqueued [0, 1]")
        #expect(try harness.enqueue("4", to: "bob", device: 1).brief == "enqueued [1]")
        #expect(try harness.enqueue("5", to: "bob", device: 1).brief == "queueFull")
        try harness.settle("2", at: "bob/0")
        try harness.settle("2", at: "bob/1")
        #expect(try harness.enqueue("5", to: "bob").brief == "enqueued [0, 1]")
        #expect(try harness.ids("bob/0") == ["1", "3", "5"])
    }

    @Test(arguments: Backend.allCases) func nothingOvertakesWhatWasRefused(
        _ backend: Backend
    ) throws {
        let harness = try harness(backend) { $0.queueDepthMax = 2 }
        func send(_ id: String, _ place: FlowPlace) throws -> UInt64? {
            harness.submit(try request(id, to: "bob", place: place))
        }
        let first = try place(1)
        let tickets = try [send("1", first), send("2", first), send("3", first)]
        _ = harness.submit(.settle(try device("bob/0"), try key("1")))
        // There is room now, but the fourth was sent before the third could be sent again.
        let fourth = try send("4", first)
        let other = try send("5", try place(2))
        _ = harness.submit(.reopen(first.flow))
        _ = harness.submit(.settle(try device("bob/0"), try key("2")))
        let again = try send("3", first)
        harness.commit()
        let replies = try (tickets + [fourth, other, again]).map {
            try harness.inbox.reply(to: try #require($0)).brief
        }
        #expect(
            replies == [
                "enqueued [0]", "enqueued [0]", "queueFull", "heldBack", "enqueued [0]",
                "enqueued [0]",
            ])
        #expect(try harness.ids("bob/0") == ["5", "3"])
    }

    @Test(arguments: Backend.allCases) func devicesAreLimited(_ backend: Backend) throws {
        let harness = try harness(backend) { $0.devicesPerAccountMax = 3 }
        #expect(try harness.open("bob/255").devices == [0, 255])
        #expect(try harness.open("bob/9").devices == [0, 9, 255])
        #expect(
            try harness.ask(.openDevice(device("bob/1"), pageCountMax: 1)).brief == "devicesFull")
        #expect(try harness.open("bob/9").devices == [0, 9, 255])
        #expect(try harness.enqueue("1", to: "bob").brief == "enqueued [0, 9, 255]")
    }

    @Test(arguments: Backend.allCases) func contacts(_ backend: Backend) throws {
        let harness = try harness(backend) { $0.contactsPerAccountMax = 3 }
        func change(_ add: [String], _ remove: [String] = []) throws -> String {
            try harness.ask(
                .changeContacts(name("bob"), add: add.map(name), remove: remove.map(name))
            ).brief
        }
        #expect(try change([]) == "contacts []")
        #expect(try change(["b", "a", "b"]) == #"contacts ["a", "b"]"#)
        #expect(try change(["c"]) == #"contacts ["a", "b", "c"]"#)
        #expect(try change(["d"]) == "contactsFull")
        #expect(try change(["d"], ["a", "x"]) == #"contacts ["b", "c", "d"]"#)
        #expect(try change(["b"], ["b"]) == #"contacts ["b", "c", "d"]"#)
        #expect(try harness.open("bob/0").contacts.map(\.text) == ["b", "c", "d"])
        #expect(try harness.open("carol/0").contacts.isEmpty)
        #expect(
            try harness.ask(.changeContacts(name("nobody"), add: [], remove: [])).brief
                == "unknownAccount")
    }

    @Test(arguments: Backend.allCases) func answersGoToTheirShards(_ backend: Backend) throws {
        let harness = try harness(backend)
        var tickets: [Int: [UInt64]] = [:]
        for round in 0..<240 {
            let shard = round % 3
            let ticket = try #require(
                try harness.submit(request("\(round)", to: "bob"), shard: shard))
            tickets[shard, default: []].append(ticket)
        }
        harness.commit()
        for shard in 0..<3 {
            let wanted = try #require(tickets[shard])
            _ = try harness.inbox.reply(to: try #require(wanted.last))
            #expect(harness.inbox.answers(shard: shard).map(\.ticket) == wanted)
        }
        #expect(try harness.ids("bob/0") == (0..<240).map(String.init))
    }

    @Test(arguments: Backend.allCases) func closedStoreTakesNothing(_ backend: Backend) throws {
        let harness = try harness(backend)
        let ticket = try #require(try harness.submit(request("1", to: "bob")))
        harness.store.close()
        #expect(try harness.inbox.reply(to: ticket).brief == "enqueued [0]")
        #expect(try harness.submit(request("2", to: "bob")) == nil)
        #expect(throws: StoreError.closed) { try harness.addAccount("dave") }
        harness.store.close()
    }
}
