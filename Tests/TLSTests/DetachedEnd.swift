// A record layer without a handshake, between two forgers: one seals what comes in, the other opens what
// goes out.

import Base
import FuzzTargets

@testable import TLS

/// A record layer under test, with everything that came of it.
final class DetachedEnd {
    let suite: RecordSuite
    let ciphers = RecordCiphers()
    /// The peer's sending side and its receiving side.
    let peer: RecordForger
    let reader: RecordForger
    var layer: RecordLayer
    var leftover: Leftover?
    var plaintext = ByteBuffer()
    var output = ByteBuffer()
    var failure: RecordFailure?

    init(_ suite: RecordSuite = .aes128GCM, isClient: Bool = false) throws {
        self.suite = suite
        let receiving = (0..<suite.secretSize).map { UInt8($0) }
        let sending = (0..<suite.secretSize).map { UInt8(200 - $0) }
        // Ciphers of its own, so that keys which one side leaves in a context are not found by the other.
        let forgers = RecordCiphers()
        peer = RecordForger(suite, secret: receiving, ciphers: forgers)
        reader = RecordForger(suite, secret: sending, ciphers: forgers)
        layer = try makeLayer(
            suite, isClient: isClient, receiving: receiving, sending: sending, ciphers: ciphers)
    }

    func receive(_ bytes: [UInt8]) {
        guard failure == nil else { return }
        do {
            try bytes.withUnsafeBytes { bytes in
                try layer.receive(
                    bytes, plaintext: &plaintext, output: &output, leftover: &leftover,
                    ciphers: ciphers)
            }
            if leftover?.isEmpty ?? false { leftover = nil }
        } catch let error as RecordFailure {
            failure = error
        } catch {
            fatalError("\(error)")
        }
    }

    func send(_ bytes: [UInt8]) throws {
        try bytes.withUnsafeBytes { try layer.send($0, output: &output, ciphers: ciphers) }
    }

    /// The inner plaintext of each record that went out.
    func takeRecords() -> [[UInt8]] {
        let bytes = output.copy()
        output.clear()
        var rest = bytes[...]
        var records: [[UInt8]] = []
        while !rest.isEmpty {
            guard let inner = reader.open(&rest) else { return records + [[]] }
            records.append(inner)
            if inner.count == 6, inner[0] == 24, inner[5] == 22 { reader.advance() }
        }
        return records
    }

    func takePlaintext() -> [UInt8] {
        let bytes = plaintext.copy()
        plaintext.clear()
        return bytes
    }

    /// The alert a failure is answered with.
    var alert: RecordAlert? {
        guard case .fault(let alert, _) = failure else { return nil }
        return alert
    }

    func setSequence(_ direction: RecordState.Direction, _ value: UInt32) {
        layer.state.setSequence(direction, value)
        (direction == .receiving ? peer : reader).sequence = value
    }

    var outputSize: Int { output.count }
    var outputRoom: Int { output.allocatedSize }
    var plaintextSize: Int { plaintext.count }
    var leftoverRecordSize: Int? { leftover?.record.count }
    var leftoverRecordRoom: Int? { leftover?.record.allocatedSize }
    var leftoverMessageSize: Int? { leftover?.message.count }
    var flags: RecordState.Flags { layer.state.flags }
    var canSend: Bool { layer.canSend }
    var hasReceivedClose: Bool { layer.hasReceivedClose }
}

/// Bytes from hexadecimal digits and spaces.
func bytes(_ hex: String) -> [UInt8] {
    let digits = hex.compactMap { $0.hexDigitValue }
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}

/// A record layer with these secrets.
func makeLayer(
    _ suite: RecordSuite, isClient: Bool, receiving: [UInt8], sending: [UInt8], sent: UInt32 = 0,
    ciphers: RecordCiphers
) throws -> RecordLayer {
    let made = RecordLayer(
        suite: suite, isClient: isClient, receiving: receiving.span.bytes,
        sending: sending.span.bytes, sent: sent, ciphers: ciphers)
    switch consume made {
    case .some(let layer): return layer
    case .none: throw TLSError.configuration("no keys")
    }
}
