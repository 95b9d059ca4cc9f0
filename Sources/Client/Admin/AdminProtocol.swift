// The administration protocol, as the gateway and the client share it: one JSON object a line over a
// Unix socket, one reply line for each request line. Passwords never travel: only verifiers do.

package import Wire

/// What can be asked of a gateway.
public enum AdminCommand: String, Codable, Sendable, CaseIterable {
    /// Makes the account `name` with `keys`.
    case accountAdd = "account.add"
    /// Removes the account `name`, its sessions and what waits for it.
    case accountRemove = "account.remove"
    /// Replaces the keys of the account `name`.
    case accountPassword = "account.password"
    /// Revokes the login tokens of the account `name`: of its device `device`, or of all.
    case accountRevokeTokens = "account.revoke-tokens"
    /// Gives all accounts.
    case accountList = "account.list"
    /// Gives the gateway's figures.
    case status
    /// Reads certificates and ticket keys again.
    case reload
}

/// A verifier of a password: `ScramKeys` with its bytes in base64.
public struct AdminKeys: Codable, Sendable, Equatable {
    /// The salt.
    public var salt: String
    /// The PBKDF2 iteration count.
    public var iterations: Int
    /// RFC 5802's StoredKey.
    public var storedKey: String
    /// RFC 5802's ServerKey.
    public var serverKey: String

    /// A verifier as it goes over the socket.
    package init(_ keys: ScramKeys) {
        salt = Base64.encoded(keys.salt)
        iterations = keys.iterations
        storedKey = Base64.encoded(keys.storedKey)
        serverKey = Base64.encoded(keys.serverKey)
    }

    /// The verifier; nil when it is malformed or weaker than the protocol allows.
    package var scramKeys: ScramKeys? {
        guard let salt = Base64.decoded(salt), (8...64).contains(salt.count),
            let storedKey = Base64.decoded(storedKey), storedKey.count == 32,
            let serverKey = Base64.decoded(serverKey), serverKey.count == 32,
            WireLimits.scramIterations.contains(iterations)
        else { return nil }
        return ScramKeys(
            salt: salt, iterations: iterations, storedKey: storedKey, serverKey: serverKey)
    }
}

/// One request line.
public struct AdminRequest: Codable, Sendable, Equatable {
    /// The longest request line, in bytes.
    public static let sizeMax = 4_096

    /// What is asked.
    public var command: AdminCommand
    /// The account, as `user@domain`.
    public var name: String?
    /// The account's verifier.
    public var keys: AdminKeys?
    /// One device of the account.
    public var device: UInt8?

    /// A request from its parts.
    public init(
        command: AdminCommand, name: String? = nil, keys: AdminKeys? = nil, device: UInt8? = nil
    ) {
        self.command = command
        self.name = name
        self.keys = keys
        self.device = device
    }
}

/// Why a request was refused.
public enum AdminErrorCode: String, Codable, Sendable {
    /// There is an account of this name.
    case accountExists = "account-exists"
    /// There is no account of this name.
    case unknownAccount = "unknown-account"
    /// The account has no such device.
    case unknownDevice = "unknown-device"
    /// The gateway does not serve this domain.
    case wrongDomain = "wrong-domain"
    /// The request line is malformed.
    case badRequest = "bad-request"
    /// The store could not carry it out.
    case storeFailed = "store-failed"
    /// A file cannot be used; what was in use stays.
    case notReloaded = "not-reloaded"
}

/// One reply line.
public struct AdminReply: Codable, Sendable, Equatable {
    /// The longest reply line, in bytes.
    public static let sizeMax = 64 * 1024 * 1024

    /// Whether the request was carried out.
    public var ok: Bool
    /// Why not.
    public var error: AdminErrorCode?
    /// Why not, for people.
    public var message: String?
    /// The accounts, as `user@domain`.
    public var accounts: [String]?
    /// The gateway's figures by name.
    public var status: [String: Int]?

    /// A reply from its parts.
    public init(
        ok: Bool, error: AdminErrorCode? = nil, message: String? = nil, accounts: [String]? = nil,
        status: [String: Int]? = nil
    ) {
        self.ok = ok
        self.error = error
        self.message = message
        self.accounts = accounts
        self.status = status
    }

    /// Carried out, with nothing to tell.
    public static let done = AdminReply(ok: true)

    /// A refusal.
    public static func refused(_ error: AdminErrorCode, _ message: String) -> AdminReply {
        AdminReply(ok: false, error: error, message: message)
    }
}
