// Login tokens, as every back end must keep them.

import Base
import Storage
import Testing
import Wire

/// Keys of a token that nobody has, one for each byte.
private func token(_ byte: UInt8, expiresAt: UInt64 = 2_000_000_000) -> LoginTokenKeys {
    LoginTokenKeys(
        storedKey: [UInt8](repeating: byte, count: 32),
        serverKey: [UInt8](repeating: ~byte, count: 32), expiresAt: expiresAt)
}

extension Harness {
    fileprivate func tokens(_ address: String) throws -> [DeviceToken] {
        let reply = try ask(.credentials(try device(address)))
        guard case .credentials(let credentials) = reply else {
            throw Unexpected(reply: "\(reply)")
        }
        return credentials?.tokens ?? []
    }

    fileprivate func logIn(
        _ address: String, _ proof: DeviceLogin.Proof, issued: LoginTokenKeys? = nil,
        settled: [StanzaKey] = []
    ) throws -> StoreReply {
        let login = DeviceLogin(proof: proof, issued: issued, settled: settled)
        return try ask(.openDevice(try device(address), pageCountMax: 9, login: login))
    }

    /// A login with the sample password; whether the token was kept.
    fileprivate func password(
        _ address: String, issued: LoginTokenKeys?, tokensBefore: [[UInt8]]? = nil
    ) throws -> Bool {
        let before = try tokensBefore ?? tokens(address).map(\.keys.storedKey)
        let proof = DeviceLogin.Proof.password(
            storedKey: ScramKeys.sample(1).storedKey, tokensBefore: before)
        return try isKept(try logIn(address, proof, issued: issued))
    }

    /// A login with a token; whether the next one was kept.
    fileprivate func use(
        _ used: LoginTokenKeys, _ address: String, issued: LoginTokenKeys? = nil
    ) throws -> Bool {
        try isKept(try logIn(address, .token(storedKey: used.storedKey), issued: issued))
    }

    private func isKept(_ reply: StoreReply) throws -> Bool {
        guard case .opened(let opening) = reply else { throw Unexpected(reply: reply.brief) }
        return opening.isTokenKept
    }

    fileprivate func isStale(_ used: LoginTokenKeys, _ address: String) throws -> Bool {
        let reply = try logIn(address, .token(storedKey: used.storedKey), issued: token(99))
        return reply.brief == "staleCredentials"
    }
}

@Suite struct TokenConformanceTests {
    let directory = TemporaryDirectory()

    func harness(_ backend: Backend) throws -> Harness {
        let harness = try Harness(backend, directory: directory)
        for user in ["alice", "bob"] { try harness.addAccount(user) }
        return harness
    }

    @Test(arguments: Backend.allCases) func tokensAreKeptForTheirDevice(_ backend: Backend) throws {
        let harness = try harness(backend)
        #expect(try harness.password("bob/0", issued: nil) == false)
        #expect(try harness.tokens("bob/0").isEmpty)
        #expect(try harness.password("bob/0", issued: token(1, expiresAt: .max)))
        #expect(try harness.password("bob/7", issued: token(2, expiresAt: 0)))
        #expect(
            try harness.tokens("bob/0")
                == [DeviceToken(keys: token(1, expiresAt: .max), isUsed: false)])
        #expect(
            try harness.tokens("bob/7")
                == [DeviceToken(keys: token(2, expiresAt: 0), isUsed: false)])
        for other in ["alice/0", "bob/1", "nobody/0"] {
            #expect(try harness.tokens(other).isEmpty, "\(other)")
        }
        #expect(try harness.isStale(token(1), "bob/7"))
        #expect(try harness.isStale(token(1), "alice/0"))
        #expect(try harness.tokens("alice/0").isEmpty)
    }

    @Test(arguments: Backend.allCases) func theFirstUseEndsTheOthers(_ backend: Backend) throws {
        let harness = try harness(backend)
        #expect(try harness.password("bob/0", issued: token(1)))
        #expect(try harness.use(token(1), "bob/0", issued: token(2)))
        #expect(try harness.tokens("bob/0").map(\.isUsed) == [true, false])
        #expect(try harness.use(token(1), "bob/0", issued: token(3)))
        #expect(try harness.use(token(2), "bob/0", issued: token(4)))
        #expect(try harness.tokens("bob/0").map(\.keys) == [token(2), token(4)])
        for ended in [token(1), token(3)] { #expect(try harness.isStale(ended, "bob/0")) }
        #expect(try harness.use(token(2), "bob/0") == false)
        #expect(try harness.tokens("bob/0").map(\.keys) == [token(2), token(4)])
    }

    @Test(arguments: Backend.allCases) func noMoreThanTheLimitWait(_ backend: Backend) throws {
        let harness = try harness(backend)
        let countMax = UInt8(WireLimits.deviceTokenCountMax)
        #expect(try harness.password("bob/0", issued: token(1)))
        for number in 2...countMax + 1 {
            let isKept = try harness.use(token(1), "bob/0", issued: token(number))
            #expect(isKept == (number <= countMax), "\(number)")
        }
        #expect(try harness.tokens("bob/0").count == Int(countMax))
        // One that was slow, and saw none of them, gets its own all the same.
        #expect(try harness.password("bob/0", issued: token(50), tokensBefore: []))
        #expect(
            try harness.tokens("bob/0").map(\.keys) == (2...countMax).map { token($0) } + [
                token(50)
            ]
        )
    }

    @Test(arguments: Backend.allCases) func thePasswordEndsWhatWasThere(_ backend: Backend) throws {
        let harness = try harness(backend)
        #expect(try harness.password("bob/0", issued: token(1)))
        let seen = try harness.tokens("bob/0").map(\.keys.storedKey)
        #expect(try harness.use(token(1), "bob/0", issued: token(2)))
        #expect(try harness.password("bob/3", issued: token(7)))
        // Without a token nothing ends.
        #expect(try harness.password("bob/0", issued: nil) == false)
        #expect(try harness.tokens("bob/0").map(\.keys) == [token(1), token(2)])
        #expect(try harness.password("bob/0", issued: token(3), tokensBefore: seen))
        #expect(try harness.tokens("bob/0").map(\.keys) == [token(2), token(3)])
        #expect(try harness.tokens("bob/3").map(\.keys) == [token(7)])
    }

    @Test(arguments: Backend.allCases) func tokensAreRevoked(_ backend: Backend) throws {
        let harness = try harness(backend)
        let bob = try name("bob")
        for (number, device) in ["bob/0", "bob/1", "alice/0"].enumerated() {
            #expect(try harness.password(device, issued: token(UInt8(number))))
        }
        try harness.store.revokeTokens(of: bob, device: 1)
        #expect(try harness.tokens("bob/1").isEmpty)
        #expect(try harness.isStale(token(1), "bob/1"))
        #expect(try harness.use(token(0), "bob/0", issued: token(9)))
        try harness.store.revokeTokens(of: bob, device: nil)
        for ended in [token(0), token(9)] { #expect(try harness.isStale(ended, "bob/0")) }
        #expect(try harness.use(token(2), "alice/0") == false)
        #expect(throws: StoreError.unknownDevice) {
            try harness.store.revokeTokens(of: bob, device: 5)
        }
        let nobody = try name("nobody")
        for device: UInt8? in [nil, 0] {
            #expect(throws: StoreError.unknownAccount) {
                try harness.store.revokeTokens(of: nobody, device: device)
            }
        }
        #expect(try harness.password("bob/0", issued: token(8)))
        #expect(try harness.use(token(8), "bob/0") == false)
    }

    @Test(arguments: Backend.allCases) func anotherPasswordOrNoAccountEndsThem(
        _ backend: Backend
    ) throws {
        let harness = try harness(backend)
        let bob = try name("bob")
        for device in ["bob/0", "bob/1"] {
            #expect(try harness.password(device, issued: token(1)))
        }
        try harness.store.setKeys(.sample(5), of: bob)
        for device in ["bob/0", "bob/1"] { #expect(try harness.isStale(token(1), device)) }
        let old = DeviceLogin.Proof.password(
            storedKey: ScramKeys.sample(1).storedKey, tokensBefore: [])
        #expect(
            try harness.logIn("bob/0", old, issued: token(2)).brief == "staleCredentials")
        #expect(try harness.tokens("bob/0").isEmpty)
        try harness.store.setKeys(.sample(1), of: bob)
        #expect(try harness.password("bob/1", issued: token(3)))
        try harness.store.removeAccount(bob)
        #expect(
            try harness.logIn("bob/1", .token(storedKey: token(3).storedKey)).brief
                == "unknownAccount")
        try harness.addAccount("bob")
        _ = try harness.open("bob/1")
        #expect(try harness.isStale(token(3), "bob/1"))
    }

    /// News of a decision come in the store's order: behind what was before it, and before what is behind.
    @Test(arguments: Backend.allCases) func decisionsAreToldInOrder(_ backend: Backend) throws {
        let harness = try harness(backend)
        let bob = try name("bob")
        let proof = DeviceLogin.Proof.password(
            storedKey: ScramKeys.sample(1).storedKey, tokensBefore: [])
        let login = StoreRequest.openDevice(
            try device("bob/0"), pageCountMax: 1, login: DeviceLogin(proof: proof, issued: nil))
        _ = harness.submit(login, shard: 5)
        try harness.store.change(.setKeys(.sample(7), of: bob), home: 5)
        // The news are there when the call returns.
        #expect(
            harness.inbox.answers(shard: 5).map(\.reply.brief) == ["opened [0]", "evict bob/*"])
        let late = try #require(harness.submit(login, shard: 5))
        harness.commit()
        _ = try harness.inbox.reply(to: late)
        try harness.store.change(.revokeTokens(of: bob, device: 0), home: 5)
        #expect(throws: StoreError.unknownDevice) {
            try harness.store.change(.revokeTokens(of: bob, device: 9), home: 5)
        }
        try harness.store.change(.removeAccount(bob), home: 5)
        #expect(throws: StoreError.unknownAccount) {
            try harness.store.change(.removeAccount(bob), home: 5)
        }
        try harness.store.change(.addAccount(bob, keys: .sample(1)), home: 5)
        try harness.store.change(.revokeTokens(of: bob, device: nil), home: nil)
        #expect(
            harness.inbox.answers(shard: 5).map(\.reply.brief).dropFirst(2) == [
                "staleCredentials", "evict bob/0", "evict bob/*", "evict bob/*",
            ])
    }

    /// What a device says that it has leaves its queue with a proof that counts, and not without.
    @Test(arguments: Backend.allCases) func whatADeviceHasLeavesItsQueue(_ backend: Backend) throws
    {
        let harness = try harness(backend)
        #expect(try harness.password("bob/0", issued: token(1)))
        for id in ["1", "2"] { _ = try harness.enqueue(id, to: "bob") }
        let stale = try harness.logIn(
            "bob/0", .token(storedKey: token(2).storedKey), settled: [key("1")])
        #expect(stale.brief == "staleCredentials")
        #expect(try harness.ids("bob/0") == ["1", "2"])
        let reply = try harness.logIn(
            "bob/0", .token(storedKey: token(1).storedKey), settled: [key("1"), key("never")])
        guard case .opened(let opening) = reply else {
            Issue.record("\(reply.brief)")
            return
        }
        #expect(opening.page.rows.map(\.stanza.key.id.text) == ["2"])
        #expect(try harness.ids("bob/0") == ["2"])
    }

    @Test func theyOutliveTheProcess() throws {
        do {
            let harness = try harness(.sqlite)
            #expect(try harness.password("bob/0", issued: token(1)))
            #expect(try harness.use(token(1), "bob/0", issued: token(2)))
            harness.store.close()
        }
        let harness = try Harness(.sqlite, directory: directory)
        #expect(
            try harness.tokens("bob/0") == [
                DeviceToken(keys: token(1), isUsed: true),
                DeviceToken(keys: token(2), isUsed: false),
            ])
    }

    @Test func theSameIsLookedUpForAnAccountThatIsNone() throws {
        let tables = CountingTables()
        tables.addAccount(try name("bob"), keys: .sample(1))
        tables.addDevice(try device("bob/0"))
        let logic = StoreLogic(tables: tables, limits: StoreLimits(), log: { _ in })
        var lookUps: [[String]] = []
        var closed = ClosedFlows()
        for address in ["bob/0", "bob/1", "nobody/0"] {
            tables.lookUps = []
            let request = StoreRequest.credentials(try device(address))
            _ = try logic.execute([.request(request, ticket: 1, shard: 0)], closed: &closed)
            lookUps.append(tables.lookUps)
        }
        #expect(lookUps == Array(repeating: ["keys", "tokens"], count: 3))
    }
}

/// Tables that note what logins look up.
private final class CountingTables: StoreTables {
    private let tables = MemoryTables()
    var lookUps: [String] = []

    func keys(of account: Localpart) -> ScramKeys? {
        lookUps.append("keys")
        return tables.keys(of: account)
    }
    func tokens(of address: DeviceAddress) -> [DeviceToken] {
        lookUps.append("tokens")
        return tables.tokens(of: address)
    }
    func devices(of account: Localpart) -> [DeviceDepth]? { tables.devices(of: account) }
    func addDevice(_ address: DeviceAddress) { tables.addDevice(address) }
    func isWaiting(_ key: StanzaKey, for address: DeviceAddress) -> Bool {
        tables.isWaiting(key, for: address)
    }
    func insert(_ stanza: QueuedStanza, sentAt: UInt64, for address: DeviceAddress) {
        tables.insert(stanza, sentAt: sentAt, for: address)
    }
    func remove(_ key: StanzaKey, from address: DeviceAddress) {
        tables.remove(key, from: address)
    }
    func oldest(acceptedUntil: UInt64, countMax: Int) throws(StoreError) -> [OldestRow] { [] }
    func remove(_ row: OldestRow) throws(StoreError) {}
    func page(
        of address: DeviceAddress, after: Int64, countMax: Int, sizeMax: Int
    ) -> QueuePage {
        tables.page(of: address, after: after, countMax: countMax, sizeMax: sizeMax)
    }
    func contacts(of account: Localpart) -> [Localpart] { tables.contacts(of: account) }
    func changeContacts(of account: Localpart, added: [Localpart], removed: [Localpart]) {
        tables.changeContacts(of: account, added: added, removed: removed)
    }
    func setTokens(_ tokens: [DeviceToken], of address: DeviceAddress) {
        tables.setTokens(tokens, of: address)
    }
    func removeTokens(of account: Localpart) { tables.removeTokens(of: account) }
    func addAccount(_ name: Localpart, keys: ScramKeys) { tables.addAccount(name, keys: keys) }
    func removeAccount(_ name: Localpart) { tables.removeAccount(name) }
    func setKeys(_ keys: ScramKeys, of name: Localpart) { tables.setKeys(keys, of: name) }
}
