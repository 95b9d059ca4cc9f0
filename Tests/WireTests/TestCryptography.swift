// SHA-256 and what is built on it, in plain Swift, for tests only: slow, and not in constant time.

import Base

/// The round constants of FIPS 180-4 section 4.2.2.
private let roundConstants: [UInt32] = [
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
    0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
    0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
    0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
    0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
    0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
    0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
]

struct TestCryptography: Cryptography {
    private static let initial: [UInt32] = [
        0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab,
        0x5be0cd19,
    ]

    private func compress(_ state: inout [UInt32], _ block: [UInt8]) {
        func rotated(_ word: UInt32, _ count: UInt32) -> UInt32 {
            word >> count | word << (32 - count)
        }
        var words = [UInt32](repeating: 0, count: 64)
        for index in 0..<16 {
            for byte in 0..<4 { words[index] = words[index] << 8 | UInt32(block[4 * index + byte]) }
        }
        for index in 16..<64 {
            let (a, b) = (words[index - 15], words[index - 2])
            let mixA = rotated(a, 7) ^ rotated(a, 18) ^ a >> 3
            let mixB = rotated(b, 17) ^ rotated(b, 19) ^ b >> 10
            words[index] = words[index - 16] &+ mixA &+ words[index - 7] &+ mixB
        }
        var s = state
        for index in 0..<64 {
            let mixE = rotated(s[4], 6) ^ rotated(s[4], 11) ^ rotated(s[4], 25)
            let choice = s[4] & s[5] ^ ~s[4] & s[6]
            let first = s[7] &+ mixE &+ choice &+ roundConstants[index] &+ words[index]
            let mixA = rotated(s[0], 2) ^ rotated(s[0], 13) ^ rotated(s[0], 22)
            let majority = s[0] & s[1] ^ s[0] & s[2] ^ s[1] & s[2]
            (s[7], s[6], s[5], s[4]) = (s[6], s[5], s[4], s[3] &+ first)
            (s[3], s[2], s[1], s[0]) = (s[2], s[1], s[0], first &+ mixA &+ majority)
        }
        for index in 0..<8 { state[index] &+= s[index] }
    }

    /// Hashes the rest of a message of which `hashedSize` bytes are in `state`.
    private func finish(_ state: [UInt32], hashedSize: Int, _ rest: [UInt8]) -> [UInt8] {
        var state = state
        var padded = rest + [0x80]
        while padded.count % 64 != 56 { padded.append(0) }
        let bitCount = UInt64(8 * (hashedSize + rest.count))
        for shift in (0..<8).reversed() { padded.append(UInt8(bitCount >> (8 * shift) & 0xFF)) }
        for start in stride(from: 0, to: padded.count, by: 64) {
            compress(&state, Array(padded[start..<start + 64]))
        }
        return state.flatMap { word in (0..<4).map { UInt8(word >> (24 - 8 * $0) & 0xFF) } }
    }

    func sha256(_ data: [UInt8]) -> [UInt8] { finish(Self.initial, hashedSize: 0, data) }

    private func pads(_ key: [UInt8]) -> (inner: [UInt32], outer: [UInt32]) {
        let short = key.count > 64 ? sha256(key) : key
        let block = short + [UInt8](repeating: 0, count: 64 - short.count)
        var (inner, outer) = (Self.initial, Self.initial)
        compress(&inner, block.map { $0 ^ 0x36 })
        compress(&outer, block.map { $0 ^ 0x5C })
        return (inner, outer)
    }

    func hmacSHA256(key: [UInt8], _ data: [UInt8]) -> [UInt8] {
        let (inner, outer) = pads(key)
        return finish(outer, hashedSize: 64, finish(inner, hashedSize: 64, data))
    }

    func pbkdf2SHA256(password: [UInt8], salt: [UInt8], iterations: Int) -> [UInt8] {
        let (inner, outer) = pads(password)
        var last = salt + [0, 0, 0, 1]
        var result = [UInt8](repeating: 0, count: 32)
        for _ in 0..<iterations {
            last = finish(outer, hashedSize: 64, finish(inner, hashedSize: 64, last))
            for index in 0..<32 { result[index] ^= last[index] }
        }
        return result
    }

    func randomBytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in .random(in: 0...255) } }

    func constantTimeEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool { left == right }
}
