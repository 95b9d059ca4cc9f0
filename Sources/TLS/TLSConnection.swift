// One end of a TLS connection, sans-IO: ciphertext in, plaintext and ciphertext out, all in buffers
// of the caller. Used by the gateway's connections, the client and the tests.
//
// How bytes are handled is behind HandshakeEngine's few calls (handshake, read, write, shutdown and
// the facts), so that a lighter record layer can take over after the handshake.

package import Base

/// How far a connection has come.
package enum TLSStatus: Sendable {
    /// The handshake goes on.
    case handshaking
    /// Data flows.
    case open
    /// The peer has said it will send no more (close_notify).
    case closed
}

/// One end of a TLS connection. Move it between threads freely; call it from one at a time.
package struct TLSConnection: ~Copyable, Sendable {
    private enum State {
        case handshaking
        case open
        case failed
    }

    // The context outlives the engine: OpenSSL's callbacks point into it.
    private let context: TLSContext
    private(set) var engine: HandshakeEngine
    private var state = State.handshaking
    private var hasSentClose = false
    private var hasReceivedClose = false
    /// The name a client asked for; nil on a server.
    private let expectedName: String?

    /// A server's end. Errors: `.configuration` when memory is out.
    package init(server context: TLSContext) throws(TLSError) {
        engine = try HandshakeEngine.server(context)
        self.context = context
        expectedName = nil
    }

    /// A client's end that will only talk to `serverName`, a DNS name or an IP address without
    /// brackets. A `session` of another context or name is ignored. Call `start` next.
    package init(
        client context: TLSContext, serverName: String, session: TLSSession? = nil
    ) throws(TLSError) {
        engine = try HandshakeEngine.client(context, serverName: serverName, session: session)
        self.context = context
        expectedName = serverName
    }

    /// Appends a client's first flight to `output`; a server waits for it and appends nothing.
    package mutating func start(output: inout ByteBuffer) throws(TLSError) {
        guard context.role == .client, state == .handshaking else { return }
        var plaintext = ByteBuffer()
        _ = try receive(Self.noInput, plaintext: &plaintext, output: &output)
    }

    /// Takes all of `ciphertext`; appends decrypted bytes to `plaintext` and what is to be sent to
    /// `output`, also when it throws: an alert then waits there. Bytes behind the peer's close_notify
    /// are dropped. Errors are the peer's fault; after one, and after a `close` in the handshake, every
    /// further call throws `.notOpen`.
    package mutating func receive(
        _ ciphertext: UnsafeRawBufferPointer, plaintext: inout ByteBuffer,
        output: inout ByteBuffer
    ) throws(TLSError) -> TLSStatus {
        if state == .failed { throw .notOpen }
        do {
            try Transfer.between(ciphertext, &output) { (transfer) throws(TLSError) in
                if state == .handshaking { try continueHandshake(&transfer) }
                if state == .open { try readAll(&transfer, into: &plaintext) }
            }
        } catch {
            state = .failed
            throw error
        }
        if state == .handshaking { return .handshaking }
        return hasReceivedClose ? .closed : .open
    }

    /// Appends `plaintext`, sealed, to `output`. Allowed until `close`, also after the peer's
    /// close_notify. Errors: `.notOpen`, the caller's fault.
    package mutating func send(
        _ plaintext: RawSpan, output: inout ByteBuffer
    ) throws(TLSError) {
        guard isOpen else { throw .notOpen }
        let failure = plaintext.withUnsafeBytes { bytes -> TLSError? in
            do throws(TLSError) {
                try Transfer.between(Self.noInput, &output) { (transfer) throws(TLSError) in
                    try engine.write(bytes, &transfer)
                }
                return nil
            } catch {
                return error
            }
        }
        guard let failure else { return }
        state = .failed
        throw failure
    }

    /// Appends a close_notify to `output`, once; nothing can be sent afterwards, but the peer's data
    /// still comes in. In the handshake it only ends the connection on this side.
    package mutating func close(output: inout ByteBuffer) {
        switch state {
        case .failed: return
        case .handshaking: state = .failed
        case .open:
            guard !hasSentClose else { return }
            hasSentClose = true
            withUnsafeMutablePointer(to: &output) { pointer in
                var transfer = Transfer(input: Self.noInput, output: pointer)
                engine.shutdown(&transfer)
            }
        }
    }

    private mutating func continueHandshake(_ transfer: inout Transfer) throws(TLSError) {
        guard try engine.handshake(&transfer) else { return }
        state = .open
        // A server has refused by now; a client learns of a server's silence only here.
        if !context.protocols.isEmpty, engine.alpn == nil {
            hasSentClose = true
            engine.shutdown(&transfer)
            throw .applicationProtocolRefused
        }
    }

    private mutating func readAll(
        _ transfer: inout Transfer, into plaintext: inout ByteBuffer
    ) throws(TLSError) {
        // Each turn takes input or yields bytes, so the loop ends.
        while !hasReceivedClose, engine.mayHaveMore(transfer) {
            switch try engine.read(&transfer, into: &plaintext) {
            case .bytes: continue
            case .needMore: return
            case .closed: hasReceivedClose = true
            }
        }
    }

    private static var noInput: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: nil, count: 0)
    }
}

// Facts. All but `isOpen` are known once the handshake is over, and nil or false before.
extension TLSConnection {
    /// Whether `send` may be called: the handshake is over and this end has not closed or failed.
    package var isOpen: Bool { state == .open && !hasSentClose }

    /// The protocol version, as "TLSv1.3".
    package var version: String? { state == .open ? engine.version : nil }

    /// The suite's name, as "TLS_AES_128_GCM_SHA256".
    package var cipherSuite: String? { state == .open ? engine.cipherSuite : nil }

    /// The application protocol agreed on.
    package var alpn: String? { state == .open ? engine.alpn : nil }

    /// The name the client asked for; nil if it asked for none, as for an IP address.
    package var serverName: String? { state == .open ? engine.serverName : nil }

    /// Whether an earlier session was resumed.
    package var resumed: Bool { state == .open && engine.isResumed }

    /// Keying material bound to this connection, without context: the same on both ends and on no
    /// other connection (RFC 8446, section 7.5; RFC 9266 for channel binding). Nil before the
    /// handshake is over and on TLS 1.2 without extended master secret.
    /// Precondition: `0 < count <= 8_160`.
    package func exporter(label: String, count: Int) -> [UInt8]? {
        state == .open ? engine.exporter(label: label, count: count) : nil
    }

    /// A client's latest ticket for a later connection to the same name; nil until the server's
    /// tickets have come, which under TLS 1.3 is with or before its first data.
    package func takeSession() -> TLSSession? {
        guard state == .open, let expectedName else { return nil }
        return TLSSession(of: engine.ssl, context: context, serverName: expectedName)
    }
}
