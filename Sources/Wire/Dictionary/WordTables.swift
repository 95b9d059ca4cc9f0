// A dictionary as flat tables: from index to word and from text to index. Readers and writers ask them
// for each key and value, so most texts that are no word must be turned away by one load.
//
// Invariant: tables never change once built, and are not freed but by `discard`; every index in `slots`
// has an entry.

internal import Base
internal import Glibc

/// The tables of a dictionary. One pointer; the memory behind it lives for ever.
struct WordTables: @unchecked Sendable {
    // Immutable once built, so any thread may read it.
    private let tables: UnsafePointer<Tables>

    private struct Tables {
        let bytes: UnsafePointer<UInt8>
        let entries: UnsafePointer<Entry>
        let slots: UnsafePointer<UInt16>
        /// For each first byte a bit for each size that such a word has; sizes from 63 on share one.
        let sizes: UnsafePointer<UInt64>
        /// What the word of an index may be; nothing for none and for control words.
        let uses: UnsafePointer<WordUses>
        /// The words as strings.
        let strings: UnsafePointer<String>
        let longestPackedWordSize: Int
    }

    private struct Entry {
        var print = WordPrint(first: 0, last: 0)
        var start: UInt32 = 0
        var size: UInt32 = 0
    }

    private static var entryCount: Int { 0x500 }
    private static var slotCount: Int { 4_096 }
    private static let registry = Lock<Set<UnsafeRawPointer>>([])

    init(single: [String], double: [[String]]) throws(WireError) {
        let words = try Self.checkedWords(single: single, double: double)
        let size = words.reduce(0) { $0 + $1.text.count }
        let bytes = Self.table(size, of: UInt8(0))
        let entries = Self.table(Self.entryCount, of: Entry())
        let slots = Self.table(Self.slotCount, of: UInt16(0))
        let sizes = Self.table(256, of: UInt64(0))
        let uses = Self.table(Self.entryCount, of: WordUses())
        let strings = Self.table(Self.entryCount, of: "")
        uses[Int(Token.ownDomain.rawValue)] = [.word, .domain]
        var end = 0
        var longestPackedWordSize = 0
        for (index, word) in words {
            word.withUnsafeBytes { text in
                for (offset, byte) in text.enumerated() { bytes[end + offset] = byte }
                let print = WordPrint(text)
                entries[index] = Entry(
                    print: print, start: UInt32(end), size: UInt32(text.count))
                strings[index] = String(decoding: text, as: UTF8.self)
                end += text.count
                guard index > 3 else { return }
                uses[index] = WordUses(text)
                if PackedText.alphabet(of: text) != nil {
                    longestPackedWordSize = max(longestPackedWordSize, text.count)
                }
                sizes[Int(text[0])] |= 1 << UInt64(min(text.count, 63))
                var slot = print.slot(size: text.count)
                while slots[slot] != 0 { slot = (slot + 1) & (Self.slotCount - 1) }
                slots[slot] = UInt16(index)
            }
        }
        let tables = Self.table(
            1,
            of: Tables(
                bytes: bytes, entries: entries, slots: slots, sizes: sizes, uses: uses,
                strings: strings, longestPackedWordSize: longestPackedWordSize))
        self.tables = UnsafePointer(tables)
        Self.registry.withLock { _ = $0.insert(UnsafeRawPointer(tables)) }
    }

    /// Frees the tables. Precondition: no dictionary with them is used again.
    func discard() {
        let isThere = Self.registry.withLock { $0.remove(UnsafeRawPointer(tables)) != nil }
        precondition(isThere, "a dictionary is discarded twice")
        let parts = tables.pointee
        parts.bytes.deallocate()
        parts.entries.deallocate()
        parts.slots.deallocate()
        parts.sizes.deallocate()
        parts.uses.deallocate()
        UnsafeMutablePointer(mutating: parts.strings).deinitialize(count: Self.entryCount)
        parts.strings.deallocate()
        tables.deallocate()
    }

    private var bytes: UnsafePointer<UInt8> { tables.pointee.bytes }
    private var entries: UnsafePointer<Entry> { tables.pointee.entries }
    private var slots: UnsafePointer<UInt16> { tables.pointee.slots }

    /// The longest word of the characters that can be packed; a longer packed text is no word.
    var longestPackedWordSize: Int { tables.pointee.longestPackedWordSize }

    private static func table<T>(_ count: Int, of value: T) -> UnsafeMutablePointer<T> {
        let table = UnsafeMutablePointer<T>.allocate(capacity: count)
        table.initialize(repeating: value, count: count)
        return table
    }

    /// The words with their indices, the own domain's place left out.
    private static func checkedWords(
        single: [String], double: [[String]]
    ) throws(WireError) -> [(index: Int, text: [UInt8])] {
        guard (4...236).contains(single.count), double.count == 4 else {
            throw .malformedDictionary("4 to 236 single words and 4 double tables are needed")
        }
        guard double.allSatisfy({ $0.count <= 256 }), single[0].isEmpty else {
            throw .malformedDictionary("a double table exceeds 256 words, or word 0 is not empty")
        }
        var words = [(index: Int, text: [UInt8])]()
        for (index, word) in single.enumerated() where index != 0 && index != 3 {
            words.append((index, Array(word.utf8)))
        }
        for (dictionary, table) in double.enumerated() {
            for (index, word) in table.enumerated() {
                words.append((0x100 + 0x100 * dictionary + index, Array(word.utf8)))
            }
        }
        guard Set(words.map(\.text)).count == words.count else {
            throw .malformedDictionary("a word occurs twice")
        }
        guard words.allSatisfy({ (1...WireLimits.wordSizeMax).contains($0.text.count) }) else {
            throw .malformedDictionary("a word is empty or too long")
        }
        return words
    }

    /// The bytes of a word by its token's raw value; nil when there is none.
    @inline(__always)
    func word(_ index: UInt16) -> UnsafeRawBufferPointer? {
        guard Int(index) < Self.entryCount else { return nil }
        let entry = entries[Int(index)]
        guard entry.size > 0 else { return nil }
        return UnsafeRawBufferPointer(start: bytes + Int(entry.start), count: Int(entry.size))
    }

    /// What the word of an index may be; nothing when there is none, and for control words.
    @inline(__always)
    func uses(_ index: UInt16) -> WordUses {
        Int(index) < Self.entryCount ? tables.pointee.uses[Int(index)] : []
    }

    /// Whether a byte is a word by itself.
    @inline(__always)
    func isWord(_ byte: UInt8) -> Bool {
        tables.pointee.uses[Int(byte)].contains(.word)
    }

    /// A word as a string; empty when there is none.
    @inline(__always)
    func string(_ index: UInt16) -> String {
        Int(index) < Self.entryCount ? tables.pointee.strings[Int(index)] : ""
    }

    /// The token of a word; control words and the own domain are not among them.
    @inline(__always)
    func token(of text: UnsafeRawBufferPointer) -> Token? {
        guard let base = text.baseAddress, text.count > 0 else { return nil }
        let first = base.load(as: UInt8.self)
        let sizes = tables.pointee.sizes[Int(first)]
        return sizes >> UInt64(min(text.count, 63)) & 1 == 1 ? find(text) : nil
    }

    private func find(_ text: UnsafeRawBufferPointer) -> Token? {
        let print = WordPrint(text)
        var slot = print.slot(size: text.count)
        while true {  // ends: at most 1,256 of the 4,096 slots are taken
            let index = slots[slot]
            if index == 0 { return nil }
            let entry = entries + Int(index)
            if entry.pointee.print == print, Int(entry.pointee.size) == text.count {
                // Up to 16 bytes the print and the size are the text.
                if text.count <= 16 { return Token(unchecked: index) }
                let word = UnsafeRawBufferPointer(
                    start: bytes + Int(entry.pointee.start), count: text.count)
                if equalBytes(word, text) { return Token(unchecked: index) }
            }
            slot = (slot + 1) & (Self.slotCount - 1)
        }
    }

    /// The token of a control word.
    func controlToken(of text: UnsafeRawBufferPointer) -> Token? {
        if let word = word(1), equalBytes(word, text) { return .streamStart }
        if let word = word(2), equalBytes(word, text) { return .streamEnd }
        return nil
    }
}

/// What a word is good for, apart from being one.
struct WordUses: OptionSet, BitwiseCopyable {
    let rawValue: UInt8
    static var word: WordUses { WordUses(rawValue: 1) }
    static var localpart: WordUses { WordUses(rawValue: 2) }
    static var domain: WordUses { WordUses(rawValue: 4) }
}

extension WordUses {
    /// Precondition: the text is a word.
    fileprivate init(_ text: UnsafeRawBufferPointer) {
        self = .word
        if AddressSyntax.isLocalpart(text) { insert(.localpart) }
        if AddressSyntax.isDomain(text) { insert(.domain) }
    }
}

/// The first and last eight bytes of a text, which may overlap; shorter texts are in `first` alone. With
/// the size it stands for texts of up to 16 bytes exactly.
private struct WordPrint: Equatable, BitwiseCopyable {
    let first: UInt64
    let last: UInt64

    init(first: UInt64, last: UInt64) {
        self.first = first
        self.last = last
    }

    /// Precondition: not empty.
    @inline(__always)
    init(_ text: UnsafeRawBufferPointer) {
        if text.count >= 8 {
            first = text.loadUnaligned(fromByteOffset: 0, as: UInt64.self)
            last = text.loadUnaligned(fromByteOffset: text.count - 8, as: UInt64.self)
        } else {
            first = loadShort(text, at: 0, count: text.count)
            last = 0
        }
    }

    /// Where the search for a word begins: a mix of its size, first and last bytes. Not keyed: the
    /// tables are fixed, and what is looked up is never inserted.
    @inline(__always)
    func slot(size: Int) -> Int {
        // Arithmetic modulo 2^64 is the definition of this hash.
        let size = UInt64(truncatingIfNeeded: size)
        let hash = (first &+ size) &* 0x9E37_79B9_7F4A_7C15 ^ last &* 0xC2B2_AE3D_27D4_EB4F
        return Int(truncatingIfNeeded: hash >> 52)  // 12 bits: below slotCount
    }
}

/// Up to seven bytes as the low bytes of a number, zeros above them. Reads nothing outside of them.
/// Precondition: `count < 8` bytes lie at `offset`.
@inline(__always)
func loadShort(_ bytes: UnsafeRawBufferPointer, at offset: Int, count: Int) -> UInt64 {
    guard let base = bytes.baseAddress, count > 0 else { return 0 }
    let start = base + offset
    if count >= 4 {
        // Two loads that overlap in the middle, where they agree.
        let low = UInt64(start.loadUnaligned(as: UInt32.self))
        let high = UInt64((start + (count - 4)).loadUnaligned(as: UInt32.self))
        return low | high << UInt64(8 * (count - 4))
    }
    let first = UInt64(start.load(as: UInt8.self))
    let middle = UInt64((start + count / 2).load(as: UInt8.self)) << UInt64(8 * (count / 2))
    let last = UInt64((start + (count - 1)).load(as: UInt8.self)) << UInt64(8 * (count - 1))
    return first | middle | last
}

/// Whether two runs of bytes are the same.
@inline(__always)
func equalBytes(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
    guard left.count == right.count else { return false }
    guard let a = left.baseAddress, let b = right.baseAddress else { return left.isEmpty }
    return memcmp(a, b, left.count) == 0
}

/// Single-byte tokens that were seen, to find one that comes twice.
struct SeenTokens {
    private var bits = InlineArray<4, UInt64>(repeating: 0)

    /// Adds a token; false if it was there.
    @inline(__always)
    mutating func insert(_ token: UInt8) -> Bool {
        let bit = UInt64(1) << UInt64(token & 63)
        let index = Int(token >> 6)
        let isNew = bits[index] & bit == 0
        bits[index] |= bit
        return isNew
    }
}
