// Every maximum of the client in one place. What happens when one is reached stands beside it.

/// The client's limits.
public enum ClientLimits {
    /// Messages that wait for the server's ack; one more is refused with `outboxFull`.
    public static let outboxCountMax = 1_000
    /// Bytes of message bodies that wait for the server's ack; more is refused with `outboxFull`.
    public static let outboxSizeMax = 16 * 1024 * 1024
    /// Messages on their way to the server and not acked; the others wait in the outbox.
    public static let windowCountMax = 128
    /// The longest message body, in bytes of UTF-8; more is refused with `bodySize`. It leaves
    /// room for the stanza around it in a frame of 65,536 bytes.
    public static let bodySizeMax = 60 * 1024
    /// Receipts that wait for the server's ack. A delivered receipt beyond it is not sent, so that the
    /// server delivers the message again later; a read receipt beyond it is refused.
    public static let receiptCountMax = 4_096
    /// Stanzas remembered so that a repeat is dropped; the oldest is forgotten.
    public static let seenCountMax = 4_096
    /// Messages that the app was given and has not acknowledged; more than a server may have under way.
    /// Beyond it the connection ends.
    public static let unacknowledgedCountMax = 4_096
    /// Messages whose state is kept; the oldest is forgotten.
    public static let recordCountMax = 4_096
    /// Answers to receipts that a login says again, since they may have been lost; the oldest is not said.
    public static let recentAckCountMax = 64
    /// Bytes of what a login says that the client has: what every server takes before the login.
    public static let resumeSizeMax = 1_000
    /// Requests (contacts) that wait for an answer; one more is refused with `tooManyRequests`.
    public static let requestCountMax = 64
    /// Contacts in one answer of the server; more is a protocol error.
    public static let contactCountMax = 10_000
    /// Commands from the application that wait for the client's thread; one more is refused.
    public static let commandCountMax = 8_192
    /// Events that wait for the application; beyond it the client stops reading from the server.
    public static let eventCountMax = 1_024
    /// Bytes of TLS output that the socket has not taken; beyond it nothing more is produced.
    public static let outputSizeMax = 1024 * 1024

    /// How often a message that the server refuses with `wait` is tried before it fails, and a receipt
    /// before it is given up.
    public static let waitAttemptsMax = 8

    /// From the start of a connection to its last TCP handshake, for each address.
    public static let connectTimeoutMs: UInt64 = 10_000
    /// From an open TCP connection to a login.
    public static let loginTimeoutMs: UInt64 = 20_000
    /// Silence after which the client pings, unless its configuration says otherwise: what keeps the
    /// mapping of most mobile networks.
    public static let pingAfterMs: UInt64 = 600_000
    /// How long a ping may go without any byte from the server.
    public static let pingTimeoutMs: UInt64 = 20_000
    /// The longest time that a server can make a client stay away.
    public static let retryHintMsMax: UInt64 = 600_000
    /// How long an orderly close may take.
    public static let closeTimeoutMs: UInt64 = 3_000
    /// The first pause after a refusal with `wait`; it doubles, up to `waitPauseMsMax`.
    public static let waitPauseMs: UInt64 = 500
    /// The longest pause after a refusal with `wait`.
    public static let waitPauseMsMax: UInt64 = 30_000
    /// The longest that a server can make what it refused with `wait` stay away.
    public static let waitHintMsMax: UInt64 = 60_000
}
