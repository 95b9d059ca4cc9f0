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
    }

    private let state = Lock(State())

    func receive(_ shard: Int, _ answers: [StoreAnswer]) {
        state.withLock { state in
            state.answers[shard, default: []] += answers
            for answer in answers { state.taken[answer.ticket] = answer.reply }
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

final class Harness {
    let backend: Backend
    let inbox = Inbox()
    let store: any MessageStore & AccountStore
    private var ticketLast: UInt64 = 0

    init(
        _ backend: Backend, directory: TemporaryDirectory, limits: StoreLimits = StoreLimits(),
        options: SQLiteOptions = SQLiteOptions()
    ) throws {
        self.backend = backend
        let inbox = inbox
        switch backend {
        case .memory:
            store = MemoryStore(limits: limits) { inbox.receive($0, $1) }
        case .sqlite:
            store = try SQLiteStore(
                path: directory.path, limits: limits, options: options,
                log: { inbox.log($0) }, deliver: { inbox.receive($0, $1) })
        }
    }

    /// Submits without waiting; the ticket.
    func submit(_ request: StoreRequest, shard: Int = 0) -> UInt64? {
        ticketLast += 1
        return store.submit(request, ticket: ticketLast, shard: shard) ? ticketLast : nil
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
        kind: StanzaKind = .message, payload: [UInt8]? = nil
    ) throws -> StoreReply {
        try ask(request(id, from: sender, to: recipient, device: device, kind: kind, payload))
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
    kind: StanzaKind = .message, _ payload: [UInt8]? = nil
) throws -> StoreRequest {
    .enqueue(
        EnqueueRequest(
            key: try key(id, from: sender, kind: kind), recipient: try name(recipient),
            device: device, payload: payload ?? Array(id.utf8), sentAt: 1_700_000_000))
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
        case .enqueued(let devices): "enqueued \(devices)"
        case .unknownRecipient: "unknownRecipient"
        case .unknownDevice: "unknownDevice"
        case .queueFull: "queueFull"
        case .opened(let opening): "opened \(opening.devices)"
        case .unknownAccount: "unknownAccount"
        case .devicesFull: "devicesFull"
        case .page(let page): "page \(page.rows.count)"
        case .contacts(let names): "contacts \(names.map(\.text))"
        case .contactsFull: "contactsFull"
        case .failed: "failed"
        }
    }

    var isFailed: Bool {
        if case .failed = self { return true }
        return false
    }
}
