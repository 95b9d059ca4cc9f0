import Testing
import Wire

@testable import Notation

@Suite struct NodeJSONTests {
    @Test func everyFormOfContentIsRead() throws {
        #expect(try node(#"{"tag":"a"}"#) == Node("a"))
        #expect(try node(#"{"tag":"a","attrs":{},"content":null}"#) == Node("a"))
        #expect(try node(#"{"tag":"a","content":"b"}"#) == Node("a", text: "b"))
        #expect(try node(#"{"tag":"a","content":""}"#) == Node("a", text: ""))
        #expect(
            try node(#"{"tag":"a","content":{"b64":"/wDv"}}"#)
                == Node("a", content: .bytes([0xFF, 0, 0xEF])))
        #expect(try node(#"{"tag":"a","content":{"b64":""}}"#) == Node("a", content: .bytes([])))
        #expect(try node(#"{"tag":"a","content":[]}"#) == Node("a", content: .nodes([])))
        #expect(
            try node(#"{"tag":"a","content":[{"tag":"b"},{"tag":"c","attrs":{"k":""}}]}"#)
                == Node("a", [:], [Node("b"), Node("c", ["k": ""])]))
    }

    @Test func attributesKeepTheirOrder() throws {
        let keys = ["z", "a", "m", "\u{E9}", "e\u{301}", "0", "tag", "content", "node"]
        let attributes = keys.map { "\"\($0)\":\"\($0)!\"" }.joined(separator: ",")
        let node = try node(#"{"content":null,"attrs":{\#(attributes)},"tag":"x"}"#)
        #expect(node.attributes.map { Array($0.key.utf8) } == keys.map { Array($0.utf8) })
    }

    @Test func aWrapperMayHoldMore() throws {
        let expected = Node("ack", ["id": "1"])
        for text in [
            #"{"name":"x","node":{"tag":"ack","attrs":{"id":"1"}}}"#,
            #"{"node":{"tag":"ack","attrs":{"id":"1"}},"hex":"00","more":[1,{"tag":2}]}"#,
        ] {
            #expect(try node(text) == expected)
        }
    }

    @Test(arguments: [
        ("", 0), ("[]", 0), ("7", 0), ("{}", 0), (#"{"tag":7}"#, 7), (#"{"tag":null}"#, 7),
        (#"{"tag":""}"#, 7), (#"{"attrs":{}}"#, 0), (#" {"tag":"a"} x"#, 13),
        (#"{"tag":"a","tag":"b"}"#, 11), (#"{"tag":"a","attrs":[]}"#, 19),
        (#"{"tag":"a","attrs":null}"#, 19), (#"{"tag":"a","attrs":{"k":1}}"#, 24),
        (#"{"tag":"a","attrs":{"k":null}}"#, 24), (#"{"tag":"a","attrs":{"k":{}}}"#, 24),
        (#"{"tag":"a","attrs":{"":"v"}}"#, 20), (#"{"tag":"a","attrs":{"k":"v","k":"v"}}"#, 28),
        (#"{"tag":"a","attrs":{},"attrs":{}}"#, 22), (#"{"tag":"a","content":7}"#, 21),
        (#"{"tag":"a","content":true}"#, 21), (#"{"tag":"a","content":{}}"#, 21),
        (#"{"tag":"a","content":{"hex":"00"}}"#, 22), (#"{"tag":"a","content":{"b64":7}}"#, 28),
        (#"{"tag":"a","content":{"b64":"A"}}"#, 28), (#"{"tag":"a","content":{"b64":"AB=="}}"#, 28),
        (#"{"tag":"a","content":{"b64":"AA==\n"}}"#, 28),
        (#"{"tag":"a","content":{"b64":"","b64":""}}"#, 31),
        (#"{"tag":"a","content":["b"]}"#, 22), (#"{"tag":"a","content":[{}]}"#, 22),
        (#"{"tag":"a","content":null,"content":null}"#, 26), (#"{"tag":"a","attr":{}}"#, 11),
        (#"{"tag":"a","name":"b"}"#, 11), (#"{"node":{"tag":"a"},"tag":"b"}"#, 0),
        (#"{"node":{"tag":"a","name":"b"}}"#, 19), (#"{"node":{"node":{"tag":"a"}}}"#, 9),
        (#"{"node":{"tag":"a"},"node":{"tag":"a"}}"#, 20), (#"{"node":7}"#, 8),
        (#"{"tag":"\ud800"}"#, 8),
    ])
    func whatIsNoNodeHasAPlace(_ line: String, _ offset: Int) {
        let error = verdict(line)
        #expect(error?.offset == offset, "\(line): \(String(describing: error))")
        #expect(error?.message.isEmpty == false)
    }

    @Test func attributesHaveALimit() throws {
        let line = { (count: Int) in
            let attributes = (0..<count).map { "\"k\($0)\":\"\"" }.joined(separator: ",")
            return #"{"tag":"a","attrs":{\#(attributes)}}"#
        }
        #expect(verdict(line(63)) == nil)
        #expect(verdict(line(64)) == nil)
        let error = verdict(line(65))
        let offset = line(65).utf8.count - #""k64":""}}"#.utf8.count
        #expect(error == .shape("more than 64 attributes", offset: offset))
    }

    @Test func depthHasALimit() throws {
        let line = { (depth: Int) in
            String(repeating: #"{"tag":"a","content":["#, count: depth - 1) + #"{"tag":"a"}"#
                + String(repeating: "]}", count: depth - 1)
        }
        #expect(verdict(line(16)) == nil)
        #expect(verdict(line(17)) == .shape("nodes more than 16 deep", offset: 16 * 22))
        #expect(verdict(line(100_000)) == .shape("nodes more than 16 deep", offset: 16 * 22))
    }

    @Test func childrenHaveALimit() throws {
        let line = { (count: Int) in
            let children = String(repeating: #"{"tag":"a"},"#, count: count).dropLast()
            return #"{"tag":"a","content":[\#(children)]}"#
        }
        #expect(try node(line(65_535)).children.count == 65_535)
        let error = verdict(line(65_536))
        #expect(error == .shape("more than 65535 nodes in one", offset: 22 + 65_535 * 12))
    }

    @Test func textIsShownAsTextOnlyWhereItComesBackAsTheSameBytes() throws {
        let context = try context()
        // The same bytes as content: what a string would be packed into, and what it would not.
        for (text, shown) in [
            ("hello", #""hello""#), ("", #""""#), ("Grüße 🌸", #""Grüße 🌸""#),
            ("to", #"{"b64":"dG8="}"#), ("123", #"{"b64":"MTIz"}"#),
            ("ABC", #"{"b64":"QUJD"}"#), ("a@b", #"{"b64":"YUBi"}"#),
            ("example.org", #"{"b64":"ZXhhbXBsZS5vcmc="}"#),
        ] {
            let raw = Node("body", content: .bytes(Array(text.utf8)))
            #expect(line(raw, context) == #"{"tag":"body","attrs":{},"content":\#(shown)}"#)
            let typed = Node("body", text: text)
            let isRaw = shown.hasPrefix("\"")
            #expect(
                (line(typed, context) == line(raw, context)) == isRaw, "\(text)")
        }
        let bytes = Node("body", content: .bytes([0xFF]))
        #expect(line(bytes, context) == #"{"tag":"body","attrs":{},"content":{"b64":"/w=="}}"#)
    }

    @Test func linesAreReadAsTheyWereWritten() throws {
        let context = try context()
        for text in [
            #"{"tag":"a","attrs":{}}"#, #"{"tag":"a","attrs":{"k":"v","j":"\n"}}"#,
            #"{"tag":"a","attrs":{},"content":[]}"#,
            #"{"tag":"a","attrs":{},"content":[{"tag":"b","attrs":{},"content":"to"}]}"#,
        ] {
            #expect(try line(node(text), context) == text)
        }
    }
}
