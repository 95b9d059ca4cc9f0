// One end of a TLS connection, sans-IO: ciphertext in, plaintext and ciphertext out, all in buffers
// of the caller. Used by the gateway's connections, the client and the tests.
//
// A connection begins with an engine, which is OpenSSL. When the configuration says so and TLS 1.3 was
// agreed on, a record layer takes over after the handshake and the engine goes; otherwise the engine
// stays. The caller sees no difference. Invariant: at most one of `engine` and `records` is there; with
// neither, the connection has failed or was closed in its handshake. A detached connection at rest owns
// the record layer's block and nothing else.

package import Base

/// How far a connection has come.
package enum TLSStatus: Sendable {
    /// A server waits for a ClientHello, or for the second one after its HelloRetryRequest: the handshake's
    /// costly step is still to come.
    case awaitingHello
    /// The handshake goes on.
    case handshaking
    /// Data flows.
    case open
    /// The peer has said it will send no more (close_notify).
    case closed
}

/// One end of a TLS connection. Move it between threads freely; call it from one at a time, with that
/// thread's ciphers.
package struct TLSConnection: ~Copyable, Sendable {
    private(set) var engine: HandshakeEngine?
    private(set) var records: RecordLayer?
    private var leftover: Leftover?

    /// A server's end. Errors: `.configuration` when memory is out.
    package init(server context: TLSContext) throws(TLSError) {
        engine = try HandshakeEngine.server(context)
        records = nil
    }

    /// A client's end that will only talk to `serverName`, a DNS name or an IP address without
    /// brackets. A `session` of another context or name is ignored. Call `start` next.
    package init(
        client context: TLSContext, serverName: String, session: TLSSession? = nil
    ) throws(TLSError) {
        engine = try HandshakeEngine.client(context, serverName: serverName, session: session)
        records = nil
    }

    /// Appends a client's first flight to `output`; a server waits for it and appends nothing.
    package mutating func start(
        output: inout ByteBuffer, ciphers: RecordCiphers
    ) throws(TLSError) {
        guard let engine, engine.context.role == .client, !engine.isOpen else { return }
        var plaintext = ByteBuffer()
        _ = try receive(Self.noInput, plaintext: &plaintext, output: &output, ciphers: ciphers)
    }

    /// Takes all of `ciphertext`; appends decrypted bytes to `plaintext` and what is to be sent to
    /// `output`, also when it throws: an alert then waits there. Bytes behind the peer's close_notify
    /// are dropped. Errors are the peer's fault; after one, and after a `close` in the handshake, every
    /// further call throws `.notOpen`.
    package mutating func receive(
        _ ciphertext: UnsafeRawBufferPointer, plaintext: inout ByteBuffer,
        output: inout ByteBuffer, ciphers: RecordCiphers
    ) throws(TLSError) -> TLSStatus {
        var rest = ciphertext
        if let engine {
            let outputStart = output.count
            do {
                if !engine.isOpen { try engine.refuseHuge(ciphertext, output: &output) }
                rest = try Transfer.between(ciphertext, &output) { (transfer) throws(TLSError) in
                    if !engine.isOpen { try continueHandshake(engine, &transfer, ciphers) }
                    if engine.isOpen, records == nil {
                        try readAll(engine, &transfer, into: &plaintext, ciphers)
                    }
                    return transfer.rest
                }
            } catch {
                fail()
                throw error
            }
            if records == nil {
                guard engine.isOpen else {
                    return engine.awaitsHello(answered: output, from: outputStart)
                        ? .awaitingHello : .handshaking
                }
                return engine.hasReceivedClose ? .closed : .open
            }
        }
        try receiveRecords(rest, &plaintext, &output, ciphers)
        return records?.hasReceivedClose ?? false ? .closed : .open
    }

    /// Appends `plaintext`, sealed, to `output`. Allowed until `close`, also after the peer's
    /// close_notify. Errors: `.notOpen`, the caller's fault.
    package mutating func send(
        _ plaintext: RawSpan, output: inout ByteBuffer, ciphers: RecordCiphers
    ) throws(TLSError) {
        guard isOpen else { throw .notOpen }
        let failure = plaintext.withUnsafeBytes { bytes -> TLSError? in
            guard let engine else {
                do throws(RecordFailure) {
                    try records?.send(bytes, output: &output, ciphers: ciphers)
                    return nil
                } catch {
                    return error.error
                }
            }
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
        fail()
        throw failure
    }

    /// Appends a close_notify to `output`, once; nothing can be sent afterwards, but the peer's data
    /// still comes in. In the handshake it only ends the connection on this side.
    package mutating func close(output: inout ByteBuffer, ciphers: RecordCiphers) {
        records?.close(output: &output, ciphers: ciphers)
        guard let engine else { return }
        guard engine.isOpen else { return fail() }
        guard !engine.hasSentClose else { return }
        engine.hasSentClose = true
        withUnsafeMutablePointer(to: &output) { pointer in
            var transfer = Transfer(input: Self.noInput, output: pointer)
            engine.shutdown(&transfer)
        }
    }

    /// Appends new keys of a detached connection to `output`, ahead of their time. For tests and tools:
    /// keys that are worn change by themselves.
    package mutating func updateKeys(
        asking: Bool, output: inout ByteBuffer, ciphers: RecordCiphers
    ) throws(TLSError) {
        guard isOpen, isDetached else { throw .notOpen }
        do throws(RecordFailure) {
            try records?.sendKeyUpdate(requested: asking, &output, ciphers)
        } catch {
            fail()
            throw error.error
        }
    }

    private mutating func continueHandshake(
        _ engine: HandshakeEngine, _ transfer: inout Transfer, _ ciphers: RecordCiphers
    ) throws(TLSError) {
        guard try engine.handshake(&transfer) else { return }
        engine.isOpen = true
        // A server has refused by now; a client learns of a server's silence only here.
        if !engine.context.protocols.isEmpty, engine.alpn == nil {
            engine.hasSentClose = true
            engine.shutdown(&transfer)
            throw .applicationProtocolRefused
        }
        engine.facts = engine.facts(exporter: engine.context.exporter)
        if !engine.awaitsTicket { detach(engine, ciphers) }
    }

    private mutating func readAll(
        _ engine: HandshakeEngine, _ transfer: inout Transfer, into plaintext: inout ByteBuffer,
        _ ciphers: RecordCiphers
    ) throws(TLSError) {
        // Each turn takes input, yields bytes or lifts a halt, so the loop ends.
        while !engine.hasReceivedClose {
            var isDry = !engine.mayHaveMore(transfer)
            if !isDry {
                switch try engine.read(&transfer, into: &plaintext) {
                case .bytes: continue
                case .needMore: isDry = true
                case .closed: engine.hasReceivedClose = true
                }
            }
            if transfer.isHalted {
                transfer.isHalted = false
                detach(engine, ciphers)
                if records != nil { return }
            } else if isDry {
                return
            }
        }
    }

    /// Lets the record layer take over, if it can.
    private mutating func detach(_ engine: HandshakeEngine, _ ciphers: RecordCiphers) {
        guard let layer = engine.detach(ciphers) else {
            // The next ticket may do.
            if !engine.awaitsTicket { engine.stopWatching() }
            return
        }
        let leftover = Leftover()
        leftover.facts = engine.facts
        if engine.awaitsTicket { leftover.session = TLSSession(of: engine) }
        self.leftover = leftover
        records = consume layer
        self.engine = nil
    }

    private mutating func receiveRecords(
        _ bytes: UnsafeRawBufferPointer, _ plaintext: inout ByteBuffer,
        _ output: inout ByteBuffer, _ ciphers: RecordCiphers
    ) throws(TLSError) {
        guard records != nil else { throw .notOpen }
        do throws(RecordFailure) {
            try records?.receive(
                bytes, plaintext: &plaintext, output: &output, leftover: &leftover,
                ciphers: ciphers)
        } catch {
            if case .fault(let alert, _) = error { records?.sendAlert(alert, &output, ciphers) }
            fail()
            throw error.error
        }
        dropLeftover()
    }

    private mutating func dropLeftover() {
        if leftover?.isEmpty ?? false { leftover = nil }
    }

    private mutating func fail() {
        engine = nil
        records = nil
        leftover = nil
    }

    private static var noInput: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: nil, count: 0)
    }
}

extension TLSConnection {
    /// Whether `send` may be called: the handshake is over and this end has not closed or failed.
    package var isOpen: Bool {
        if let engine { return engine.isOpen && !engine.hasSentClose }
        switch records {
        case .some(let records): return records.canSend
        case .none: return false
        }
    }

    /// Whether the SSL object is gone.
    package var isDetached: Bool {
        switch records {
        case .some: return true
        case .none: return false
        }
    }

    /// Whether a detached connection owns more than its block.
    var hasLeftover: Bool { leftover != nil }

    /// What the handshake settled: once, after the `receive` in which it ended; nil before and after.
    package mutating func takeFacts() -> HandshakeFacts? {
        if let engine {
            defer { engine.facts = nil }
            return engine.facts
        }
        defer {
            leftover?.facts = nil
            dropLeftover()
        }
        return leftover?.facts
    }

    /// A client's ticket for a later connection to the same name: the latest, while OpenSSL has the
    /// connection; once, the one it was detached after. Nil until the server's tickets have come, which
    /// under TLS 1.3 is with or before its first data.
    package mutating func takeSession() -> TLSSession? {
        if let engine { return engine.isOpen ? TLSSession(of: engine) : nil }
        defer {
            leftover?.session = nil
            dropLeftover()
        }
        return leftover?.session
    }
}
