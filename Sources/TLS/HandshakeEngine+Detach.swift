// The way out of OpenSSL: traffic secrets and sequence numbers, by its public interfaces.
//
// OpenSSL says each traffic secret at the moment it puts it to use (keylog callback), and shows each
// record's header (message callback). Records of type 23 that are seen after a direction's secret are
// therefore the ones under it, and their count is the next sequence number. OpenSSL reads no further
// than the record it needs (read-ahead is off), so what follows the handshake's last record is still
// in the caller's buffer, at the beginning of a record.
//
// Invariant: a secret is in memory of ours only until the connection is detached or stays; then it is
// wiped. It is never in a log: the keylog line is taken apart on the spot.

internal import COpenSSL

/// What is noted while OpenSSL has the connection. Owned by the engine.
struct RecordWatch: ~Copyable {
    /// Bytes of the longest secret.
    private static let secretSizeMax = 48

    // The receiving and the sending secret; nil when nothing is watched.
    private var secrets: UnsafeMutableRawPointer?
    private var receivedSecretSize = 0
    private var sentSecretSize = 0
    fileprivate private(set) var received: UInt32 = 0
    fileprivate private(set) var sent: UInt32 = 0
    /// Content bytes of the record in hand, if it has no padding, and those of its whole messages.
    private var recordContentSize = 0
    private var messageSize = 0
    /// Whether a ticket has just come.
    fileprivate private(set) var hasNewTicket = false
    /// Whether keys have changed, so that the secrets noted are no longer those in use.
    fileprivate private(set) var hasKeyUpdate = false

    deinit {
        guard let secrets else { return }
        OPENSSL_cleanse(secrets, 2 * Self.secretSizeMax)
        secrets.deallocate()
    }

    var isWatching: Bool { secrets != nil }

    fileprivate mutating func begin() {
        let size = 2 * Self.secretSizeMax
        secrets = .allocate(byteCount: size, alignment: 8)
        secrets?.initializeMemory(as: UInt8.self, repeating: 0, count: size)
    }

    /// Takes a line "LABEL hex(client random) hex(secret)".
    fileprivate mutating func take(line: UnsafePointer<CChar>, isClient: Bool) {
        guard let secrets else { return }
        let isServers = strncmp(line, "SERVER_TRAFFIC_SECRET_0 ", 24) == 0
        guard isServers || strncmp(line, "CLIENT_TRAFFIC_SECRET_0 ", 24) == 0,
            let text = strrchr(line, 0x20).map({ $0 + 1 })
        else { return }
        let size = min(strlen(text) / 2, Self.secretSizeMax)
        if isServers == isClient {
            Self.decode(text, size, into: secrets)
            receivedSecretSize = size
            received = 0
        } else {
            Self.decode(text, size, into: secrets + Self.secretSizeMax)
            sentSecretSize = size
            sent = 0
        }
    }

    private static func decode(
        _ text: UnsafePointer<CChar>, _ size: Int, into secret: UnsafeMutableRawPointer
    ) {
        for index in 0..<size {
            let byte = nibble(text[2 * index]) << 4 | nibble(text[2 * index + 1])
            secret.storeBytes(of: byte, toByteOffset: index, as: UInt8.self)
        }
    }

    /// The value of a hexadecimal digit, by arithmetic alone: it is half a byte of a secret.
    private static func nibble(_ digit: CChar) -> UInt8 {
        let code = UInt8(bitPattern: digit)
        return (code & 0x0F) &+ 9 &* (code >> 6)  // at most 15 + 9 * 3
    }

    fileprivate mutating func takeRecord(isSent: Bool, type: UInt8, size: Int) {
        guard type == RecordLayer.ContentType.applicationData else { return }
        if isSent {
            sent &+= 1  // a handshake has a handful; a client waiting for a ticket is bounded below
        } else {
            received &+= 1
            recordContentSize = size - RecordSuite.tagSize - 1
            messageSize = 0
        }
    }

    /// Whether it was a ticket, in which case the record's end may be the end of OpenSSL's part.
    fileprivate mutating func takeMessage(isSent: Bool, type: UInt8, size: Int) -> Bool {
        if type == RecordLayer.MessageType.keyUpdate { hasKeyUpdate = true }
        guard !isSent else { return false }
        messageSize += size
        hasNewTicket = type == RecordLayer.MessageType.newSessionTicket
        return hasNewTicket
    }

    /// Whether the last record held whole messages and nothing else, so that none goes on behind it.
    fileprivate var isAtMessageEnd: Bool { recordContentSize == messageSize }

    fileprivate func isComplete(_ suite: RecordSuite) -> Bool {
        let size = suite.secretSize
        let countMax = UInt32(TLSLimits.recordsPerKeyMax)
        return receivedSecretSize == size && sentSecretSize == size && !hasKeyUpdate
            && received < countMax && sent < countMax
    }

    /// Calls `body` with the receiving and the sending secret.
    fileprivate func withSecrets<R: ~Copyable>(_ body: (RawSpan, RawSpan) -> R?) -> R? {
        guard let secrets else { return nil }
        let receiving = UnsafeRawBufferPointer(start: secrets, count: receivedSecretSize)
        let sending = UnsafeRawBufferPointer(
            start: secrets + Self.secretSizeMax, count: sentSecretSize)
        return body(receiving.bytes, sending.bytes)
    }
}

extension HandshakeEngine {
    /// Has the callbacks tell this engine.
    func watchRecords() {
        watch.begin()
        let this = Unmanaged.passUnretained(self).toOpaque()
        tern_SSL_set_app_data(ssl, this)
        SSL_set_msg_callback(ssl, ternWatchMessages)
        tern_SSL_set_msg_callback_arg(ssl, this)
    }

    /// Has them tell nothing more and forgets what they told: the connection stays with OpenSSL.
    func stopWatching() {
        guard watch.isWatching else { return }
        SSL_set_msg_callback(ssl, nil)
        watch = RecordWatch()
    }

    /// Whether this is a connection to detach once its first ticket is here.
    var awaitsTicket: Bool { context.detachment == .afterTicket && context.role == .client }

    /// The record layer that goes on from here; nil when the connection has to stay with OpenSSL. Call
    /// at the end of the handshake, or when a ticket has halted the transfer.
    func detach(_ ciphers: RecordCiphers) -> RecordLayer? {
        guard watch.isWatching, SSL_version(ssl) == TLS1_3_VERSION, SSL_has_pending(ssl) == 0,
            let cipher = SSL_get_current_cipher(ssl),
            let suite = RecordSuite(number: SSL_CIPHER_get_protocol_id(cipher)),
            ciphers.supports(suite), watch.isComplete(suite)
        else { return nil }
        if watch.hasNewTicket, !watch.isAtMessageEnd { return nil }
        return watch.withSecrets { receiving, sending in
            RecordLayer(
                suite: suite, isClient: context.role == .client, receiving: receiving,
                sending: sending, received: watch.received, sent: watch.sent, ciphers: ciphers)
        }
    }

    fileprivate func takeMessage(isSent: Bool, type: CInt, _ bytes: UnsafeRawPointer, _ size: Int) {
        if type == SSL3_RT_HEADER, size == RecordLayer.headerSize {
            let header = UnsafeRawBufferPointer(start: bytes, count: size)
            watch.takeRecord(
                isSent: isSent, type: header[0], size: Int(header[3]) << 8 | Int(header[4]))
        } else if type == SSL3_RT_HANDSHAKE, isOpen, size > 0 {
            let message = bytes.load(as: UInt8.self)
            guard watch.takeMessage(isSent: isSent, type: message, size: size), awaitsTicket,
                let data = BIO_get_data(bio)
            else { return }
            data.assumingMemoryBound(to: Transfer.self).pointee.isHalted = true
        }
    }
}

extension ContextHandle {
    /// Has OpenSSL say its traffic secrets to the engines of this context.
    func takeSecrets() {
        SSL_CTX_set_keylog_callback(pointer, ternTakeSecret)
    }
}

/// Keylog: to the engine whose connection it is.
@c func ternTakeSecret(_ ssl: OpaquePointer?, _ line: UnsafePointer<CChar>?) {
    guard let ssl, let line, let data = tern_SSL_get_app_data(ssl) else { return }
    let engine = Unmanaged<HandshakeEngine>.fromOpaque(data).takeUnretainedValue()
    engine.watch.take(line: line, isClient: engine.context.role == .client)
}

/// Message callback: to the engine whose connection it is.
@c func ternWatchMessages(
    _ isSent: CInt, _ version: CInt, _ type: CInt, _ bytes: UnsafeRawPointer?, _ size: Int,
    _ ssl: OpaquePointer?, _ argument: UnsafeMutableRawPointer?
) {
    guard let argument, let bytes else { return }
    let engine = Unmanaged<HandshakeEngine>.fromOpaque(argument).takeUnretainedValue()
    engine.takeMessage(isSent: isSent == 1, type: type, bytes, size)
}
