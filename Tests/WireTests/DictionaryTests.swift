import Testing
import Wire

@Suite struct DictionaryTests {
    @Test func namedTokensAreTheWordsTheySay() {
        for (token, word) in namedTokens {
            #expect(TokenDictionary.version1.word(of: token) == word)
            #expect(TokenDictionary.version1.token(of: word) == token)
        }
        #expect(Token.ownDomain.rawValue == 3)
        #expect(TokenDictionary.version1.word(of: .ownDomain) == nil)
    }

    @Test func everyWordIsFoundAndNothingElse() throws {
        let dictionary = TokenDictionary.version1
        var wordCount = 0
        for rawValue in 0...0x600 as ClosedRange<UInt16> {
            guard let token = Token(rawValue: rawValue), let word = dictionary.word(of: token)
            else {
                continue
            }
            wordCount += 1
            #expect(dictionary.token(of: word) == token, "\(word)")
            #expect(dictionary.token(of: word + "x") != token)
            #expect(dictionary.token(of: String(word.dropLast())) != token)
            let rest = word.utf8.allSatisfy { (0x21...0x7E).contains($0) }
            #expect(rest, "\(word)")
        }
        #expect(wordCount > 450)
        #expect(dictionary.token(of: "") == nil)
        #expect(dictionary.token(of: "MESSAGE") == nil)
        #expect(Token(rawValue: 0) == nil && Token(rawValue: 236) == nil)
        #expect(Token(rawValue: 255) == nil && Token(rawValue: 0x500) == nil)
    }

    /// Words keep their indices for good: these are checked against the first release.
    @Test func indicesDoNotMove() {
        let expected: [(UInt16, String)] = [
            (1, "stream:start"), (2, "stream:end"), (4, "message"), (5, "receipt"), (6, "ack"),
            (10, "to"), (11, "from"), (12, "id"), (13, "type"), (14, "t"), (21, "delivered"),
            (0x100, "gone"),
        ]
        for (rawValue, word) in expected {
            #expect(TokenDictionary.version1.token(of: word)?.rawValue == rawValue, "\(word)")
        }
    }

    @Test func malformedDictionariesAreRefused() {
        let empty: [[String]] = [[], [], [], []]
        let head = ["", "a", "b", "c"]
        let many = (0..<257).map { "w\($0)" }
        for (single, double) in [
            ([], empty), (["x", "a", "b", "c"], empty), (head + ["d", "d"], empty),
            (head + [""], empty), (head + many, empty), (head + ["a"], empty),
            (head, [[], [], []]), (head, [many, [], [], []]), (head + ["d"], [["d"], [], [], []]),
            (head, [["x"], ["x"], [], []]), (head, [[""], [], [], []]),
            (head + [String(repeating: "x", count: 129)], empty),
        ] as [([String], [[String]])] {
            #expect(throws: WireError.self) {
                try TokenDictionary(version: 9, single: single, double: double)
            }
        }
        let words = Array(many.dropLast())
        #expect(throws: Never.self) {
            try TokenDictionary(
                version: 9, single: head + (0..<232).map { "s\($0)" },
                double: (0..<4).map { table in words.map { "\($0)-\(table)" } })
        }
        #expect(throws: Never.self) {
            try TokenDictionary(
                version: 9, single: head + ["c", String(repeating: "x", count: 128)], double: empty)
        }
    }

    @Test func theOwnDomainIsATokenUnderAnyName() throws {
        for domain in ["example.org", "10.0.0.1", "a", "x-1.y"] {
            let context = try #require(WireContext(domain: domain))
            #expect(context.domain == domain)
            let payload = try encode(Node("iq", ["to": domain, "jid": "bob@\(domain)"]), context)
            #expect(hex(payload) == "f805080a030ffafc03626f6203")
            #expect(try decode(payload, context)["to"] == domain)
            #expect(try decode(payload, context)["jid"] == "bob@\(domain)")
        }
        for domain in ["", "message", "Example.org", "a..b", "gone"] {
            #expect(WireContext(domain: domain) == nil)
        }
    }
}
