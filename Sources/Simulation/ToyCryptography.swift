// What logins need of cryptography, made cheap: the simulator runs thousands of them a second, and it is
// not the hashes that it tests. Different inputs give different outputs with near certainty; that is all.

internal import Base

/// Deterministic stand-ins. Nothing of this is secret or secure. Belongs to one thread.
final class ToyCryptography: Cryptography, @unchecked Sendable {
    // One simulation is one thread.
    private var random: Random

    init(seed: UInt64) { random = Random(seed: seed) }

    func sha256(_ data: [UInt8]) -> [UInt8] { Self.digest([data]) }

    func hmacSHA256(key: [UInt8], _ data: [UInt8]) -> [UInt8] { Self.digest([key, data]) }

    func pbkdf2SHA256(password: [UInt8], salt: [UInt8], iterations: Int) -> [UInt8] {
        Self.digest([password, salt, [UInt8(truncatingIfNeeded: iterations)]])
    }

    func randomBytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    }

    func constantTimeEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool { left == right }

    private static func digest(_ parts: [[UInt8]]) -> [UInt8] {
        var hash: UInt64 = 0
        for part in parts {
            let more = part.withUnsafeBytes { stableHash($0) }
            hash = (hash ^ more) &* 0x9E37_79B9_7F4A_7C15 &+ UInt64(part.count)  // modulo 2^64
        }
        var expander = Random(seed: hash)
        var digest: [UInt8] = []
        digest.reserveCapacity(32)
        for _ in 0..<4 {
            let word = expander.next()
            for shift in 0..<8 { digest.append(UInt8(truncatingIfNeeded: word >> (8 * shift))) }
        }
        return digest
    }
}
