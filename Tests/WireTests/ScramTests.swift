import Base
import Testing
import Wire

@Suite struct ScramTests {
    private let crypto = TestCryptography()
    private let nonce = "rOprNGfwEbeRWgbNEkqO"
    private let fullNonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"

    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    @Test func testDoubleHashesAsPublished() {
        #expect(
            hex(crypto.sha256(Array("abc".utf8)))
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(
            hex(
                crypto.hmacSHA256(
                    key: Array("Jefe".utf8), Array("what do ya want for nothing?".utf8)))
                == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    }

    @Test func exampleOfRFC7677() throws {
        let password = try #require(PasswordPreparation.prepare("pencil"))
        let clientFirst = ScramClientFirst(binding: .unsupported, username: "user", nonce: nonce)
        #expect(text(clientFirst.bytes) == "n,,n=user,r=rOprNGfwEbeRWgbNEkqO")
        #expect(try ScramClientFirst(parsing: clientFirst.bytes) == clientFirst)

        let salt = try #require(Base64.decoded("W22ZaJ0SNY7soEsUEjb6gQ=="))
        let serverFirst = ScramServerFirst(nonce: fullNonce, salt: salt, iterations: 4_096)
        #expect(
            text(serverFirst.bytes)
                == "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                + "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")
        #expect(
            try ScramServerFirst(parsing: serverFirst.bytes, clientNonce: nonce) == serverFirst)

        let (clientFinal, signature) = ScramProof.clientFinal(
            password: password, clientFirst: clientFirst, serverFirst: serverFirst,
            channelBindingData: [], cryptography: crypto)
        #expect(
            text(clientFinal.bytes)
                == "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                + "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
        #expect(try ScramClientFinal(parsing: clientFinal.bytes) == clientFinal)
        let serverFinal = ScramServerFinal.verifier(signature)
        #expect(text(serverFinal.bytes) == "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
        #expect(try ScramServerFinal(parsing: serverFinal.bytes) == serverFinal)

        let keys = ScramKeys.derive(
            password: password, salt: salt, iterations: 4_096, cryptography: crypto)
        let message = ScramProof.authMessage(
            clientFirst: clientFirst, serverFirst: serverFirst,
            withoutProof: clientFinal.withoutProof)
        #expect(
            ScramProof.isValid(
                proof: clientFinal.proof, keys: keys, authMessage: message, cryptography: crypto))
        #expect(
            ScramProof.serverSignature(keys: keys, authMessage: message, cryptography: crypto)
                == signature)
        var wrong = clientFinal.proof
        wrong[31] ^= 1
        #expect(
            !ScramProof.isValid(
                proof: wrong, keys: keys, authMessage: message, cryptography: crypto))
        #expect(
            !ScramProof.isValid(
                proof: [], keys: keys, authMessage: message, cryptography: crypto))
    }

    @Test func channelBindingIsPartOfTheProof() throws {
        let first = ScramClientFirst(
            binding: .required("tls-exporter"), username: "a,b=c", nonce: "x")
        #expect(text(first.bytes) == "p=tls-exporter,,n=a=2Cb=3Dc,r=x")
        let read = try ScramClientFirst(parsing: first.bytes)
        #expect(read == first)
        #expect(read.username == "a,b=c" && read.binding == .required("tls-exporter"))
        let binding = ScramProof.channelBinding(header: read.header, data: [1, 2])
        #expect(binding == Array("p=tls-exporter,,".utf8) + [1, 2])
    }

    @Test func clientFirstIsStrict() throws {
        for (message, isValid) in [
            ("n,,n=user,r=x", true), ("y,,n=user,r=x", true), ("p=tls-exporter,,n=u,r=x", true),
            ("n,a=boss,n=user,r=x", true), ("n,,n=user,r=x,z=9", true), ("n,,n=ü=2C,r=x", true),
            ("", false), ("n", false), ("n,", false), ("n,,", false), ("x,,n=user,r=x", false),
            ("p=,,n=user,r=x", false), ("p=a b,,n=user,r=x", false), ("n,b=c,n=user,r=x", false),
            ("n,a=,n=user,r=x", false), ("n,,n=,r=x", false), ("n,,n=user,r=", false),
            ("n,,n=user", false), ("n,,r=x,n=user", false), ("n,,n=us=er,r=x", false),
            ("n,,n=user=2c,r=x", false), ("n,,n=user=,r=x", false), ("n,,n=user=2,r=x", false),
            ("n,,n=user,r=a b", false), ("n,,n=user,r=ä", false), ("n,,n=user,r=x,", false),
            ("n,,n=user,r=x,1=2", false), ("n,,n=user,r=x,z=", false), ("n,,n=u\0,r=x", false),
            ("n,,n=user,r=x,zz", false), ("n,a=x,\u{301}y,n=user,r=x", false),
            ("n,,n=user,\u{301}r=x", false), ("n,,n=e\u{301},r=x", true),
            (" n,,n=user,r=x", false),
        ] {
            let result = try? ScramClientFirst(parsing: Array(message.utf8))
            #expect((result != nil) == isValid, "\(message)")
            if let result { #expect(text(result.bytes) == message) }
        }
        for message in ["n,,m=1,n=user,r=x", "n,,n=user,r=x,m=1"] {
            #expect(throws: WireError.unsupportedExtension) {
                try ScramClientFirst(parsing: Array(message.utf8))
            }
        }
        #expect(throws: WireError.malformedSCRAM) {
            try ScramClientFirst(parsing: Array("n,,n=user,r=".utf8) + [0xFF])
        }
        let long = "n,,n=user,r=" + String(repeating: "x", count: 2_037)
        #expect(throws: WireError.malformedSCRAM) {
            try ScramClientFirst(parsing: Array(long.utf8))
        }
        #expect(try ScramClientFirst(parsing: Array(long.dropLast().utf8)).nonce.count == 2_036)
    }

    @Test func serverFirstIsStrict() throws {
        for (message, expected) in [
            ("r=xy,s=AQ==,i=4096", nil), ("r=xy,s=AQ==,i=1000000", nil),
            ("r=xy,s=AQ==,i=4096,z=1", nil), ("r=xy,s=AQ==,i=4095", .iterationCount(4_095)),
            ("r=xy,s=AQ==,i=1000001", .iterationCount(1_000_001)),
            ("r=x,s=AQ==,i=4096", .malformedSCRAM), ("r=yx,s=AQ==,i=4096", .malformedSCRAM),
            ("r=xy,s=AQ,i=4096", .malformedSCRAM), ("r=xy,s=AR==,i=4096", .malformedSCRAM),
            ("r=xy,s=,i=4096", .malformedSCRAM), ("r=xy,s=AQ==,i=04096", .malformedSCRAM),
            ("r=xy,s=AQ==,i=+4096", .malformedSCRAM), ("r=xy,s=AQ==,i=", .malformedSCRAM),
            ("r=xy,s=AQ==,i=99999999999999999999", .malformedSCRAM),
            ("r=xy,s=AQ==,i=0", .malformedSCRAM), ("r=xy,s=AQ==", .malformedSCRAM),
            ("r=xy, s=AQ==,i=4096", .malformedSCRAM),
            ("m=1,r=xy,s=AQ==,i=4096", .unsupportedExtension),
        ] as [(String, WireError?)] {
            var caught: WireError?
            do throws(WireError) {
                let read = try ScramServerFirst(parsing: Array(message.utf8), clientNonce: "x")
                #expect(text(read.bytes) == message)
            } catch {
                caught = error
            }
            #expect(caught == expected, "\(message)")
        }
    }

    @Test func finalMessagesAreStrict() throws {
        let proof = Base64.encoded([UInt8](repeating: 7, count: 32))
        let short = Base64.encoded([UInt8](repeating: 7, count: 31))
        for (message, isValid) in [
            ("c=biws,r=x,p=\(proof)", true), ("c=biws,r=x,z=1,p=\(proof)", true),
            ("c=biws,r=x,p=\(short)", false), ("c=biws,r=x,p=\(proof),z=1", false),
            ("c=biws,r=x", false), ("c=,r=x,p=\(proof)", false), ("r=x,c=biws,p=\(proof)", false),
            ("c=biw,r=x,p=\(proof)", false), ("c=biws,p=\(proof)", false), ("", false),
            ("p=\(proof)", false), ("c=biws,m=1,r=x,p=\(proof)", false),
        ] {
            let result = try? ScramClientFinal(parsing: Array(message.utf8))
            #expect((result != nil) == isValid, "\(message)")
        }
        #expect(try ScramServerFinal(parsing: Array("e=other-error".utf8)) == .error("other-error"))
        for message in ["", "v=", "e=", "v=\(short)", "x=\(proof)", "v=\(proof),"] {
            #expect(throws: WireError.malformedSCRAM) {
                try ScramServerFinal(parsing: Array(message.utf8))
            }
        }
    }

    @Test func base64HasOneForm() throws {
        for count in 0..<70 {
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255) }
            #expect(Base64.decoded(Base64.encoded(bytes)) == bytes)
        }
        #expect(Base64.encoded(Array("fooba".utf8)) == "Zm9vYmE=")
        for text in [
            "A", "AB", "ABC", "AB==C", "A===", "====", "AB=A", "AQ= ", " AQ==", "AR==", "AQE==",
            "AAF=", "A-_=", "ABCD\n", "AQ==AQ==",
        ] {
            #expect(Base64.decoded(text) == nil, "\(text)")
        }
    }

    @Test func passwordsArePrepared() {
        let prepare = {
            PasswordPreparation.prepare($0).map { String(decoding: $0, as: UTF8.self) }
        }
        #expect(prepare("correct horse") == "correct horse")
        #expect(prepare("a\u{A0}b\u{3000}c") == "a b c")
        #expect(PasswordPreparation.prepare("e\u{301}") == Array("\u{E9}".utf8))
        #expect(PasswordPreparation.prepare("\u{212B}") == [0xC3, 0x85])
        #expect(prepare("πß₣ Ａ") == "πß₣ Ａ")
        for refused in [
            "", "a\u{7}b", "a\nb", "a\u{7F}", "\u{E000}", "\u{FFFE}", "a\u{AD}b", "\u{2028}",
            "\u{200B}", "a\u{200D}b", "\u{FEFF}", "\u{1100}", "\u{378}",
        ] {
            #expect(prepare(refused) == nil, "\(refused.unicodeScalars.map(\.value))")
        }
        #expect(prepare("\u{915}\u{94D}\u{200D}\u{937}") != nil)
        #expect(prepare(String(repeating: "x", count: 1_024)) != nil)
        #expect(prepare(String(repeating: "x", count: 1_025)) == nil)
    }
}
