import Testing

@testable import Notation

@Suite struct JSONReaderTests {
    /// What passing over the text says; nil when it is one JSON value.
    private func verdict(_ text: [UInt8]) -> NotationError? {
        do throws(NotationError) {
            var reader = JSONReader(text.span.bytes)
            try reader.skipValue()
            try reader.finish()
            return nil
        } catch {
            return error
        }
    }

    private func verdict(_ text: String) -> NotationError? { verdict(Array(text.utf8)) }

    private func string(_ text: String) throws(NotationError) -> String {
        let bytes = Array(text.utf8)
        var reader = JSONReader(bytes.span.bytes)
        let string = try reader.readString()
        try reader.finish()
        return string
    }

    @Test(arguments: [
        "{}", "[]", "\"\"", "0", "-0", "10", "-1.5e+3", "1E9", "0.25", "true", "false", "null",
        " { \"a\" : [ 1 , 2 ] , \"b\" : { } } \t\r\n", "[[[[]]]]", "\"\\u0000\\ud83c\\udf38é🌸\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
    ])
    func jsonIsAccepted(_ text: String) {
        #expect(verdict(text) == nil)
    }

    @Test(arguments: [
        ("", 0), (" ", 1), ("{", 1), ("{]", 1), ("[1,]", 3), ("{\"a\":1,}", 7), ("[1 2]", 3),
        ("{\"a\" 1}", 5), ("{a:1}", 1), ("01", 0), ("1.", 2), ("-", 0), ("+1", 0), (".5", 0),
        ("1e", 2), ("1e+", 3), ("tru", 0), ("nul", 0), ("True", 0), ("\"", 1), ("\"a", 2),
        ("\"\u{1}\"", 1), ("\"\n\"", 1), ("\"\\x\"", 1), ("\"\\u12\"", 6), ("\"\\u12g4\"", 1),
        ("\"\\ud83c\"", 1), ("\"\\ud83cx\"", 1), ("\"\\ud83c\\u0041\"", 1), ("\"\\udf38\"", 1),
        ("1 2", 2), ("{}{}", 2), ("'a'", 0), ("NaN", 0), ("// x\n1", 0), ("\u{FEFF}1", 0),
        ("\"\\", 2),
    ])
    func whatIsNotJSONHasAPlace(_ text: String, _ offset: Int) {
        guard case .json(_, offset: let found) = verdict(text) else {
            Issue.record("\(text): \(String(describing: verdict(text)))")
            return
        }
        #expect(found == offset, "\(text)")
    }

    @Test func everyPrefixOfAValueIsAnError() {
        let text = Array("{\"a\":[true,-1.5e3,\"\\ud83c\\udf38é\"],\"b\":{\"c\":null}}".utf8)
        #expect(verdict(text) == nil)
        for size in 0..<text.count {
            let error = verdict(Array(text[..<size]))
            #expect(error != nil && (error?.offset ?? 0) <= size, "\(size)")
        }
    }

    @Test func stringsAreUTF8() {
        for bytes in [
            [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xFF], [0xC3], [0xF4, 0x90, 0x80, 0x80],
        ] {
            let text = [UInt8(ascii: "\"")] + bytes.map { UInt8($0) } + [UInt8(ascii: "\"")]
            #expect(verdict(text)?.offset == 1, "\(bytes)")
        }
    }

    @Test func escapesAreRead() throws {
        #expect(try string(#""a\u00e9\ud83c\udf38\n\/""#) == "aé🌸\n/")
        #expect(try string(#""\u0000""#) == "\u{0}")
        // Two ways to write é stay two.
        #expect(try string(#""e\u0301""#).utf8.elementsEqual("e\u{301}".utf8))
    }

    @Test func depthHasALimit() {
        let levels = NotationLimits.jsonDepthMax
        let nested = { (count: Int) in
            String(repeating: "[", count: count) + String(repeating: "]", count: count)
        }
        #expect(verdict(nested(levels - 1)) == nil)
        #expect(verdict(nested(levels)) == nil)
        #expect(verdict(nested(levels + 1))?.offset == levels)
        #expect(verdict(String(repeating: "[", count: 1_000_000))?.offset == levels)
    }

    @Test func quotedStringsAreReadAsTheyWere() throws {
        for text in [
            "", "a", "\"\\/", "\u{0}\u{1F}\u{7F}\u{9B}", "é🌸e\u{301}", "\u{202E}abc\u{2066}",
            "\u{FEFF}", "\u{E0041}", "👩\u{200D}💻", "\r\n\t",
        ] {
            let quoted = JSONText.quoted(text)
            #expect(try string(quoted).utf8.elementsEqual(text.utf8), "\(quoted)")
            let isSafe = quoted.unicodeScalars.allSatisfy {
                $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) && $0.value != 0x202E
                    && $0.value != 0x2066 && $0.value != 0xFEFF && $0.value != 0xE0041
            }
            #expect(isSafe, "\(quoted)")
        }
    }
}
