// A client in the world: its connection, what it logs in as, and what it was told.

internal import Base
internal import Sessions
internal import TLS
internal import Wire

/// Cryptography whose randomness is the same each time.
struct FixedCryptography: Cryptography {
    private let real = OpenSSLCryptography()

    func sha256(_ data: [UInt8]) -> [UInt8] { real.sha256(data) }

    func hmacSHA256(key: [UInt8], _ data: [UInt8]) -> [UInt8] { real.hmacSHA256(key: key, data) }

    func pbkdf2SHA256(password: [UInt8], salt: [UInt8], iterations: Int) -> [UInt8] {
        real.pbkdf2SHA256(password: password, salt: salt, iterations: iterations)
    }

    func randomBytes(_ count: Int) -> [UInt8] { Array(repeating: 0x5A, count: count) }

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
    /// False once the session wanted the connection closed.
    var isOpen = true
    /// As whom the client logs in, with the right password.
    private(set) var login: DeviceAddress?
    /// Stanzas that the client was given and has not acked.
    var received: [StanzaKey] = []
    private var clientFirst: ScramClientFirst?

    init(address: SessionAddress, session: Session) {
        self.address = address
        self.session = session
    }

    // MARK: The client speaks

    /// The bytes that begin a login; nil when one has begun.
    mutating func beginLogin(as device: DeviceAddress) -> [UInt8]? {
        guard login == nil else { return nil }
        login = device
        let first = ScramClientFirst(
            binding: .unsupported, username: device.user.text, nonce: "client")
        clientFirst = first
        let auth = Node(
            "auth",
            [
                Node.Attribute(key: "mechanism", value: "SCRAM-SHA-256"),
                Node.Attribute(key: "device", value: String(device.device)),
            ], content: .bytes(first.bytes))
        return Prologue.bytes + Self.frame(auth)
    }

    /// A node in a frame.
    static func frame(_ node: Node) -> [UInt8] {
        var buffer = ByteBuffer()
        let mark = FrameWriter.begin(into: &buffer)
        do throws(WireError) {
            try node.encode(into: &buffer, context: FuzzWorld.context)
            try FrameWriter.finish(mark, in: &buffer)
        } catch {
            preconditionFailure("a node of the script's: \(error)")
        }
        return buffer.copy()
    }

    // MARK: The client listens

    /// Takes what the session wrote: whole frames of nodes that can be read.
    mutating func take(_ output: RawSpan, _ ledger: inout SessionLedger) {
        var inflater = Inflater()
        var used = 0
        while used < output.byteCount {
            let rest = output.extracting(used..<output.byteCount)
            do throws(WireError) {
                guard
                    case .frame(let flags, let payload, let size) = try FrameSplitter.next(
                        in: rest, frameSizeMax: WireLimits.frameSizeMax)
                else { preconditionFailure("\(rest.byteCount) bytes are no whole frame") }
                used += size
                var node = ByteBuffer()
                if flags == FrameFlags.deflated {
                    try inflater.inflate(rest.extracting(payload), into: &node)
                } else {
                    node.append(rest.extracting(payload))
                }
                take(try Node.decode(node.bytes, context: FuzzWorld.context), &ledger)
            } catch {
                preconditionFailure("the server's own frame: \(error)")
            }
        }
    }

    private mutating func take(_ node: Node, _ ledger: inout SessionLedger) {
        switch node.tag {
        case "challenge":
            respond(to: node.bytes ?? [])
        case "message" where node["type"] != "error":
            arrived(node, .message, &ledger)
        case "receipt" where node["type"] != "error":
            arrived(node, node["type"] == "read" ? .read : .delivered, &ledger)
        default:
            break
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
            let (final, _) = ScramProof.clientFinal(
                password: Self.password, clientFirst: clientFirst, serverFirst: serverFirst,
                channelBindingData: [], cryptography: FixedCryptography())
            inbound += Self.frame(Node("response", content: .bytes(final.bytes)))
        } catch {
            // Raw bytes got ahead of the client's own and began another login.
            return
        }
    }

    private mutating func arrived(
        _ node: Node, _ kind: StanzaKind, _ ledger: inout SessionLedger
    ) {
        guard let from = node["from"].flatMap({ JID($0) }), let user = from.local,
            let device = from.device, let id = node["id"].flatMap({ StanzaID($0) }),
            let login
        else { preconditionFailure("\(node) names nobody, or nobody is here") }
        let key = StanzaKey(
            sender: DeviceAddress(user: user, device: device), id: id, kind: kind)
        ledger.arrived(key, at: login, address)
        if !received.contains(key) { received.append(key) }
    }
}
