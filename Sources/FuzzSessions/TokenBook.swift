// What clients know of their login tokens, kept apart from the store that checks them: which a device was
// told of, which ended, and which must still be taken.
//
// Holds: only a token that this device was told of, that nobody revoked and that has not expired logs in,
// with a proof over its own connection; and the last one that a device was told of is taken, whatever
// answers were lost, as long as its logins came one after another.

internal import Sessions
internal import Wire

/// One login of a script's, while it lasts.
struct LoginAttempt {
    var device: DeviceAddress
    /// Nil with the password.
    var token: LoginToken?
    /// Whether the proof may be taken.
    var mayWin = true
    /// Whether the token must be taken.
    var isOwed = false
    /// Whether no other login of the device was going on when this one began.
    var isAlone = true
    /// Counts the device's logins and what ended its tokens.
    var number = 0
    var isOver = false
}

/// The tokens of all devices.
struct TokenBook {
    private struct Told {
        var token: LoginToken
        var expiresAt: UInt64
        var isRevoked = false
    }

    private static let hadCountMax = 8

    private var told: [DeviceAddress: [Told]] = [:]
    /// The last one that a device was told of, if that is certain to be good.
    private var owed: [DeviceAddress: LoginToken] = [:]
    private var numbers: [DeviceAddress: Int] = [:]
    /// Stanzas that a device got: what its next login may say that it has.
    private(set) var had: [DeviceAddress: [StanzaKey]] = [:]

    /// The device's last token, or one of those before it.
    func token(of device: DeviceAddress, before: Int = 0) -> LoginToken? {
        guard let known = told[device], before < known.count else { return nil }
        return known[known.count - 1 - before].token
    }

    /// Begins a login. `isGenuine`: the proof is over the token, the device and the connection's binding.
    mutating func begin(
        _ device: DeviceAddress, _ token: LoginToken?, isGenuine: Bool, isAlone: Bool,
        issues: Bool, at now: UInt64
    ) -> LoginAttempt {
        numbers[device, default: 0] += 1
        var attempt = LoginAttempt(device: device, token: token)
        attempt.number = numbers[device, default: 0]
        attempt.isAlone = isAlone
        if let token {
            let known = told[device]?.first { $0.token == token }
            attempt.mayWin = isGenuine && known.map { !$0.isRevoked && now < $0.expiresAt } == true
            attempt.isOwed = isGenuine && owed[device] == token
            // Whoever goes back to an older one has no claim to the newer.
            if owed[device] != token { owed[device] = nil }
        } else if issues {
            owed[device] = nil
        }
        return attempt
    }

    /// The login succeeded; it brought a token or none.
    mutating func succeeded(_ attempt: LoginAttempt, _ issued: LoginToken?, expiresAt: UInt64?) {
        precondition(attempt.mayWin, "\(attempt.device) logged in with a token that is not good")
        guard let issued, let expiresAt else { return }
        told[attempt.device, default: []].append(Told(token: issued, expiresAt: expiresAt))
        let isCertain = attempt.isAlone && numbers[attempt.device] == attempt.number
        owed[attempt.device] = isCertain ? issued : nil
    }

    /// The login was refused as not authorized.
    func refused(_ attempt: LoginAttempt, at now: UInt64) {
        guard attempt.isOwed, let token = attempt.token, owed[attempt.device] == token else {
            return
        }
        let expiresAt = told[attempt.device]?.first { $0.token == token }?.expiresAt ?? 0
        precondition(now >= expiresAt, "\(attempt.device) is locked out")
    }

    /// The tokens of one device ended, or of all of a user.
    mutating func revoked(_ user: Localpart, _ device: UInt8?) {
        for address in Set(told.keys).union(numbers.keys)
        where address.user == user && (device == nil || device == address.device) {
            for index in told[address, default: []].indices {
                told[address]?[index].isRevoked = true
            }
            owed[address] = nil
            numbers[address, default: 0] += 1
        }
    }

    mutating func got(_ key: StanzaKey, at device: DeviceAddress) {
        if had[device, default: []].contains(key) { return }
        had[device, default: []].append(key)
        if had[device, default: []].count > Self.hadCountMax { had[device]?.removeFirst() }
    }
}
