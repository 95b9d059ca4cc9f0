// A gateway without sockets, threads, clock or chance: sessions, one router and a store in memory. The
// same bytes in give the same bytes out, so that documented dialogues can be compared with real ones.

import Base
import Sessions
import Storage
import TLS
import Wire

/// OpenSSL's functions with random bytes that are not: 00 01 02 and so on.
struct FixedCryptography: Cryptography {
    private let real = OpenSSLCryptography()

    func sha256(_ data: [UInt8]) -> [UInt8] { real.sha256(data) }

    func hmacSHA256(key: [UInt8], _ data: [UInt8]) -> [UInt8] { real.hmacSHA256(key: key, data) }

    func pbkdf2SHA256(password: [UInt8], salt: [UInt8], iterations: Int) -> [UInt8] {
        real.pbkdf2SHA256(password: password, salt: salt, iterations: iterations)
    }

    func randomBytes(_ count: Int) -> [UInt8] { (0..<count).map { UInt8($0 & 0xFF) } }

    func constantTimeEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        real.constantTimeEqual(left, right)
    }
}

/// The gateway of the documentation's examples.
final class ExampleGateway {
    /// What docs/PROTOCOL.md says about its examples.
    static let domain = "chat.example"
    static let passwords = ["alice": "correct horse", "bob": "battery staple"]
    static let salts: [String: UInt8] = ["alice": 0xA0, "bob": 0xB0]
    static let expiryS: UInt64 = 60
    static let channelBinding = (0..<32).map { UInt8(0xC0 + $0) }

    private let store: MemoryStore
    private let answers: Lock<[StoreAnswer]>
    private let environment: SessionEnvironment
    private var router: Router
    private var slots: [String: UInt64] = [:]
    private var sessions: [UInt64: Session] = [:]
    private var outputs: [UInt64: [UInt8]] = [:]
    private var lookUps: [UInt64: UInt64] = [:]
    private var moment = Moment(
        monotonic: Instant(milliseconds: 1_000_000), unixSeconds: 1_800_000_000)

    private enum Work {
        case session(UInt64, SessionInput)
        case router(RouterInput)
    }
    private var work: [Work] = []

    init() throws {
        guard let context = WireContext(domain: Self.domain) else { throw ExampleError("domain") }
        let answers = Lock<[StoreAnswer]>([])
        self.answers = answers
        store = MemoryStore { _, batch in answers.withLock { $0 += batch } }
        var limits = Limits()
        limits.pingAfterMs = 300_000
        environment = SessionEnvironment(
            context: context, limits: limits, cryptography: FixedCryptography(),
            unknownAccountSecret: [UInt8](repeating: 0x5E, count: 32))
        router = Router(limits: limits, context: context)
        for (name, password) in Self.passwords {
            guard let localpart = Localpart(name), let salt = Self.salts[name],
                let prepared = PasswordPreparation.prepare(password)
            else { throw ExampleError(name) }
            try store.addAccount(
                localpart,
                keys: ScramKeys.derive(
                    password: prepared, salt: (0..<16).map { salt + $0 }, iterations: 10_000,
                    cryptography: FixedCryptography()))
        }
    }

    /// Bytes from a client, which is new if its name is.
    func receive(_ bytes: [UInt8], from name: String) {
        let slot = slot(of: name)
        var output = ByteBuffer()
        var effects: [SessionEffect] = []
        let used = sessions[slot]?.receive(
            bytes.span.bytes, at: moment, in: environment, output: &output, effects: &effects)
        precondition(used == bytes.count, "\(name): \(String(describing: used)) of \(bytes.count)")
        take(output, effects, of: slot)
        settle()
    }

    /// Lets time pass for everyone.
    func wait(seconds: UInt64) {
        moment.monotonic = moment.monotonic.advanced(byMs: seconds * 1_000)
        moment.unixSeconds += seconds
        for slot in sessions.keys.sorted() {
            var output = ByteBuffer()
            var effects: [SessionEffect] = []
            sessions[slot]?.tick(
                at: moment, in: environment, output: &output, effects: &effects)
            take(output, effects, of: slot)
        }
        let expired = store.expire(
            ExpiryStep(
                acceptedUntil: moment.unixSeconds - Self.expiryS, unixSeconds: moment.unixSeconds,
                notice: { [context = environment.context] in
                    $0.expiryNotice(at: $1, context: context)
                }))
        for (owner, stanza) in expired.notices {
            work.append(
                .router(.stored(stanza, for: owner.user, devices: [owner.device])))
        }
        settle()
    }

    /// What was sent to a client and not yet taken: the next frame.
    func nextFrame(for name: String) throws -> [UInt8] {
        let slot = slot(of: name)
        let bytes = outputs[slot] ?? []
        guard
            case .frame(_, _, let size) = try FrameSplitter.next(
                in: bytes.span.bytes, frameSizeMax: WireLimits.frameSizeMax, allowsPreset: true)
        else { return [] }
        outputs[slot] = Array(bytes.dropFirst(size))
        return Array(bytes.prefix(size))
    }

    /// Clients to which something was sent that was not taken.
    var unread: [String] {
        slots.filter { !(outputs[$0.value] ?? []).isEmpty }.keys.sorted()
    }

    /// Whether the server has ended this client's stream.
    func isEnded(_ name: String) -> Bool { sessions[slot(of: name)]?.isEnded == true }

    private func slot(of name: String) -> UInt64 {
        if let slot = slots[name] { return slot }
        let slot = UInt64(slots.count + 1)
        slots[name] = slot
        sessions[slot] = Session(
            address: SessionAddress(shard: 0, slot: SlotID(word: slot)),
            channelBinding: Self.channelBinding, at: moment.monotonic)
        return slot
    }

    private func take(_ output: borrowing ByteBuffer, _ effects: [SessionEffect], of slot: UInt64) {
        outputs[slot, default: []] += output.copy()
        for effect in effects {
            switch effect {
            case .lookUpCredentials(let user):
                let ticket = slot << 1 | 1
                lookUps[ticket] = slot
                _ = store.submit(.credentials(user), ticket: ticket, shard: 0)
            case .toRouter(_, let input):
                work.append(.router(input))
            case .close, .note:
                break
            }
        }
    }

    private func carry(_ effects: [RouterEffect]) {
        for effect in effects {
            switch effect {
            case .toSession(let address, let input):
                work.append(.session(address.slot.word, input))
            case .toRouter(_, let input):
                work.append(.router(input))
            case .toStore(let request, let ticket):
                _ = store.submit(request, ticket: ticket << 1, shard: 0)
            }
        }
    }

    /// Goes on until nobody has anything left to do.
    private func settle() {
        while true {
            while !work.isEmpty { step(work.removeFirst()) }
            if store.waitingCount == 0 { return }
            store.commit()
            let batch = answers.withLock { answers in
                defer { answers = [] }
                return answers
            }
            for answer in batch { take(answer) }
        }
    }

    private func step(_ item: Work) {
        switch item {
        case .session(let slot, let input):
            var output = ByteBuffer()
            var effects: [SessionEffect] = []
            sessions[slot]?.deliver(
                input, at: moment, in: environment, output: &output, effects: &effects)
            take(output, effects, of: slot)
        case .router(let input):
            var effects: [RouterEffect] = []
            router.receive(input, at: moment.unixSeconds, effects: &effects)
            carry(effects)
        }
        router.checkInvariants()
    }

    private func take(_ answer: StoreAnswer) {
        if answer.ticket & 1 == 0 {
            var effects: [RouterEffect] = []
            router.receive(
                answer.reply, ticket: answer.ticket >> 1, at: moment.unixSeconds, effects: &effects)
            carry(effects)
        } else if let slot = lookUps.removeValue(forKey: answer.ticket),
            case .credentials(let keys) = answer.reply
        {
            work.append(.session(slot, .credentials(keys)))
        }
    }
}

/// Something in the documentation or the examples' set-up that is not as it must be.
struct ExampleError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
