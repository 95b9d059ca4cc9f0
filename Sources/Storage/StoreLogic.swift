// What a request means: the decisions that every back end shares.
//
// Entries are executed strictly in order. Each decision reads first and writes last, so that a
// refusal has changed nothing.

package import Wire

/// A change to the accounts, with the caller that waits for its outcome.
package enum AccountChange: Sendable {
    case addAccount(Localpart, keys: ScramKeys)
    case removeAccount(Localpart)
    case setKeys(ScramKeys, of: Localpart)
    case revokeTokens(of: Localpart, device: UInt8?)

    /// Whose sessions may not go on when it is done.
    package var eviction: Eviction? {
        switch self {
        case .addAccount:
            nil
        case .removeAccount(let name):
            Eviction(user: name, device: nil, cause: .accountRemoved)
        case .setKeys(_, let name):
            Eviction(user: name, device: nil, cause: .credentialsRevoked)
        case .revokeTokens(let name, let device):
            Eviction(user: name, device: device, cause: .credentialsRevoked)
        }
    }

    /// The same, given what became of the change. An account that is not there may have gone with a change
    /// that was reported as failed: what sessions it has left have no right to be.
    package func eviction(after error: StoreError?) -> Eviction? {
        error == nil || error == .unknownAccount ? eviction : nil
    }
}

/// Something that waits for the writer.
package enum StoreEntry: Sendable {
    case request(StoreRequest, ticket: UInt64, shard: Int)
    case admin(AccountChange, home: Int?, Completion)
    /// The writer's own: a step of looking for what has expired.
    case expire(ExpiryStep)

    /// Whether nobody waits for its answer, and it must not be lost for that.
    package var isSettle: Bool {
        if case .request(.settle(_, _), _, _) = self { return true }
        return false
    }

    /// Whether it may wait for the end of the window: only acks are late for it.
    package var canWait: Bool {
        switch self {
        case .request(.enqueue, _, _), .request(.settle, _, _), .request(.reopen, _, _), .expire:
            true
        case .request, .admin: false
        }
    }

    /// Whether it waits whatever else does.
    package var isAlwaysTaken: Bool {
        if case .request(let request, _, _) = self { return request.isAlwaysTaken }
        return false
    }
}

/// What became of an entry, to be told once the batch is durable.
package enum EntryOutcome {
    case nothingToSay
    case reply(StoreReply)
    case admin(StoreError?)
    case expired(Expired)
}

/// A caller's blocking wait for one outcome.
package final class Completion: Sendable {
    package init() {}

    private let outcome = Monitor<Result<Void, StoreError>?>(nil)

    package func finish(_ error: StoreError?) {
        outcome.withLock { $0 = error.map { .failure($0) } ?? .success(()) }
        outcome.wake()
    }

    package func wait() throws(StoreError) {
        guard let result = outcome.wait(timeoutMs: nil, { $0 }) else { throw .closed }
        try result.get()
    }
}

/// Executes entries on an engine's tables.
package struct StoreLogic<Tables: StoreTables> {
    let tables: Tables
    let limits: StoreLimits
    /// Accounts that exist without a row, if any.
    let synthetic: SyntheticAccounts?
    /// Told of a row that cannot be read.
    let log: @Sendable (String) -> Void

    package init(
        tables: Tables, limits: StoreLimits, synthetic: SyntheticAccounts? = nil,
        log: @escaping @Sendable (String) -> Void
    ) {
        self.tables = tables
        self.limits = limits
        self.synthetic = synthetic
        self.log = log
    }

    /// Executes a batch in order; messages behind a refused one are refused. Throws when the engine failed:
    /// then nothing of it counts.
    package func execute(
        _ batch: [StoreEntry], closed: inout ClosedFlows
    ) throws(StoreError) -> [EntryOutcome] {
        var outcomes: [EntryOutcome] = []
        outcomes.reserveCapacity(batch.count)
        for entry in batch { outcomes.append(try execute(entry, closed: &closed)) }
        return outcomes
    }

    private func execute(
        _ entry: StoreEntry, closed: inout ClosedFlows
    ) throws(StoreError) -> EntryOutcome {
        switch entry {
        case .admin(let request, _, _):
            return .admin(try execute(request))
        case .expire(let step):
            return .expired(try expire(step))
        case .request(.settle(let address, let key), _, _):
            try tables.remove(key, from: address)
            return .nothingToSay
        case .request(.reopen(let flow), _, _):
            closed.reopen(flow)
            return .nothingToSay
        case .request(.enqueue(let request), _, _):
            if closed.isClosed(request.place) { return .reply(.heldBack) }
            let reply = try answer(.enqueue(request))
            switch reply {
            case .queueFull, .failed:
                if let place = request.place { closed.close(place.flow) }
            default:
                break
            }
            return .reply(reply)
        case .request(let request, _, _):
            return .reply(try answer(request))
        }
    }

    private func answer(_ request: StoreRequest) throws(StoreError) -> StoreReply {
        do {
            return try reply(to: request)
        } catch .corrupt(let what) {
            // A row that cannot be read spoils its own request only: nothing was written.
            log("store: \(StoreError.corrupt(what))")
            return .failed
        } catch {
            throw error
        }
    }

    private func reply(to request: StoreRequest) throws(StoreError) -> StoreReply {
        switch request {
        case .credentials(let address):
            .credentials(try tables.credentials(of: address, synthetic: synthetic))
        case .enqueue(let request):
            try enqueue(request)
        case .settle, .reopen:
            preconditionFailure("\(request) has no answer")
        case .openDevice(let address, let pageCountMax, let login):
            try openDevice(address, pageCountMax: pageCountMax, login)
        case .readPage(let address, let after, let countMax):
            .page(try page(of: address, after: after, countMax: countMax))
        case .changeContacts(let name, let add, let remove):
            try changeContacts(of: name, add: add, remove: remove)
        }
    }

    private func enqueue(_ request: EnqueueRequest) throws(StoreError) -> StoreReply {
        try makeRow(of: request.recipient)
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
            if !target.hasRoom(for: request.payload, limits) { return .queueFull }
            fresh.append(address)
        }
        var copies = try copyTargets(of: request)
        // A repeat that waits everywhere came with its copies the first time. Of those that still wait nobody
        // may know: a batch that failed may be there all the same.
        if fresh.isEmpty { copies.removeAll { !$0.isWaiting } }
        let stanza = QueuedStanza(key: request.key, payload: request.payload)
        for address in fresh {
            try tables.insert(stanza, sentAt: request.sentAt, for: address)
        }
        for copy in copies where !copy.isWaiting {
            try tables.insert(
                QueuedStanza(key: request.key.ofCopy, payload: request.copy ?? []),
                sentAt: request.sentAt, for: copy.address)
        }
        return .enqueued(
            devices: targets.map(\.device), copies: copies.map(\.address.device))
    }

    /// The sender's other devices that get a copy. A full queue gets none: the sender's own devices never keep
    /// it from being heard.
    private func copyTargets(
        of request: EnqueueRequest
    ) throws(StoreError) -> [(address: DeviceAddress, isWaiting: Bool)] {
        guard let copy = request.copy else { return [] }
        let sender = request.key.sender
        var targets: [(address: DeviceAddress, isWaiting: Bool)] = []
        for device in try tables.devices(of: sender.user) ?? []
        where device.device != sender.device {
            let address = DeviceAddress(user: sender.user, device: device.device)
            if device.depth > 0, try tables.isWaiting(request.key.ofCopy, for: address) {
                targets.append((address, true))
            } else if device.hasRoom(for: copy, limits) {
                targets.append((address, false))
            }
        }
        return targets
    }

    private func openDevice(
        _ address: DeviceAddress, pageCountMax: Int, _ login: DeviceLogin?
    ) throws(StoreError) -> StoreReply {
        var login = login
        let settled = login?.settled ?? []
        if let synthetic, synthetic.contains(address.user) {
            // The device that every account has needs no row to come online: most never get anything.
            if address.device == 0, try tables.devices(of: address.user) == nil {
                return .opened(
                    DeviceOpening(
                        devices: [0], contacts: [], page: QueuePage(rows: [], isLast: true)))
            }
            try makeRow(of: address.user)
            login = nil  // the row's keys are nobody's, and there are no tokens
        }
        guard let known = try tables.devices(of: address.user) else { return .unknownAccount }
        let tokens: TokenUpdate
        switch try tokenUpdate(of: address, login) {
        case .some(let update): tokens = update
        case nil: return .staleCredentials
        }
        var devices = known.map(\.device)
        let isNew = !devices.contains(address.device)
        if isNew && devices.count >= limits.devicesPerAccountMax { return .devicesFull }
        let contacts = try tables.contacts(of: address.user)
        // Before the page is read; it holds whatever becomes of the rest, since the proof counts.
        for key in settled { try tables.remove(key, from: address) }
        let page = try page(of: address, after: 0, countMax: pageCountMax)
        if isNew {
            try tables.addDevice(address)
            devices.append(address.device)
            devices.sort()
        }
        if let changed = tokens.changed { try tables.setTokens(changed, of: address) }
        return .opened(
            DeviceOpening(
                devices: devices, contacts: contacts, page: page, isTokenKept: tokens.isIssued))
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
        try makeRow(of: name)
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

    /// Gives a synthetic account its row when there is something to keep for it.
    private func makeRow(of name: Localpart) throws(StoreError) {
        guard let synthetic, synthetic.contains(name), try tables.devices(of: name) == nil else {
            return
        }
        try tables.addAccount(name, keys: synthetic.rowKeys)
        try tables.addDevice(DeviceAddress(user: name, device: 0))
    }

    /// The caller's mistake, or nil.
    private func execute(_ request: AccountChange) throws(StoreError) -> StoreError? {
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
            try tables.removeTokens(of: name)
        case .revokeTokens(let name, let device):
            guard let devices = try tables.devices(of: name) else { return .unknownAccount }
            guard let device else {
                try tables.removeTokens(of: name)
                return nil
            }
            guard devices.contains(where: { $0.device == device }) else { return .unknownDevice }
            try tables.setTokens([], of: DeviceAddress(user: name, device: device))
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
        case (.admin(let change, let home?, _), .admin(let error)):
            guard let eviction = change.eviction(after: error) else { break }
            sheet.add(StoreAnswer(eviction), shard: home)
        default:
            break
        }
    }
    sheet.deliver(to: delivery)
    // Last: whoever waits for a change may rely on its news being on their way.
    for case (.admin(_, _, let completion), .admin(let error)) in zip(batch, outcomes) {
        completion.finish(error)
    }
}

/// What everyone in a batch is told when it failed; nothing that is behind one of its messages may be taken.
func failures(
    of batch: [StoreEntry], _ error: StoreError, closed: inout ClosedFlows
) -> [EntryOutcome] {
    batch.map { entry in
        switch entry {
        case .request(.reopen(let flow), _, _):
            closed.reopen(flow)
            return .nothingToSay
        case .request(.enqueue(let request), _, _):
            if closed.isClosed(request.place) { return .reply(.heldBack) }
            if let place = request.place { closed.close(place.flow) }
            return .reply(.failed)
        case .request(let request, _, _):
            return request.hasAnswer ? .reply(.failed) : .nothingToSay
        case .admin:
            return .admin(error)
        case .expire:
            return .nothingToSay
        }
    }
}
