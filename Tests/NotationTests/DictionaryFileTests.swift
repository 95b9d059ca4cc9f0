import Testing
import Wire

@testable import Notation

@Suite struct DictionaryFileTests {
    private func parse(_ text: String) throws(NotationError) -> DictionaryFile {
        try DictionaryFile(parsing: Array(text.utf8).span.bytes)
    }

    private func verdict(_ text: String) -> NotationError? {
        do throws(NotationError) {
            _ = try parse(text)
            return nil
        } catch {
            return error
        }
    }

    @Test func wordsAreThoseOfTheFile() throws {
        let file = try parse(
            #"{"double":[["x"],[],["é"],[]],"note":{},"single":["","\u0001s","e","a.b","word"]}"#)
        #expect(file.single == ["", "\u{1}s", "e", "a.b", "word"])
        #expect(file.double == [["x"], [], ["é"], []])
        #expect(file.domain == "a.b")
        let dictionary = try file.dictionary()
        #expect(dictionary.token(of: "word")?.rawValue == 4)
        #expect(dictionary.token(of: "é")?.rawValue == 0x300)
        #expect(dictionary.token(of: "a.b") == nil)
        dictionary.discard()
    }

    @Test(arguments: [
        ("", 0), ("[]", 0), ("{}", 0), (#"{"single":[]}"#, 0), (#"{"double":[[],[],[],[]]}"#, 0),
        (#"{"single":{},"double":[]}"#, 10), (#"{"single":[7]}"#, 11), (#"{"single":[null]}"#, 11),
        (#"{"single":[],"single":[]}"#, 13), (#"{"single":[],"double":[[],[],[]]}"#, 22),
        (#"{"single":[],"double":[[],[],[],[],[]]}"#, 22), (#"{"single":[],"double":["a"]}"#, 23),
        (#"{"single":[],"double":[[],[],[],[]]} {}"#, 37), (#"{"single":["a]}"#, 15),
        (#"{"double":[],"double":[]}"#, 10),
    ])
    func whatIsNoDictionaryHasAPlace(_ text: String, _ offset: Int) {
        #expect(verdict(text)?.offset == offset, "\(text): \(String(describing: verdict(text)))")
    }

    @Test func tablesHaveLimits() throws {
        let words = { (count: Int) in
            "[" + (0..<count).map { "\"w\($0)\"" }.joined(separator: ",") + "]"
        }
        let empty = "[[],[],[],[]]"
        #expect(verdict(#"{"single":\#(words(236)),"double":\#(empty)}"#) == nil)
        #expect(verdict(#"{"single":\#(words(237)),"double":\#(empty)}"#)?.offset == 10)
        #expect(verdict(#"{"single":[],"double":[\#(words(256)),[],[],[]]}"#) == nil)
        #expect(verdict(#"{"single":[],"double":[\#(words(257)),[],[],[]]}"#)?.offset == 23)
        let blank = String(repeating: " ", count: NotationLimits.dictionarySizeMax)
        #expect(verdict(blank)?.offset == NotationLimits.dictionarySizeMax)
        #expect(verdict(blank + " ")?.offset == 0)
    }

    @Test(arguments: [
        #"{"single":["","a","b"],"double":[[],[],[],[]]}"#,
        #"{"single":["x","a","b","c"],"double":[[],[],[],[]]}"#,
        #"{"single":["","a","b","c","d","d"],"double":[[],[],[],[]]}"#,
        #"{"single":["","a","b","c","d"],"double":[[],["d"],[],[]]}"#,
        #"{"single":["","a","b","c",""],"double":[[],[],[],[]]}"#,
    ])
    func wordsThatCannotBeADictionaryAreRefused(_ text: String) throws {
        let file = try parse(text)
        #expect(throws: WireError.self) { try file.dictionary() }
    }
}
