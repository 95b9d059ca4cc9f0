// The admin plane: one request line, one reply line, over a Unix socket that only its owner may open.
// One thread, one connection at a time: it serves operators, not traffic.

internal import Base
internal import Client
internal import Foundation
internal import Logging
internal import Reactor
internal import Sessions
internal import Storage
internal import TLS
internal import Wire

/// Serves `admin.sock`.
final class AdminServer: Sendable {
    private static let requestTimeoutMs: UInt64 = 5_000
    private static let acceptPauseMs: UInt64 = 100

    private let socket: Socket
    private let path: String
    private let thread: Lock<ShardThread?>
    private let wakeup: Wakeup
    private let domain: String
    private let acceptsBenchAccounts: Bool
    private let accounts: any AccountStore
    private let shards: [Shard]
    private let mailboxes: ShardDirectory
    private let tls: GatewayTLS
    private let logger: Logger
    private let startedAt = MonotonicClock.now()

    /// Listens on `path` and starts the thread.
    init(
        path: String, domain: String, acceptsBenchAccounts: Bool, accounts: any AccountStore,
        shards: [Shard], mailboxes: ShardDirectory, tls: GatewayTLS, logger: Logger
    ) throws(ReactorError) {
        self.path = path
        self.domain = domain
        self.acceptsBenchAccounts = acceptsBenchAccounts
        self.accounts = accounts
        self.shards = shards
        self.mailboxes = mailboxes
        self.tls = tls
        self.logger = logger
        socket = try Socket.listenUnix(path: path)
        wakeup = try Wakeup()
        thread = Lock(nil)
        let started = try ShardThread(name: "admin") { [unowned self] in self.run() }
        thread.withLock { $0 = started }
    }

    /// Ends the thread and removes the socket.
    func stop() {
        wakeup.signal()
        let running = thread.withLock { $0.take() }
        running?.join()
        Socket.removeUnix(path: path)
    }

    private func run() {
        while wait(for: socket.rawValue, [.readable], until: nil) {
            if case .accepted(var accepted) = socket.accept() {
                serve(&accepted.socket)
                continue
            }
            // Whoever waits stays in the queue; without a pause a lack of descriptors would spin.
            let end = MonotonicClock.now().advanced(byMs: Self.acceptPauseMs)
            _ = Reactor.wait(for: nil, [], wakeup: wakeup, until: end)
        }
    }

    /// Waits until the descriptor is ready. False when the server stops or time is up.
    private func wait(for descriptor: Int32, _ interest: Interest, until deadline: Instant?) -> Bool
    {
        Reactor.wait(for: descriptor, interest, wakeup: wakeup, until: deadline) == .ready
    }

    private func serve(_ connection: inout Socket) {
        var input = ByteBuffer()
        let deadline = MonotonicClock.now().advanced(byMs: Self.requestTimeoutMs)
        while true {
            let isFull = input.count > AdminRequest.sizeMax
            let end = input.withUnsafeBytes { $0.firstIndex(of: UInt8(ascii: "\n")) }
            if let end {
                let line = input.withUnsafeBytes { [UInt8]($0[..<end]) }
                reply(answer(line), over: &connection, until: deadline)
                return
            }
            if isFull {
                reply(
                    .refused(.badRequest, "longer than \(AdminRequest.sizeMax) bytes"),
                    over: &connection, until: deadline)
                return
            }
            guard MonotonicClock.now() < deadline,
                wait(for: connection.rawValue, [.readable], until: deadline)
            else { return }
            var status = IOResult.wouldBlock
            input.appendUpTo(AdminRequest.sizeMax) { spare in
                status = connection.read(into: spare)
                guard case .bytes(let count) = status else { return 0 }
                return count
            }
            switch status {
            case .bytes, .wouldBlock: continue
            case .closed, .failed: return
            }
        }
    }

    private func reply(_ reply: AdminReply, over connection: inout Socket, until deadline: Instant)
    {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let line = try? encoder.encode(reply) else { return }
        var output = ByteBuffer()
        output.append([UInt8](line))
        output.append(UInt8(ascii: "\n"))
        while !output.isEmpty {
            switch output.withUnsafeBytes({ connection.write($0) }) {
            case .bytes(let count):
                output.consume(count)
            case .wouldBlock:
                guard wait(for: connection.rawValue, [.writable], until: deadline) else { return }
            case .closed, .failed:
                return
            }
        }
    }

    private func answer(_ line: [UInt8]) -> AdminReply {
        guard let request = try? JSONDecoder().decode(AdminRequest.self, from: Data(line)) else {
            return .refused(.badRequest, "not a request")
        }
        do throws(StoreError) {
            switch request.command {
            case .status:
                var status = shards.status.merging(tls.status) { first, _ in first }
                status.merge(mailboxes.snapshot) { first, _ in first }
                status["bench-accounts"] = acceptsBenchAccounts ? 1 : 0
                status["store-failing"] = accounts.isFailing ? 1 : 0
                status["store-waiting"] = accounts.waitingCount
                let upMs = MonotonicClock.now().milliseconds(since: startedAt)
                status["uptime-s"] = Int(clamping: upMs / 1_000)
                return AdminReply(ok: true, status: status)
            case .reload:
                return reload()
            case .accountList:
                let names = try accounts.accounts().map { "\($0)@\(domain)" }
                return AdminReply(ok: true, accounts: names)
            case .accountAdd, .accountPassword, .accountRemove, .accountRevokeTokens:
                return try change(request)
            }
        } catch {
            return refusal(error)
        }
    }

    private func reload() -> AdminReply {
        do throws(TLSError) {
            try tls.reload()
            return .done
        } catch {
            return .refused(.notReloaded, "\(error); what was in use stays")
        }
    }

    private func change(_ request: AdminRequest) throws(StoreError) -> AdminReply {
        guard let text = request.name, let jid = JID(text), let name = jid.local, jid.device == nil
        else { return .refused(.badRequest, "the name is not USER@DOMAIN") }
        guard jid.domain == domain else {
            return .refused(.wrongDomain, "this gateway serves \(domain)")
        }
        let change: AccountChange
        switch request.command {
        case .accountRemove:
            change = .removeAccount(name)
        case .accountRevokeTokens:
            change = .revokeTokens(of: name, device: request.device)
        default:
            guard let keys = request.keys?.scramKeys else {
                return .refused(.badRequest, "the keys are malformed")
            }
            change =
                request.command == .accountAdd
                ? .addAccount(name, keys: keys) : .setKeys(keys, of: name)
        }
        try accounts.change(change, home: name.home(among: shards.count))
        logger.notice("\(request.command.rawValue)", metadata: ["account": "\(jid)"])
        return .done
    }

    private func refusal(_ error: StoreError) -> AdminReply {
        switch error {
        case .accountExists: .refused(.accountExists, "\(error)")
        case .unknownAccount: .refused(.unknownAccount, "\(error)")
        case .unknownDevice: .refused(.unknownDevice, "\(error)")
        default: .refused(.storeFailed, "\(error)")
        }
    }
}
