// A node as a JSON line, so that reading the line and writing the node gives the same payload.
//
// Raw bytes are shown as a string only where the string is written as just these bytes; elsewhere they
// are Base64. Hence `encode(decode(x)) == x` for every payload in an encoder's form.

internal import Base
package import Wire

extension NodeJSON {
    /// The node's JSON, on one line.
    package static func line(_ node: Node, context: WireContext) -> [UInt8] {
        var output: [UInt8] = []
        append(node, context, to: &output)
        return output
    }

    private static func append(_ node: Node, _ context: WireContext, to output: inout [UInt8]) {
        output += #"{"tag":"#.utf8
        JSONText.append(node.tag, to: &output)
        output += #","attrs":{"#.utf8
        for (index, attribute) in node.attributes.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            JSONText.append(attribute.key, to: &output)
            output.append(UInt8(ascii: ":"))
            JSONText.append(attribute.value, to: &output)
        }
        output.append(UInt8(ascii: "}"))
        if let content = node.content {
            output += #","content":"#.utf8
            append(content, context, to: &output)
        }
        output.append(UInt8(ascii: "}"))
    }

    private static func append(
        _ content: Node.Content, _ context: WireContext, to output: inout [UInt8]
    ) {
        switch content {
        case .nodes(let nodes):
            output.append(UInt8(ascii: "["))
            for (index, node) in nodes.enumerated() {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                append(node, context, to: &output)
            }
            output.append(UInt8(ascii: "]"))
        case .text(let text):
            JSONText.append(text, to: &output)
        case .bytes(let bytes):
            if let text = String(validating: bytes, as: UTF8.self),
                isWrittenRaw(bytes, context)
            {
                JSONText.append(text, to: &output)
            } else {
                output += #"{"b64":""#.utf8
                output += Base64.encoded(bytes).utf8
                output += #""}"#.utf8
            }
        }
    }

    /// Whether the bytes, written as text, become these bytes and no word, packing or JID.
    private static func isWrittenRaw(_ bytes: [UInt8], _ context: WireContext) -> Bool {
        // No other form stands for text of this size.
        if bytes.count > 512 { return true }
        var asText = ByteBuffer()
        var asBytes = ByteBuffer()
        let writer = NodeWriter(context: context)
        bytes.withUnsafeBytes { bytes in
            writer.string(bytes, into: &asText)
            writer.rawBytes(bytes, into: &asBytes)
        }
        return asText.copy() == asBytes.copy()
    }
}

/// Strings of JSON.
package enum JSONText {
    /// The text within quotes.
    package static func quoted(_ text: String) -> String {
        var output: [UInt8] = []
        append(text, to: &output)
        return String(decoding: output, as: UTF8.self)
    }

    /// Appends the text within quotes. What a terminal might obey is escaped.
    static func append(_ text: String, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": output += #"\""#.utf8
            case "\\": output += #"\\"#.utf8
            case "\n": output += #"\n"#.utf8
            case "\r": output += #"\r"#.utf8
            case "\t": output += #"\t"#.utf8
            case " "..."~":
                output.append(UInt8(truncatingIfNeeded: scalar.value))
            default:
                if mustEscape(scalar) {
                    for unit in UTF16.encode(scalar) ?? UTF16.encodedReplacementCharacter {
                        output += #"\u"#.utf8
                        output += Hex.utf8Digits([UInt8(unit >> 8), UInt8(unit & 0xFF)])
                    }
                } else {
                    output += UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter
                }
            }
        }
        output.append(UInt8(ascii: "\""))
    }

    /// Controls, line and paragraph separators, and what reorders or hides text. Joiners stay: scripts
    /// and emoji need them.
    private static func mustEscape(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator, .surrogate: true
        case .format: scalar.value != 0x200C && scalar.value != 0x200D
        default: false
        }
    }
}
