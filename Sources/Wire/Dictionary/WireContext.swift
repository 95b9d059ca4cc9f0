// What nodes are read and written with: the dictionary and the stream's own domain.

internal import Base

/// A dictionary bound to the stream's own domain. One pointer, good on every thread.
package struct WireContext: @unchecked Sendable {
    // What it points to never changes and lives for ever, as the dictionary's tables do.
    private let parts: UnsafePointer<Parts>

    private struct Parts {
        let dictionary: TokenDictionary
        let domain: String
        let domainBytes: UnsafeRawBufferPointer
        let domainUses: WordUses
    }

    private static let registry = Lock<Set<UnsafeRawPointer>>([])

    /// Binds a dictionary to a domain; nil when `domain` is malformed, or a word of the dictionary,
    /// which would give one text two tokens. A process makes one for each domain it serves.
    package init?(dictionary: TokenDictionary = .version1, domain: String) {
        guard JID.isDomain(domain), dictionary.token(of: domain) == nil else { return nil }
        let text = Array(domain.utf8)
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: text.count, alignment: 1)
        bytes.copyBytes(from: text)
        let parts = UnsafeMutablePointer<Parts>.allocate(capacity: 1)
        parts.initialize(
            to: Parts(
                dictionary: dictionary, domain: domain, domainBytes: UnsafeRawBufferPointer(bytes),
                domainUses: AddressSyntax.isLocalpart(text)
                    ? [.word, .domain, .localpart] : [.word, .domain]))
        self.parts = UnsafePointer(parts)
        Self.registry.withLock { _ = $0.insert(UnsafeRawPointer(parts)) }
    }

    /// Frees the domain: for tests that make contexts by the million. Precondition: the context is not
    /// used again.
    package func discard() {
        let isThere = Self.registry.withLock { $0.remove(UnsafeRawPointer(parts)) != nil }
        precondition(isThere, "a context is discarded twice")
        domainBytes.deallocate()
        UnsafeMutablePointer(mutating: parts).deinitialize(count: 1)
        parts.deallocate()
    }

    /// The dictionary.
    package var dictionary: TokenDictionary { parts.pointee.dictionary }

    /// The stream's own domain.
    package var domain: String { parts.pointee.domain }

    /// The own domain's bytes.
    @inline(__always)
    var domainBytes: UnsafeRawBufferPointer { parts.pointee.domainBytes }

    /// The dictionary's tables.
    @inline(__always)
    var tables: WordTables { parts.pointee.dictionary.tables }

    /// The text of a token; nil when it has none.
    @inline(__always)
    func text(of token: Token) -> UnsafeRawBufferPointer? {
        token == .ownDomain ? domainBytes : tables.word(token.rawValue)
    }

    /// The text of a token as a string that is already there; empty when it has none.
    @inline(__always)
    func string(of token: Token) -> String {
        token == .ownDomain ? domain : tables.string(token.rawValue)
    }

    /// What a token's text may be, control words not counted; nothing when it has none.
    @inline(__always)
    func uses(_ rawValue: UInt16) -> WordUses {
        rawValue == Token.ownDomain.rawValue ? parts.pointee.domainUses : tables.uses(rawValue)
    }

    /// Whether a byte is a token by itself that has a text, control words not counted.
    @inline(__always)
    func isWord(_ byte: UInt8) -> Bool {
        tables.isWord(byte)
    }

    /// The token that stands for a text; control words are not among them.
    @inline(__always)
    func token(of text: UnsafeRawBufferPointer) -> Token? {
        if equalBytes(text, domainBytes) { return .ownDomain }
        return tables.token(of: text)
    }
}
