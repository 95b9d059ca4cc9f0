// Records sealed and opened, by our record layer and by SSL_write and SSL_read. bench/Sources/tls-bench
// calls it, on one thread.

internal import Base
internal import COpenSSL
internal import TLS

/// The suites by the names of their handshake.
public let benchSuites = [
    "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
]

/// One sender and one receiver of each kind, ready to go.
public final class RecordWorkload {
    private let ciphers = RecordCiphers()
    private var sealer: RecordLayer
    private var opener: RecordLayer
    private var leftover: Leftover?
    private var sealed = ByteBuffer()
    private var opened = ByteBuffer()
    private let content: UnsafeMutableRawBufferPointer
    private let scratch: UnsafeMutableRawBufferPointer
    private let client: BareEnd
    private let server: BareEnd
    private let toServer: BareWire
    private let toClient: BareWire

    /// For records of `size` bytes, at most `batch` of them under way. `certificates` is the directory
    /// that certs/generate.sh made. Nil when OpenSSL lacks something.
    public init?(suite name: String, size: Int, batch: Int, certificates: String) {
        let position = benchSuites.firstIndex(of: name) ?? 0
        let suite = RecordSuite.allCases[position]
        let room = batch * (size + 64) + 65_536
        let forward = [UInt8](repeating: 7, count: suite.secretSize)
        let backward = [UInt8](repeating: 9, count: suite.secretSize)
        guard
            let serverContext = BareContext(
                isServer: true, suite: name, certificates: certificates),
            let clientContext = BareContext(
                isServer: false, suite: name, certificates: certificates)
        else { return nil }
        sealer = Self.layer(suite, receiving: backward, sending: forward, ciphers)
        opener = Self.layer(suite, receiving: forward, sending: backward, ciphers)
        content = .allocate(byteCount: size, alignment: 64)
        content.initializeMemory(as: UInt8.self, repeating: 0x5A)
        scratch = .allocate(byteCount: 16_384, alignment: 64)
        toServer = BareWire(size: room)
        toClient = BareWire(size: room)
        client = BareEnd(clientContext, isServer: false, input: toClient, output: toServer)
        server = BareEnd(serverContext, isServer: true, input: toServer, output: toClient)
        sealed.reserve(room)
        opened.reserve(room)
        var isOpen = false
        for _ in 0..<4 where !isOpen {
            let isClientDone = client.handshake()
            isOpen = server.handshake() && isClientDone
        }
        precondition(isOpen, "no handshake")
        _ = client.read(scratch)
        toServer.clear()
        toClient.clear()
    }

    deinit {
        content.deallocate()
        scratch.deallocate()
    }

    private static func layer(
        _ suite: RecordSuite, receiving: [UInt8], sending: [UInt8], _ ciphers: RecordCiphers
    ) -> RecordLayer {
        let made = RecordLayer(
            suite: suite, isClient: false, receiving: receiving.span.bytes,
            sending: sending.span.bytes, ciphers: ciphers)
        switch consume made {
        case .some(let layer): return layer
        case .none: preconditionFailure("no keys")
        }
    }

    /// Seals `count` records, each by a call of its own.
    public func seal(_ count: Int) {
        for _ in 0..<count {
            do throws(RecordFailure) {
                try sealer.send(UnsafeRawBufferPointer(content), output: &sealed, ciphers: ciphers)
            } catch {
                preconditionFailure("\(error)")
            }
        }
    }

    /// Opens what was sealed, each record by a call of its own. Returns the bytes of data.
    public func open(_ count: Int) -> Int {
        let size = sealed.count / count
        // A sealed record is opened and nothing is answered.
        var answers = ByteBuffer()
        sealed.withUnsafeBytes { bytes in
            for index in 0..<count {
                let record = UnsafeRawBufferPointer(
                    rebasing: bytes[(index * size)..<((index + 1) * size)])
                do throws(RecordFailure) {
                    try opener.receive(
                        record, plaintext: &opened, output: &answers, leftover: &leftover,
                        ciphers: ciphers)
                } catch {
                    preconditionFailure("\(error)")
                }
            }
        }
        defer {
            sealed.clear()
            opened.clear()
        }
        return opened.count
    }

    /// The same by SSL_write.
    public func sealBare(_ count: Int) {
        for _ in 0..<count { client.write(UnsafeRawBufferPointer(content)) }
    }

    /// The same by SSL_read.
    public func openBare(_ count: Int) -> Int {
        var size = 0
        for _ in 0..<count { size += server.read(scratch) }
        toServer.clear()
        return size
    }
}
