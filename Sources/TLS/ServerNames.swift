// Which certificate a name gets: exact names first, then wildcards for one label (RFC 9525, section 6.3).
// Names are compared as lower-case ASCII bytes.

/// The names of a server's certificates.
struct ServerNames: Sendable {
    private var exact: [[UInt8]: Int] = [:]
    /// What stands behind the star of `*.example.org`: ".example.org".
    private var behindStar: [[UInt8]: Int] = [:]

    /// Gives a certificate's name to the credentials at `index`; the first to have it keeps it.
    mutating func add(_ name: String, index: Int) {
        let bytes = Self.lowered(Array(name.utf8))
        guard bytes.starts(with: Array("*.".utf8)) else {
            if exact[bytes] == nil { exact[bytes] = index }
            return
        }
        let suffix = Array(bytes.dropFirst())
        if behindStar[suffix] == nil { behindStar[suffix] = index }
    }

    /// The index for a name, which must be in lower case; nil when no certificate has it.
    func index(of name: [UInt8]) -> Int? {
        if let index = exact[name] { return index }
        guard let dot = name.firstIndex(of: UInt8(ascii: ".")), dot > 0 else { return nil }
        return behindStar[Array(name[dot...])]
    }

    /// The name with its ASCII letters in lower case.
    static func lowered(_ name: [UInt8]) -> [UInt8] {
        name.map { $0 >= UInt8(ascii: "A") && $0 <= UInt8(ascii: "Z") ? $0 | 0x20 : $0 }
    }

    /// The host name in a `server_name` extension (RFC 6066, section 3), in lower case; nil when it is
    /// malformed, which OpenSSL answers by itself.
    static func parse(_ bytes: UnsafeRawBufferPointer) -> [UInt8]? {
        guard bytes.count >= 5, Int(bytes[0]) << 8 | Int(bytes[1]) == bytes.count - 2,
            bytes[2] == 0
        else { return nil }
        let size = Int(bytes[3]) << 8 | Int(bytes[4])
        guard size > 0, size <= TLSLimits.serverNameSizeMax, size == bytes.count - 5 else {
            return nil
        }
        return lowered(Array(bytes[5...]))
    }
}
