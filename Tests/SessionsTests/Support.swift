// What several suites need beside the world: numbers from a seed, stanzas, frames by hand.

import Base
import TLS
import Wire

/// SplitMix64: the same numbers from the same seed.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
        return word ^ word >> 31
    }

    /// True once in so many times.
    mutating func oneIn(_ count: Int) -> Bool { Int.random(in: 0..<count, using: &self) == 0 }
}

/// Seeds that are the same in every run, and one that is new.
let seeds: [UInt64] = [1, 2, 3, 4, .random(in: 0...UInt64.max)]

/// The real thing, but for its random bytes: a login with it can be recorded and played again.
struct FixedNonce: Cryptography {
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

/// The payloads of a recorded login as alice's device 0: `auth` and `response`, framed.
func recordedLogin(in world: World) throws -> (auth: [UInt8], response: [UInt8]) {
    let (first, node) = world.auth(
        "alice", flag: .required("tls-exporter"), mechanism: "SCRAM-SHA-256-PLUS")
    let serverFirst = ScramServerFirst(
        nonce: "abcdef" + Base64.encoded(world.cryptography.randomBytes(18)),
        salt: Array(1...16), iterations: World.iterations)
    let (final, _) = ScramProof.clientFinal(
        password: Array("secret".utf8), clientFirst: first, serverFirst: serverFirst,
        channelBindingData: World.binding, cryptography: world.cryptography)
    return (
        try world.frame(node),
        try world.frame(Node("response", content: .bytes(final.bytes)))
    )
}

/// A frame around bytes that no writer would write.
func frame(flags: UInt8, _ payload: [UInt8]) -> [UInt8] {
    let size = payload.count + 1
    return [UInt8(size >> 16), UInt8(size >> 8 & 0xFF), UInt8(size & 0xFF), flags] + payload
}

let available = Node("presence")
let unavailable = Node("presence", ["type": "unavailable"])

/// An `ack` for a message, or for a receipt of some type.
func ack(_ id: String, class: String, type: String? = nil, to: String) -> Node {
    var node = Node("ack", ["class": `class`, "id": id, "to": to])
    node["type"] = type
    return node
}

func readReceipt(_ id: String, to: String) -> Node {
    Node("receipt", ["to": to, "id": id, "type": "read"])
}

/// An `iq` that changes contacts; no changes make an empty list.
func contacts(_ id: String, add: [String] = [], remove: [String] = []) -> Node {
    let changes =
        add.map { Node("contact", ["jid": "\($0)@tern.example"]) }
        + remove.map { Node("contact", ["jid": "\($0)@tern.example", "type": "remove"]) }
    return Node("iq", ["id": id, "type": "set"], [Node("contacts", [:], changes)])
}
