// Some sessions, two routers and a store in memory, in one thread, with a clock that a script moves.
//
// What one part says to another waits in a link until it is carried: first in, first out between the same
// two places, in any order between different ones, as mailboxes do. The store answers when it is told to
// commit. The gateway's shards carry the same effects in the same way over real sockets and threads.

internal import Base
internal import FuzzTargets
internal import Sessions
internal import Storage
internal import Wire

/// Where a message comes from or goes to.
enum Place: Hashable {
    case session(Int)
    case router(Int)
    case store
}

/// Two places; messages between them keep their order.
struct Link: Hashable {
    var from: Place
    var to: Place
}

/// What the world has promised.
struct WorldBook {
    var stanzas = SessionLedger()
    var tokens = TokenBook()
}

/// Who asked the store for a device: tickets are a router's own.
private struct OpeningKey: Hashable {
    var shard: Int
    var ticket: UInt64
}

/// What the store was asked to open, and what the device said that it has.
private struct Opening {
    var device: DeviceAddress
    var settled: [StanzaKey]
}

/// What waits in a link.
enum Carried {
    case session(SessionAddress, SessionInput)
    case router(RouterInput)
    case answer(StoreAnswer)
}

/// The whole of it.
final class SessionWorld {
    static let sessionCount = 3
    static let routerCount = 2
    static let userNames = ["alice", "bob", "carol"]

    let limits = SessionWorld.tightLimits
    let environment: SessionEnvironment
    let cryptography = FixedCryptography()
    let store: MemoryStore
    let users: [Localpart]
    var peers: [Peer?]
    var routers: [Router]
    var book = WorldBook()
    var moment = Moment(monotonic: Instant(milliseconds: 1), unixSeconds: 1_700_000_000)
    /// Links with something in them, in the order in which they came to be.
    private(set) var links: [(link: Link, messages: [Carried])] = []
    private let committed = Lock<[(shard: Int, answers: [StoreAnswer])]>([])
    private var openings: [OpeningKey: Opening] = [:]
    private var lookUps: [UInt64: SessionAddress] = [:]
    private var lookUpLast: UInt64 = 0
    private var connectionCount: UInt32 = 0

    init() {
        precondition(limits.validate() == nil, limits.validate() ?? "")
        environment = SessionEnvironment(
            context: FuzzWorld.context, limits: limits, cryptography: cryptography,
            unknownAccountSecret: [7])
        let committed = committed
        store = MemoryStore(limits: StoreLimits(limits)) { shard, answers in
            committed.withLock { $0.append((shard, answers)) }
        }
        users = Self.userNames.compactMap { Localpart($0) }
        peers = Array(repeating: nil, count: Self.sessionCount)
        let context = FuzzWorld.context
        let limits = limits
        routers = (0..<Self.routerCount).map { _ in Router(limits: limits, context: context) }
        for user in users {
            do {
                try store.addAccount(user, keys: Peer.keys)
            } catch {
                preconditionFailure("\(user): \(error)")
            }
            book.stanzas.opened(user, [0])
        }
    }

    /// Limits so small that scripts reach them.
    private static let tightLimits: Limits = {
        var limits = Limits()
        limits.frameSizeMaxBeforeLogin = 2_048
        limits.loginTokenLifetimeS = 3_600
        limits.frameSizeMax = 4_096
        limits.presetDeflateSizeMin = 1
        limits.unackedPerSessionMax = 6
        limits.unsettledPerShardMax = 10
        limits.inFlightPerDeviceMax = 4
        limits.inFlightPerDeviceLow = 2
        limits.earlyAckBacklogMax = 6
        limits.inFlightSizePerDeviceMax = 8_192
        limits.pageCountMax = 3
        limits.pageSizeMax = 2_048
        limits.tailCountMax = 2
        limits.tailSizeMax = 1_024
        limits.queueDepthMax = 12
        limits.devicesPerAccountMax = 3
        limits.contactsPerAccountMax = 2
        limits.contactChangesPerIQMax = 3
        limits.storeDepthMax = 24
        limits.storeBatchMax = 24
        return limits
    }()

    // MARK: Connections

    /// A new connection in place of the one that was there.
    func connect(_ index: Int) {
        drop(index)
        connectionCount += 1
        let slot = SlotID(index: UInt32(index), generation: connectionCount)
        let address = SessionAddress(shard: index % Self.routerCount, slot: slot)
        // Now and then TLS has no value to bind to.
        let binding =
            connectionCount % 8 == 0
            ? [] : cryptography.sha256(Array("connection \(connectionCount)".utf8))
        peers[index] = Peer(
            address: address,
            session: Session(
                address: address, channelBinding: binding, at: moment.monotonic),
            binding: binding, contexts: environment.contexts)
    }

    /// The connection is gone without a word.
    func drop(_ index: Int) {
        var effects: [SessionEffect] = []
        peers[index]?.session.connectionLost(effects: &effects)
        carry(effects, of: index)
        peers[index] = nil
    }

    /// A login begins, in the book; its bytes are still to be sent.
    func begin(
        _ device: DeviceAddress, _ token: LoginToken?, isGenuine: Bool, issues: Bool
    ) -> LoginAttempt {
        let isAlone = !peers.contains { $0?.login == device && $0?.attempt?.isOver == false }
        return book.tokens.begin(
            device, token, isGenuine: isGenuine, isAlone: isAlone, issues: issues,
            at: moment.unixSeconds)
    }

    var tokens: TokenBook { book.tokens }

    /// An operator ends tokens, of one device or of all, or the password changes (to the same one). What
    /// waited for the store is executed first.
    func revoke(_ user: Localpart, _ choice: Int) {
        let device = choice % 5 < 4 ? UInt8(choice % 5) : nil
        do throws(StoreError) {
            let isPassword = device == nil && choice & 1 == 1
            try store.change(
                isPassword
                    ? .setKeys(Peer.keys, of: user) : .revokeTokens(of: user, device: device),
                home: home(of: user))
            book.tokens.revoked(user, device)
            for index in peers.indices { peers[index]?.evict(user, device) }
        } catch {
            precondition(error == .unknownDevice || error == .overloaded, "\(error)")
        }
        commit()
    }

    /// Bytes from a session's client.
    func feed(_ index: Int, _ bytes: [UInt8]) {
        guard peers[index]?.isOpen == true else { return }
        // A session that does not read fills its socket, not our memory.
        guard (peers[index]?.inbound.count ?? 0) + bytes.count <= limits.frameSizeMax else {
            return
        }
        peers[index]?.inbound += bytes
        resume(index)
    }

    /// Whatever makes a session act: `body`, then its effects, its output, and what it left unread.
    func act(
        _ index: Int,
        _ body: (inout Session, SessionEnvironment, inout ByteBuffer, inout [SessionEffect]) -> Void
    ) {
        guard peers[index]?.isOpen == true else { return }
        var output = ByteBuffer()
        var effects: [SessionEffect] = []
        guard var session = peers[index]?.session else { return }
        body(&session, environment, &output, &effects)
        peers[index]?.session = session
        precondition(output.count <= limits.outputSizeMax, "\(output.count) bytes in one step")
        carry(effects, of: index)
        peers[index]?.take(output.bytes, at: moment.unixSeconds, &book)
    }

    /// Reads on until the session stops reading or wants more.
    private func resume(_ index: Int) {
        let moment = moment
        var used = 1
        while used > 0, let inbound = peers[index]?.inbound, !inbound.isEmpty {
            used = 0
            peers[index]?.inbound = []
            act(index) { session, environment, output, effects in
                used = session.receive(
                    inbound.span.bytes, at: moment, in: environment, output: &output,
                    effects: &effects)
            }
            precondition(used >= 0 && used <= inbound.count, "used \(used) of \(inbound.count)")
            // What its client answered meanwhile is behind what it left unread.
            peers[index]?.inbound.insert(contentsOf: inbound[used...], at: 0)
        }
    }

    // MARK: Effects

    private func carry(_ effects: [SessionEffect], of index: Int) {
        guard let address = peers[index]?.address else { return }
        for effect in effects {
            switch effect {
            case .lookUpCredentials(let user):
                lookUpLast += 1
                lookUps[lookUpLast << 1 | 1] = address
                let ticket = lookUpLast << 1 | 1
                if ask(.credentials(user), ticket: ticket, shard: address.shard) { continue }
                post(
                    .answer(StoreAnswer(ticket: ticket, reply: .failed)), from: .store,
                    to: .router(address.shard))
            case .toRouter(let home, let input):
                record(input, of: index)
                post(.router(input), from: .session(index), toHomeOf: home)
            case .close:
                peers[index]?.isOpen = false
            case .note(.loggedIn(let device)):
                precondition(device == peers[index]?.login, "\(device) without its password")
            case .note:
                break
            }
        }
    }

    /// Notes what a session claims, and that it claims it for itself only.
    private func record(_ input: RouterInput, of index: Int) {
        guard let peer = peers[index] else { return }
        switch input {
        case .claim(let device, let session, _, _):
            precondition(
                device == peer.login && session == peer.address, "\(device) is not its own")
            precondition(
                peer.attempt?.mayWin == true, "\(device) with a token that is not good")
        case .release(let device, let session),
            .setAvailable(let device, let session, _), .readAgain(let device, let session):
            precondition(
                device == peer.login && session == peer.address, "\(device) is not its own")
        case .route(let request, let origin):
            precondition(
                request.key.sender == peer.login && origin == peer.address, "\(request.key)")
            book.stanzas.sent(request, from: origin)
        case .settle(let device, let session, let key, _):
            precondition(
                device == peer.login && session == peer.address, "\(device) is not its own")
            precondition(peer.isOnline, "\(key) settled before \(device) was in")
            book.stanzas.settled(device, key)
        case .contacts(let request):
            precondition(request.device == peer.login, "\(request.device) is not its own")
        case .transient, .presence, .reopen, .stored, .mayWait:
            break
        }
    }

    private func carry(_ effects: [RouterEffect], of index: Int) {
        for effect in effects {
            switch effect {
            case .toSession(let address, let input):
                if case .accepted(let key, let recipient, _) = input {
                    book.stanzas.acked(key, recipient)
                }
                post(
                    .session(address, input), from: .router(index),
                    to: .session(Int(address.slot.index)))
            case .toRouter(let home, let input):
                post(.router(input), from: .router(index), toHomeOf: home)
            case .toStore(let request, let ticket):
                if ask(request, ticket: ticket << 1, shard: index) || !request.hasAnswer {
                    continue
                }
                var answer: [RouterEffect] = []
                routers[index].receive(
                    .notTaken, ticket: ticket, at: moment.unixSeconds, effects: &answer)
                carry(answer, of: index)
            }
        }
    }

    private func ask(_ request: StoreRequest, ticket: UInt64, shard: Int) -> Bool {
        guard store.submit(request, ticket: ticket, shard: shard) else { return false }
        if case .openDevice(let device, _, let login) = request {
            openings[OpeningKey(shard: shard, ticket: ticket)] = Opening(
                device: device, settled: login?.settled ?? [])
        }
        return true
    }

    private func post(_ message: Carried, from: Place, toHomeOf user: Localpart) {
        post(message, from: from, to: .router(home(of: user)))
    }

    func home(of user: Localpart) -> Int { user.home(among: Self.routerCount) }

    /// Puts a message into its link.
    func post(_ message: Carried, from: Place, to: Place) {
        let link = Link(from: from, to: to)
        if let index = links.firstIndex(where: { $0.link == link }) {
            links[index].messages.append(message)
        } else {
            links.append((link, [message]))
        }
    }

    // MARK: Carrying

    /// Carries the oldest message of one link; false when nothing waits anywhere.
    @discardableResult
    func carryOne(_ choice: Int) -> Bool {
        guard !links.isEmpty else { return false }
        let index = choice % links.count
        let link = links[index].link
        let message = links[index].messages.removeFirst()
        if links[index].messages.isEmpty { links.remove(at: index) }
        var effects: [RouterEffect] = []
        switch (message, link.to) {
        case (.session(let address, let input), _):
            deliver(input, to: address)
        case (.router(let input), .router(let router)):
            routers[router].receive(input, at: moment.unixSeconds, effects: &effects)
            carry(effects, of: router)
        case (.answer(let answer), .router(let router)) where answer.ticket & 1 == 0:
            routers[router].receive(
                answer.reply, ticket: answer.ticket >> 1, at: moment.unixSeconds, effects: &effects)
            carry(effects, of: router)
        case (.answer(let answer), _):
            guard let address = lookUps.removeValue(forKey: answer.ticket) else { break }
            let input: SessionInput =
                if case .credentials(let keys) = answer.reply { .credentials(keys) } else {
                    .credentialsUnavailable
                }
            deliver(input, to: address)
        case (.router, _):
            preconditionFailure("\(link) carries a router's message")
        }
        return true
    }

    /// Gives a session an answer, if it still is there, then what it had left unread.
    private func deliver(_ input: SessionInput, to address: SessionAddress) {
        let index = Int(address.slot.index)
        if let echo = input.echo {
            post(.router(echo.input), from: .session(index), toHomeOf: echo.home)
        }
        guard peers[index]?.address == address else { return }
        let moment = moment
        act(index) { session, environment, output, effects in
            session.deliver(
                input, at: moment, in: environment, output: &output, effects: &effects)
        }
        resume(index)
    }

    /// The store commits, or fails to.
    func commit(_ error: StoreError? = nil, isDurable: Bool = false) {
        if let error {
            store.failCommit(error, isDurable: isDurable)
        } else {
            store.commit()
        }
        let batches = committed.withLock { batches in
            defer { batches = [] }
            return batches
        }
        for batch in batches {
            for answer in batch.answers {
                let key = OpeningKey(shard: batch.shard, ticket: answer.ticket)
                if answer.ticket & 1 == 0, let asked = openings.removeValue(forKey: key) {
                    opened(asked, answer.reply)
                }
                post(.answer(answer), from: .store, to: .router(batch.shard))
            }
        }
    }

    /// A device was opened or not. Only a proof that counted takes anything off its queue.
    private func opened(_ asked: Opening, _ reply: StoreReply) {
        switch reply {
        case .opened(let opening):
            book.stanzas.opened(asked.device.user, opening.devices)
        case .failed:
            break  // it may be durable all the same
        default:
            return
        }
        for key in asked.settled { book.stanzas.settled(asked.device, key) }
    }

    /// Commits and carries until nothing is left to do.
    func settle() {
        for _ in 0..<10_000 {
            if carryOne(0) { continue }
            guard store.waitingCount > 0 else { return }
            commit()
        }
        preconditionFailure("the world does not come to rest")
    }

    /// The machine stops and comes back: what was committed is there, nothing else.
    func restart() {
        store.crash()
        openings = [:]
        links = []
        lookUps = [:]
        peers = Array(repeating: nil, count: Self.sessionCount)
        let limits = limits
        routers = routers.map { _ in Router(limits: limits, context: FuzzWorld.context) }
    }

    // MARK: Checks

    /// What must hold after each step.
    func checkInvariants() {
        for router in routers { router.checkInvariants() }
        for peer in peers {
            guard let peer, let device = peer.session.device else { continue }
            precondition(device == peer.login, "\(device) is held by \(peer.login as Any)")
        }
    }

    /// Brings the world to rest, then compares what was promised with what waits in the store.
    func audit() {
        settle()
        for peer in peers {
            precondition(
                peer?.isEvicted != true || peer?.session.device == nil,
                "\(peer?.login as Any) outlived its credentials")
        }
        let checker = Self.routerCount
        var tickets: [UInt64: DeviceAddress] = [:]
        var waiting: Set<Arrived> = []
        for device in book.stanzas.allDevices {
            var after: Int64 = 0
            for _ in 0...limits.queueDepthMax {
                let ticket = UInt64(tickets.count) + 1
                tickets[ticket] = device
                let request = StoreRequest.readPage(device, after: after, countMax: 100)
                precondition(store.submit(request, ticket: ticket, shard: checker), "no room")
                store.commit()
                let batches = committed.withLock { batches in
                    defer { batches = [] }
                    return batches
                }
                guard case .page(let page) = batches.first?.answers.first?.reply else { break }
                for row in page.rows {
                    waiting.insert(Arrived(key: row.stanza.key, device: device))
                    after = row.sequence
                }
                if page.isLast { break }
            }
        }
        book.stanzas.check(waiting: waiting)
    }
}
