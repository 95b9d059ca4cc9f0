import TLS
import Testing

private func hex(_ bytes: [UInt8]) -> String {
    bytes.map { byte in
        let text = String(byte, radix: 16)
        return text.count == 1 ? "0" + text : text
    }.joined()
}

@Suite struct CryptographyTests {
    private let crypto = OpenSSLCryptography()

    // FIPS 180-4 examples.
    @Test func sha256() {
        #expect(
            hex(crypto.sha256([]))
                == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        #expect(
            hex(crypto.sha256(Array("abc".utf8)))
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }

    // RFC 4231, test cases 1, 2 and 6.
    @Test func hmac() {
        #expect(
            hex(
                crypto.hmacSHA256(
                    key: [UInt8](repeating: 0x0B, count: 20), Array("Hi There".utf8)))
                == "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")
        #expect(
            hex(
                crypto.hmacSHA256(
                    key: Array("Jefe".utf8), Array("what do ya want for nothing?".utf8)))
                == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        #expect(
            hex(
                crypto.hmacSHA256(
                    key: [UInt8](repeating: 0xAA, count: 131),
                    Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8)))
                == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
        #expect(
            hex(crypto.hmacSHA256(key: [], []))
                == "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad")
    }

    // RFC 7914, section 11: the first 32 bytes of both.
    @Test func pbkdf2() {
        #expect(
            hex(
                crypto.pbkdf2SHA256(
                    password: Array("passwd".utf8), salt: Array("salt".utf8), iterations: 1))
                == "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc")
        #expect(
            hex(
                crypto.pbkdf2SHA256(
                    password: Array("Password".utf8), salt: Array("NaCl".utf8),
                    iterations: 80_000))
                == "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56")
        #expect(crypto.pbkdf2SHA256(password: [], salt: [], iterations: 1).count == 32)
    }

    @Test func randomBytesDiffer() {
        #expect(crypto.randomBytes(0).isEmpty)
        #expect(crypto.randomBytes(32) != crypto.randomBytes(32))
    }

    @Test func comparison() {
        #expect(crypto.constantTimeEqual([], []))
        #expect(crypto.constantTimeEqual([1, 2], [1, 2]))
        #expect(!crypto.constantTimeEqual([1, 2], [1, 3]))
        #expect(!crypto.constantTimeEqual([1, 2], [1, 2, 3]))
    }
}
