// One JSON object a line, in the order given, with every control character escaped so that a line is
// also safe to look at.

/// A flat JSON object.
package struct JSONLine: Sendable {
    private var members: [String] = []

    package init() {}

    /// An event: the five members that every event has, null where there is nothing to say.
    package init(
        kind: String, from: String? = nil, to: String? = nil, id: String? = nil,
        body: String? = nil
    ) {
        let members = [("kind", kind), ("from", from), ("to", to), ("id", id), ("body", body)]
        for (key, value) in members {
            self.members.append("\(Self.quoted(key)):\(value.map { Self.quoted($0) } ?? "null")")
        }
    }

    /// Adds a member; nil adds nothing.
    package mutating func add(_ key: String, _ value: String?) {
        guard let value else { return }
        members.append("\(Self.quoted(key)):\(Self.quoted(value))")
    }

    package mutating func add(_ key: String, _ value: UInt64?) {
        guard let value else { return }
        members.append("\(Self.quoted(key)):\(value)")
    }

    package mutating func add(_ key: String, _ value: Int) {
        members.append("\(Self.quoted(key)):\(value)")
    }

    package mutating func add(_ key: String, _ value: Bool) {
        members.append("\(Self.quoted(key)):\(value)")
    }

    /// The object's text.
    package var text: String { "{" + members.joined(separator: ",") + "}" }

    package static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\r": quoted += "\\r"
            case "\t": quoted += "\\t"
            default:
                if TerminalText.isDangerous(scalar) {
                    for unit in String(scalar).utf16 {
                        let digits = String(unit, radix: 16)
                        quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                    }
                } else {
                    quoted.unicodeScalars.append(scalar)
                }
            }
        }
        return quoted + "\""
    }
}
