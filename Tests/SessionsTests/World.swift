// A gateway without sockets: routers as shards, a store that commits when told, clients that write
// nodes. Messages between two shards keep their order; nothing happens that the test did not ask for.

import Base
import Sessions
import Storage
import TLS
import Testing
import Wire

/// The store's answers until the world carries them.
final class Answers: Sendable {
    let waiting = Lock<[(Int, [StoreAnswer])]>([])
}

/// One client's end: what it was sent, decoded.
struct Peer {
    var session: Session
    var received: [Node] = []
    /// The flags of the frames that it was sent.
    var flags: [UInt8] = []
    /// What the server chose in `success`.
    var preset: PresetDictionary?
    var output = [UInt8]()
    var leftOver = [UInt8]()
    var isClosed = false
}

final class World {
    static let binding = [UInt8](repeating: 7, count: 32)
    static let iterations = 4_096

    let limits: Limits
    let context: WireContext
    let cryptography: any Cryptography
    let environment: SessionEnvironment
    let store: MemoryStore
    let answers = Answers()
    var routers: [Router]
    var peers: [SessionAddress: Peer] = [:]
    var moment = Moment(monotonic: Instant(milliseconds: 1_000), unixSeconds: 1_000_000)
    /// How many pages were asked for, first ones aside.
    private(set) var pageReads = 0
    /// Work in the order in which it was made: of any two shards' mailboxes, each is a part of it.
    private var work: [Work] = []
    private var nextSlot: UInt32 = 0
    private var lookUps: [UInt64: SessionAddress] = [:]
    private var nextLookUp: UInt64 = 0
    /// Bytes that a test has still to send.
    var finals: [SessionAddress: [UInt8]] = [:]

    private enum Work {
        case session(SessionAddress, SessionInput)
        case router(Int, RouterInput)
        case answer(Int, StoreAnswer)
    }

    init(
        shards: Int = 2, limits: Limits = Limits(), users: [String] = ["alice", "bob"],
        cryptography: any Cryptography = OpenSSLCryptography()
    ) throws {
        try #require(limits.validate() == nil)
        self.limits = limits
        self.cryptography = cryptography
        context = try #require(WireContext(domain: "tern.example"))
        environment = SessionEnvironment(
            context: context, limits: limits, cryptography: cryptography,
            unknownAccountSecret: [1, 2, 3])
        routers = (0..<shards).map { [context] _ in Router(limits: limits, context: context) }
        let answers = answers
        store = MemoryStore(limits: StoreLimits(limits)) { shard, batch in
            answers.waiting.withLock { $0.append((shard, batch)) }
        }
        let keys = ScramKeys.derive(
            password: Array("secret".utf8), salt: Array(1...16), iterations: Self.iterations,
            cryptography: cryptography)
        for user in users { try store.addAccount(try #require(Localpart(user)), keys: keys) }
    }

    // MARK: Steps

    func connect(binding: [UInt8] = World.binding) -> SessionAddress {
        let slot = SlotID(index: nextSlot, generation: 1)
        nextSlot += 1
        let address = SessionAddress(shard: Int(slot.index) % routers.count, slot: slot)
        peers[address] = Peer(
            session: Session(address: address, channelBinding: binding, at: moment.monotonic))
        return address
    }

    /// The client's bytes arrive, behind what its session has not read yet.
    func send(_ bytes: [UInt8], from peer: SessionAddress) {
        peers[peer]?.leftOver += bytes
        read(peer)
        carry()
    }

    func send(_ node: Node, from peer: SessionAddress) throws {
        send(try frame(node), from: peer)
    }

    func frame(_ node: Node) throws -> [UInt8] {
        var payload = ByteBuffer()
        try node.encode(into: &payload, context: context)
        var output = ByteBuffer()
        try FrameWriter.write(payload.bytes, into: &output)
        return output.copy()
    }

    func commit() {
        store.commit()
        takeAnswers()
    }

    func failCommit(isDurable: Bool = false) {
        store.failCommit(.database(code: 10, message: "disk"), isDurable: isDurable)
        takeAnswers()
    }

    /// The store looks for what has expired, and the homes of those who are told hear of it.
    func expire(acceptedUntil: UInt64) {
        let expired = store.expire(
            ExpiryStep(
                acceptedUntil: acceptedUntil, unixSeconds: moment.unixSeconds,
                notice: { [context] in $0.expiryNotice(at: $1, context: context) }))
        takeAnswers()
        for (owner, stanza) in expired.notices {
            work.append(
                .router(
                    home(owner.user), .stored(stanza, for: owner.user, devices: [owner.device])))
        }
        carry()
    }

    func tick(ms: UInt64) {
        moment.monotonic = moment.monotonic.advanced(byMs: ms)
        for address in Array(peers.keys) {
            act(address) { session, output, effects in
                session.tick(
                    at: self.moment, in: self.environment, output: &output, effects: &effects)
            }
        }
        carry()
    }

    func drop(_ peer: SessionAddress) {
        act(peer) { session, _, effects in session.connectionLost(effects: &effects) }
        peers[peer] = nil
        carry()
    }

    /// What the client was sent since the last call.
    func take(_ peer: SessionAddress) -> [Node] {
        let nodes = peers[peer]?.received ?? []
        peers[peer]?.received = []
        return nodes
    }

    func isClosed(_ peer: SessionAddress) -> Bool { peers[peer]?.isClosed ?? true }

    // MARK: Logging in

    func auth(
        _ user: String, device: String = "0", flag: ScramBinding, mechanism: String,
        deflate: String? = nil, attributes further: [String: String] = [:]
    ) -> (ScramClientFirst, Node) {
        let first = ScramClientFirst(binding: flag, username: user, nonce: "abcdef")
        var attributes = [
            Node.Attribute(key: "mechanism", value: mechanism),
            Node.Attribute(key: "device", value: device),
        ]
        if let deflate { attributes.append(Node.Attribute(key: "deflate", value: deflate)) }
        for (key, value) in further.sorted(by: { $0.key < $1.key }) {
            attributes.append(Node.Attribute(key: key, value: value))
        }
        return (first, Node("auth", attributes, content: .bytes(first.bytes)))
    }

    /// A whole exchange; returns the server's last node.
    @discardableResult
    func logIn(
        _ user: String, device: String = "0", password: String = "secret", plus: Bool = true,
        binding: [UInt8] = World.binding, deflate: String? = nil,
        attributes: [String: String] = [:], on peer: SessionAddress
    ) throws -> Node? {
        try respond(
            user, device: device, password: password, plus: plus, binding: binding,
            deflate: deflate, attributes: attributes, on: peer)
        commit()
        return peers[peer]?.received.first
    }

    /// The exchange up to `response`; the store has yet to open the device.
    func respond(
        _ user: String, device: String = "0", password: String = "secret", plus: Bool = true,
        binding: [UInt8] = World.binding, deflate: String? = nil,
        attributes: [String: String] = [:], on peer: SessionAddress
    ) throws {
        let (first, node) = auth(
            user, device: device, flag: plus ? .required("tls-exporter") : .unsupported,
            mechanism: plus ? "SCRAM-SHA-256-PLUS" : "SCRAM-SHA-256", deflate: deflate,
            attributes: attributes)
        send(Prologue.bytes, from: peer)
        try send(node, from: peer)
        commit()
        guard let challenge = take(peer).first, challenge.tag == "challenge",
            let bytes = challenge.bytes
        else { return }
        let serverFirst = try ScramServerFirst(
            parsing: bytes, clientNonce: "abcdef", iterationsAccepted: 1...1_000_000)
        let (final, _) = ScramProof.clientFinal(
            password: Array(password.utf8), clientFirst: first, serverFirst: serverFirst,
            channelBindingData: plus ? binding : [], cryptography: cryptography)
        try send(Node("response", content: .bytes(final.bytes)), from: peer)
    }

    /// A device that is online, with what it was sent so far taken.
    func online(
        _ user: String, _ device: UInt8 = 0, deflate: String? = nil
    ) throws -> SessionAddress {
        let peer = connect()
        let success = try logIn(user, device: "\(device)", deflate: deflate, on: peer)
        #expect(success?.tag == "success")
        _ = take(peer)
        return peer
    }

    /// The session of a user who has one device online.
    func address(of user: String) -> SessionAddress? {
        peers.first { $0.value.session.device?.user.text == user }?.key
    }

    func checkInvariants() { for router in routers { router.checkInvariants() } }

    // MARK: Carrying

    private func read(_ address: SessionAddress) {
        guard let bytes = peers[address]?.leftOver, !bytes.isEmpty else { return }
        act(address) { session, output, effects in
            let used = session.receive(
                bytes.span.bytes, at: self.moment, in: self.environment, output: &output,
                effects: &effects)
            self.peers[address]?.leftOver.removeFirst(used)
        }
    }

    private func act(
        _ address: SessionAddress,
        _ body: (inout Session, inout ByteBuffer, inout [SessionEffect]) -> Void
    ) {
        guard var session = peers[address]?.session else { return }
        var output = ByteBuffer()
        var effects: [SessionEffect] = []
        body(&session, &output, &effects)
        peers[address]?.session = session
        take(output.copy(), sentTo: address)
        for effect in effects {
            switch effect {
            case .lookUpCredentials(let user):
                nextLookUp += 1
                lookUps[nextLookUp << 1 | 1] = address
                ask(.credentials(user), ticket: nextLookUp << 1 | 1, shard: address.shard)
            case .toRouter(let home, let input): work.append(.router(self.home(home), input))
            case .close: peers[address]?.isClosed = true
            case .note: break
            }
        }
    }

    private func home(_ user: Localpart) -> Int { user.home(among: routers.count) }

    private func ask(_ request: StoreRequest, ticket: UInt64, shard: Int) {
        if store.submit(request, ticket: ticket, shard: shard) { return }
        work.append(.answer(shard, StoreAnswer(ticket: ticket, reply: .failed)))
    }

    private func takeAnswers() {
        let batches = answers.waiting.withLock { waiting in
            defer { waiting = [] }
            return waiting
        }
        for (shard, batch) in batches {
            for answer in batch { work.append(.answer(shard, answer)) }
        }
        carry()
    }

    private func carry() {
        var position = 0
        while position < work.count {
            let item = work[position]
            position += 1
            var effects: [RouterEffect] = []
            var shard = 0
            switch item {
            case .session(let address, let input):
                if let echo = input.echo { work.append(.router(home(echo.home), echo.input)) }
                act(address) { session, output, effects in
                    session.deliver(
                        input, at: self.moment, in: self.environment, output: &output,
                        effects: &effects)
                }
                read(address)
            case .router(let home, let input):
                shard = home
                routers[home].receive(input, at: moment.unixSeconds, effects: &effects)
            case .answer(let home, let answer) where answer.ticket & 1 == 0:
                shard = home
                routers[home].receive(
                    answer.reply, ticket: answer.ticket >> 1, at: moment.unixSeconds,
                    effects: &effects)
            case .answer(_, let answer):
                guard let address = lookUps.removeValue(forKey: answer.ticket) else { break }
                if case .credentials(let keys) = answer.reply {
                    work.append(.session(address, .credentials(keys)))
                } else {
                    work.append(.session(address, .credentialsUnavailable))
                }
            }
            carry(effects, of: shard)
            checkInvariants()
        }
        work = []
    }

    private func carry(_ effects: [RouterEffect], of shard: Int) {
        var notTaken: [RouterEffect] = []
        for effect in effects {
            switch effect {
            case .toSession(let address, let input): work.append(.session(address, input))
            case .toRouter(let user, let input): work.append(.router(home(user), input))
            case .toStore(let request, let ticket):
                if case .readPage = request { pageReads += 1 }
                if store.submit(request, ticket: ticket << 1, shard: shard) { continue }
                guard request.hasAnswer else { continue }
                routers[shard].receive(
                    .notTaken, ticket: ticket, at: moment.unixSeconds, effects: &notTaken)
            }
        }
        if !notTaken.isEmpty { carry(notTaken, of: shard) }
    }

    /// Decodes what the server wrote; a frame that a client would refuse fails the test.
    private func take(_ bytes: [UInt8], sentTo address: SessionAddress) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let preset = peers[address]?.preset
            do {
                let copy = Array(rest)
                let step = try FrameSplitter.next(
                    in: copy.span.bytes, frameSizeMax: 65_536, allowsPreset: preset != nil)
                guard case .frame(let flags, let payload, let size) = step else {
                    Issue.record("half a frame of \(rest.count) bytes")
                    return
                }
                let body = Array(copy[payload])
                var inflated = ByteBuffer()
                if let compression = Compression.of(flags: flags, agreed: preset) {
                    var inflater = Inflater()
                    try inflater.inflate(body.span.bytes, compression, into: &inflated)
                } else {
                    inflated.append(body)
                }
                let node = try Node.decode(inflated.bytes, context: context)
                if node.tag == "success" {
                    peers[address]?.preset = node["deflate"].flatMap { PresetOffer($0)?.chosen }
                }
                peers[address]?.flags.append(flags)
                peers[address]?.received.append(node)
                rest = rest.dropFirst(size)
            } catch {
                Issue.record("the server wrote nonsense: \(error)")
                return
            }
        }
    }
}

func message(_ id: String, to: String, text: String = "hello") -> Node {
    Node("message", ["to": to, "id": id], [Node("body", text: text)])
}

func receipt(_ id: String, to: String) -> Node { Node("receipt", ["to": to, "id": id]) }

extension Node {
    /// The condition inside an error, a failure or a stream error.
    var condition: String? { (child("error") ?? self).children.first?.tag }
}
