// What comes in besides data: new keys, tickets, alerts. Nothing else is allowed after the handshake.

internal import Base

extension RecordLayer {
    /// Handshake messages that have a place after the handshake (RFC 8446, section 4.6).
    enum MessageType {
        static let newSessionTicket: UInt8 = 4
        static let keyUpdate: UInt8 = 24
    }

    /// Takes a record's handshake messages, the first perhaps begun in an earlier one.
    mutating func takeMessages(
        _ content: UnsafeRawBufferPointer, _ turn: inout Turn, _ leftover: inout Leftover?
    ) throws(RecordFailure) {
        guard let waiting = leftover, !waiting.message.isEmpty else {
            try takeEach(content, &turn, &leftover)
            return
        }
        var message = ByteBuffer()
        swap(&message, &waiting.message)
        message.append(content)
        try message.withUnsafeBytes { (bytes) throws(RecordFailure) in
            try takeEach(bytes, &turn, &leftover)
        }
    }

    private mutating func takeEach(
        _ bytes: UnsafeRawBufferPointer, _ turn: inout Turn, _ leftover: inout Leftover?
    ) throws(RecordFailure) {
        var offset = 0
        while offset < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[offset...])
            guard let size = try messageSize(rest), size <= rest.count else {
                let keeper = leftover ?? Leftover()
                keeper.message.append(rest)
                leftover = keeper
                return
            }
            let body = UnsafeRawBufferPointer(rebasing: rest[Self.handshakeHeaderSize..<size])
            offset += size
            if rest[0] == MessageType.keyUpdate {
                // What follows is under other keys and must be in another record.
                guard offset == bytes.count else {
                    throw .fault(.unexpectedMessage, "data behind KeyUpdate in its record")
                }
                try takeKeyUpdate(body[0], &turn)
            } else {
                try Self.checkTicket(body)
            }
        }
    }

    /// Bytes of the message that begins here, header included; nil before its header is there. Refuses
    /// what is not allowed or too long by its header.
    private func messageSize(_ bytes: UnsafeRawBufferPointer) throws(RecordFailure) -> Int? {
        let type = bytes[0]
        let isTicket = type == MessageType.newSessionTicket && state.flags.contains(.isClient)
        guard isTicket || type == MessageType.keyUpdate else {
            throw .fault(.unexpectedMessage, "handshake message of type \(type)")
        }
        guard bytes.count >= Self.handshakeHeaderSize else { return nil }
        let size = Int(bytes[1]) << 16 | Int(bytes[2]) << 8 | Int(bytes[3])
        if isTicket {
            guard size <= TLSLimits.ticketMessageSizeMax else {
                throw .fault(.illegalParameter, "ticket of \(size) bytes")
            }
        } else {
            guard size == 1 else { throw .fault(.decodeError, "KeyUpdate of \(size) bytes") }
        }
        return Self.handshakeHeaderSize + size
    }

    private mutating func takeKeyUpdate(
        _ request: UInt8, _ turn: inout Turn
    ) throws(RecordFailure) {
        guard request <= 1 else { throw .fault(.illegalParameter, "KeyUpdate asks for \(request)") }
        try countEmpty()
        try advance(.receiving, turn.tools)
        turn.isKeyed = false
        state.flags.remove(.awaitsKeyUpdate)
        // One answer serves all requests up to our next data.
        if request == 1 { state.flags.insert(.owesKeyUpdate) }
    }

    /// Whether a NewSessionTicket is well-formed; it comes too late to be kept.
    private static func checkTicket(_ body: UnsafeRawBufferPointer) throws(RecordFailure) {
        // Lifetime and age_add, then the nonce, the ticket and the extensions behind their lengths.
        var offset = 8
        func vector(_ lengthSize: Int) -> Int? {
            guard body.count - offset >= lengthSize else { return nil }
            var size = 0
            for byte in body[offset..<(offset + lengthSize)] { size = size << 8 | Int(byte) }
            offset += lengthSize
            guard body.count - offset >= size else { return nil }
            offset += size
            return size
        }
        guard vector(1) != nil, let ticketSize = vector(2), ticketSize > 0,
            let extensionsSize = vector(2), offset == body.count
        else { throw .fault(.decodeError, "malformed ticket") }
        offset -= extensionsSize
        while offset < body.count {
            offset += 2
            guard vector(2) != nil else { throw .fault(.decodeError, "malformed ticket") }
        }
    }

    mutating func takeAlert(_ code: UInt8) throws(RecordFailure) {
        switch RecordAlert(rawValue: code) {
        case .closeNotify: state.flags.insert(.hasReceivedClose)
        case .userCanceled: try countEmpty()
        // The level says nothing in TLS 1.3: all others end the connection, also unknown ones.
        default: throw .peerAlert(code)
        }
    }

    /// Counts a record that cost work and brought no data.
    mutating func countEmpty() throws(RecordFailure) {
        guard state.emptyCount < TLSLimits.recordsWithoutDataMax else {
            throw .fault(.unexpectedMessage, "too many records without data")
        }
        state.emptyCount += 1
    }
}
