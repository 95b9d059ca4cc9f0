// The pieces of SCRAM's grammar: fields, names, nonces (RFC 5802 section 7).

/// Checks and escapes.
package enum ScramText {
    /// Whether the text can be a nonce: printable ASCII without comma.
    package static func isNonce(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: ",") }
    }

    /// Whether the text can name a channel-binding type: letters, digits, dot and dash.
    static func isBindingType(_ text: Substring) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }

    /// A name as it stands in a message: `,` and `=` escaped.
    static func escaped(_ name: String) -> String {
        var text = ""
        for scalar in name.unicodeScalars {
            switch scalar {
            case ",": text += "=2C"
            case "=": text += "=3D"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }

    /// The name that stands in a message. Throws `malformedSCRAM` for an empty one or another `=`.
    static func unescaped(_ text: Substring) throws(WireError) -> String {
        guard !text.isEmpty else { throw .malformedSCRAM }
        var name = ""
        var rest = text.unicodeScalars
        while let scalar = rest.popFirst() {
            guard scalar == "=" else {
                name.unicodeScalars.append(scalar)
                continue
            }
            switch (rest.popFirst(), rest.popFirst()) {
            case ("2", "C"): name += ","
            case ("3", "D"): name += "="
            default: throw .malformedSCRAM
            }
        }
        return name
    }

    /// A message as text. Throws `malformedSCRAM` when it is too long, not UTF-8 or holds NUL.
    static func text(_ bytes: [UInt8]) throws(WireError) -> String {
        guard (1...WireLimits.scramMessageSizeMax).contains(bytes.count), !bytes.contains(0),
            let text = String(validating: bytes, as: UTF8.self)
        else { throw .malformedSCRAM }
        return text
    }
}

/// The fields of a message in their order: `name=value`, between commas.
struct ScramFields {
    private var fields: ArraySlice<Substring>

    init(_ text: String) {
        // Split as bytes: a comma with a combining mark behind it is a comma here.
        fields =
            text.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
            .map { Substring($0) }[...]
    }

    /// The next field's name, if it has one.
    var nextName: Unicode.Scalar? {
        guard let scalars = fields.first?.unicodeScalars, scalars.dropFirst().first == "=" else {
            return nil
        }
        return scalars.first
    }

    /// Takes the next field's value. Throws `malformedSCRAM` unless it has this name.
    mutating func take(_ name: Unicode.Scalar) throws(WireError) -> Substring {
        guard nextName == name, let field = fields.popFirst() else { throw .malformedSCRAM }
        return Substring(field.unicodeScalars.dropFirst(2))
    }

    /// Passes over extensions. Throws unless each is a letter, `=` and a value.
    mutating func finish() throws(WireError) {
        while let name = nextName {
            guard name.isASCII, name.properties.isAlphabetic else { throw .malformedSCRAM }
            if name == "m" { throw .unsupportedExtension }
            guard !(try take(name)).isEmpty else { throw .malformedSCRAM }
        }
        guard fields.isEmpty else { throw .malformedSCRAM }
    }
}
