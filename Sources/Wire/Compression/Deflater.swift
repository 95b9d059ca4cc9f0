// One frame into one deflate stream. A deflater belongs to a thread, not to a connection, and is reset
// before each frame, so that no frame's bytes show in another's size.

package import Base
internal import CZlib

/// A compressor of frames, of one kind.
package struct Deflater: ~Copyable {
    /// What it makes.
    package let compression: Compression
    /// Bytes from which on it tries.
    package let sizeMin: Int
    /// Whether it keeps to what readers take: streams that do not are made to test readers with.
    private let isBounded: Bool
    // zlib keeps the stream's address, so it must not move.
    private let stream: UnsafeMutablePointer<z_stream>
    /// The last result of `deflateIntoScratch`.
    var scratch = ByteBuffer()

    /// A compressor of zlib's `level`, 1–9. Memory: 268 KB for `zlib`, 55 KB for `preset`, whose small
    /// window and tables are quick to reset; docs/DICTIONARY.md has the figures.
    package init(
        _ compression: Compression = .zlib, sizeMin: Int? = nil, level: Int32 = 6,
        isBounded: Bool = true
    ) {
        self.compression = compression
        self.isBounded = isBounded
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        let code: Int32
        switch compression {
        case .zlib:
            self.sizeMin = sizeMin ?? WireLimits.deflateSizeMin
            code = tern_deflateInit2(stream, level, 15, 8)
        case .preset:
            self.sizeMin = sizeMin ?? WireLimits.presetDeflateSizeMin
            code = tern_deflateInit2(stream, level, -13, 5)
        }
        precondition(code == Z_OK, "deflateInit2: \(code)")  // out of memory, or a wrong level
    }

    deinit {
        deflateEnd(stream)
        stream.deallocate()
    }

    /// Appends `bytes` as one stream, if they are `sizeMin` or more, come out smaller, and not so small that
    /// their reader would refuse them; else appends nothing and returns false. Cost: 4 µs for 40 bytes, 9 µs for 200, 13 µs for 700.
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
        let inflatedSizeMax = isBounded ? WireLimits.inflatedSizeMax : Int(UInt32.max) - 1
        guard (max(sizeMin, 1)...inflatedSizeMax).contains(bytes.count), reset() else {
            return false
        }
        var isSmaller = false
        output.appendUpTo(bytes.count) { room in
            // zlib does not write to its input.
            stream.pointee.next_in = UnsafeMutablePointer(
                mutating: bytes.bindMemory(to: UInt8.self).baseAddress)
            stream.pointee.avail_in = UInt32(bytes.count)
            stream.pointee.next_out = room.bindMemory(to: UInt8.self).baseAddress
            let sizeMax = bytes.count - 1  // what does not end within this is not smaller
            stream.pointee.avail_out = UInt32(sizeMax)
            let hasEnded = CZlib.deflate(stream, Z_FINISH) == Z_STREAM_END
            let size = sizeMax - Int(stream.pointee.avail_out)
            let isReadable = bytes.count <= WireLimits.inflatedSizeMax(ofCompressed: size)
            isSmaller = hasEnded && (isReadable || !isBounded)
            return isSmaller ? size : 0
        }
        stream.pointee.next_in = nil
        stream.pointee.next_out = nil
        return isSmaller
    }

    /// Forgets the last frame, and takes up the preset dictionary again.
    private func reset() -> Bool {
        guard deflateReset(stream) == Z_OK else { return false }
        guard case .preset(let dictionary) = compression else { return true }
        return dictionary.bytes.withUnsafeBufferPointer {
            deflateSetDictionary(stream, $0.baseAddress, UInt32($0.count)) == Z_OK
        }
    }
}
