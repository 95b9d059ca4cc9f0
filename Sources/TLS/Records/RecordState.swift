// The state of one detached connection: one block of exactly the size its suite needs.
//
//     0   4  records opened under the current receiving key
//     4   4  records sealed under the current sending key
//     8   1  suite
//     9   1  flags
//     10  1  records since the last with application data
//     11  5  zero
//     16  S  receiving traffic secret      S = 32, with AES-256 48
//         K  receiving key                 K = 16 with AES-128, else 32
//         12 receiving initial vector
//         .. the same three for sending
//
// Together 136 bytes with AES-128, 168 with ChaCha20, 200 with AES-256. Invariant: key and vector are
// always those of the secret beside them. A secret and its key are overwritten when a new one follows,
// and the whole block is wiped before it is freed. Only RecordLayer calls this.

internal import COpenSSL

/// What a detached connection must remember; owns its block.
struct RecordState: ~Copyable, @unchecked Sendable {
    // Owned by one value at a time; nothing else holds the pointer.
    private let base: UnsafeMutableRawPointer

    private static let headSize = 16

    /// Bytes of the block for `suite`.
    static func size(_ suite: RecordSuite) -> Int {
        headSize + 2 * (suite.secretSize + suite.keySize + RecordSuite.vectorSize)
    }

    /// Zero but for the suite.
    init(suite: RecordSuite) {
        let size = Self.size(suite)
        base = .allocate(byteCount: size, alignment: 8)
        base.initializeMemory(as: UInt8.self, repeating: 0, count: size)
        base.storeBytes(of: suite.rawValue, toByteOffset: 8, as: UInt8.self)
    }

    deinit {
        OPENSSL_cleanse(base, Self.size(suite))
        base.deallocate()
    }

    /// Which way records go.
    enum Direction: Sendable {
        case receiving
        case sending
    }

    /// What is yes or no about the connection.
    struct Flags: OptionSet {
        let rawValue: UInt8

        /// This end is the client.
        static let isClient = Flags(rawValue: 1)
        /// Our close_notify is out: nothing more is sent.
        static let hasSentClose = Flags(rawValue: 2)
        /// The peer's close_notify is here: nothing more is read.
        static let hasReceivedClose = Flags(rawValue: 4)
        /// The peer asked for new keys: they come before our next data.
        static let owesKeyUpdate = Flags(rawValue: 8)
        /// We asked the peer for new keys and they have not come.
        static let awaitsKeyUpdate = Flags(rawValue: 16)
        static let all: Flags = [
            .isClient, .hasSentClose, .hasReceivedClose, .owesKeyUpdate, .awaitsKeyUpdate,
        ]
    }

    var flags: Flags {
        get { Flags(rawValue: base.load(fromByteOffset: 9, as: UInt8.self)) }
        nonmutating set { base.storeBytes(of: newValue.rawValue, toByteOffset: 9, as: UInt8.self) }
    }

    /// Records under the current key of that direction, which is the next one's sequence number.
    func sequence(_ direction: Direction) -> UInt32 {
        base.load(fromByteOffset: direction == .receiving ? 0 : 4, as: UInt32.self)
    }

    func setSequence(_ direction: Direction, _ value: UInt32) {
        base.storeBytes(
            of: value, toByteOffset: direction == .receiving ? 0 : 4, as: UInt32.self)
    }

    /// Records received since the last one with application data.
    var emptyCount: UInt8 {
        get { base.load(fromByteOffset: 10, as: UInt8.self) }
        nonmutating set { base.storeBytes(of: newValue, toByteOffset: 10, as: UInt8.self) }
    }

    var suite: RecordSuite {
        let value = base.load(fromByteOffset: 8, as: UInt8.self)
        guard let suite = RecordSuite(rawValue: value) else {
            preconditionFailure("suite \(value)")
        }
        return suite
    }

    /// The secret of that direction, `suite.secretSize` bytes; then the key, then the vector.
    func secret(_ direction: Direction, _ suite: RecordSuite) -> UnsafeMutableRawPointer {
        let size = suite.secretSize + suite.keySize + RecordSuite.vectorSize
        return base + Self.headSize + (direction == .receiving ? 0 : size)
    }

    /// Puts a first secret in. Precondition: it has `suite.secretSize` bytes.
    func setSecret(_ direction: Direction, _ secret: RawSpan) {
        let suite = suite
        precondition(secret.byteCount == suite.secretSize, "secret of \(secret.byteCount) bytes")
        secret.withUnsafeBytes { bytes in
            UnsafeMutableRawBufferPointer(
                start: self.secret(direction, suite), count: bytes.count
            ).copyMemory(from: bytes)
        }
    }

    func key(_ direction: Direction, _ suite: RecordSuite) -> UnsafeMutableRawPointer {
        secret(direction, suite) + suite.secretSize
    }

    func vector(_ direction: Direction, _ suite: RecordSuite) -> UnsafeMutableRawPointer {
        secret(direction, suite) + suite.secretSize + suite.keySize
    }

    /// What must hold between calls.
    func checkInvariants() {
        precondition(RecordState.Flags.all.isSuperset(of: flags), "flags \(flags.rawValue)")
        precondition(
            sequence(.sending) <= UInt32(TLSLimits.recordsPerKeyMax) + 1,
            "\(sequence(.sending)) records sent under one key")
        precondition(
            sequence(.receiving) <= UInt32(TLSLimits.receivedRecordsPerKeyMax),
            "\(sequence(.receiving)) records received under one key")
        precondition(
            emptyCount <= TLSLimits.recordsWithoutDataMax, "\(emptyCount) records without data")
    }
}
