// Text that came from elsewhere, made safe to print: nothing in it can move the cursor, recolour the
// screen, answer for the terminal or reorder what stands beside it. And how many columns it takes.

/// Makes received text printable and measures it.
package enum TerminalText {
    /// `text` with every control and every invisible reordering character shown as a visible escape.
    package static func neutralised(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isDangerous) else { return text }
        var safe = ""
        for scalar in text.unicodeScalars {
            if isDangerous(scalar) {
                safe += escape(of: scalar)
            } else {
                safe.unicodeScalars.append(scalar)
            }
        }
        return safe
    }

    /// How a dangerous character is shown.
    package static func escape(of scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "\n": return "\\n"
        case "\r": return "\\r"
        case "\t": return "\\t"
        default:
            let digits = String(scalar.value, radix: 16)
            if scalar.value < 0x80 {
                return "\\x" + String(repeating: "0", count: 2 - digits.count) + digits
            }
            return "\\u{\(digits)}"
        }
    }

    /// Controls (C0, DEL, C1), line and paragraph separators, bidirectional controls, tag characters
    /// and the byte-order mark. Joiners stay: scripts and emoji need them.
    package static func isDangerous(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0...0x1F, 0x7F...0x9F: true
        case 0x061C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069: true
        case 0xFEFF, 0xFFF9...0xFFFB, 0xE0000...0xE007F: true
        default: false
        }
    }

    /// Columns that `text` takes on a terminal.
    package static func width(of text: String) -> Int {
        text.reduce(0) { $0 + width(of: $1) }
    }

    /// Columns that one character takes: 0, 1 or 2.
    package static func width(of character: Character) -> Int {
        var width = 0
        for scalar in character.unicodeScalars {
            if scalar.value == 0xFE0F { return 2 }  // emoji presentation
            width = max(width, self.width(of: scalar))
        }
        return width
    }

    private static func width(of scalar: Unicode.Scalar) -> Int {
        if scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) { return 0 }
        if scalar.value < 0x300 { return 1 }
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format: return 0
        default: return isWide(scalar.value) ? 2 : 1
        }
    }

    /// East Asian wide and full-width characters and emoji (Unicode's EastAsianWidth, in blocks).
    private static func isWide(_ value: UInt32) -> Bool {
        switch value {
        case 0x1100...0x115F, 0x231A...0x231B, 0x23E9...0x23EC, 0x2614...0x2615: true
        case 0x26A1, 0x26C4...0x26C5, 0x26CE, 0x26D4, 0x26EA, 0x2705, 0x2728, 0x274C: true
        case 0x2753...0x2755, 0x2757, 0x2795...0x2797, 0x2B50, 0x2B55: true
        case 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF: true
        case 0xA000...0xA4CF, 0xA960...0xA97C, 0xAC00...0xD7A3, 0xF900...0xFAFF: true
        case 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6: true
        case 0x1F300...0x1F64F, 0x1F680...0x1F6FF, 0x1F900...0x1F9FF, 0x1FA70...0x1FAFF: true
        case 0x1F1E6...0x1F1FF, 0x20000...0x3FFFD: true
        default: false
        }
    }

    /// As much of `text` from its beginning as fits into `columns`, with `…` where it was cut.
    package static func shortened(_ text: String, columns: Int) -> String {
        guard width(of: text) > columns else { return text }
        var short = ""
        var used = 1
        for character in text {
            used += width(of: character)
            if used > columns { break }
            short.append(character)
        }
        return short + "…"
    }
}
