// The shapes of names and domains, over bytes, so that a reader can check them where they lie.

/// Checks of address parts.
enum AddressSyntax {
    /// Whether the bytes are a localpart: see `Localpart`.
    static func isLocalpart(_ bytes: some Collection<UInt8>) -> Bool {
        guard let first = bytes.first, bytes.count <= Localpart.sizeMax else { return false }
        guard first != UInt8(ascii: "."), first != UInt8(ascii: "-"), first != UInt8(ascii: "_")
        else {
            return false
        }
        return bytes.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
            case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "+"): true
            default: false
            }
        }
    }

    /// Whether the bytes are a domain: 1–255 bytes of `a–z 0–9 . -`, no empty label.
    static func isDomain(_ bytes: some Collection<UInt8>) -> Bool {
        guard (1...JID.domainSizeMax).contains(bytes.count) else { return false }
        var labelIsEmpty = true
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                labelIsEmpty = false
            case UInt8(ascii: "-"):
                if labelIsEmpty { return false }
            case UInt8(ascii: "."):
                if labelIsEmpty { return false }
                labelIsEmpty = true
            default:
                return false
            }
        }
        return !labelIsEmpty
    }

    /// The device that decimal digits name: 0–255 without leading zeros.
    static func device(_ bytes: UnsafeRawBufferPointer) -> UInt8? {
        guard let number = number(bytes) else { return nil }
        return UInt8(exactly: number)
    }

    /// The number that decimal digits write without leading zeros.
    static func number(_ bytes: UnsafeRawBufferPointer) -> UInt64? {
        guard (1...20).contains(bytes.count) else { return nil }
        if bytes[0] == UInt8(ascii: "0"), bytes.count > 1 { return nil }
        var number: UInt64 = 0
        for byte in bytes {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            let (tens, overflow) = number.multipliedReportingOverflow(by: 10)
            let (sum, carry) = tens.addingReportingOverflow(UInt64(byte - UInt8(ascii: "0")))
            if overflow || carry { return nil }
            number = sum
        }
        return number
    }
}
