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

    /// A copy of the session in `ssl`; nil when the server has given no ticket yet.
    init?(of ssl: OpaquePointer, context: TLSContext, serverName: String) {
        guard let current = SSL_get_session(ssl), SSL_SESSION_is_resumable(current) == 1,
            let copy = SSL_SESSION_dup(current)
        else { return nil }
        session = copy
        self.context = context
        self.serverName = serverName
    }

    deinit {
        SSL_SESSION_free(session)
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
