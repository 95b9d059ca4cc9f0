// IP addresses with a port, in 24 bytes and without storage of their own.
//
// Text is taken only in the forms "127.0.0.1:5223" and "[::1]:5223"; names go through `resolve`,
// which asks the name service, may block for seconds, and is for clients and start-up only.

internal import CLinux
internal import Glibc

/// An IPv4 or IPv6 address and a TCP port.
package struct SocketAddress: Hashable, Sendable, CustomStringConvertible {
    /// The Internet Protocol's version.
    package enum Version: UInt8, Sendable {
        case v4 = 4
        case v6 = 6
    }

    // IPv4 lies in the low 32 bits of `low`; IPv6 fills both, most significant byte first.
    private let high: UInt64
    private let low: UInt64
    private let scope: UInt32
    /// The port; 0 lets the kernel choose.
    package var port: UInt16
    /// IPv4 or IPv6.
    package let version: Version

    /// An IPv4 address, most significant byte first: 0x7f000001 is 127.0.0.1.
    package init(ipv4 address: UInt32, port: UInt16) {
        high = 0
        low = UInt64(address)
        scope = 0
        self.port = port
        version = .v4
    }

    /// An IPv6 address from its two halves, most significant byte first.
    package init(ipv6High high: UInt64, low: UInt64, scope: UInt32 = 0, port: UInt16) {
        self.high = high
        self.low = low
        self.scope = scope
        self.port = port
        version = .v6
    }

    /// Parses "127.0.0.1:5223" or "[::1]:5223"; nil for anything else, zone names included.
    package init?(_ text: String) {
        // 45 bytes is the longest IPv6 text; brackets, colon and five digits come on top.
        guard text.utf8.count <= 53, let colon = text.utf8.lastIndex(of: UInt8(ascii: ":")),
            let port = Self.port(text.utf8[text.utf8.index(after: colon)...])
        else { return nil }
        var host = text[..<colon]
        guard host.utf8.first == UInt8(ascii: "[") else {
            self.init(host: String(host), version: .v4, port: port)
            return
        }
        guard host.utf8.last == UInt8(ascii: "]"), host.utf8.count > 2 else { return nil }
        host = host.dropFirst().dropLast()
        self.init(host: String(host), version: .v6, port: port)
    }

    private init?(host: String, version: Version, port: UInt16) {
        // inet_pton stops at a NUL, so one must not hide a tail.
        guard !host.utf8.contains(0) else { return nil }
        switch version {
        case .v4:
            var address = in_addr()
            guard inet_pton(AF_INET, host, &address) == 1 else { return nil }
            self.init(ipv4: UInt32(bigEndian: address.s_addr), port: port)
        case .v6:
            var halves: (UInt64, UInt64) = (0, 0)
            guard inet_pton(AF_INET6, host, &halves) == 1 else { return nil }
            self.init(
                ipv6High: UInt64(bigEndian: halves.0), low: UInt64(bigEndian: halves.1), port: port)
        }
    }

    init?(_ raw: clinux_address) {
        switch raw.version {
        case 4: self.init(ipv4: UInt32(truncatingIfNeeded: raw.low), port: raw.port)
        case 6: self.init(ipv6High: raw.high, low: raw.low, scope: raw.scope, port: raw.port)
        default: return nil
        }
    }

    private static func port(_ digits: Substring.UTF8View) -> UInt16? {
        guard (1...5).contains(digits.count) else { return nil }
        guard digits.count == 1 || digits.first != UInt8(ascii: "0") else { return nil }
        var value: UInt32 = 0
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            value = value * 10 + UInt32(digit - UInt8(ascii: "0"))
        }
        return UInt16(exactly: value)
    }

    var raw: clinux_address {
        clinux_address(
            high: high, low: low, scope: scope, port: port, version: UInt16(version.rawValue))
    }

    /// Whether the address is 127.0.0.0/8 or ::1, also as IPv4 mapped into IPv6.
    package var isLoopback: Bool {
        switch version {
        case .v4: low >> 24 == 127
        case .v6: high == 0 && (low == 1 || low >> 24 == 0xffff_7f)
        }
    }

    /// The IPv4 address, most significant byte first; nil for one of IPv6.
    package var ipv4: UInt32? { version == .v4 ? UInt32(truncatingIfNeeded: low) : nil }

    /// Whom to count a connection against: the IPv4 address or the IPv6 /64 network, as one word.
    package var sourceKey: UInt64 {
        switch version {
        case .v4: 0xffff_ffff_0000_0000 | low  // not a network that can be a source in IPv6
        case .v6: high
        }
    }

    /// The text form that `init(_:)` parses.
    package var description: String {
        switch version {
        case .v4:
            "\(low >> 24 & 255).\(low >> 16 & 255).\(low >> 8 & 255).\(low & 255):\(port)"
        case .v6:
            "[\(hostText)]:\(port)"
        }
    }

    private var hostText: String {
        let halves = (high.bigEndian, low.bigEndian)
        return withUnsafeBytes(of: halves) { bytes in
            withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { text in
                let size = socklen_t(text.count)
                guard let start = inet_ntop(AF_INET6, bytes.baseAddress, text.baseAddress, size)
                else { preconditionFailure("inet_ntop on 16 bytes") }
                return String(cString: start)
            }
        }
    }
}

extension SocketAddress {
    /// Asks the name service for a host's addresses, in the order to try them; never empty.
    /// Blocks, for seconds when a server does not answer: not for a shard's thread.
    package static func resolve(
        host: String, port: UInt16
    ) throws(ReactorError) -> [SocketAddress] {
        guard !host.isEmpty, !host.utf8.contains(0) else {
            throw ReactorError.hostUnknown(host: host, reason: "not a host name")
        }
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICSERV
        var first: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, String(port), &hints, &first)
        guard code == 0 else {
            throw ReactorError.hostUnknown(host: host, reason: String(cString: gai_strerror(code)))
        }
        defer { freeaddrinfo(first) }
        var addresses: [SocketAddress] = []
        var next = first
        while let entry = next {
            next = entry.pointee.ai_next
            var raw = clinux_address()
            guard let source = entry.pointee.ai_addr else { continue }
            clinux_address_from(source, Int(entry.pointee.ai_addrlen), &raw)
            if let address = SocketAddress(raw), !addresses.contains(address) {
                addresses.append(address)
            }
        }
        guard !addresses.isEmpty else {
            throw ReactorError.hostUnknown(host: host, reason: "no IP address")
        }
        return addresses
    }
}
