import Foundation
import Testing
import Wire

@Suite struct DictionaryTests {
    /// Files beside the word list, from which `make dictionary` makes the Swift files.
    private func source(_ name: String) throws -> String {
        let root = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        return try String(
            contentsOf: root.appending(path: "Sources/Wire/Dictionary/\(name)"), encoding: .utf8)
    }

    @Test func wordsAreThoseOfTheSource() throws {
        let lines = try source("Source/words-1.txt").split(separator: "\n")
            .filter { !$0.hasPrefix("#") }
        let first = ["single": 4, "double 0": 0x100] as [String: UInt16]
        var next: UInt16 = 0
        for line in lines {
            if line.hasPrefix("[") {
                next = try #require(first[line.trimmingCharacters(in: ["[", "]"])])
                continue
            }
            for word in line.split(separator: " ") {
                let token = try #require(Token(rawValue: next))
                #expect(TokenDictionary.version1.word(of: token) == String(word))
                next += 1
            }
        }
        #expect(try #require(Token(rawValue: next)).rawValue > 0x1F0)
    }

    /// The names of tokens in code are generated; here they are read as text and compared.
    @Test func namedTokensAreTheWordsTheySay() throws {
        let names = try source("Token+Names.swift").matches(
            of: /static var `?(\w+)`?: Token { Token\(unchecked: 0x(\w+)\) }/)
        #expect(names.count > 200)
        for match in names {
            let token = try #require(UInt16(match.output.2, radix: 16).flatMap(Token.init))
            guard let word = TokenDictionary.version1.word(of: token) else {
                #expect(token == .ownDomain)
                continue
            }
            let parts = word.split { $0 == "-" || $0 == ":" }
            let name =
                (parts.first?.lowercased() ?? "")
                + parts.dropFirst().map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
            #expect(name == match.output.1)
        }
        #expect(Token.message.rawValue == 4 && Token.deflate.rawValue == 0xEB)
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

    /// Words keep their indices for good, so a version's digest never changes once it is released; a
    /// later version has every word of it in its place.
    @Test func indicesDoNotMove() {
        var listing = ""
        for rawValue in 0x001...0x4FF as ClosedRange<UInt16> {
            guard let token = Token(rawValue: rawValue),
                let word = TokenDictionary.version1.word(of: token)
            else { continue }
            listing += "\(rawValue) \(word)\n"
        }
        let digest = TestCryptography().sha256(Array(listing.utf8))
        #expect(hex(digest) == "1e0c798f4f5c093da7f6185374e3a5a3669a4cb86f15d2162fe0a15724e97e53")
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
