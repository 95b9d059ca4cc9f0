// Words and their indices, both ways, as flat tables: looking a word up touches no heap object and
// counts no reference, so that all threads may do it at once.
//
// Invariant: tables never change once built, and are not freed but by `discard`. A process loads a
// dictionary or two; the registry keeps them reachable.

/// A versioned list of words that stanzas are made of.
public struct TokenDictionary: Sendable {
    /// The version, as the prologue names it.
    public let version: UInt8
    let tables: WordTables

    /// The dictionary of protocol tern/1.
    public static let version1: TokenDictionary = {
        let words = { (list: String) in
            list.split(separator: "\n").filter { !$0.hasPrefix("#") }
                .flatMap { $0.split(separator: " ").map(String.init) }
        }
        let single = ["", "stream:start", "stream:end", ""] + words(DictionaryVersion1.single)
        let double = [words(DictionaryVersion1.double0), [], [], []]
        do {
            return try TokenDictionary(version: 1, single: single, double: double)
        } catch {
            preconditionFailure("dictionary version 1: \(error)")
        }
    }()

    /// A dictionary of one's own. `single` is indexed from 0: the empty word, the two control words,
    /// the own domain's place (its word does not count), then up to 232 words; `double` holds four
    /// tables of up to 256 words. Throws `malformedDictionary`. The tables live as long as the process.
    public init(version: UInt8, single: [String], double: [[String]]) throws(WireError) {
        self.version = version
        tables = try WordTables(single: single, double: double)
    }

    /// The word of a token; nil when the dictionary has none there. Token 3 has no word of its own.
    public func word(of token: Token) -> String? {
        guard let bytes = tables.word(token.rawValue), token != .ownDomain else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The token of a word; nil when it is none. Control words count.
    public func token(of word: String) -> Token? {
        var word = word
        return word.withUTF8 { text in
            let bytes = UnsafeRawBufferPointer(text)
            return tables.token(of: bytes) ?? tables.controlToken(of: bytes)
        }
    }

    /// Frees the tables: for tests that make dictionaries by the million. Precondition: neither this
    /// dictionary nor anything made with it is used again.
    package func discard() { tables.discard() }
}
