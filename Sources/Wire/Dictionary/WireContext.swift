// What nodes are read and written with: the dictionary and the stream's own domain.

internal import Base

/// A dictionary bound to the stream's own domain. Trivial to copy, good on every thread.
package struct WireContext: @unchecked Sendable {
    // The domain's bytes never change and live for ever, as the dictionary's tables do.
    package let dictionary: TokenDictionary
    private let domainStart: UnsafeRawPointer
    private let domainSize: Int

    private static let registry = Lock<[UnsafeRawPointer]>([])

    /// Binds a dictionary to a domain; nil when `domain` is malformed, or a word of the dictionary,
    /// which would give one text two tokens. A process makes one for each domain it serves.
    package init?(dictionary: TokenDictionary = .version1, domain: String) {
        guard JID.isDomain(domain), dictionary.token(of: domain) == nil else { return nil }
        self.dictionary = dictionary
        var domain = domain
        let copy = domain.withUTF8 { text in
            let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: text.count, alignment: 1)
            copy.copyMemory(from: UnsafeRawBufferPointer(text))
            return UnsafeRawBufferPointer(copy)
        }
        guard let start = copy.baseAddress else { return nil }
        domainStart = start
        domainSize = copy.count
        Self.registry.withLock { $0.append(start) }
    }

    /// The stream's own domain.
    package var domain: String { String(decoding: domainBytes, as: UTF8.self) }

    /// The own domain's bytes.
    var domainBytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: domainStart, count: domainSize)
    }

    /// The text of a token; nil when it has none.
    func text(of token: Token) -> UnsafeRawBufferPointer? {
        token == .ownDomain ? domainBytes : dictionary.tables.word(token.rawValue)
    }

    /// Whether a token has a text, control words not counted.
    func isWord(_ rawValue: UInt16) -> Bool {
        rawValue == 3 || (rawValue > 3 && dictionary.tables.hasWord(rawValue))
    }

    /// The token that stands for a text; control words are not among them.
    func token(of text: UnsafeRawBufferPointer) -> Token? {
        if equalBytes(text, domainBytes) { return .ownDomain }
        return dictionary.tables.token(of: text)
    }
}
