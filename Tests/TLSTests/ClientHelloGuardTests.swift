import Testing

@testable import TLS

@Suite struct ClientHelloGuardTests {
    private func record(_ type: UInt8, _ content: [UInt8]) -> [UInt8] {
        [type, 3, 1, UInt8(content.count >> 8), UInt8(content.count & 0xFF)] + content
    }

    private func message(_ type: UInt8, size: Int, sent: Int? = nil) -> [UInt8] {
        let head = [type, UInt8(size >> 16), UInt8(size >> 8 & 0xFF), UInt8(size & 0xFF)]
        return head + [UInt8](repeating: 7, count: sent ?? size)
    }

    /// What the guard says of these bytes in pieces of so many.
    private func verdict(_ bytes: [UInt8], pieces size: Int, isTLS13: Bool = true) -> Int? {
        var guardian = ClientHelloGuard()
        for start in stride(from: 0, to: bytes.count, by: size) {
            let piece = Array(bytes[start..<min(start + size, bytes.count)])
            let refused = piece.withUnsafeBytes {
                guardian.oversize(in: $0, isTLS13: isTLS13, sizeMax: 100)
            }
            if let refused { return refused }
        }
        return nil
    }

    @Test(arguments: [1, 2, 3, 5, 7, 64, 10_000]) func largeOnesAreRefused(_ size: Int) {
        let good = record(22, message(1, size: 100))
        let bad = record(22, message(1, size: 101, sent: 0))
        #expect(verdict(good, pieces: size) == nil)
        #expect(verdict(bad, pieces: size) == 101)
        // The header alone, in as many records as it has bytes.
        let split = message(1, size: 70_000, sent: 0).flatMap { record(22, [$0]) }
        #expect(verdict(split, pieces: size) == 70_000)
        // The second one, after a HelloRetryRequest, behind a ChangeCipherSpec and an empty record.
        let show = record(20, [1])
        #expect(verdict(good + show + record(22, []) + bad, pieces: size) == 101)
        #expect(verdict(good + show + good, pieces: size) == nil)
        // Other messages are OpenSSL's business.
        #expect(verdict(record(22, message(11, size: 5_000)), pieces: size) == nil)
    }

    /// What is encrypted looks like anything.
    @Test(arguments: [1, 3, 10_000]) func whatIsEncryptedIsNotLookedAt(_ size: Int) {
        let good = record(22, message(1, size: 50))
        let bad = record(22, message(1, size: 101, sent: 0))
        #expect(verdict(good + record(23, [1, 2, 3]) + bad, pieces: size) == nil)
        let changed = good + record(20, [1]) + bad
        #expect(verdict(changed, pieces: size, isTLS13: false) == nil)
        #expect(verdict(changed, pieces: size, isTLS13: true) == 101)
    }
}
