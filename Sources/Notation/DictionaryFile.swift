// A dictionary from a file: `{"single": […], "double": [[…], […], […], […]]}`.

package import Wire

/// The words of a dictionary file.
package struct DictionaryFile: Equatable, Sendable {
    /// The single-byte words from index 0 on: the empty one, two control words, the own domain.
    package let single: [String]
    /// Four tables of double-byte words.
    package let double: [[String]]

    /// Reads the file's text. Members with other names are passed over. Throws `json` or `shape`.
    package init(parsing text: RawSpan) throws(NotationError) {
        guard text.byteCount <= NotationLimits.dictionarySizeMax else {
            throw .shape(
                "a file of more than \(NotationLimits.dictionarySizeMax) bytes", offset: 0)
        }
        var reader = JSONReader(text)
        let first = try reader.peek()
        let start = reader.offset
        guard first == UInt8(ascii: "{") else {
            throw .shape("a dictionary is an object", offset: start)
        }
        try reader.openObject()
        var single: [String]?
        var double: [[String]]?
        var isFirst = true
        while let member = try reader.nextMember(&isFirst) {
            switch member.key {
            case "single":
                guard single == nil else { throw .shape("single twice", offset: member.offset) }
                single = try Self.words("single", countMax: 236, &reader)
            case "double":
                guard double == nil else { throw .shape("double twice", offset: member.offset) }
                double = try Self.tables(&reader)
            default:
                try reader.skipValue()
            }
        }
        try reader.finish()
        guard let single else { throw .shape("no member \"single\"", offset: start) }
        guard let double else { throw .shape("no member \"double\"", offset: start) }
        self.single = single
        self.double = double
    }

    /// The dictionary. Throws `malformedDictionary`.
    package func dictionary() throws(WireError) -> TokenDictionary {
        try TokenDictionary(version: 0, single: single, double: double)
    }

    /// The own domain that the file gives: the word at index 3.
    package var domain: String? { single.count > 3 ? single[3] : nil }

    private static func tables(_ reader: inout JSONReader) throws(NotationError) -> [[String]] {
        let start = try array("double", &reader)
        var tables: [[String]] = []
        var isFirst = true
        while try reader.nextElement(&isFirst) {
            tables.append(try words("a double table", countMax: 256, &reader))
            guard tables.count <= 4 else { throw .shape("more than 4 tables", offset: start) }
        }
        guard tables.count == 4 else {
            throw .shape("double has \(tables.count) tables where 4 are needed", offset: start)
        }
        return tables
    }

    private static func words(
        _ name: String, countMax: Int, _ reader: inout JSONReader
    ) throws(NotationError) -> [String] {
        let start = try array(name, &reader)
        var words: [String] = []
        var isFirst = true
        while try reader.nextElement(&isFirst) {
            let next = try reader.peek()
            guard next == UInt8(ascii: "\"") else {
                throw .shape("a word is a string", offset: reader.offset)
            }
            words.append(try reader.readString())
            guard words.count <= countMax else {
                throw .shape("\(name) has more than \(countMax) words", offset: start)
            }
        }
        return words
    }

    private static func array(
        _ name: String, _ reader: inout JSONReader
    ) throws(NotationError) -> Int {
        let first = try reader.peek()
        guard first == UInt8(ascii: "[") else {
            throw .shape("\(name) is an array", offset: reader.offset)
        }
        let start = reader.offset
        try reader.openArray()
        return start
    }
}
