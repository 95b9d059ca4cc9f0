// Raw bytes into a whole TLS connection, before and after its handshake.
//
// The first byte chooses the end under test and how far its handshake comes; the others are operations:
// raw bytes, the other end's true bytes whole, cut or damaged, data, closes. The certificate is made once
// in the process. Handshakes draw random numbers, so an input's way may differ between runs; what is
// checked does not depend on them.

internal import Base
internal import TLS

/// Takes a script for a client and a server.
public func fuzzTLS(_ bytes: UnsafeRawBufferPointer) {
    guard let first = bytes.first else { return }
    let contexts = FuzzContexts.all[Int(first) & 3]
    var script = RecordScript(bytes: [UInt8](bytes.dropFirst()))
    guard let client = try? FuzzEnd(client: contexts.client),
        let server = try? FuzzEnd(server: contexts.server)
    else { preconditionFailure("no connection") }
    let target = first & 4 == 0 ? server : client
    let other = first & 4 == 0 ? client : server
    client.start()
    if first & 8 != 0 {
        for _ in 0..<4 {
            server.receive(client.takeOutput())
            client.receive(server.takeOutput())
        }
        precondition(client.isOpen && server.isOpen, "an undisturbed handshake fails")
    }
    while !script.isOver { step(&script, target, other) }
}

private func step(_ script: inout RecordScript, _ target: FuzzEnd, _ other: FuzzEnd) {
    switch script.next() % 8 {
    case 0:
        disturb(target, other)
        target.receive(script.take(Int(script.next())))
    case 1:
        target.receive(other.takeOutput())
    case 2:
        var bytes = other.takeOutput()
        guard !bytes.isEmpty else { return }
        disturb(target, other)
        for _ in 0...Int(script.next() % 4) {
            let position = Int(script.next()) << 8 | Int(script.next())
            bytes[position % bytes.count] ^= script.next()
        }
        target.receive(bytes)
    case 3:
        let size = Int(script.next()) + 1
        let bytes = other.takeOutput()
        for start in stride(from: 0, to: bytes.count, by: size) {
            target.receive(Array(bytes[start..<min(start + size, bytes.count)]))
        }
    case 4: other.receive(target.takeOutput())
    case 5: other.send(script.take(Int(script.next())))
    case 6: target.send(script.take(Int(script.next())))
    default:
        disturb(target, other)
        script.next() & 1 == 0 ? other.close() : target.close()
    }
}

/// From now on either end may fail.
private func disturb(_ target: FuzzEnd, _ other: FuzzEnd) {
    target.isUndisturbed = false
    other.isUndisturbed = false
}

/// One connection and what must hold of it.
private final class FuzzEnd {
    nonisolated(unsafe) private static let ciphers = RecordCiphers()

    private var connection: TLSConnection
    private var plaintext = ByteBuffer()
    private var output = ByteBuffer()
    private var hasFailed = false
    private var hasFacts = false
    /// Whether neither end was closed or given anything but what the other sent.
    var isUndisturbed = true

    init(client context: TLSContext) throws(TLSError) {
        connection = try TLSConnection(client: context, serverName: FuzzContexts.serverName)
    }

    init(server context: TLSContext) throws(TLSError) {
        connection = try TLSConnection(server: context)
    }

    var isOpen: Bool { connection.isOpen }

    func start() {
        do throws(TLSError) {
            try connection.start(output: &output, ciphers: Self.ciphers)
        } catch {
            preconditionFailure("no first flight: \(error)")
        }
    }

    func receive(_ bytes: [UInt8]) {
        let outcome = bytes.withUnsafeBytes { bytes -> Result<TLSStatus, TLSError> in
            do throws(TLSError) {
                return .success(
                    try connection.receive(
                        bytes, plaintext: &plaintext, output: &output, ciphers: Self.ciphers))
            } catch {
                return .failure(error)
            }
        }
        // No more comes out than goes in, but for the handshake's own flights.
        precondition(plaintext.count <= 1 << 20 && output.count <= 1 << 20, "it swells")
        plaintext.clear()
        switch outcome {
        case .success(let status):
            precondition(!hasFailed, "a failed connection goes on")
            if connection.takeFacts() != nil {
                precondition(!hasFacts, "facts come twice")
                hasFacts = true
            }
            let isOver = status == .open || status == .closed
            precondition(hasFacts == isOver, "status without facts")
        case .failure(let error):
            precondition(!isUndisturbed, "undisturbed: \(error)")
            precondition(!hasFailed || error == .notOpen, "\(error) after the end")
            hasFailed = true
            precondition(!connection.isOpen, "failed and open")
        }
    }

    func send(_ bytes: [UInt8]) {
        let wasOpen = connection.isOpen
        do throws(TLSError) {
            try connection.send(bytes.span.bytes, output: &output, ciphers: Self.ciphers)
            precondition(wasOpen, "sent while not open")
        } catch {
            precondition(!wasOpen && error == .notOpen, "\(error)")
        }
    }

    func close() {
        if !connection.isOpen, !hasFacts { hasFailed = true }
        connection.close(output: &output, ciphers: Self.ciphers)
        precondition(!connection.isOpen, "closed and open")
    }

    func takeOutput() -> [UInt8] {
        let bytes = output.copy()
        output.clear()
        return bytes
    }
}
