// A database on a disk that can fail: what readers see, and what would survive a power cut, are two things.
//
// Invariant: what is durable changes only by a sync that worked. A sync that failed leaves what readers see
// as it was before the batch or after it, and neither is durable until a later sync works.

internal import Base
internal import Storage
internal import Wire

/// The engine behind a simulated store; outlives the process.
final class SimulatedDisk: StoreEngine {
    /// Why it does not do what it should.
    enum Trouble {
        case none
        /// No room: a batch that inserts fails.
        case full
        /// No room even to remove something.
        case fullToTheBrim
        /// Another process holds the lock.
        case locked
        /// The next syncs fail.
        case syncFails(count: Int)
    }

    private let visible = MemoryTables()
    private(set) var durable = MemoryTables.Contents()
    private let limits: StoreLimits
    private let canary: Canary?
    private unowned let world: World
    private var isOpen = false
    /// A batch that readers see failed to sync: the system takes its pages for written, and no later sync
    /// of the log makes it, or what comes behind it, durable. Only writing everything anew does.
    private var hasHole = false
    var trouble = Trouble.none

    init(limits: StoreLimits, canary: Canary?, world: World) {
        self.limits = limits
        self.canary = canary
        self.world = world
    }

    func open() throws(StoreError) {
        precondition(!isOpen, "opened twice")
        if case .locked = trouble { throw Self.locked }
        isOpen = true
    }

    func settle(checkingContent: Bool) throws(StoreError) {
        if canary == .unverifiedReopen { return }
        try sync()
        durable = visible.contents
        hasHole = false
    }

    func execute(
        _ batch: [StoreEntry], closed: inout ClosedFlows
    ) throws(StoreError) -> [EntryOutcome] {
        if canary == .refusalForgotten { closed = ClosedFlows() }
        precondition(isOpen, "not open")
        if case .locked = trouble { throw Self.locked }
        let before = visible.contents
        let outcomes = try executeOnce(batch, closed: &closed)
        if isFull(before) {
            visible.contents = before
            throw StoreError.database(code: 13, message: "database or disk is full")
        }
        // A transaction that changed nothing writes nothing, and so syncs nothing.
        guard visible.contents.changeCount != before.changeCount else { return outcomes }
        do throws(StoreError) {
            try sync()
        } catch {
            if world.random.chance(50) {
                visible.contents = before
            } else {
                hasHole = true
                noteKept(batch, outcomes)
            }
            throw error
        }
        if !hasHole { durable = visible.contents }
        return outcomes
    }

    /// Executes without a sync, as a planted bug does.
    func executeUnsynced(_ batch: [StoreEntry], closed: ClosedFlows) -> [EntryOutcome] {
        do throws(StoreError) {
            var closed = closed
            return try executeOnce(batch, closed: &closed)
        } catch {
            preconditionFailure("memory failed: \(error)")
        }
    }

    /// Executes a batch; whatever becomes of it, nothing may expire that is not old enough.
    private func executeOnce(
        _ batch: [StoreEntry], closed: inout ClosedFlows
    ) throws(StoreError) -> [EntryOutcome] {
        let before = visible.contents
        let outcomes = try logic().execute(batch, closed: &closed)
        guard case .expire(let step)? = batch.first else { return outcomes }
        world.ledger.expired(
            Array(visible.contents.expired.dropFirst(before.expired.count)), step, before, world)
        return outcomes
    }

    /// Nobody is told of these, and they are there.
    private func noteKept(_ batch: [StoreEntry], _ outcomes: [EntryOutcome]) {
        for (entry, outcome) in zip(batch, outcomes) {
            guard case .request(.enqueue(let request), _, _) = entry,
                case .reply(.enqueued(let devices, let copies)) = outcome
            else { continue }
            world.ledger.kept(request, at: devices, copies: copies)
        }
    }

    func close() { isOpen = false }

    /// The process is gone in the midst of a batch, which may have reached the disk's cache whole.
    func crash(_ batch: [StoreEntry], closed: ClosedFlows, losingPower: Bool) {
        if isOpen, !batch.isEmpty, case .none = trouble, world.random.chance(50) {
            noteKept(batch, executeUnsynced(batch, closed: closed))
        }
        isOpen = false
        // The system may have written its cache back of its own accord.
        guard losingPower else { return }
        defer { hasHole = false }
        if hasHole || world.random.chance(80) {
            visible.contents = durable
        } else {
            durable = visible.contents
        }
    }

    private func sync() throws(StoreError) {
        guard case .syncFails(let count) = trouble else { return }
        trouble = count > 1 ? .syncFails(count: count - 1) : .none
        throw StoreError.database(code: 1_034, message: "disk I/O error")
    }

    private func isFull(_ before: MemoryTables.Contents) -> Bool {
        switch trouble {
        case .full: visible.contents.insertCount != before.insertCount
        case .fullToTheBrim: visible.contents.changeCount != before.changeCount
        case .none, .locked, .syncFails: false
        }
    }

    private func logic() -> StoreLogic<SimulatedTables> {
        StoreLogic(tables: SimulatedTables(visible, canary), limits: limits, log: { _ in })
    }

    private static let locked = StoreError.database(code: 5, message: "database is locked")

    // MARK: For the world

    /// Adds an account before anything happens.
    func addAccount(_ name: Localpart, keys: ScramKeys) {
        visible.addAccount(name, keys: keys)
        visible.addDevice(DeviceAddress(user: name, device: 0))
        durable = visible.contents
    }

    /// A reader's view of what a login is checked against; nil when there is no such account.
    func credentials(of device: DeviceAddress) throws(StoreError) -> AccountCredentials? {
        if case .locked = trouble { throw Self.locked }
        guard let keys = visible.keys(of: device.user) else { return nil }
        return AccountCredentials(keys: keys, tokens: visible.tokens(of: device))
    }

    /// The sync that a planted bug made late.
    func syncForCanary() { durable = visible.contents }

    /// The devices that an account has for certain.
    func durableDevices(of name: Localpart) -> [UInt8] {
        durable.accounts[name]?.queues.keys.sorted() ?? []
    }

    func durableQueue(of device: DeviceAddress) -> [StanzaKey] {
        durable.accounts[device.user]?.queues[device.device]?.rows.map(\.stanza.key) ?? []
    }

    /// What waits for a device as readers see it.
    func queue(of device: DeviceAddress) -> [StanzaKey] {
        visible.contents.accounts[device.user]?.queues[device.device]?.rows.map(\.stanza.key) ?? []
    }

    /// The payloads that wait for a device, as readers see them.
    func queueSize(of device: DeviceAddress) -> Int {
        visible.contents.accounts[device.user]?.queues[device.device]?.size ?? 0
    }

    /// Whether a stanza left that queue since it was too old, as readers see it.
    func hasExpired(_ place: QueuePlace) -> Bool { visible.contents.expired.contains(place) }

    /// The first of all rows, if it was accepted then or before.
    func oldest(acceptedUntil: UInt64) -> OldestRow? {
        visible.oldest(acceptedUntil: acceptedUntil, countMax: 1).first
    }

    /// Every device there is, in order.
    var allDevices: [DeviceAddress] {
        visible.contents.accounts.keys.sorted().flatMap { user in
            (visible.contents.accounts[user]?.queues.keys.sorted() ?? []).map {
                DeviceAddress(user: user, device: $0)
            }
        }
    }
}
