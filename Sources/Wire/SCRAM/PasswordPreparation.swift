// Passwords as people type them into bytes that compare (RFC 8265 section 4.2, OpaqueString).

@_spi(_Unicode) internal import Swift

/// The OpaqueString profile.
package enum PasswordPreparation {
    /// The prepared password: spaces made plain, NFC, UTF-8. Nil when it is empty, too long, or holds a
    /// code point that the FreeformClass (RFC 8264) does not allow: control characters, unassigned,
    /// private and ignorable code points, old Hangul jamo.
    package static func prepare(_ password: String) -> [UInt8]? {
        guard password.utf8.count <= WireLimits.passwordSizeMax else { return nil }
        var mapped = ""
        for scalar in password.unicodeScalars {
            let isSpace = scalar.properties.generalCategory == .spaceSeparator
            mapped.unicodeScalars.append(isSpace ? " " : scalar)
        }
        var prepared: [UInt8] = []
        var previous: Unicode.Scalar?
        for character in mapped._nfc {
            guard isAllowed(character, after: previous) else { return nil }
            prepared += UTF8.encode(character)?.map { $0 } ?? []
            previous = character
        }
        guard !prepared.isEmpty, prepared.count <= WireLimits.passwordSizeMax else { return nil }
        return prepared
    }

    private static func isAllowed(_ scalar: Unicode.Scalar, after previous: Unicode.Scalar?) -> Bool
    {
        switch scalar.value {
        case 0x20...0x7E:
            return true
        case 0x200C, 0x200D:  // joiners stand behind a virama only (RFC 5892 appendix A.1, A.2)
            return previous?.properties.canonicalCombiningClass == .virama
        case 0x1100...0x11FF, 0xA960...0xA97C, 0xD7B0...0xD7FB:
            return false
        default:
            break
        }
        if scalar.properties.isDefaultIgnorableCodePoint { return false }
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator,
            .paragraphSeparator:
            return false
        default:
            return true
        }
    }
}
