// Plain input into lines, for chats that are fed from a pipe.

/// Splits bytes at line feeds. A line longer than the limit is dropped and counted.
package struct LineSplitter: Sendable {
    private let lineSizeMax: Int
    private var pending: [UInt8] = []
    private var isTooLong = false
    /// Lines that were dropped.
    package private(set) var droppedCount = 0

    package init(lineSizeMax: Int) {
        self.lineSizeMax = lineSizeMax
    }

    /// The lines that end in `bytes`.
    package mutating func receive(_ bytes: some Sequence<UInt8>) -> [String] {
        var lines: [String] = []
        for byte in bytes {
            if byte == UInt8(ascii: "\n") {
                if let line = take() { lines.append(line) }
            } else if pending.count <= lineSizeMax {  // one more, which a carriage return may be
                pending.append(byte)
            } else {
                isTooLong = true
            }
        }
        return lines
    }

    /// The last line, if the input did not end with a line feed.
    package mutating func finish() -> String? {
        pending.isEmpty ? nil : take()
    }

    /// The line in hand; nil if it was too long.
    private mutating func take() -> String? {
        defer { (pending, isTooLong) = ([], false) }
        if pending.last == UInt8(ascii: "\r") { pending.removeLast() }
        guard !isTooLong, pending.count <= lineSizeMax else {
            droppedCount += 1
            return nil
        }
        return String(decoding: pending, as: UTF8.self)
    }
}
