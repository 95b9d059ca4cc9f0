// Reads docs/PROTOCOL.md: its fenced dialogues in hex and its table of words.
//
// A line of a dialogue is one of
//     NAME > HEX      the client NAME sends these bytes
//     NAME < HEX      the server sends NAME these bytes
//            HEX      goes on with the bytes above
//          = TEXT     what the bytes above are
//     after N s       time passes

import Base
import Foundation
import Wire

/// One step of a dialogue.
struct ExampleStep {
    enum Kind: Equatable {
        case client(String)
        case server(String)
        case wait(seconds: UInt64)
    }

    var kind: Kind
    var bytes: [UInt8] = []
    var text = ""
    var line: Int
}

/// The documentation's files.
enum ProtocolDocument {
    /// The text of a file of docs/.
    static func text(_ name: String) throws -> String {
        let root = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        return try String(contentsOf: root.appending(path: "docs/\(name)"), encoding: .utf8)
    }

    /// The lines of each fenced block of a language, with the number of its first line.
    static func blocks(_ language: String, in text: String) -> [(line: Int, lines: [String])] {
        var blocks: [(line: Int, lines: [String])] = []
        var isInside = false
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false)
            .enumerated()
        {
            if line == "```\(language)" {
                isInside = true
                blocks.append((index + 2, []))
            } else if line == "```" {
                isInside = false
            } else if isInside {
                blocks[blocks.count - 1].lines.append(String(line))
            }
        }
        return blocks
    }

    /// The steps of one block.
    static func steps(_ block: (line: Int, lines: [String])) throws -> [ExampleStep] {
        var steps: [ExampleStep] = []
        for (index, line) in block.lines.enumerated() {
            let number = block.line + index
            let words = line.split(separator: " ").map(String.init)
            guard let first = words.first else { continue }
            if first == "after", words.count == 3, let seconds = UInt64(words[1]) {
                steps.append(ExampleStep(kind: .wait(seconds: seconds), line: number))
            } else if first == "=", !steps.isEmpty {
                steps[steps.count - 1].text = words.dropFirst().joined(separator: " ")
            } else if words.count > 2, words[1] == ">" || words[1] == "<" {
                let kind: ExampleStep.Kind = words[1] == ">" ? .client(first) : .server(first)
                let bytes = try hex(words.dropFirst(2), line: number)
                steps.append(ExampleStep(kind: kind, bytes: bytes, line: number))
            } else if !steps.isEmpty {
                steps[steps.count - 1].bytes += try hex(words[...], line: number)
            } else {
                throw ExampleError("line \(number): \(line)")
            }
        }
        return steps
    }

    private static func hex(_ words: ArraySlice<String>, line: Int) throws -> [UInt8] {
        try words.map { word in
            guard word.utf8.count == 2, let byte = UInt8(word, radix: 16) else {
                throw ExampleError("line \(line): \(word) is not a byte in hex")
            }
            return byte
        }
    }

    /// What bytes are, in the notation of the document.
    static func description(of bytes: [UInt8], context: WireContext) throws -> String {
        if bytes == Prologue.bytes { return "prologue" }
        let step = try FrameSplitter.next(
            in: bytes.span.bytes, frameSizeMax: WireLimits.frameSizeMax, allowsPreset: true)
        guard case .frame(let flags, let range, bytes.count) = step else {
            throw ExampleError("not one frame")
        }
        let payload = try payload(flags, Array(bytes[range]))
        let node = try Node.decode(payload.span.bytes, context: context)
        let kinds = [FrameFlags.deflated: "zlib ", FrameFlags.presetDeflated: "preset "]
        return (kinds[flags] ?? "") + describe(node)
    }

    /// A frame's node as bytes.
    static func payload(_ flags: UInt8, _ bytes: [UInt8]) throws -> [UInt8] {
        guard let compression = Compression.of(flags: flags, agreed: .version1) else {
            return bytes
        }
        var inflater = Inflater()
        var inflated = ByteBuffer()
        try inflater.inflate(bytes.span.bytes, compression, into: &inflated)
        return inflated.copy()
    }

    private static func describe(_ node: Node) -> String {
        let attributes = node.attributes.map { " \($0.key)=\"\($0.value)\"" }.joined()
        let content: String
        switch node.content {
        case nil:
            return "<\(node.tag)\(attributes)/>"
        case .nodes(let nodes):
            content = nodes.map(describe).joined()
        case .text, .bytes:
            let bytes = node.bytes ?? []
            let text = node.text ?? bytes.map { String($0, radix: 16) }.joined()
            let isLong = text.utf8.count > 240
            content =
                isLong ? "\(text.prefix(24))… (\(bytes.count) bytes)" : text
        }
        return "<\(node.tag)\(attributes)>\(content)</\(node.tag)>"
    }

    /// The word table as the document must show it: pairs of index and word.
    static func words(of dictionary: TokenDictionary) -> [(index: String, word: String)] {
        var words: [(index: String, word: String)] = []
        for rawValue in UInt16(1)...0x4FF {
            guard let token = Token(rawValue: rawValue), let word = dictionary.word(of: token)
            else {
                continue
            }
            let bytes =
                rawValue < 0x100
                ? [UInt8(rawValue)] : [0xEB + UInt8(rawValue >> 8), UInt8(rawValue & 0xFF)]
            words.append((hex(bytes).replacing(" ", with: ""), word))
        }
        return words
    }

    /// Bytes as the document writes them.
    static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
    }
}
