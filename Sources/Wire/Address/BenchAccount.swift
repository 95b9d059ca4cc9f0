// The accounts that a gateway under test has without storing them. The load generator and the store
// that makes them up agree here on their names; what they are for is in docs/TERN.md.

/// `bench-0`, `bench-1`, … and the one password they share.
package enum BenchAccount {
    private static let prefix = "bench-"

    /// The password of all of them, prepared. It protects nothing: see `ternd --bench-auth`.
    package static let password = Array("bench".utf8)

    /// The account of an index. Precondition: `0..<WireLimits.benchAccountCountMax`.
    package static func name(_ index: Int) -> Localpart {
        precondition((0..<WireLimits.benchAccountCountMax).contains(index), "account \(index)")
        guard let name = Localpart(prefix + String(index)) else {
            preconditionFailure("\(prefix)\(index) is no name")
        }
        return name
    }

    /// The index of an account; nil for every other name.
    package static func index(of name: Localpart) -> Int? {
        guard name.text.utf8.starts(with: prefix.utf8) else { return nil }
        var text = name.text
        return text.withUTF8 { bytes in
            let digits = UnsafeBufferPointer(rebasing: bytes.dropFirst(prefix.utf8.count))
            guard let number = AddressSyntax.number(UnsafeRawBufferPointer(digits)),
                number < WireLimits.benchAccountCountMax
            else { return nil }
            return Int(number)
        }
    }
}
