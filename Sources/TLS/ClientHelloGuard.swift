// Reads along what a client sends before anything is encrypted, and refuses a ClientHello of absurd size by
// its header. OpenSSL takes one of 131,396 bytes and, in versions before 3.0.20 and their like, makes room for
// it when it has seen the header: nine bytes would hold that much until the handshake's deadline. A second
// ClientHello, after a HelloRetryRequest, is looked at as well.
//
// Sees records (RFC 8446, section 5.1) and the headers of handshake messages (section 4) in whatever pieces
// they come. It ends with the first record that may be encrypted.

/// A server's look at its client's first flights.
struct ClientHelloGuard {
    private static let changeCipherSpec: UInt8 = 20
    private static let handshake: UInt8 = 22
    private static let clientHello: UInt8 = 1

    /// The header in hand, of a record (5 bytes) or of a message (4).
    private var recordHeader = Header(size: 5)
    private var messageHeader = Header(size: 4)
    private var recordLeft = 0
    private var messageLeft = 0
    private var isHandshake = false
    private var hasChangedCipherSpec = false
    private var isOver = false

    /// Takes what comes next; the size of a ClientHello that is larger than `sizeMax`, nil if all is well.
    /// With TLS 1.2 everything behind ChangeCipherSpec is encrypted; TLS 1.3 sends one for show.
    mutating func oversize(
        in bytes: UnsafeRawBufferPointer, isTLS13: Bool,
        sizeMax: Int = TLSLimits.clientHelloSizeMax
    ) -> Int? {
        var rest = bytes[...]
        while !isOver, let byte = rest.first {
            if recordLeft == 0 {
                rest.removeFirst()
                if recordHeader.take(byte) { beginRecord(isTLS13: isTLS13) }
            } else if isHandshake, messageLeft == 0 {
                rest.removeFirst()
                recordLeft -= 1
                guard messageHeader.take(byte) else { continue }
                messageLeft = messageHeader.number(at: 1, size: 3)
                if messageHeader.first == Self.clientHello, messageLeft > sizeMax {
                    isOver = true
                    return messageLeft
                }
            } else {
                let count = min(recordLeft, rest.count, isHandshake ? messageLeft : Int.max)
                rest = rest.dropFirst(count)
                recordLeft -= count
                if isHandshake { messageLeft -= count }
            }
        }
        return nil
    }

    private mutating func beginRecord(isTLS13: Bool) {
        recordLeft = recordHeader.number(at: 3, size: 2)
        switch recordHeader.first {
        case Self.handshake where isTLS13 || !hasChangedCipherSpec:
            isHandshake = true
        case Self.changeCipherSpec:
            isHandshake = false
            hasChangedCipherSpec = true
        default:
            isOver = true
        }
    }

    /// A few bytes that come one by one, again and again.
    private struct Header {
        let size: Int
        private var bytes: UInt64 = 0
        private var count = 0

        init(size: Int) { self.size = size }

        /// Whether it is whole with this byte; the next one begins anew.
        mutating func take(_ byte: UInt8) -> Bool {
            if count == size { (bytes, count) = (0, 0) }
            bytes = bytes << 8 | UInt64(byte)
            count += 1
            return count == size
        }

        var first: UInt8 { UInt8(truncatingIfNeeded: bytes >> UInt64(8 * (size - 1))) }

        func number(at offset: Int, size length: Int) -> Int {
            let shifted = bytes >> UInt64(8 * (size - offset - length))
            return Int(shifted & (1 << UInt64(8 * length) - 1))
        }
    }
}
