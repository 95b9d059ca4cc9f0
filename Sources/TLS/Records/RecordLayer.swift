// TLS 1.3 records after the handshake, without an SSL object (RFC 8446, sections 4.6.3, 5 and 6).
//
// What is guaranteed:
// - A byte reaches the caller only after its record's tag was checked, in order, once.
// - No nonce is used twice under a key: each sealed record counts the sequence on, and new keys come
//   before TLSLimits.recordsPerKeyMax.
// - A record that is forged, damaged, too long or out of place ends the connection: the answer is one
//   sealed alert, and nothing is sent or read afterwards.
// - After the peer's close_notify nothing of it is read; after ours nothing is sent. The other
//   direction stays open until its own close_notify. An end without one is the caller's to see.
// - What a peer can make us do without sending data is bounded: empty records, KeyUpdates and the like by
//   recordsWithoutDataMax, a message by its type's size, a record by its header before it is kept. A
//   server's tickets are not counted.
// - No branch and no address depends on a secret here; tags are compared by OpenSSL. The padding's
//   size is not hidden, as it is not in OpenSSL.
//
// What is not offered, and answered with unexpected_message: renegotiation, client authentication
// after the handshake, early data, change_cipher_spec.
//
// TLSConnection is the only caller. RecordLayer+Receive.swift has what comes in, RecordLayer+Messages
// handshake messages and alerts, RecordLayer+Send.swift what goes out. State: RecordState, whose
// invariants hold between calls, and a Leftover only while a record or a message is incomplete.

internal import COpenSSL

/// The record layer of one connection.
package struct RecordLayer: ~Copyable, Sendable {
    /// Bytes of a record's header.
    package static let headerSize = 5
    static let handshakeHeaderSize = 4

    /// Content types (RFC 8446, section 5.1).
    enum ContentType {
        static let alert: UInt8 = 21
        static let handshake: UInt8 = 22
        static let applicationData: UInt8 = 23
    }

    let state: RecordState

    /// Goes on with these secrets, `suite.secretSize` bytes each, behind so many records under them.
    /// Nil when OpenSSL cannot derive keys. Precondition: the suite is supported by `ciphers`.
    package init?(
        suite: RecordSuite, isClient: Bool, receiving: RawSpan, sending: RawSpan,
        received: UInt32 = 0, sent: UInt32 = 0, ciphers: RecordCiphers
    ) {
        state = RecordState(suite: suite)
        if isClient { state.flags.insert(.isClient) }
        state.setSequence(.receiving, received)
        state.setSequence(.sending, sent)
        state.setSecret(.receiving, receiving)
        state.setSecret(.sending, sending)
        let tools = ciphers.tools(suite)
        let isKeyed = deriveKeys(.receiving, tools) && deriveKeys(.sending, tools)
        tools.forgetSecret()
        guard isKeyed else { return nil }
    }

    /// Whether `send` may be called.
    package var canSend: Bool { !state.flags.contains(.hasSentClose) }

    /// Whether the peer has said that it will send no more.
    package var hasReceivedClose: Bool { state.flags.contains(.hasReceivedClose) }

    /// The next secret of that direction takes the place of the last, and its keys with it.
    func advance(_ direction: RecordState.Direction, _ tools: SuiteTools) throws(RecordFailure) {
        let suite = tools.suite
        let secret = state.secret(direction, suite)
        let size = suite.secretSize
        let isDone = withUnsafeTemporaryAllocation(byteCount: size, alignment: 8) { next in
            guard let base = next.baseAddress else { return false }
            defer { OPENSSL_cleanse(base, size) }
            guard tools.derive(.update, from: secret, into: base, count: size) else { return false }
            secret.copyMemory(from: base, byteCount: size)
            return deriveKeys(direction, tools)
        }
        tools.forgetSecret()
        guard isDone else { throw .fault(.internalError, "no new keys") }
        state.setSequence(direction, 0)
    }

    private func deriveKeys(_ direction: RecordState.Direction, _ tools: SuiteTools) -> Bool {
        let suite = tools.suite
        let secret = state.secret(direction, suite)
        return tools.derive(
            .key, from: secret, into: state.key(direction, suite), count: suite.keySize)
            && tools.derive(
                .vector, from: secret, into: state.vector(direction, suite),
                count: RecordSuite.vectorSize)
    }
}
