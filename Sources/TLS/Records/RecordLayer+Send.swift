// What goes out: data, new keys, alerts.

package import Base

extension RecordLayer {
    /// Bytes that a record adds to its content: header, type and tag.
    static let overheadSize = headerSize + 1 + RecordSuite.tagSize

    /// Appends `bytes` in as few records as hold them, new keys before them where they are due.
    /// Precondition: `canSend`.
    package mutating func send(
        _ bytes: UnsafeRawBufferPointer, output: inout ByteBuffer, ciphers: RecordCiphers
    ) throws(RecordFailure) {
        precondition(canSend, "sent behind a close_notify")
        guard bytes.count > 0 else { return }
        let tools = ciphers.tools(state.suite)
        let sizeMax = TLSLimits.recordPlaintextSizeMax
        let recordCount = (bytes.count + sizeMax - 1) / sizeMax
        output.reserve(bytes.count + recordCount * Self.overheadSize)
        var offset = 0
        var isKeyed = false
        while offset < bytes.count {
            if try sendDueKeyUpdate(&output, tools) { isKeyed = false }
            let end = min(offset + sizeMax, bytes.count)
            let fragment = UnsafeRawBufferPointer(rebasing: bytes[offset..<end])
            try seal(
                fragment, type: ContentType.applicationData, isKeyed: isKeyed, &output, tools)
            isKeyed = true
            offset = end
        }
        assertInvariants()
    }

    /// Appends a close_notify, once.
    package mutating func close(output: inout ByteBuffer, ciphers: RecordCiphers) {
        guard canSend else { return }
        sendAlert(.closeNotify, &output, ciphers)
        state.flags.insert(.hasSentClose)
    }

    /// Appends the alert for a fault. Nothing may be sent or read afterwards.
    package mutating func sendAlert(
        _ alert: RecordAlert, _ output: inout ByteBuffer, _ ciphers: RecordCiphers
    ) {
        guard canSend else { return }
        let isWarning = alert == .closeNotify || alert == .userCanceled
        let content: InlineArray<2, UInt8> = [isWarning ? 1 : 2, alert.rawValue]
        content.span.withUnsafeBytes { content in
            // Without the alert the connection ends all the same.
            try? seal(
                content, type: ContentType.alert, isKeyed: false, &output,
                ciphers.tools(state.suite))
        }
    }

    /// Appends our new keys and changes to them. With `requested` the peer has to follow.
    package func sendKeyUpdate(
        requested: Bool, _ output: inout ByteBuffer, _ ciphers: RecordCiphers
    ) throws(RecordFailure) {
        try sendKeyUpdate(requested: requested, &output, ciphers.tools(state.suite))
    }

    func sendKeyUpdate(
        requested: Bool, _ output: inout ByteBuffer, _ tools: SuiteTools
    ) throws(RecordFailure) {
        let message: InlineArray<5, UInt8> = [MessageType.keyUpdate, 0, 0, 1, requested ? 1 : 0]
        let failure = message.span.withUnsafeBytes { message -> RecordFailure? in
            do throws(RecordFailure) {
                try seal(message, type: ContentType.handshake, isKeyed: false, &output, tools)
                return nil
            } catch {
                return error
            }
        }
        if let failure { throw failure }
        try advance(.sending, tools)
        state.flags.remove(.owesKeyUpdate)
        if requested { state.flags.insert(.awaitsKeyUpdate) }
    }

    /// New keys if the peer asked for them or ours have served long enough; whether there were any.
    private func sendDueKeyUpdate(
        _ output: inout ByteBuffer, _ tools: SuiteTools
    ) throws(RecordFailure) -> Bool {
        let isWorn = state.sequence(.sending) >= UInt32(TLSLimits.recordsPerKeyMax)
        guard isWorn || state.flags.contains(.owesKeyUpdate) else { return false }
        let asks = isWorn && !state.flags.contains(.awaitsKeyUpdate)
        try sendKeyUpdate(requested: asks, &output, tools)
        return true
    }

    private func seal(
        _ content: UnsafeRawBufferPointer, type: UInt8, isKeyed: Bool, _ output: inout ByteBuffer,
        _ tools: SuiteTools
    ) throws(RecordFailure) {
        let suite = tools.suite
        let size = content.count + 1 + RecordSuite.tagSize
        let sequence = state.sequence(.sending)
        // A record more than is allowed is the KeyUpdate that ends the key, or an alert.
        precondition(
            sequence <= UInt32(TLSLimits.recordsPerKeyMax), "\(sequence) records under one key")
        let key = isKeyed ? nil : state.key(.sending, suite)
        let vector = state.vector(.sending, suite)
        var isSealed = false
        output.appendUpTo(Self.headerSize + size) { spare in
            guard let record = spare.baseAddress else { return 0 }
            record.storeBytes(of: ContentType.applicationData, as: UInt8.self)
            record.storeBytes(of: UInt16(0x0303), toByteOffset: 1, as: UInt16.self)
            record.storeBytes(of: UInt16(size).bigEndian, toByteOffset: 3, as: UInt16.self)
            isSealed = tools.seal(
                content, type: type, key: key, vector: vector, sequence: sequence, into: record)
            return isSealed ? Self.headerSize + size : 0
        }
        guard isSealed else { throw .fault(.internalError, "a record could not be sealed") }
        state.setSequence(.sending, sequence + 1)
    }

    package func assertInvariants() {
        assert(
            {
                state.checkInvariants()
                return true
            }())
    }
}
