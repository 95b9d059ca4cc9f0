// Addresses as people write them: `user@domain`, `user@domain/device`, `domain`.

/// An address (RFC 7622 in spirit; localparts and domains are lower-case ASCII, a device is a number).
public struct JID: Hashable, Sendable, CustomStringConvertible {
    /// The longest domain, in bytes.
    public static let domainSizeMax = 255

    /// The user; nil for a domain.
    public var local: Localpart?
    /// The domain.
    public var domain: String
    /// The device; nil for a bare address. Only a user has devices.
    public var device: UInt8?

    /// An address from its parts; nil when the domain is malformed or a device has no user.
    public init?(local: Localpart?, domain: String, device: UInt8? = nil) {
        guard Self.isDomain(domain), device == nil || local != nil else { return nil }
        self.local = local
        self.domain = domain
        self.device = device
    }

    /// The address that `text` spells; nil when it spells none.
    public init?(_ text: String) {
        let parts = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else {
            self.init(local: nil, domain: text)
            return
        }
        guard let local = Localpart(String(parts[0])) else { return nil }
        let rest = parts[1].split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        if rest.count == 1 {
            self.init(local: local, domain: String(rest[0]))
            return
        }
        guard let device = UInt8(rest[1]), String(device) == rest[1] else { return nil }
        self.init(local: local, domain: String(rest[0]), device: device)
    }

    /// Whether `text` is a domain: 1–255 bytes of `a–z 0–9 . -`, no empty label.
    public static func isDomain(_ text: String) -> Bool {
        AddressSyntax.isDomain(text.utf8)
    }

    /// The address without its device.
    public var bare: JID {
        var bare = self
        bare.device = nil
        return bare
    }

    /// The address as people write it.
    public var description: String {
        guard let local else { return domain }
        guard let device else { return "\(local)@\(domain)" }
        return "\(local)@\(domain)/\(device)"
    }
}
