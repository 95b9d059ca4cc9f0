// One frame into one zlib stream. A deflater belongs to a thread, not to a connection: 260 KB, reset
// before each frame, so that no frame's bytes show in another's size.

package import Base
internal import CZlib

/// A zlib compressor (RFC 1950).
package struct Deflater: ~Copyable {
    // zlib keeps the stream's address, so it must not move.
    private let stream: UnsafeMutablePointer<z_stream>
    /// The last result of `deflateIntoScratch`.
    var scratch = ByteBuffer()

    /// A compressor of zlib's `level`, 1–9.
    package init(level: Int32 = 6) {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        let code = tern_deflateInit2(stream, level, 15, 8)
        precondition(code == Z_OK, "deflateInit2: \(code)")  // out of memory, or a wrong level
    }

    deinit {
        deflateEnd(stream)
        stream.deallocate()
    }

    /// Appends `bytes` as one zlib stream, if they are 512 or more and come out smaller; else appends
    /// nothing and returns false. Cost: 11–20 µs for 1 KB.
    package mutating func deflate(_ bytes: RawSpan, into output: inout ByteBuffer) -> Bool {
        bytes.withUnsafeBytes { deflate($0, into: &output) }
    }

    /// The same into the deflater's own scratch.
    mutating func deflateIntoScratch(_ bytes: UnsafeRawBufferPointer) -> Bool {
        scratch.clear()
        var output = ByteBuffer()
        swap(&output, &scratch)
        let isSmaller = deflate(bytes, into: &output)
        swap(&output, &scratch)
        return isSmaller
    }

    private func deflate(_ bytes: UnsafeRawBufferPointer, into output: inout ByteBuffer) -> Bool {
        guard bytes.count >= WireLimits.deflateSizeMin, bytes.count < Int(UInt32.max) else {
            return false
        }
        guard deflateReset(stream) == Z_OK else { return false }
        var isSmaller = false
        output.appendUpTo(bytes.count) { room in
            // zlib does not write to its input.
            stream.pointee.next_in = UnsafeMutablePointer(
                mutating: bytes.bindMemory(to: UInt8.self).baseAddress)
            stream.pointee.avail_in = UInt32(bytes.count)
            stream.pointee.next_out = room.bindMemory(to: UInt8.self).baseAddress
            let sizeMax = bytes.count - 1  // what does not end within this is not smaller
            stream.pointee.avail_out = UInt32(sizeMax)
            isSmaller = CZlib.deflate(stream, Z_FINISH) == Z_STREAM_END
            return isSmaller ? sizeMax - Int(stream.pointee.avail_out) : 0
        }
        stream.pointee.next_in = nil
        stream.pointee.next_out = nil
        return isSmaller
    }
}
