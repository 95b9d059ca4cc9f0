// What becomes of a device's login tokens when it logs in.
//
// Invariant: a token that was issued stays valid until another that was issued has been used, or until the
// device, which then had none that worked, has got one by the password. Whatever answers were lost on the
// way, a device that holds the last one it was told of is never locked out; and whoever stole one is, as soon
// as the owner had to give the password.

internal import Wire

/// A device's tokens after a login.
struct TokenUpdate {
    /// Nil when they stay as they are.
    var changed: [DeviceToken]?
    /// Whether the new token is among them.
    var isIssued = false
}

extension StoreLogic {
    /// What a login does to a device's tokens; nil when it was proven with what no longer counts.
    func tokenUpdate(
        of address: DeviceAddress, _ login: DeviceLogin?
    ) throws(StoreError) -> TokenUpdate? {
        guard let login else { return TokenUpdate() }
        let before = try tables.tokens(of: address)
        var tokens = before
        switch login.proof {
        case .password(let storedKey, let tokensBefore):
            guard try tables.keys(of: address.user)?.storedKey == storedKey else { return nil }
            if login.issued != nil {
                // Whoever logs in with the password holds no token that works: what was there when the login
                // began is lost or stolen. A login that was slow ends none that came after it.
                tokens.removeAll { tokensBefore.contains($0.keys.storedKey) }
                if tokens.count == WireLimits.deviceTokenCountMax { tokens.removeFirst() }
            }
        case .token(let storedKey):
            guard let used = tokens.first(where: { $0.keys.storedKey == storedKey }) else {
                return nil
            }
            // Its first use shows that the device holds this one and no other.
            if !used.isUsed { tokens = [DeviceToken(keys: used.keys, isUsed: true)] }
        }
        // When so many answers were lost, the device goes on with the token that it has.
        let isIssued = login.issued != nil && tokens.count < WireLimits.deviceTokenCountMax
        if let issued = login.issued, isIssued {
            tokens.append(DeviceToken(keys: issued, isUsed: false))
        }
        return TokenUpdate(changed: tokens == before ? nil : tokens, isIssued: isIssued)
    }
}

extension StoreTables {
    /// What a login is checked against; nil when there is no such account.
    func credentials(
        of address: DeviceAddress, synthetic: SyntheticAccounts?
    ) throws(StoreError) -> AccountCredentials? {
        if let keys = synthetic?.keys(of: address.user) {
            return AccountCredentials(keys: keys, tokens: [])
        }
        // Both are looked up in every case, so that an account's existence costs no time.
        let keys = try keys(of: address.user)
        let tokens = try tokens(of: address)
        return keys.map { AccountCredentials(keys: $0, tokens: tokens) }
    }
}

/// A device's tokens as one value of the database: 73 bytes each.
enum TokenRecord {
    private static let size = 73

    static func bytes(_ tokens: [DeviceToken]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(tokens.count * size)
        for token in tokens {
            bytes += token.keys.storedKey + token.keys.serverKey
            for shift in stride(from: 56, through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: token.keys.expiresAt >> UInt64(shift)))
            }
            bytes.append(token.isUsed ? 1 : 0)
        }
        precondition(
            bytes.count == tokens.count * size, "\(tokens.count) tokens: keys of a wrong size")
        return bytes
    }

    /// A record that makes no sense has no tokens: the device logs in with the password.
    static func tokens(_ bytes: [UInt8]) -> [DeviceToken] {
        guard bytes.count % size == 0, bytes.count <= size * WireLimits.deviceTokenCountMax else {
            return []
        }
        return stride(from: 0, to: bytes.count, by: size).map { start in
            let keys = LoginTokenKeys(
                storedKey: Array(bytes[start..<start + 32]),
                serverKey: Array(bytes[start + 32..<start + 64]),
                expiresAt: bytes[start + 64..<start + 72].reduce(0) { $0 << 8 | UInt64($1) })
            return DeviceToken(keys: keys, isUsed: bytes[start + 72] == 1)
        }
    }
}
