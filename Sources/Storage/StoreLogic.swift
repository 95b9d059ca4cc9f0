// What a request means: the decisions that every back end shares.
//
// Entries are executed strictly in order. Each decision reads first and writes last, so that a
// refusal has changed nothing.

internal import Wire

/// A change to the accounts, with the caller that waits for its outcome.
enum AdminRequest: Sendable {
    case addAccount(Localpart, keys: ScramKeys)
    case removeAccount(Localpart)
    case setKeys(ScramKeys, of: Localpart)
}

/// Something that waits for the writer.
enum StoreEntry: Sendable {
    case request(StoreRequest, ticket: UInt64, shard: Int)
    case admin(AdminRequest, Completion)

    /// Whether nobody waits for its answer.
    var isSettle: Bool {
        if case .request(.settle(_, _), _, _) = self { return true }
        return false
    }
}

/// What became of an entry, to be told once the batch is durable.
enum EntryOutcome {
    case nothingToSay
    case reply(StoreReply)
    case admin(StoreError?)
}

/// A caller's blocking wait for one outcome.
final class Completion: Sendable {
    private let outcome = Monitor<Result<Void, StoreError>?>(nil)

    func finish(_ error: StoreError?) {
        outcome.withLock { $0 = error.map { .failure($0) } ?? .success(()) }
        outcome.wake()
    }

    func wait() throws(StoreError) {
        guard let result = outcome.wait(timeoutMs: nil, { $0 }) else { throw .closed }
        try result.get()
    }
}

/// Executes entries on an engine's tables.
struct StoreLogic<Tables: StoreTables> {
    let tables: Tables
    let limits: StoreLimits
    /// Told of a row that cannot be read.
    let log: @Sendable (String) -> Void

    /// Executes a batch in order. Throws when the engine failed: then nothing of it counts.
    func execute(_ batch: [StoreEntry]) throws(StoreError) -> [EntryOutcome] {
        var outcomes: [EntryOutcome] = []
        outcomes.reserveCapacity(batch.count)
        for entry in batch { outcomes.append(try execute(entry)) }
        return outcomes
    }

    private func execute(_ entry: StoreEntry) throws(StoreError) -> EntryOutcome {
        switch entry {
        case .admin(let request, _):
            return .admin(try execute(request))
        case .request(.settle(let address, let key), _, _):
            try tables.remove(key, from: address)
            return .nothingToSay
        case .request(let request, _, _):
            do {
                return .reply(try reply(to: request))
            } catch .corrupt(let what) {
                // A row that cannot be read spoils its own request only: nothing was written.
                log("store: \(StoreError.corrupt(what))")
                return .reply(.failed)
            } catch {
                throw error
            }
        }
    }

    private func reply(to request: StoreRequest) throws(StoreError) -> StoreReply {
        switch request {
        case .credentials(let name):
            .credentials(try tables.keys(of: name))
        case .enqueue(let request):
            try enqueue(request)
        case .settle:
            preconditionFailure("settle has no answer")
        case .openDevice(let address, let pageCountMax):
            try openDevice(address, pageCountMax: pageCountMax)
        case .readPage(let address, let after, let countMax):
            .page(try page(of: address, after: after, countMax: countMax))
        case .changeContacts(let name, let add, let remove):
            try changeContacts(of: name, add: add, remove: remove)
        }
    }

    private func enqueue(_ request: EnqueueRequest) throws(StoreError) -> StoreReply {
        guard var targets = try tables.devices(of: request.recipient) else {
            return .unknownRecipient
        }
        if let device = request.device {
            targets.removeAll { $0.device != device }
            if targets.isEmpty { return .unknownDevice }
        }
        var fresh: [DeviceAddress] = []
        for target in targets {
            let address = DeviceAddress(user: request.recipient, device: target.device)
            if target.depth > 0, try tables.isWaiting(request.key, for: address) { continue }
            if target.depth >= limits.queueDepthMax { return .queueFull }
            fresh.append(address)
        }
        let stanza = QueuedStanza(key: request.key, payload: request.payload)
        for address in fresh {
            try tables.insert(stanza, sentAt: request.sentAt, for: address)
        }
        return .enqueued(devices: targets.map(\.device))
    }

    private func openDevice(
        _ address: DeviceAddress, pageCountMax: Int
    ) throws(StoreError) -> StoreReply {
        guard let known = try tables.devices(of: address.user) else { return .unknownAccount }
        var devices = known.map(\.device)
        let isNew = !devices.contains(address.device)
        if isNew && devices.count >= limits.devicesPerAccountMax { return .devicesFull }
        let contacts = try tables.contacts(of: address.user)
        let page = try page(of: address, after: 0, countMax: pageCountMax)
        if isNew {
            try tables.addDevice(address)
            devices.append(address.device)
            devices.sort()
        }
        return .opened(DeviceOpening(devices: devices, contacts: contacts, page: page))
    }

    private func page(
        of address: DeviceAddress, after: Int64, countMax: Int
    ) throws(StoreError) -> QueuePage {
        try tables.page(
            of: address, after: after, countMax: max(0, min(countMax, limits.pageCountMax)),
            sizeMax: limits.pageSizeMax)
    }

    private func changeContacts(
        of name: Localpart, add: [Localpart], remove: [Localpart]
    ) throws(StoreError) -> StoreReply {
        guard try tables.devices(of: name) != nil else { return .unknownAccount }
        let before = Set(try tables.contacts(of: name))
        let after = before.subtracting(remove).union(add)
        if after.count > limits.contactsPerAccountMax && after.count > before.count {
            return .contactsFull
        }
        try tables.changeContacts(
            of: name, added: after.subtracting(before).sorted(),
            removed: before.subtracting(after).sorted())
        return .contacts(after.sorted())
    }

    /// The caller's mistake, or nil.
    private func execute(_ request: AdminRequest) throws(StoreError) -> StoreError? {
        switch request {
        case .addAccount(let name, let keys):
            if try tables.devices(of: name) != nil { return .accountExists }
            try tables.addAccount(name, keys: keys)
            try tables.addDevice(DeviceAddress(user: name, device: 0))
        case .removeAccount(let name):
            if try tables.devices(of: name) == nil { return .unknownAccount }
            try tables.removeAccount(name)
        case .setKeys(let keys, let name):
            if try tables.devices(of: name) == nil { return .unknownAccount }
            try tables.setKeys(keys, of: name)
        }
        return nil
    }
}

/// Answers in the making, by shard: order within a shard is the order of adding.
struct AnswerSheet {
    private var pages: [(shard: Int, answers: [StoreAnswer])] = []

    mutating func add(_ answer: StoreAnswer, shard: Int) {
        // Shards are few: a scan is cheaper than a dictionary.
        if let index = pages.firstIndex(where: { $0.shard == shard }) {
            pages[index].answers.append(answer)
        } else {
            pages.append((shard, [answer]))
        }
    }

    func deliver(to delivery: StoreDelivery) {
        for page in pages { delivery(page.shard, page.answers) }
    }
}

/// Tells everyone in a batch what became of it.
func deliver(_ outcomes: [EntryOutcome], of batch: [StoreEntry], to delivery: StoreDelivery) {
    var sheet = AnswerSheet()
    for (entry, outcome) in zip(batch, outcomes) {
        switch (entry, outcome) {
        case (.request(_, let ticket, let shard), .reply(let reply)):
            sheet.add(StoreAnswer(ticket: ticket, reply: reply), shard: shard)
        case (.admin(_, let completion), .admin(let error)):
            completion.finish(error)
        default:
            break
        }
    }
    sheet.deliver(to: delivery)
}

/// What everyone in a batch is told when it failed.
func failures(of batch: [StoreEntry], _ error: StoreError) -> [EntryOutcome] {
    batch.map { entry in
        switch entry {
        case .request where entry.isSettle: .nothingToSay
        case .request: .reply(.failed)
        case .admin: .admin(error)
        }
    }
}
