// Words and their indices, both ways, as flat tables: looking a word up touches no heap object and
// counts no reference, so that all threads may do it at once.
//
// Invariant: tables never change and are never freed once built. A process loads a dictionary or two;
// the registry keeps them reachable.

internal import Base
internal import Glibc

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
}

/// The tables of a dictionary. Trivial to copy: the memory behind them lives for ever.
struct WordTables: @unchecked Sendable {
    // Immutable once built, so any thread may read them.
    private let bytes: UnsafeRawPointer
    private let entries: UnsafePointer<Entry>
    private let slots: UnsafePointer<UInt16>
    private let longestWordSize: Int

    private struct Entry {
        var start: UInt32
        var size: UInt32
    }

    private static let entryCount = 0x500
    private static let slotCount = 4_096
    private static let registry = Lock<[UnsafeRawPointer]>([])

    init(single: [String], double: [[String]]) throws(WireError) {
        guard (4...236).contains(single.count), double.count == 4 else {
            throw .malformedDictionary("4 to 236 single words and 4 double tables are needed")
        }
        guard double.allSatisfy({ $0.count <= 256 }), single[0].isEmpty else {
            throw .malformedDictionary("a double table exceeds 256 words, or word 0 is not empty")
        }
        var words = [(index: Int, word: String)]()
        for (index, word) in single.enumerated() where index != 0 && index != 3 {
            words.append((index, word))
        }
        for (dictionary, table) in double.enumerated() {
            for (index, word) in table.enumerated() {
                words.append((0x100 + 0x100 * dictionary + index, word))
            }
        }
        guard Set(words.map { Array($0.word.utf8) }).count == words.count else {
            throw .malformedDictionary("a word occurs twice")
        }
        guard words.allSatisfy({ (1...WireLimits.wordSizeMax).contains($0.word.utf8.count) }) else {
            throw .malformedDictionary("a word is empty or too long")
        }
        let size = words.reduce(0) { $0 + $1.word.utf8.count }
        let bytes = UnsafeMutableRawPointer.allocate(byteCount: size + 8, alignment: 8)
        let entries = UnsafeMutablePointer<Entry>.allocate(capacity: Self.entryCount)
        entries.initialize(repeating: Entry(start: 0, size: 0), count: Self.entryCount)
        let slots = UnsafeMutablePointer<UInt16>.allocate(capacity: Self.slotCount)
        slots.initialize(repeating: 0, count: Self.slotCount)
        var end = 0
        for (index, word) in words {
            var word = word
            word.withUTF8 { text in
                let text = UnsafeRawBufferPointer(text)
                UnsafeMutableRawBufferPointer(start: bytes + end, count: text.count)
                    .copyMemory(from: text)
                entries[index] = Entry(start: UInt32(end), size: UInt32(text.count))
                end += text.count
                if index > 3 {
                    var slot = Self.firstSlot(of: text)
                    while slots[slot] != 0 { slot = (slot + 1) % Self.slotCount }
                    slots[slot] = UInt16(index)
                }
            }
        }
        self.bytes = UnsafeRawPointer(bytes)
        self.entries = UnsafePointer(entries)
        self.slots = UnsafePointer(slots)
        longestWordSize = words.map { $0.word.utf8.count }.max() ?? 0
        let kept = [UnsafeRawPointer(bytes), UnsafeRawPointer(entries), UnsafeRawPointer(slots)]
        Self.registry.withLock { $0 += kept }
    }

    /// The bytes of a word by its token's raw value; nil when there is none.
    func word(_ index: UInt16) -> UnsafeRawBufferPointer? {
        guard Int(index) < Self.entryCount else { return nil }
        let entry = entries[Int(index)]
        guard entry.size > 0 else { return nil }
        return UnsafeRawBufferPointer(start: bytes + Int(entry.start), count: Int(entry.size))
    }

    /// Whether there is a word at the index.
    func hasWord(_ index: UInt16) -> Bool {
        Int(index) < Self.entryCount && entries[Int(index)].size > 0
    }

    /// The token of a word; control words and the own domain are not among them.
    func token(of text: UnsafeRawBufferPointer) -> Token? {
        guard text.count > 0, text.count <= longestWordSize else { return nil }
        var slot = Self.firstSlot(of: text)
        while slots[slot] != 0 {  // ends: at most 1,256 of the 4,096 slots are taken
            if let word = word(slots[slot]), equalBytes(word, text) {
                return Token(unchecked: slots[slot])
            }
            slot = (slot + 1) % Self.slotCount
        }
        return nil
    }

    /// The token of a control word.
    func controlToken(of text: UnsafeRawBufferPointer) -> Token? {
        if let word = word(1), equalBytes(word, text) { return .streamStart }
        if let word = word(2), equalBytes(word, text) { return .streamEnd }
        return nil
    }

    /// Where the search for a word begins: a mix of its size, first and last bytes. Not keyed: the
    /// tables are fixed, and what is looked up is never inserted.
    private static func firstSlot(of text: UnsafeRawBufferPointer) -> Int {
        var first: UInt64 = 0
        var last: UInt64 = 0
        if text.count >= 8 {
            first = text.loadUnaligned(fromByteOffset: 0, as: UInt64.self)
            last = text.loadUnaligned(fromByteOffset: text.count - 8, as: UInt64.self)
        } else {
            for byte in text { first = first << 8 | UInt64(byte) }
        }
        // Arithmetic modulo 2^64 is the definition of this hash.
        var hash = first &* 0x9E37_79B9_7F4A_7C15
        hash ^= last &* 0xC2B2_AE3D_27D4_EB4F
        hash ^= UInt64(text.count) &* 0x1656_67B1_9E37_79F9
        hash ^= hash >> 29
        hash = hash &* 0xBF58_476D_1CE4_E5B9
        return Int(truncatingIfNeeded: hash >> 52)  // 12 bits: below slotCount
    }
}

/// Whether two runs of bytes are the same.
func equalBytes(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
    guard left.count == right.count else { return false }
    guard let a = left.baseAddress, let b = right.baseAddress else { return left.isEmpty }
    return memcmp(a, b, left.count) == 0
}
