// Bytes from a terminal into keys: UTF-8, control keys, the escape sequences of arrows and friends,
// and bracketed paste. Sans-IO; state survives a split at any byte.

/// A key, or a run of pasted text.
package enum Key: Equatable, Sendable {
    case character(Character)
    case control(UInt8)
    case left, right, up, down, home, end, delete, backspace, enter
    case wordLeft, wordRight
    case paste(String)
}

/// Turns terminal input into keys.
package struct KeyReader: Sendable {
    /// A longer escape sequence is dropped.
    package static let sequenceSizeMax = 16
    /// What is pasted beyond this many bytes is dropped.
    package static let pasteSizeMax = 64 * 1024

    private enum State: Sendable {
        case ground
        case escape
        case singleShift
        case control([UInt8])
        case utf8([UInt8], missing: Int)
        case paste
    }

    private static let pasteEnd = Array("\u{1B}[201~".utf8)

    private var state = State.ground
    private var pasted: [UInt8] = []

    package init() {}

    /// Takes one byte; at most one key comes of it.
    package mutating func receive(_ byte: UInt8) -> Key? {
        switch state {
        case .ground:
            return receiveInGround(byte)
        case .escape:
            return receiveAfterEscape(byte)
        case .singleShift:
            state = .ground
            return Self.cursorKey(byte)
        case .control(let sequence):
            return receiveInControl(byte, sequence)
        case .utf8(let bytes, let missing):
            return receiveInUTF8(byte, bytes, missing: missing)
        case .paste:
            return receiveInPaste(byte)
        }
    }

    private mutating func receiveInGround(_ byte: UInt8) -> Key? {
        switch byte {
        case 0x1B:
            state = .escape
            return nil
        case 0x0D, 0x0A:
            return .enter
        case 0x7F, 0x08:
            return .backspace
        case 0..<0x20:
            return .control(byte)
        case 0x20..<0x7F:
            return .character(Character(Unicode.Scalar(byte)))
        case 0xC2...0xDF:
            state = .utf8([byte], missing: 1)
        case 0xE0...0xEF:
            state = .utf8([byte], missing: 2)
        case 0xF0...0xF4:
            state = .utf8([byte], missing: 3)
        default:
            return .character("\u{FFFD}")
        }
        return nil
    }

    private mutating func receiveAfterEscape(_ byte: UInt8) -> Key? {
        state = .ground
        switch byte {
        case UInt8(ascii: "["): state = .control([])
        case UInt8(ascii: "O"): state = .singleShift
        case 0x1B: state = .escape
        case UInt8(ascii: "b"): return .wordLeft
        case UInt8(ascii: "f"): return .wordRight
        case 0x7F, 0x08: return .control(0x17)
        case 0..<0x20: return receiveInGround(byte)
        default: return nil
        }
        return nil
    }

    private mutating func receiveInControl(_ byte: UInt8, _ sequence: [UInt8]) -> Key? {
        if byte == 0x1B {
            state = .escape
            return nil
        }
        guard (0x40...0x7E).contains(byte) else {
            // Too long: swallowed, but still read to its end.
            let isFull = sequence.count >= Self.sequenceSizeMax
            state = .control(isFull ? sequence : sequence + [byte])
            return nil
        }
        state = .ground
        let parameters = String(decoding: sequence, as: UTF8.self)
        if byte != UInt8(ascii: "~") {
            if parameters.hasSuffix(";5") || parameters.hasSuffix(";3") {
                if byte == UInt8(ascii: "C") { return .wordRight }
                if byte == UInt8(ascii: "D") { return .wordLeft }
            }
            return Self.cursorKey(byte)
        }
        switch parameters {
        case "1", "7": return .home
        case "4", "8": return .end
        case "3": return .delete
        case "200":
            state = .paste
            pasted = []
            return nil
        default: return nil
        }
    }

    private static func cursorKey(_ byte: UInt8) -> Key? {
        switch byte {
        case UInt8(ascii: "A"): .up
        case UInt8(ascii: "B"): .down
        case UInt8(ascii: "C"): .right
        case UInt8(ascii: "D"): .left
        case UInt8(ascii: "H"): .home
        case UInt8(ascii: "F"): .end
        default: nil
        }
    }

    private mutating func receiveInUTF8(_ byte: UInt8, _ bytes: [UInt8], missing: Int) -> Key? {
        guard (0x80...0xBF).contains(byte) else {
            // A broken sequence; what follows it is read afresh.
            state = .ground
            return receiveInGround(byte)
        }
        if missing > 1 {
            state = .utf8(bytes + [byte], missing: missing - 1)
            return nil
        }
        state = .ground
        let text = String(decoding: bytes + [byte], as: UTF8.self)
        return text.first.map { .character($0) }
    }

    private mutating func receiveInPaste(_ byte: UInt8) -> Key? {
        pasted.append(byte)
        if byte == Self.pasteEnd.last, pasted.suffix(Self.pasteEnd.count) == Self.pasteEnd[...] {
            pasted.removeLast(Self.pasteEnd.count)
            let text = String(decoding: pasted.prefix(Self.pasteSizeMax), as: UTF8.self)
            pasted = []
            state = .ground
            return .paste(text)
        }
        if pasted.count > Self.pasteSizeMax + 2 * Self.pasteEnd.count {
            pasted.removeSubrange(Self.pasteSizeMax..<(Self.pasteSizeMax + Self.pasteEnd.count))
        }
        return nil
    }
}
