// The record layer with a peer that has the right keys and keeps no rule.
//
// The input is a script: suite and role, then operations. Whatever is sealed is any inner plaintext;
// records may be damaged, cut, repeated and padded. A model beside the layer knows which data must come
// out, so what is checked is more than that nothing traps.

internal import Base
internal import TLS

/// Takes a script of the peer's.
public func fuzzRecords(_ bytes: UnsafeRawBufferPointer) {
    guard let first = bytes.first else { return }
    var script = RecordScript(bytes: [UInt8](bytes.dropFirst()))
    let suite = RecordSuite.allCases[Int(first) % RecordSuite.allCases.count]
    let isClient = first & 0x80 != 0
    let receiving = (0..<suite.secretSize).map { UInt8($0) }
    let sending = (0..<suite.secretSize).map { UInt8(200 - $0) }
    let ciphers = RecordCiphers.ofFuzzer
    guard
        let layer = RecordLayer(
            suite: suite, isClient: isClient, receiving: receiving.span.bytes,
            sending: sending.span.bytes, ciphers: ciphers)
    else { preconditionFailure("no keys") }
    let peer = RecordForger(suite, secret: receiving, ciphers: RecordCiphers.ofPeer)
    let reader = RecordForger(suite, secret: sending, ciphers: RecordCiphers.ofPeer)
    var world = RecordWorld(layer: layer, peer: peer, reader: reader, ciphers: ciphers)
    while !script.isOver, !world.hasFailed { world.step(&script) }
    world.drain()
}

extension RecordCiphers {
    /// The fuzzer's only thread uses them.
    nonisolated(unsafe) fileprivate static let ofFuzzer = RecordCiphers()
    nonisolated(unsafe) fileprivate static let ofPeer = RecordCiphers()
}

/// The input as operations and their arguments; zeros behind its end.
struct RecordScript {
    private let bytes: [UInt8]
    private var offset = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    var isOver: Bool { offset >= bytes.count }

    mutating func next() -> UInt8 {
        guard offset < bytes.count else { return 0 }
        defer { offset += 1 }
        return bytes[offset]
    }

    mutating func take(_ count: Int) -> [UInt8] {
        let end = min(offset + count, bytes.count)
        defer { offset = end }
        return Array(bytes[offset..<end])
    }
}

/// The layer, its peer, and what must come out.
private struct RecordWorld: ~Copyable {
    private var layer: RecordLayer
    private let peer: RecordForger
    private let reader: RecordForger
    private let ciphers: RecordCiphers
    private var leftover: Leftover?
    private var plaintext = ByteBuffer()
    private var output = ByteBuffer()
    private(set) var hasFailed = false
    private var hasClosed = false
    /// Data that the peer sealed and that must come out, as long as it has kept the rules.
    private var expected: [UInt8] = []
    /// Whether the peer has broken a rule or may have: then data may come out or not.
    private var isHonest = true
    /// The size of the pieces that bytes arrive in.
    private var pieceSize = Int.max

    init(
        layer: consuming RecordLayer, peer: RecordForger, reader: RecordForger,
        ciphers: RecordCiphers
    ) {
        self.layer = layer
        self.peer = peer
        self.reader = reader
        self.ciphers = ciphers
    }

    mutating func step(_ script: inout RecordScript) {
        switch script.next() % 12 {
        case 0, 1: sendData(&script)
        case 2: sendKeyUpdate(&script)
        case 3: deliverAny(&script)
        case 4: damage(&script)
        case 5: pieceSize = Int(script.next()) + 1
        case 6: deliverRaw(&script)
        case 7: sendPieces(&script)
        case 8: reply(&script)
        case 9: close()
        case 10: repeatRecord(&script)
        default: large(&script)
        }
        layer.assertInvariants()
        precondition(leftover.map { $0.record.count <= 16_645 } ?? true, "a long record is kept")
        precondition(leftover.map { $0.message.count <= 140_000 } ?? true, "a long message is kept")
    }

    private mutating func sendData(_ script: inout RecordScript) {
        let content = script.take(Int(script.next() % 32))
        let padding = Int(script.next()) * 8
        if isHonest, !layer.hasReceivedClose { expected += content }
        deliver(peer.record(content, type: 23, padding: padding))
    }

    private mutating func sendKeyUpdate(_ script: inout RecordScript) {
        deliver(peer.record([24, 0, 0, 1, script.next() & 1], type: 22))
        peer.advance()
    }

    /// Any inner plaintext.
    private mutating func deliverAny(_ script: inout RecordScript) {
        isHonest = false
        let type = script.next()
        let content = script.take(Int(script.next()))
        deliver(peer.record(content, type: type, padding: Int(script.next())))
    }

    private mutating func damage(_ script: inout RecordScript) {
        isHonest = false
        var record = peer.record([1, 2, 3], type: 23)
        let offset = Int(script.next()) % record.count
        let mask = script.next() | 1
        record[offset] ^= mask
        let before = plaintext.count
        deliver(record)
        precondition(plaintext.count == before, "a damaged record came through")
    }

    private mutating func deliverRaw(_ script: inout RecordScript) {
        isHonest = false
        deliver(script.take(Int(script.next())))
    }

    /// A handshake message over several records.
    private mutating func sendPieces(_ script: inout RecordScript) {
        isHonest = false
        let message = script.take(Int(script.next()))
        let size = Int(script.next() % 16) + 1
        var rest = message[...]
        while !rest.isEmpty {
            deliver(peer.record(Array(rest.prefix(size)), type: 22))
            rest = rest.dropFirst(size)
        }
        if message.first == 24 { peer.advance() }
    }

    private mutating func repeatRecord(_ script: inout RecordScript) {
        isHonest = false
        let record = peer.record(script.take(3), type: script.next())
        deliver(record + record)
    }

    private mutating func large(_ script: inout RecordScript) {
        let size = 16_380 + Int(script.next() % 250)
        if size > 16_384 { isHonest = false }
        let content = [UInt8](repeating: script.next(), count: size)
        if isHonest, !layer.hasReceivedClose { expected += content }
        deliver(peer.record(content, type: 23))
    }

    private mutating func deliver(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty, !hasFailed {
            let piece = rest.prefix(pieceSize)
            rest = rest.dropFirst(pieceSize)
            let failure = piece.withUnsafeBytes { piece -> RecordFailure? in
                do throws(RecordFailure) {
                    try layer.receive(
                        piece, plaintext: &plaintext, output: &output, leftover: &leftover,
                        ciphers: ciphers)
                    return nil
                } catch {
                    return error
                }
            }
            if let failure { fail(failure) }
        }
        guard isHonest else { return }
        precondition(plaintext.copy() == expected, "other data came out")
        plaintext.clear()
        expected = []
    }

    private mutating func fail(_ failure: RecordFailure) {
        hasFailed = true
        guard case .fault(let alert, _) = failure else { return }
        // Honest peers fail only by too many records without data.
        precondition(!isHonest || alert == .unexpectedMessage, "\(failure)")
        isHonest = false
        layer.sendAlert(alert, &output, ciphers)
    }

    private mutating func reply(_ script: inout RecordScript) {
        guard layer.canSend else { return }
        let content = script.take(Int(script.next() % 64))
        do throws(RecordFailure) {
            let size = content.count
            guard size > 0 else { return }
            let failure = content.withUnsafeBytes { content -> RecordFailure? in
                do throws(RecordFailure) {
                    try layer.send(content, output: &output, ciphers: ciphers)
                    return nil
                } catch {
                    return error
                }
            }
            if let failure { throw failure }
        } catch {
            preconditionFailure("\(error)")
        }
        let data = drain()
        precondition(data == content, "the peer reads \(data)")
    }

    private mutating func close() {
        layer.close(output: &output, ciphers: ciphers)
        hasClosed = true
    }

    /// Opens all that went out, in order and under the right keys; the data in it.
    @discardableResult
    mutating func drain() -> [UInt8] {
        let bytes = output.copy()
        output.clear()
        var rest = bytes[...]
        var data: [UInt8] = []
        while !rest.isEmpty {
            guard let inner = reader.open(&rest), let type = inner.last else {
                preconditionFailure("a record of ours does not open")
            }
            switch type {
            case 23: data += inner.dropLast()
            case 22:
                precondition(inner.count == 6 && inner[0] == 24, "\(inner) is no KeyUpdate")
                reader.advance()
            case 21:
                precondition(inner.count == 3, "\(inner) is no alert")
                precondition(hasClosed || hasFailed, "an alert without reason")
            default: preconditionFailure("type \(type)")
            }
        }
        return data
    }
}
