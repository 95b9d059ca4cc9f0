// Whole handshakes over memory, the server's part by ours or by bare OpenSSL, the client's always by bare
// OpenSSL. Each end's calls are timed apart. bench/Sources/tls-bench calls it, on one thread.

internal import Base
internal import COpenSSL
internal import TLS

/// Nanoseconds of each end.
public struct HandshakeTime: Sendable {
    /// The server's.
    public var server: UInt64 = 0
    /// The client's.
    public var client: UInt64 = 0

    /// None yet.
    public init() {}
}

/// Servers of both kinds and a client that may resume.
public final class HandshakeWorkload {
    private let ciphers = RecordCiphers()
    private let ours: TLSContext
    private let bare: BareContext
    private let clientContext: BareContext
    private let toServer = BareWire(size: 65_536)
    private let toClient = BareWire(size: 65_536)
    private let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 16_384, alignment: 64)
    private let clock: () -> UInt64
    private var output = ByteBuffer(capacity: 32_768)
    private var plaintext = ByteBuffer()
    /// The client's ticket of each kind of server.
    private var ourSession: OpaquePointer?
    private var bareSession: OpaquePointer?
    private var kept: [UnsafeMutablePointer<TLSConnection>] = []

    /// `clock` gives the thread's CPU time in nanoseconds. Errors: the certificates'.
    public init(certificates: String, isDetached: Bool, clock: @escaping () -> UInt64) throws {
        var server = TLSServerConfiguration(
            certificateChainPath: certificates + "/server.pem",
            privateKeyPath: certificates + "/server-key.pem")
        server.detachment = isDetached ? .afterHandshake : .never
        ours = try TLSContext(server: server)
        guard
            let bare = BareContext(
                isServer: true, suite: benchSuites[0], certificates: certificates),
            let client = BareContext(
                isServer: false, suite: benchSuites[0], certificates: certificates)
        else { throw TLSError.configuration("certificates in \(certificates)") }
        self.bare = bare
        clientContext = client
        self.clock = clock
    }

    deinit {
        scratch.deallocate()
        SSL_SESSION_free(ourSession)
        SSL_SESSION_free(bareSession)
        for pointer in kept {
            pointer.deinitialize(count: 1)
            pointer.deallocate()
        }
    }

    private func timed(_ total: inout UInt64, _ body: () -> Void) {
        let start = clock()
        body()
        total += clock() - start
    }

    /// One handshake with our server, and its end. Resumes if `resumes`.
    public func ours(resumes: Bool) -> HandshakeTime {
        var time = HandshakeTime()
        var connection: TLSConnection?
        var client = startClient(resumes ? ourSession : nil, &time)
        timed(&time.server) { connection = try? TLSConnection(server: ours) }
        answer(&connection, &time)
        finishClient(&client, &time)
        answer(&connection, &time)
        ourSession = takeTicket(&client, ourSession, resumes, &time)
        timed(&time.server) { connection = nil }
        return time
    }

    /// The same with a server of bare OpenSSL, which gives an exporter value as ours does if `exports`.
    public func bare(resumes: Bool, exports: Bool) -> HandshakeTime {
        var time = HandshakeTime()
        var client = startClient(resumes ? bareSession : nil, &time)
        var server: BareEnd?
        timed(&time.server) {
            server = BareEnd(bare, isServer: true, input: toServer, output: toClient)
            _ = server?.handshake()
        }
        finishClient(&client, &time)
        timed(&time.server) {
            precondition(server?.handshake() ?? false, "not over")
            if exports { server?.export() }
        }
        bareSession = takeTicket(&client, bareSession, resumes, &time)
        timed(&time.server) { server = nil }
        return time
    }

    /// One more open connection that stays.
    public func keepOne() {
        var time = HandshakeTime()
        var client = startClient(nil, &time)
        var connection = try? TLSConnection(server: ours)
        answer(&connection, &time)
        finishClient(&client, &time)
        answer(&connection, &time)
        toClient.clear()
        switch consume connection {
        case .some(let connection):
            let pointer = UnsafeMutablePointer<TLSConnection>.allocate(capacity: 1)
            pointer.initialize(to: connection)
            kept.append(pointer)
        case .none: preconditionFailure("no connection")
        }
    }

    /// Room for so many that stay, so that the array's own growth is not measured.
    public func reserve(_ count: Int) { kept.reserveCapacity(count) }

    private func startClient(_ session: OpaquePointer?, _ time: inout HandshakeTime) -> BareEnd? {
        toServer.clear()
        toClient.clear()
        var client: BareEnd?
        timed(&time.client) {
            let end = BareEnd(clientContext, isServer: false, input: toClient, output: toServer)
            if let session, let copy = SSL_SESSION_dup(session) {
                SSL_set_session(end.ssl, copy)
                SSL_SESSION_free(copy)
            }
            _ = end.handshake()
            client = consume end
        }
        return client
    }

    private func finishClient(_ client: inout BareEnd?, _ time: inout HandshakeTime) {
        timed(&time.client) { precondition(client?.handshake() ?? false, "not over") }
    }

    /// Our server takes what the client sent.
    private func answer(_ connection: inout TLSConnection?, _ time: inout HandshakeTime) {
        timed(&time.server) {
            do throws(TLSError) {
                _ = try connection?.receive(
                    toServer.content, plaintext: &plaintext, output: &output, ciphers: ciphers)
                _ = connection?.takeFacts()
            } catch {
                preconditionFailure("\(error)")
            }
        }
        toServer.clear()
        output.withUnsafeBytes { toClient.put($0) }
        output.clear()
    }

    /// The client reads its ticket; which one to resume with next.
    private func takeTicket(
        _ client: inout BareEnd?, _ old: OpaquePointer?, _ resumes: Bool,
        _ time: inout HandshakeTime
    ) -> OpaquePointer? {
        var session: OpaquePointer?
        timed(&time.client) {
            _ = client?.read(scratch)
            if let ssl = client?.ssl {
                precondition(!resumes || SSL_session_reused(ssl) == 1, "not resumed")
                session = SSL_get1_session(ssl)
            }
            // Freed without a close, OpenSSL would spoil the session.
            if let session, let copy = SSL_SESSION_dup(session) {
                SSL_SESSION_free(session)
                self.fresh = copy
            }
            client = nil
        }
        SSL_SESSION_free(old)
        defer { fresh = nil }
        return fresh
    }

    private var fresh: OpaquePointer?
}
