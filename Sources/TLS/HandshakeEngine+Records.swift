// The SSL object as a record layer: application data in and out, and the end of the connection.

internal import Base
internal import COpenSSL

/// What one read came to.
enum ReadStep {
    /// Bytes were appended; there may be more.
    case bytes
    /// All input is taken and no further byte is to be had from it.
    case needMore
    /// The peer has sent its close_notify.
    case closed
}

extension HandshakeEngine {
    /// Whether a read can come to anything; asking first spares OpenSSL a record buffer.
    func mayHaveMore(_ transfer: borrowing Transfer) -> Bool {
        transfer.inputRemaining > 0 || SSL_has_pending(ssl) == 1
    }

    /// Appends what one SSL_read gives. On an error the output holds an alert.
    func read(
        _ transfer: inout Transfer, into plaintext: inout ByteBuffer
    ) throws(TLSError) -> ReadStep {
        // No record is larger and none holds more than what came; a smaller room costs another turn.
        let room = min(TLSLimits.recordPlaintextSizeMax, max(transfer.inputRemaining, 256))
        var code = SSL_ERROR_NONE
        ERR_clear_error()
        plaintext.appendUpTo(room) { spare in
            var count = 0
            code = transfer.through(bio) {
                let result = SSL_read_ex(ssl, spare.baseAddress, spare.count, &count)
                return result == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl, result)
            }
            return code == SSL_ERROR_NONE ? count : 0
        }
        switch code {
        case SSL_ERROR_NONE: return .bytes
        case SSL_ERROR_WANT_READ: return .needMore
        case SSL_ERROR_ZERO_RETURN: return .closed
        default: throw recordError()
        }
    }

    /// Appends `plaintext`, sealed, to the output.
    func write(
        _ plaintext: UnsafeRawBufferPointer, _ transfer: inout Transfer
    ) throws(TLSError) {
        guard plaintext.count > 0 else { return }
        ERR_clear_error()
        var written = 0
        let result = transfer.through(bio) {
            SSL_write_ex(ssl, plaintext.baseAddress, plaintext.count, &written)
        }
        guard result == 1, written == plaintext.count else { throw recordError() }
    }

    /// Appends a close_notify to the output. Called at most once, after the handshake, and not after
    /// an error.
    func shutdown(_ transfer: inout Transfer) {
        ERR_clear_error()
        _ = transfer.through(bio) { SSL_shutdown(ssl) }
        ERR_clear_error()
    }

    private func recordError() -> TLSError {
        let errors = DrainedErrors()
        if let alert = errors.peerAlert { return .peerAlert(code: alert, reason: errors.text) }
        return .recordRejected(errors.text)
    }
}
