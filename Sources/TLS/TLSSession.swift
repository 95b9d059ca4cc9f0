// What a client keeps to come back faster: OpenSSL's session with the server's ticket in it.
//
// A session resumes only to the name and with the trust it was made under. OpenSSL marks a session
// unusable when its connection ends without a close_notify, so both ways go through a duplicate.

internal import COpenSSL

/// A resumable session of a client, from one connection to a later one of the same context.
package final class TLSSession: @unchecked Sendable {
    // Immutable after init: only ever duplicated.
    private let session: OpaquePointer
    private let context: TLSContext
    private let serverName: String

    /// A copy of a client's session; nil when the server has given no ticket yet.
    init?(of engine: HandshakeEngine) {
        guard let serverName = engine.expectedName, let current = SSL_get_session(engine.ssl),
            SSL_SESSION_is_resumable(current) == 1, let copy = SSL_SESSION_dup(current)
        else { return nil }
        session = copy
        context = engine.context
        self.serverName = serverName
    }

    /// What `serialized` gave, for a connection of `context` to the same name; nil when it is no session.
    package init?(serialized: [UInt8], context: TLSContext, serverName: String) {
        ERR_clear_error()
        let made = serialized.withUnsafeBufferPointer { bytes -> OpaquePointer? in
            var position = bytes.baseAddress
            return d2i_SSL_SESSION(nil, &position, bytes.count)
        }
        guard let made else {
            ERR_clear_error()
            return nil
        }
        session = made
        self.context = context
        self.serverName = serverName
    }

    deinit {
        SSL_SESSION_free(session)
    }

    /// The session as bytes, with its secrets; nil when there is no memory for it.
    package var serialized: [UInt8]? {
        let size = i2d_SSL_SESSION(session, nil)
        guard size > 0 else { return nil }
        var bytes = [UInt8](repeating: 0, count: Int(size))
        let written = bytes.withUnsafeMutableBufferPointer { buffer -> CInt in
            var position = buffer.baseAddress
            return i2d_SSL_SESSION(session, &position)
        }
        return written == size ? bytes : nil
    }

    /// Offers the session in `ssl`; does nothing when it belongs to another context or name.
    func offer(in ssl: OpaquePointer, context: TLSContext, serverName: String) {
        guard context === self.context, serverName == self.serverName,
            let copy = SSL_SESSION_dup(session)
        else { return }
        SSL_set_session(ssl, copy)
        SSL_SESSION_free(copy)
    }
}
