// What comes in: bytes to records, records to content.

package import Base

extension RecordLayer {
    /// Where one call's bytes come from and go to.
    struct Turn: ~Copyable {
        let tools: SuiteTools
        /// Whether the opening context has this connection's key.
        var isKeyed = false
    }

    /// Takes all of `input`: data onto `plaintext`, answers onto `output`. What is incomplete stays in
    /// `leftover`, which is made if need be. Bytes behind a close_notify are dropped.
    package mutating func receive(
        _ input: UnsafeRawBufferPointer, plaintext: inout ByteBuffer, output: inout ByteBuffer,
        leftover: inout Leftover?, ciphers: RecordCiphers
    ) throws(RecordFailure) {
        var turn = Turn(tools: ciphers.tools(state.suite))
        var offset = 0
        if let waiting = leftover, !waiting.record.isEmpty {
            offset = try fill(waiting, from: input)
            guard let size = try Self.recordSize(waiting.record), waiting.record.count == size
            else { return }
            // Taken out first: what is opened may itself be left over in part.
            var record = ByteBuffer()
            swap(&record, &waiting.record)
            try record.withUnsafeBytes { (record) throws(RecordFailure) in
                try take(record, &turn, &plaintext, &output, &leftover)
            }
        }
        while !hasReceivedClose, offset < input.count {
            let rest = UnsafeRawBufferPointer(rebasing: input[offset...])
            guard let size = try Self.recordSize(rest), size <= rest.count else {
                let keeper = leftover ?? Leftover()
                keeper.record.append(rest)
                leftover = keeper
                break
            }
            let record = UnsafeRawBufferPointer(rebasing: rest[..<size])
            try take(record, &turn, &plaintext, &output, &leftover)
            offset += size
        }
        assertInvariants()
    }

    /// Completes the waiting record as far as the input goes; how many bytes of it that took.
    private func fill(
        _ waiting: Leftover, from input: UnsafeRawBufferPointer
    ) throws(RecordFailure) -> Int {
        var offset = 0
        // First to the end of the header, then to the end of the record that it announces.
        for _ in 0..<2 {
            let size = try Self.recordSize(waiting.record) ?? Self.headerSize
            let count = min(size - waiting.record.count, input.count - offset)
            guard count > 0 else { break }
            waiting.record.append(
                UnsafeRawBufferPointer(rebasing: input[offset..<(offset + count)]))
            offset += count
        }
        return offset
    }

    private static func recordSize(
        _ bytes: borrowing ByteBuffer
    ) throws(RecordFailure) -> Int? {
        try bytes.withUnsafeBytes { (bytes) throws(RecordFailure) in try recordSize(bytes) }
    }

    /// Bytes of the record that begins here, header included; nil before its header is there.
    private static func recordSize(_ bytes: UnsafeRawBufferPointer) throws(RecordFailure) -> Int? {
        guard bytes.count >= headerSize else { return nil }
        // The order of these checks is OpenSSL's, so that the same bytes get the same alert.
        guard bytes[1] == 3 else { throw .fault(.protocolVersion, "wrong version") }
        guard bytes[0] == ContentType.applicationData else {
            throw .fault(.unexpectedMessage, "record of type \(bytes[0])")
        }
        guard bytes[2] == 3 else { throw .fault(.decodeError, "wrong version") }
        let size = Int(bytes[3]) << 8 | Int(bytes[4])
        guard size <= TLSLimits.recordCiphertextSizeMax else {
            throw .fault(.recordOverflow, "record of \(size) bytes")
        }
        return headerSize + size
    }

    /// Opens one whole record and does what it says.
    private mutating func take(
        _ record: UnsafeRawBufferPointer, _ turn: inout Turn, _ plaintext: inout ByteBuffer,
        _ output: inout ByteBuffer, _ leftover: inout Leftover?
    ) throws(RecordFailure) {
        let size = record.count - Self.headerSize
        // An inner type and a tag at least.
        guard size > RecordSuite.tagSize else { throw .fault(.badRecordMAC, "short record") }
        guard state.sequence(.receiving) < UInt32(TLSLimits.receivedRecordsPerKeyMax) else {
            throw .fault(.internalError, "the peer does not change its keys")
        }
        try plaintext.appendUpTo(size - RecordSuite.tagSize) { (spare) throws(RecordFailure) in
            guard let base = spare.baseAddress else { return 0 }
            let inner = UnsafeMutableRawBufferPointer(
                start: base, count: size - RecordSuite.tagSize)
            let contentSize = try open(record, into: inner, &turn)
            let content = UnsafeRawBufferPointer(rebasing: inner[..<contentSize])
            let type = inner[contentSize]
            if type == ContentType.applicationData {
                try takeData(content, leftover)
                return contentSize
            }
            try takeOther(content, type: type, &turn, &leftover)
            return 0
        }
        try requestKeysIfWorn(&output, turn.tools)
    }

    /// Decrypts into `inner`; how many bytes of it are content, behind which stands the type.
    private mutating func open(
        _ record: UnsafeRawBufferPointer, into inner: UnsafeMutableRawBufferPointer,
        _ turn: inout Turn
    ) throws(RecordFailure) -> Int {
        guard let base = record.baseAddress, let target = inner.baseAddress else { return 0 }
        let suite = turn.tools.suite
        let header = base.assumingMemoryBound(to: UInt8.self)
        let sequence = state.sequence(.receiving)
        let isOpened = turn.tools.open(
            header: header, body: header + Self.headerSize, size: record.count - Self.headerSize,
            key: turn.isKeyed ? nil : state.key(.receiving, suite),
            vector: state.vector(.receiving, suite), sequence: sequence,
            into: target.assumingMemoryBound(to: UInt8.self))
        guard isOpened else { throw .fault(.badRecordMAC, "bad record") }
        turn.isKeyed = true
        state.setSequence(.receiving, sequence + 1)
        guard inner.count <= TLSLimits.recordPlaintextSizeMax + 1 else {
            throw .fault(.recordOverflow, "record with \(inner.count) bytes inside")
        }
        // The type is the last byte that is not zero; what follows it is padding.
        var end = inner.count - 1
        while end > 0, inner[end] == 0 { end -= 1 }
        guard inner[end] != 0 else { throw .fault(.unexpectedMessage, "record without type") }
        return end
    }

    private mutating func takeData(
        _ content: UnsafeRawBufferPointer, _ leftover: Leftover?
    ) throws(RecordFailure) {
        try requireWholeMessage(leftover)
        guard content.isEmpty else {
            state.emptyCount = 0
            return
        }
        try countEmpty()
    }

    private mutating func takeOther(
        _ content: UnsafeRawBufferPointer, type: UInt8, _ turn: inout Turn,
        _ leftover: inout Leftover?
    ) throws(RecordFailure) {
        switch type {
        case ContentType.handshake:
            guard !content.isEmpty else {
                throw .fault(.unexpectedMessage, "empty handshake record")
            }
            try takeMessages(content, &turn, &leftover)
        case ContentType.alert:
            try requireWholeMessage(leftover)
            guard !content.isEmpty else { throw .fault(.unexpectedMessage, "empty alert") }
            guard content.count == 2 else {
                throw .fault(.decodeError, "alert of \(content.count) bytes")
            }
            try takeAlert(content[1])
        default:
            throw .fault(.unexpectedMessage, "record with type \(type) inside")
        }
    }

    /// Nothing may stand between the parts of a handshake message.
    private func requireWholeMessage(_ leftover: Leftover?) throws(RecordFailure) {
        guard leftover?.message.isEmpty ?? true else {
            throw .fault(.unexpectedMessage, "record inside a handshake message")
        }
    }

    /// Asks the peer for new keys in time, so that the count of its records need not be large.
    private mutating func requestKeysIfWorn(
        _ output: inout ByteBuffer, _ tools: SuiteTools
    ) throws(RecordFailure) {
        guard state.sequence(.receiving) >= UInt32(TLSLimits.recordsPerKeyMax), canSend,
            state.flags.isDisjoint(with: [.awaitsKeyUpdate, .hasReceivedClose])
        else { return }
        try sendKeyUpdate(requested: true, &output, tools)
    }
}
