// One deflate stream into the bytes it holds, and no more of them than allowed. An inflater belongs to
// a thread, not to a connection, and is reset before each frame, to whichever kind the frame is.

package import Base
internal import CZlib

/// A bounded decompressor of frames. Memory: 7 KB, with a window 40 KB, whatever comes in.
package struct Inflater: ~Copyable {
    // zlib keeps the stream's address, so it must not move.
    private let stream: UnsafeMutablePointer<z_stream>

    /// A decompressor.
    package init() {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        let code = tern_inflateInit2(stream, 15)
        precondition(code == Z_OK, "inflateInit2: \(code)")  // out of memory
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    /// Appends what the one stream that is `bytes` holds. Memory grows with the output that is really
    /// there, up to `sizeMax` bytes and what the ratio allows. Throws `inflatedSizeExceeded` beyond that, and
    /// `compressedCorrupt`, `compressedTruncated` or `compressedTrailingBytes`; then nothing is appended.
    package mutating func inflate(
        _ bytes: RawSpan, _ compression: Compression = .zlib, into output: inout ByteBuffer,
        sizeMax: Int = WireLimits.inflatedSizeMax
    ) throws(WireError) {
        guard reset(compression) else { throw .compressedCorrupt }
        let start = output.count
        let sizeMax = min(sizeMax, WireLimits.inflatedSizeMax(ofCompressed: bytes.byteCount))
        do throws(WireError) {
            try bytes.withUnsafeBytes { (bytes) throws(WireError) in
                try inflate(bytes, into: &output, sizeMax: sizeMax)
            }
        } catch {
            output.truncate(to: start)
            throw error
        }
    }

    /// Forgets the last frame and gets ready for one of a kind.
    private func reset(_ compression: Compression) -> Bool {
        switch compression {
        case .zlib:
            return inflateReset2(stream, 15) == Z_OK
        case .preset(let dictionary):
            guard inflateReset2(stream, -15) == Z_OK else { return false }
            return dictionary.bytes.withUnsafeBufferPointer {
                inflateSetDictionary(stream, $0.baseAddress, UInt32($0.count)) == Z_OK
            }
        }
    }

    private func inflate(
        _ bytes: UnsafeRawBufferPointer, into output: inout ByteBuffer, sizeMax: Int
    ) throws(WireError) {
        precondition(bytes.count < Int(UInt32.max) && sizeMax >= 0, "\(bytes.count), \(sizeMax)")
        // zlib does not write to its input.
        stream.pointee.next_in = UnsafeMutablePointer(
            mutating: bytes.bindMemory(to: UInt8.self).baseAddress)
        stream.pointee.avail_in = UInt32(bytes.count)
        defer {
            stream.pointee.next_in = nil
            stream.pointee.next_out = nil
        }
        var produced = 0
        var chunkSize = min(4 * bytes.count + 64, 16_384)
        while true {
            // One byte more than allowed, to tell the end of the stream from a stream that goes on.
            let room = min(chunkSize, sizeMax - produced + 1)
            var code = Z_OK
            output.appendUpTo(room) { spare in
                stream.pointee.next_out = spare.bindMemory(to: UInt8.self).baseAddress
                stream.pointee.avail_out = UInt32(room)
                code = CZlib.inflate(stream, Z_NO_FLUSH)
                return room - Int(stream.pointee.avail_out)
            }
            produced += room - Int(stream.pointee.avail_out)
            guard produced <= sizeMax else { throw .inflatedSizeExceeded }
            switch code {
            case Z_STREAM_END:
                guard stream.pointee.avail_in == 0 else { throw .compressedTrailingBytes }
                return
            case Z_OK, Z_BUF_ERROR:
                // Room was left, so zlib stopped for want of input.
                guard stream.pointee.avail_out == 0 else { throw .compressedTruncated }
                chunkSize = min(2 * chunkSize, 65_536)
            default:  // Z_DATA_ERROR (also a wrong checksum), Z_NEED_DICT, Z_MEM_ERROR
                throw .compressedCorrupt
            }
        }
    }
}
