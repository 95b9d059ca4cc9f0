// `tern codec` as a process: lines in, lines out, exit codes. What the lines say, NotationTests check.

import Foundation
import Testing

@Suite struct CodecCommandTests {
    private static let tern = TestFiles.products.appending(path: "tern").path

    private func codec(
        _ arguments: [String], _ input: String = "", expect: Int32 = 0
    ) throws -> String {
        // From a file: the command answers while it reads, so that a pipe would fill both ways.
        let path = try file(input, name: "input")
        return try TestFiles.run(
            "/bin/sh", ["-c", #"exec "$0" "$@" < "$INPUT""#, Self.tern, "codec"] + arguments,
            environment: ["INPUT": path], expect: expect)
    }

    private func file(_ text: String, name: String = "dictionary.json") throws -> String {
        let path = try TestFiles.temporaryDirectory() + "/" + name
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    /// Words and stanzas as other implementations have them.
    private func vectors() throws -> (dictionary: String, lines: [(json: String, hex: String)]) {
        let text = try String(
            contentsOf: TestFiles.root.appending(path: "Tests/GatewayTests/Vectors/vectors.jsonl"),
            encoding: .utf8)
        let lines = try text.split(separator: "\n").map { line in
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            return (String(line), try #require(object?["hex"] as? String))
        }
        return (TestFiles.root.appending(path: "bench/data/dictionary-small.json").path, lines)
    }

    @Test func vectorsComeOutByteForByteInBothDirections() throws {
        let (dictionary, lines) = try vectors()
        #expect(lines.count == 15)
        let json = lines.map { $0.json + "\n" }.joined()
        let hex = lines.map { $0.hex + "\n" }.joined()
        let options = ["--dictionary", dictionary]
        #expect(try codec(["encode"] + options, json) == hex)
        let decoded = try codec(["decode"] + options, hex)
        #expect(try codec(["encode"] + options, decoded) == hex)
        for (line, expected) in zip(decoded.split(separator: "\n"), lines) {
            let node = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? NSDictionary
            let wrapper =
                try JSONSerialization.jsonObject(with: Data(expected.json.utf8)) as? [String: Any]
            #expect(node == wrapper?["node"] as? NSDictionary, "\(line)")
        }
        let framed = try codec(["encode", "--frame"] + options, json)
        let lengths = lines.map { String(format: "%06x", $0.hex.utf8.count / 2) + $0.hex + "\n" }
        #expect(framed == lengths.joined())
        #expect(try codec(["decode", "--frame"] + options, framed) == decoded)
    }

    @Test(arguments: [
        [], ["--frame"], ["--deflate", "zlib"], ["--deflate", "preset", "--frame"],
        ["--domain", "s.whatsapp.net"],
    ])
    func sixHundredStanzasComeBack(_ options: [String]) throws {
        let text = try String(
            contentsOf: TestFiles.root.appending(path: "bench/data/stanzas.jsonl"),
            encoding: .utf8)
        let frames = try codec(["encode"] + options, text)
        let decoded = try codec(["decode"] + options, frames)
        #expect(try codec(["encode"] + options, decoded) == frames)
        let pairs = zip(text.split(separator: "\n"), decoded.split(separator: "\n"))
        var count = 0
        for (line, again) in pairs {
            let wrapper = try JSONSerialization.jsonObject(with: Data(line.utf8))
            let node = try #require((wrapper as? [String: Any])?["node"] as? NSDictionary)
            let read = try JSONSerialization.jsonObject(with: Data(again.utf8)) as? NSDictionary
            #expect(read == node, "\(line)")
            count += 1
        }
        #expect(count == 600 && decoded.split(separator: "\n").count == 600)
    }

    @Test func aBadLineIsAnsweredInItsPlace() throws {
        let input = #"{"tag":"message"}"# + "\n\nnope\n" + #"{"tag":"ack"}"# + "\r\n{"
        let output = try codec(["encode"], input, expect: 65)
        let lines = output.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count == 6 && lines[5].isEmpty)
        #expect(lines[0] == "00f80104" && lines[3] == "00f80106")
        for (index, offset) in [(1, 0), (2, 0), (4, 1)] {
            let object =
                try JSONSerialization.jsonObject(with: Data(lines[index].utf8)) as? [String: Any]
            #expect(object?["offset"] as? Int == offset && object?["error"] is String)
            #expect(object?.count == 2)
        }
        let back = try codec(["decode"], "00f80104\n00f801\nxx\n", expect: 65)
        #expect(back.hasPrefix("{\"tag\":\"message\",\"attrs\":{}}\n{\"error\":"))
        #expect(back.split(separator: "\n").count == 3)
        #expect(try codec(["encode"]) == "")
    }

    @Test func aLineThatIsTooLongIsAnsweredAndPassedOver() throws {
        let long = "{\"tag\":\"" + String(repeating: "a", count: 41_943_040) + "\"}\n"
        let output = try codec(["encode"], long + "{\"tag\":\"ack\"}\n", expect: 65)
        #expect(
            output
                == "{\"error\":\"a line of more than 41943040 bytes\",\"offset\":41943040}\n00f80106\n"
        )
    }

    /// What could not be written is not passed over in silence.
    @Test func aFullDiskIsSaid() throws {
        let line = #"{"tag":"iq","attrs":{"id":"1"}}"#
        let path = try file(line + "\n", name: "input")
        let command = #"exec "$0" codec encode < "$INPUT" > /dev/full"#
        try TestFiles.run(
            "/bin/sh", ["-c", command, Self.tern], environment: ["INPUT": path], expect: 74)
    }

    @Test func theOwnDomainIsTheFilesOrTheOptions() throws {
        let words = #"{"single":["","s","e","a.example","x"],"double":[[],[],[],[]]}"#
        let path = try file(words)
        let line = #"{"tag":"x","content":"a.example"}"# + "\n"
        #expect(try codec(["encode", "--dictionary", path], line) == "00f8020403\n")
        let other = try codec(["encode", "--dictionary", path, "--domain", "b.example"], line)
        #expect(other == "00f80204fc09612e6578616d706c65\n")
        #expect(try codec(["encode"], #"{"tag":"to","content":"localhost"}"#) == "00f8020a03\n")
    }

    @Test func badDictionariesAreSaidToBeBad() throws {
        for (text, reason) in [
            ("{", "not JSON: it ends too early, at byte 1"), ("{}", "no member \"single\""),
            (#"{"single":["","a","b"],"double":[[],[],[],[]]}"#, "4 to 236 single words"),
            (#"{"single":["","a","b","c d"],"double":[[],[],[],[]]}"#, "no domain"),
            (#"{"single":["","a","b","c","d","d"],"double":[[],[],[],[]]}"#, "a word occurs twice"),
        ] {
            let output = try codec(["encode", "--dictionary", file(text)], expect: 65)
            #expect(output.contains(reason), "\(output)")
        }
        let missing = try codec(["encode", "--dictionary", "/nonexistent"], expect: 66)
        #expect(missing.contains("/nonexistent"))
        _ = try codec(["encode", "--domain", "no domain"], expect: 65)
        _ = try codec(["encode", "--deflate", "brotli"], expect: 64)
        _ = try codec(["fly"], expect: 64)
    }

    @Test func framesAreExplained() throws {
        let good = try codec(["explain", "00f8", "0106"])
        #expect(good.contains("0001-0002  f8 01") && good.contains("tag \"ack\""))
        #expect(try codec(["explain"], "00f8\n0106\n") == good)
        let bad = try codec(["explain", "00f80106ff"], expect: 65)
        #expect(bad.hasSuffix("error at 0004: bytes behind the node\n"))
        _ = try codec(["explain", "0"], expect: 65)
        let framed = try codec(["explain", "--frame"], "00000400f80106")
        #expect(framed.contains("0003-0003  00") && framed.contains("length: 4 bytes follow"))
    }

    /// Each `$ ` line of docs/TERN.md prints what stands below it.
    @Test func examplesOfTheDocumentAreRight() throws {
        let document = try String(
            contentsOf: TestFiles.root.appending(path: "docs/TERN.md"), encoding: .utf8)
        let blocks = document.components(separatedBy: "```sh\n").dropFirst()
            .compactMap { $0.components(separatedBy: "```").first }
            .filter { $0.contains("tern codec") }
        let examples = blocks.flatMap { ("\n" + $0).components(separatedBy: "\n$ ").dropFirst() }
        #expect(examples.count == 4)
        for example in examples {
            let lines = example.split(separator: "\n")
            let command = try #require(lines.first)
            let path = TestFiles.products.path + ":/usr/bin:/bin"
            let output = try TestFiles.run(
                "/bin/sh", ["-c", "\(command) || test $? = 65"], environment: ["PATH": path])
            #expect(output.split(separator: "\n") == Array(lines.dropFirst()), "\(command)")
        }
    }
}
