// The way bytes reach OpenSSL and leave it: a BIO that owns nothing.
//
// For the length of one call the BIO points at a Transfer on the stack, which borrows the caller's
// ciphertext and output buffer. Between calls it points nowhere, so a connection at rest holds no
// buffer of ours. Writes never block; a read past the input answers "retry", which OpenSSL reports
// as WANT_READ.

internal import Base
internal import COpenSSL

/// One call's ciphertext in and out.
struct Transfer {
    /// Ciphertext from the peer; valid for the call.
    private let input: UnsafeRawBufferPointer
    /// How much of it OpenSSL has taken.
    private var inputOffset = 0
    /// Whether OpenSSL gets no more of it: it stands at the end of a record.
    var isHalted = false
    /// The caller's output buffer; valid for the call.
    private let output: UnsafeMutablePointer<ByteBuffer>

    init(input: UnsafeRawBufferPointer, output: UnsafeMutablePointer<ByteBuffer>) {
        self.input = input
        self.output = output
    }

    /// Bytes not yet taken.
    var inputRemaining: Int { input.count - inputOffset }

    /// The bytes not yet taken.
    var rest: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: input[inputOffset...]) }

    /// Copies at most `size` bytes out of the input; 0 when none is left.
    fileprivate mutating func take(_ bytes: UnsafeMutableRawPointer, _ size: Int) -> Int {
        let count = isHalted ? 0 : min(size, inputRemaining)
        guard count > 0, let base = input.baseAddress else { return 0 }
        bytes.copyMemory(from: base + inputOffset, byteCount: count)
        inputOffset += count
        return count
    }

    fileprivate func put(_ bytes: UnsafeRawPointer, _ size: Int) {
        output.pointee.append(UnsafeRawBufferPointer(start: bytes, count: size))
    }

    /// Calls `body` with a transfer between the two buffers.
    static func between<R: ~Copyable>(
        _ input: UnsafeRawBufferPointer, _ output: inout ByteBuffer,
        _ body: (inout Transfer) throws(TLSError) -> R
    ) throws(TLSError) -> R {
        try withUnsafeMutablePointer(to: &output) { (pointer) throws(TLSError) -> R in
            var transfer = Transfer(input: input, output: pointer)
            return try body(&transfer)
        }
    }

    /// Calls `body` with `bio` pointing at this transfer.
    mutating func through<R>(_ bio: OpaquePointer, _ body: () -> R) -> R {
        withUnsafeMutablePointer(to: &self) { pointer in
            BIO_set_data(bio, pointer)
            defer { BIO_set_data(bio, nil) }
            return body()
        }
    }
}

/// The one method table of all such BIOs.
enum TransferBIO {
    // Set once, before its first use, and never changed or freed.
    nonisolated(unsafe) private static let method: OpaquePointer? = {
        let type = BIO_get_new_index() | BIO_TYPE_SOURCE_SINK
        guard let method = BIO_meth_new(type, "tern transfer") else { return nil }
        BIO_meth_set_read(method, ternTransferRead)
        BIO_meth_set_write(method, ternTransferWrite)
        BIO_meth_set_ctrl(method, ternTransferControl)
        BIO_meth_set_create(method, ternTransferCreate)
        return method
    }()

    /// A new BIO with one reference; nil when memory is out.
    static func make() -> OpaquePointer? {
        method.flatMap { BIO_new($0) }
    }
}

/// BIO read: from the transfer's input.
@c func ternTransferRead(
    _ bio: OpaquePointer?, _ bytes: UnsafeMutablePointer<CChar>?, _ size: CInt
) -> CInt {
    tern_BIO_clear_retry_flags(bio)
    guard let data = BIO_get_data(bio), let bytes, size > 0 else { return -1 }
    let count = data.assumingMemoryBound(to: Transfer.self).pointee.take(bytes, Int(size))
    guard count > 0 else {
        tern_BIO_set_retry_read(bio)
        return -1
    }
    return CInt(count)
}

/// BIO write: onto the transfer's output, always whole.
@c func ternTransferWrite(
    _ bio: OpaquePointer?, _ bytes: UnsafePointer<CChar>?, _ size: CInt
) -> CInt {
    tern_BIO_clear_retry_flags(bio)
    guard let data = BIO_get_data(bio), let bytes, size > 0 else { return -1 }
    data.assumingMemoryBound(to: Transfer.self).pointee.put(bytes, Int(size))
    return size
}

/// BIO control: nothing is held back, so a flush is done at once; nothing else is known.
@c func ternTransferControl(
    _ bio: OpaquePointer?, _ command: CInt, _ number: CLong, _ pointer: UnsafeMutableRawPointer?
) -> CLong {
    command == BIO_CTRL_FLUSH ? 1 : 0
}

/// BIO creation: ready at once.
@c func ternTransferCreate(_ bio: OpaquePointer?) -> CInt {
    BIO_set_init(bio, 1)
    return 1
}
