// A store of either kind with its answers collected, so that one suite can hold both to the same.

import Base
import Foundation
import Storage
import Wire

enum Backend: CaseIterable {
    case memory, sqlite
}

/// A directory that goes when the value does.
final class TemporaryDirectory: Sendable {
    let path: String

    init() {
        path =
            FileManager.default.temporaryDirectory
            .appendingPathComponent("store-\(UUID().uuidString)").path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// Answers as they come, by shard.
final class Inbox: Sendable {
    private struct State {
        var answers: [Int: [StoreAnswer]] = [:]
        var taken: [UInt64: StoreReply] = [:]
        var lines: [String] = []
        var expired: [Expired] = []
    }

    private let state = Lock(State())

    func receive(_ shard: Int, _ answers: [StoreAnswer]) {
        state.withLock { state in
            state.answers[shard, default: []] += answers
            for answer in answers { state.taken[answer.ticket] = answer.reply }
        }
    }

    func report(_ expired: Expired) { state.withLock { $0.expired.append(expired) } }

    /// What the steps of expiry did since the last call.
    func takeExpired() -> [Expired] {
        state.withLock { state in
            defer { state.expired = [] }
            return state.expired
        }
    }

    func log(_ line: String) { state.withLock { $0.lines.append(line) } }

    var lines: [String] { state.withLock { $0.lines } }

    func answers(shard: Int) -> [StoreAnswer] { state.withLock { $0.answers[shard] ?? [] } }

    var count: Int { state.withLock { $0.taken.count } }

    /// Waits for a reply, 20 s at most.
    func reply(to ticket: UInt64) throws -> StoreReply {
        for _ in 0..<100_000 {
            if let reply = state.withLock({ $0.taken[ticket] }) { return reply }
            usleep(200)
        }
        throw Missing(ticket: ticket)
    }

    struct Missing: Error { var ticket: UInt64 }
}

/// Clocks that go when they are told to.
final class TestClock: Sendable {
    static let start: UInt64 = 1_700_000_000
    private let state = Lock(
        Moment(monotonic: Instant(milliseconds: 5_000), unixSeconds: TestClock.start))

    var moment: Moment { state.withLock { $0 } }

    func advance(seconds: UInt64, wallSeconds: UInt64) {
        state.withLock { moment in
            moment.monotonic = moment.monotonic.advanced(byMs: seconds * 1_000)
            moment.unixSeconds += wallSeconds
        }
    }
}

final class Harness {
    /// How long stanzas wait, in seconds.
    static let lifetimeS: UInt64 = 1_000

    let backend: Backend
    let inbox = Inbox()
    let clock = TestClock()
    let store: any MessageStore & AccountStore
    private var ticketLast: UInt64 = 0

    init(
        _ backend: Backend, directory: TemporaryDirectory, limits: StoreLimits = StoreLimits(),
        options: SQLiteOptions = SQLiteOptions(), synthetic: SyntheticAccounts? = nil
    ) throws {
        self.backend = backend
        let inbox = inbox
        let clock = clock
        var options = options
        options.clock = { clock.moment }
        switch backend {
        case .memory:
            store = MemoryStore(limits: limits, synthetic: synthetic) { inbox.receive($0, $1) }
        case .sqlite:
            store = try SQLiteStore(
                path: directory.path, limits: limits, options: options, synthetic: synthetic,
                expiry: StoreExpiry(
                    lifetimeS: Self.lifetimeS, notice: Self.notice,
                    report: { inbox.report($0) }),
                log: { inbox.log($0) }, deliver: { inbox.receive($0, $1) })
        }
    }

    /// Submits without waiting; the ticket.
    func submit(_ request: StoreRequest, shard: Int = 0) -> UInt64? {
        ticketLast += 1
        return store.submit(request, ticket: ticketLast, shard: shard) ? ticketLast : nil
    }

    private static let notice: @Sendable (StanzaKey, UInt64) -> [UInt8] = { key, seconds in
        Array("\(key.id) at \(seconds)".utf8)
    }

    /// Lets so many seconds pass, then a step of expiry be made: what it did.
    func expire(afterS seconds: UInt64) throws -> Expired {
        // Enough for the pause between two steps; the clocks must not come apart by more than they may.
        clock.advance(seconds: max(seconds, 60), wallSeconds: seconds)
        if let store = store as? MemoryStore {
            let now = clock.moment.unixSeconds
            return store.expire(
                ExpiryStep(
                    acceptedUntil: now - Self.lifetimeS, unixSeconds: now, notice: Self.notice))
        }
        // The first wakes the writer, which makes the step then; the second comes behind it.
        for _ in 0..<2 { _ = try page("nobody/0") }
        return inbox.takeExpired().last ?? Expired()
    }

    func commit() { (store as? MemoryStore)?.commit() }

    func ask(_ request: StoreRequest, shard: Int = 0) throws -> StoreReply {
        guard let ticket = submit(request, shard: shard) else { throw StoreError.overloaded }
        commit()
        return try inbox.reply(to: ticket)
    }

    // MARK: Short forms

    func enqueue(
        _ id: String, from sender: String = "alice/1", to recipient: String, device: UInt8? = nil,
        kind: StanzaKind = .message, payload: [UInt8]? = nil, sentAt: UInt64 = TestClock.start
    ) throws -> StoreReply {
        try ask(
            request(
                id, from: sender, to: recipient, device: device, kind: kind, payload,
                sentAt: sentAt))
    }

    func settle(_ id: String, from sender: String = "alice/1", at address: String) throws {
        _ = submit(.settle(try device(address), try key(id, from: sender)))
        commit()
    }

    func page(_ address: String, after: Int64 = 0, countMax: Int = 100) throws -> QueuePage {
        let reply = try ask(.readPage(try device(address), after: after, countMax: countMax))
        guard case .page(let page) = reply else { throw Unexpected(reply: "\(reply)") }
        return page
    }

    func ids(_ address: String) throws -> [String] {
        try page(address, countMax: 1_000).rows.map(\.stanza.key.id.text)
    }

    func open(_ address: String, pageCountMax: Int = 100) throws -> DeviceOpening {
        let reply = try ask(.openDevice(try device(address), pageCountMax: pageCountMax))
        guard case .opened(let opening) = reply else { throw Unexpected(reply: "\(reply)") }
        return opening
    }

    func addAccount(_ text: String) throws {
        try store.addAccount(try name(text), keys: .sample(1))
    }

    struct Unexpected: Error { var reply: String }
}

struct Malformed: Error { var text: String }

func name(_ text: String) throws -> Localpart {
    guard let name = Localpart(text) else { throw Malformed(text: text) }
    return name
}

/// `user/device`.
func device(_ text: String) throws -> DeviceAddress {
    let parts = text.split(separator: "/")
    guard parts.count == 2, let device = UInt8(parts[1]) else { throw Malformed(text: text) }
    return DeviceAddress(user: try name(String(parts[0])), device: device)
}

func key(
    _ id: String, from sender: String = "alice/1", kind: StanzaKind = .message
) throws -> StanzaKey {
    guard let stanzaID = StanzaID(id) else { throw Malformed(text: id) }
    return StanzaKey(sender: try device(sender), id: stanzaID, kind: kind)
}

func request(
    _ id: String, from sender: String = "alice/1", to recipient: String, device: UInt8? = nil,
    kind: StanzaKind = .message, _ payload: [UInt8]? = nil, sentAt: UInt64 = TestClock.start,
    place: FlowPlace? = nil
) throws -> StoreRequest {
    .enqueue(
        EnqueueRequest(
            key: try key(id, from: sender, kind: kind), recipient: try name(recipient),
            device: device, payload: payload ?? Array(id.utf8), sentAt: sentAt,
            place: place))
}

/// What the session of that slot sends to bob.
func place(_ slot: UInt32, _ order: UInt64 = 0) throws -> FlowPlace {
    let origin = SessionAddress(shard: 0, slot: SlotID(index: slot, generation: 1))
    return FlowPlace(Flow(origin: origin, recipient: try name("bob")), order)
}

extension ScramKeys {
    static func sample(_ byte: UInt8) -> ScramKeys {
        ScramKeys(
            salt: [UInt8](repeating: byte, count: 16), iterations: 4_096,
            storedKey: [UInt8](repeating: byte &+ 1, count: 32),
            serverKey: [UInt8](repeating: byte &+ 2, count: 32))
    }
}

extension StoreReply {
    /// The case and the devices, for comparisons.
    var brief: String {
        switch self {
        case .credentials(let keys): keys == nil ? "no credentials" : "credentials"
        case .enqueued(let devices, let copies):
            "enqueued \(devices)" + (copies.isEmpty ? "" : ", copies \(copies)")
        case .unknownRecipient: "unknownRecipient"
        case .unknownDevice: "unknownDevice"
        case .queueFull: "queueFull"
        case .opened(let opening): "opened \(opening.devices)"
        case .unknownAccount: "unknownAccount"
        case .staleCredentials: "staleCredentials"
        case .devicesFull: "devicesFull"
        case .page(let page): "page \(page.rows.count)"
        case .contacts(let names): "contacts \(names.map(\.text))"
        case .contactsFull: "contactsFull"
        case .failed: "failed"
        case .heldBack: "heldBack"
        case .notTaken: "notTaken"
        case .evict(let eviction):
            "evict \(eviction.user)/\(eviction.device.map { "\($0)" } ?? "*")"
        }
    }

    var isFailed: Bool {
        if case .failed = self { return true }
        return false
    }
}
