import Base
import Testing
import Wire

/// Packing works on eight characters at a time: each character at each place of a group and of what is
/// left behind groups must count like one alone.
@Suite struct PackedTextTests {
    /// The form's tag by the letter of the grammar.
    private func tag(_ text: [UInt8]) -> UInt8 {
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        let letters = UInt8(ascii: "A")...UInt8(ascii: "F")
        let signs: Set = [UInt8(ascii: "-"), UInt8(ascii: ".")]
        if text.allSatisfy({ digits.contains($0) || signs.contains($0) }) { return 0xFF }
        return text.allSatisfy { digits.contains($0) || letters.contains($0) } ? 0xFB : 0xFC
    }

    @Test(arguments: [UInt8(ascii: "7"), UInt8(ascii: "C"), UInt8(ascii: ".")])
    func everyCharacterAtEveryPlace(_ filler: UInt8) throws {
        let context = try smallContext()
        for size in 2...19 {  // one letter may be a word
            for place in 0..<size {
                // An at sign may make a JID of it.
                for character in UInt8(0)..<128 where character != UInt8(ascii: "@") {
                    var text = [UInt8](repeating: filler, count: size)
                    text[place] = character
                    let string = String(decoding: text, as: UTF8.self)
                    let payload = try encode(Node("p", ["q": string]), context)
                    // A list of three, the tag and the key as raw bytes.
                    let form = payload.dropFirst(2 + 3 + 3)
                    #expect(form.first == tag(text), "\(string)")
                    #expect(try decode(payload, context).attributes[0].value == string)
                }
            }
        }
    }

    @Test func sizesUpToTheGreatest() throws {
        let context = try smallContext()
        for size in 120...130 {
            let string = String(repeating: "4", count: size)
            let payload = try encode(Node("p", ["q": string]), context)
            #expect(payload.dropFirst(8).first == (size <= 127 ? 0xFF : 0xFC))
            #expect(try decode(payload, context).attributes[0].value == string)
        }
    }
}
