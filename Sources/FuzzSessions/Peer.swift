// A client in the world: its connection, what it logs in as, and what it was told.

internal import Base
internal import FuzzTargets
internal import Sessions
internal import TLS
internal import Wire

/// Cryptography whose randomness is the same in each world, and never the same twice in one.
struct FixedCryptography: Cryptography {
    private let real = OpenSSLCryptography()
    private let drawn = Lock<UInt64>(0)

    func sha256(_ data: [UInt8]) -> [UInt8] { real.sha256(data) }

    func hmacSHA256(key: [UInt8], _ data: [UInt8]) -> [UInt8] { real.hmacSHA256(key: key, data) }

    func pbkdf2SHA256(password: [UInt8], salt: [UInt8], iterations: Int) -> [UInt8] {
        real.pbkdf2SHA256(password: password, salt: salt, iterations: iterations)
    }

    func randomBytes(_ count: Int) -> [UInt8] {
        let number = drawn.withLock { number in
            number += 1
            return number
        }
        let seed = sha256(Array("draw \(number)".utf8))
        return (0..<count).map { seed[$0 % seed.count] }
    }

    func constantTimeEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool { left == right }
}

/// One connection, both ends of it.
struct Peer {
    private static let password = Array("pencil".utf8)
    /// Every account's keys. One iteration: the server never counts them.
    static let keys = ScramKeys.derive(
        password: password, salt: [1, 2, 3], iterations: 1, cryptography: FixedCryptography())

    let address: SessionAddress
    var session: Session
    /// Sent by the client and not read by the session.
    var inbound: [UInt8] = []
    /// Whether bytes of the script's own were among that.
    var hasRawInput = false
    /// False once the session wanted the connection closed.
    var isOpen = true
    /// The compression contexts of the world's thread.
    private let contexts: CompressionContexts
    /// What the login agreed on.
    private(set) var preset: PresetDictionary?
    /// As whom the client logs in, with the right password.
    var login: DeviceAddress? { attempt?.device }
    private(set) var attempt: LoginAttempt?
    /// Whether the client was told that it is in.
    private(set) var isOnline = false
    /// Whether what it logged in with has ended since.
    private(set) var isEvicted = false
    /// The `tls-exporter` value; empty if TLS had none.
    let binding: [UInt8]
    /// Stanzas that the client was given and has not acked.
    var received: [StanzaKey] = []
    private var clientFirst: ScramClientFirst?
    private var resume = Resume.none

    /// What a login says that the client has.
    enum Resume {
        case none
        case sent(Node)
        /// Announced, and not sent.
        case withheld
    }

    init(
        address: SessionAddress, session: Session, binding: [UInt8], contexts: CompressionContexts
    ) {
        self.binding = binding
        self.address = address
        self.contexts = contexts
        self.session = session
    }

    // MARK: The client speaks

    /// The bytes that begin a login; nil when one has begun.
    mutating func beginLogin(_ attempt: LoginAttempt) -> [UInt8]? {
        beginLogin(attempt, .unsupported, wantsToken: false, .none)
    }

    /// The same, bound to the connection where that can be.
    mutating func beginBoundLogin(
        _ attempt: LoginAttempt, wantsToken: Bool, _ resume: Resume
    ) -> [UInt8]? {
        let flag = binding.isEmpty ? ScramBinding.unsupported : .required("tls-exporter")
        return beginLogin(attempt, flag, wantsToken: wantsToken, resume)
    }

    private mutating func beginLogin(
        _ attempt: LoginAttempt, _ flag: ScramBinding, wantsToken: Bool, _ resume: Resume
    ) -> [UInt8]? {
        guard login == nil else { return nil }
        let first = ScramClientFirst(
            binding: flag, username: attempt.device.user.text, nonce: "client")
        clientFirst = first
        let mechanism = if case .required = flag { "SCRAM-SHA-256-PLUS" } else { "SCRAM-SHA-256" }
        return Prologue.bytes + auth(attempt, mechanism, first.bytes, wantsToken, resume)
    }

    /// The one flight of a login with a token; nil when a login has begun.
    mutating func beginTokenLogin(
        _ attempt: LoginAttempt, _ message: [UInt8], wantsToken: Bool, _ resume: Resume
    ) -> [UInt8]? {
        guard login == nil else { return nil }
        let bytes = auth(attempt, LoginToken.mechanism, message, wantsToken, resume)
        return Prologue.bytes + bytes + resumeFrame
    }

    private mutating func auth(
        _ attempt: LoginAttempt, _ mechanism: String, _ message: [UInt8], _ wantsToken: Bool,
        _ resume: Resume
    ) -> [UInt8] {
        self.attempt = attempt
        self.resume = resume
        var auth = Node("auth", content: .bytes(message))
        auth["mechanism"] = mechanism
        auth["device"] = String(attempt.device.device)
        // Every other device asks for the preset dictionary.
        if attempt.device.device & 1 == 1 { auth["deflate"] = PresetOffer.ours.text }
        if wantsToken { auth["token"] = "get" }
        if case .none = resume {} else { auth["resume"] = "true" }
        return frame(auth)
    }

    /// What follows the proof.
    private var resumeFrame: [UInt8] {
        if case .sent(let node) = resume { frame(node) } else { [] }
    }

    /// A node in a frame, compressed if the login agreed on it.
    func frame(_ node: Node) -> [UInt8] {
        var buffer = ByteBuffer()
        let mark = FrameWriter.begin(into: &buffer)
        do throws(WireError) {
            try node.encode(into: &buffer, context: FuzzWorld.context)
            if let preset {
                try contexts.finish(mark, in: &buffer, agreed: preset)
            } else {
                try FrameWriter.finish(mark, in: &buffer)
            }
        } catch {
            preconditionFailure("a node of the script's: \(error)")
        }
        return buffer.copy()
    }

    /// An operator ends what this user's device logs in with.
    mutating func evict(_ user: Localpart, _ device: UInt8?) {
        guard isOnline, let login, login.user == user, device ?? login.device == login.device else {
            return
        }
        isEvicted = true
    }

    // MARK: The client listens

    /// Takes what the session wrote: whole frames of nodes that can be read.
    mutating func take(_ output: RawSpan, at now: UInt64, _ book: inout WorldBook) {
        var used = 0
        while used < output.byteCount {
            let rest = output.extracting(used..<output.byteCount)
            do throws(WireError) {
                guard
                    case .frame(let flags, let payload, let size) = try FrameSplitter.next(
                        in: rest, frameSizeMax: WireLimits.frameSizeMax,
                        allowsPreset: preset != nil)
                else { preconditionFailure("\(rest.byteCount) bytes are no whole frame") }
                used += size
                var node = ByteBuffer()
                if let compression = Compression.of(flags: flags, agreed: preset) {
                    try contexts.inflate(rest.extracting(payload), compression, into: &node)
                } else {
                    node.append(rest.extracting(payload))
                }
                take(try Node.decode(node.bytes, context: FuzzWorld.context), now, &book)
            } catch {
                preconditionFailure("the server's own frame: \(error)")
            }
        }
    }

    private mutating func take(_ node: Node, _ now: UInt64, _ book: inout WorldBook) {
        switch node.tag {
        case "challenge":
            respond(to: node.bytes ?? [])
        case "success":
            preset = node["deflate"].flatMap { PresetOffer($0)?.chosen }
            succeeded(node, &book)
        case "failure":
            refused(node, now, &book)
        case "message" where node["type"] != "error":
            arrived(node, .message, &book)
        case "forwarded":
            arrived(node, .copy, &book)
        case "receipt" where node["type"] != "error":
            arrived(node, node["type"] == "read" ? .read : .delivered, &book)
        default:
            break
        }
    }

    private mutating func succeeded(_ node: Node, _ book: inout WorldBook) {
        guard var attempt, !attempt.isOver else { preconditionFailure("success for no login") }
        attempt.isOver = true
        self.attempt = attempt
        isOnline = true
        let issued = node["token"].flatMap { LoginToken(hex: $0) }
        precondition(issued != nil || node["token"] == nil, "a token that is none")
        precondition(issued == nil || !binding.isEmpty, "a token on a connection without binding")
        book.tokens.succeeded(
            attempt, issued, expiresAt: node["expires"].flatMap { UInt64($0) })
    }

    private mutating func refused(_ node: Node, _ now: UInt64, _ book: inout WorldBook) {
        precondition(!isOnline, "a login that failed after it succeeded")
        guard let attempt else { return }
        self.attempt?.isOver = true
        // Raw bytes may have got ahead of the login's own.
        if !hasRawInput, node.children.first?.tag == "not-authorized" {
            book.tokens.refused(attempt, at: now)
        }
    }

    private mutating func respond(to challenge: [UInt8]) {
        // Without a first message it was the script's own bytes that began the login.
        guard let clientFirst else { return }
        do throws(WireError) {
            let serverFirst = try ScramServerFirst(
                parsing: challenge, clientNonce: clientFirst.nonce,
                iterationsAccepted: 1...1_000_000)
            // A name that is no account is given many iterations, which would be slow here.
            guard serverFirst.iterations == 1 else { return }
            let bindingData =
                if case .required = clientFirst.binding { binding } else { [UInt8]() }
            let (final, _) = ScramProof.clientFinal(
                password: Self.password, clientFirst: clientFirst, serverFirst: serverFirst,
                channelBindingData: bindingData, cryptography: FixedCryptography())
            inbound += frame(Node("response", content: .bytes(final.bytes)))
            inbound += resumeFrame
        } catch {
            // Raw bytes got ahead of the client's own and began another login.
            return
        }
    }

    private mutating func arrived(
        _ node: Node, _ kind: StanzaKind, _ book: inout WorldBook
    ) {
        precondition(isOnline, "\(node) before success")
        guard let from = node["from"].flatMap({ JID($0) }), let user = from.local,
            let device = from.device, let id = node["id"].flatMap({ StanzaID($0) }),
            let login
        else { preconditionFailure("\(node) names nobody, or nobody is here") }
        let key = StanzaKey(
            sender: DeviceAddress(user: user, device: device), id: id, kind: kind)
        book.stanzas.arrived(key, at: login, address)
        book.tokens.got(key, at: login)
        if !received.contains(key) { received.append(key) }
    }
}
