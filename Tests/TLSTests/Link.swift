// Two connections in memory and the wire between them.

import Base

@testable import TLS

/// One connection with its buffers and what became of it.
final class End {
    var connection: TLSConnection
    let ciphers = RecordCiphers()
    var plaintext = ByteBuffer()
    var output = ByteBuffer()
    var status = TLSStatus.handshaking
    var failure: TLSError?
    var facts: HandshakeFacts?
    /// Every byte that ever left.
    private(set) var sentBytes: [UInt8] = []

    init(_ connection: consuming TLSConnection) {
        self.connection = connection
    }

    func start() throws { try connection.start(output: &output, ciphers: ciphers) }

    func receive(_ bytes: ArraySlice<UInt8>) {
        guard failure == nil else { return }
        do {
            status = try bytes.withUnsafeBytes { bytes throws(TLSError) in
                try connection.receive(
                    bytes, plaintext: &plaintext, output: &output, ciphers: ciphers)
            }
            if let facts = connection.takeFacts() { self.facts = facts }
        } catch let error as TLSError {
            failure = error
        } catch {
            fatalError("\(error)")
        }
    }

    func send(_ bytes: [UInt8]) throws {
        try connection.send(bytes.span.bytes, output: &output, ciphers: ciphers)
    }

    /// New keys for what a detached end sends, at once.
    func updateKeys(asking: Bool) throws {
        try connection.updateKeys(asking: asking, output: &output, ciphers: ciphers)
    }

    var receivedAlert: UInt8? {
        guard case .peerAlert(let code, _) = failure else { return nil }
        return code
    }

    func close() { connection.close(output: &output, ciphers: ciphers) }

    /// Takes what waits to be sent.
    func takeOutput() -> [UInt8] {
        let bytes = output.copy()
        output.clear()
        sentBytes += bytes
        return bytes
    }

    /// Takes what was decrypted.
    func takePlaintext() -> [UInt8] {
        let bytes = plaintext.copy()
        plaintext.clear()
        return bytes
    }
}

// The connection's facts as plain values, because test macros cannot hold a noncopyable one.
extension End {
    var isOpen: Bool { connection.isOpen }
    var isDetached: Bool { connection.isDetached }
    var hasLeftover: Bool { connection.hasLeftover }
    var version: String? { facts?.version }
    var cipherSuite: String? { facts?.cipherSuite }
    var alpn: String? { facts?.alpn }
    var serverName: String? { facts?.serverName }
    var resumed: Bool { facts?.isResumed ?? false }
    var exporter: [UInt8]? { facts?.exporter }
    var outputSize: Int { output.count }
    var plaintextSize: Int { plaintext.count }

    /// OpenSSL's object, which a client keeps.
    var ssl: OpaquePointer? { connection.engine?.ssl }

    func takeSession() -> TLSSession? { connection.takeSession() }
}

/// A client and a server with a wire between them.
struct Link {
    let client: End
    let server: End

    init(
        _ clientContext: TLSContext, _ serverContext: TLSContext, serverName: String = "localhost",
        session: TLSSession? = nil
    ) throws {
        client = End(
            try TLSConnection(client: clientContext, serverName: serverName, session: session))
        server = End(try TLSConnection(server: serverContext))
        try client.start()
    }

    /// Ends that have not begun.
    init(client: End, server: End) {
        self.client = client
        self.server = server
    }

    /// Carries bytes both ways until both ends are quiet, at most `chunkSize` at a time.
    func pump(chunkSize: Int = .max) {
        while client.outputSize > 0 || server.outputSize > 0 {
            Self.carry(client.takeOutput(), to: server, chunkSize)
            Self.carry(server.takeOutput(), to: client, chunkSize)
        }
    }

    private static func carry(_ bytes: [UInt8], to end: End, _ chunkSize: Int) {
        var rest = bytes[...]
        while !rest.isEmpty {
            end.receive(rest.prefix(chunkSize))
            rest = rest.dropFirst(chunkSize)
        }
    }
}

/// Contexts of one pair of configurations.
struct Contexts {
    let client: TLSContext
    let server: TLSContext

    init(
        client: TLSClientConfiguration = Certificates.ours.client,
        server: TLSServerConfiguration = Certificates.ours.server
    ) throws {
        self.client = try TLSContext(client: client)
        self.server = try TLSContext(server: server)
    }

    func link(serverName: String = "localhost", session: TLSSession? = nil) throws -> Link {
        try Link(client, server, serverName: serverName, session: session)
    }

    /// A link whose handshake is over.
    func openLink(session: TLSSession? = nil) throws -> Link {
        let link = try link(session: session)
        link.pump()
        return link
    }
}

/// Bytes that repeat nowhere soon.
func pattern(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
}
