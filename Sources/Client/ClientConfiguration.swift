// What a client is told before it starts.

public import Wire

/// When and how often a client tries again.
public struct ReconnectPolicy: Sendable, Equatable {
    /// The first pause, before jitter.
    public var pauseMs: UInt64
    /// The longest pause, before jitter.
    public var pauseMsMax: UInt64
    /// A connection that was logged in for this long counts as stable: the pauses begin anew.
    public var stableAfterMs: UInt64
    /// How many attempts in a row may fail before the client stops; nil for no end.
    public var attemptsMax: Int?

    /// A policy; the defaults are 0.5 s to 30 s, doubling, without an end.
    public init(
        pauseMs: UInt64 = 500, pauseMsMax: UInt64 = 30_000, stableAfterMs: UInt64 = 30_000,
        attemptsMax: Int? = nil
    ) {
        self.pauseMs = pauseMs
        self.pauseMsMax = pauseMsMax
        self.stableAfterMs = stableAfterMs
        self.attemptsMax = attemptsMax
    }

    /// One attempt, no other.
    public static let never = ReconnectPolicy(attemptsMax: 1)
}

/// Whether the login is bound to the TLS connection it runs over.
public enum ChannelBinding: Sendable, Equatable {
    /// SCRAM-SHA-256-PLUS with tls-exporter (RFC 9266). A server without it is refused.
    case required
    /// SCRAM-SHA-256. Only for a gateway behind something that ends TLS.
    case off
}

/// What a client needs to know.
public struct ClientConfiguration: Sendable {
    /// The server's host name or address.
    public var host: String
    /// The server's TCP port.
    public var port: UInt16
    /// The name that the server's certificate must carry; nil for `host`.
    public var serverName: String?
    /// The account: a bare address.
    public var jid: JID
    /// This device's number.
    public var device: UInt8
    /// The account's password; nil to log in with the store's token alone.
    public var password: String?
    /// A PEM file with the certificates to trust; nil for the system's.
    public var caFile: String?
    /// When to try again.
    public var reconnect = ReconnectPolicy()
    /// Whether the login is bound to the TLS connection.
    public var channelBinding = ChannelBinding.required
    /// Whether contacts are told that this device is available.
    public var isAvailable = true
    /// Whether the server is asked for login tokens. Only a store that outlives the client has a use for
    /// them, and for reconnecting in one flight. One that a login with the password brings ends those that
    /// the device had.
    public var wantsToken = true
    /// Silence after which the client asks the server whether it is there.
    public var pingAfterMs = ClientLimits.pingAfterMs

    /// A configuration for one account's device on one server.
    public init(
        host: String, port: UInt16 = 5223, serverName: String? = nil, jid: JID, device: UInt8 = 0,
        password: String?, caFile: String? = nil
    ) {
        self.host = host
        self.port = port
        self.serverName = serverName
        self.jid = jid
        self.device = device
        self.password = password
        self.caFile = caFile
    }
}
