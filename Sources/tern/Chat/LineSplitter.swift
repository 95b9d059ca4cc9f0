// Plain input into lines, for chats that are fed from a pipe.

/// Splits bytes at line feeds. A line longer than the limit is cut there and the rest dropped.
package struct LineSplitter: Sendable {
    private let lineSizeMax: Int
    private var pending: [UInt8] = []

    package init(lineSizeMax: Int) {
        self.lineSizeMax = lineSizeMax
    }

    /// The lines that end in `bytes`.
    package mutating func receive(_ bytes: some Sequence<UInt8>) -> [String] {
        var lines: [String] = []
        for byte in bytes {
            if byte == UInt8(ascii: "\n") {
                lines.append(take())
            } else if pending.count < lineSizeMax {
                pending.append(byte)
            }
        }
        return lines
    }

    /// The last line, if the input did not end with a line feed.
    package mutating func finish() -> String? {
        pending.isEmpty ? nil : take()
    }

    private mutating func take() -> String {
        if pending.last == UInt8(ascii: "\r") { pending.removeLast() }
        defer { pending = [] }
        return String(decoding: pending, as: UTF8.self)
    }
}
