// Puts payloads into frames. A frame may be written in place: reserve its header, append the payload
// behind it, then finish it.

package import Base

/// Writes frames at the end of a buffer.
package enum FrameWriter {
    /// Where a frame began, in bytes from the buffer's head. Good until bytes before it are consumed.
    package struct Mark: Sendable {
        fileprivate let start: Int
    }

    /// Longest payload that a header can announce.
    package static let payloadSizeMax = 0xFF_FFFE

    /// Reserves a frame's header. Append exactly one node, then call `finish`.
    package static func begin(into buffer: inout ByteBuffer) -> Mark {
        let start = buffer.count
        for _ in 0..<FrameSplitter.headerSize { buffer.append(0) }
        return Mark(start: start)
    }

    /// Completes a plain frame. Throws `frameSize`, and takes the frame back, when flags and payload
    /// exceed `frameSizeMax` or there is no payload.
    package static func finish(
        _ mark: Mark, in buffer: inout ByteBuffer, frameSizeMax: Int = WireLimits.frameSizeMax
    ) throws(WireError) {
        try writeHeader(mark, FrameFlags.plain, in: &buffer, frameSizeMax: frameSizeMax)
    }

    /// Completes a frame, deflated if that makes it smaller. What is in it must have one sender and hold
    /// no secrets. Throws as `finish` without a deflater, for the size that would be sent.
    package static func finish(
        _ mark: Mark, in buffer: inout ByteBuffer, frameSizeMax: Int = WireLimits.frameSizeMax,
        deflater: inout Deflater
    ) throws(WireError) {
        let payloadStart = mark.start + FrameSplitter.headerSize
        let isSmaller = buffer.withUnsafeBytes { bytes in
            deflater.deflateIntoScratch(UnsafeRawBufferPointer(rebasing: bytes[payloadStart...]))
        }
        if isSmaller {
            buffer.truncate(to: payloadStart)
            buffer.append(contentsOf: deflater.scratch)
        }
        let flags = isSmaller ? deflater.compression.flags : FrameFlags.plain
        try writeHeader(mark, flags, in: &buffer, frameSizeMax: frameSizeMax)
    }

    /// Appends one plain frame. Throws `frameSize` as `finish`.
    package static func write(
        _ payload: RawSpan, into buffer: inout ByteBuffer,
        frameSizeMax: Int = WireLimits.frameSizeMax
    ) throws(WireError) {
        let mark = begin(into: &buffer)
        buffer.append(payload)
        try finish(mark, in: &buffer, frameSizeMax: frameSizeMax)
    }

    /// Bytes of an unfinished frame's payload.
    static func payloadSize(_ mark: Mark, in buffer: borrowing ByteBuffer) -> Int {
        buffer.count - mark.start - FrameSplitter.headerSize
    }

    /// Takes an unfinished frame back.
    package static func cancel(_ mark: Mark, in buffer: inout ByteBuffer) {
        buffer.truncate(to: mark.start)
    }

    private static func writeHeader(
        _ mark: Mark, _ flags: UInt8, in buffer: inout ByteBuffer, frameSizeMax: Int
    ) throws(WireError) {
        let length = buffer.count - mark.start - 3
        precondition(length >= 1, "the frame's mark is stale")
        guard length >= WireLimits.frameSizeMin, length <= min(frameSizeMax, payloadSizeMax + 1)
        else {
            buffer.truncate(to: mark.start)
            throw .frameSize(length)
        }
        buffer.overwrite(at: mark.start, with: UInt8(length >> 16))
        buffer.overwrite(at: mark.start + 1, with: UInt8(length >> 8 & 0xFF))
        buffer.overwrite(at: mark.start + 2, with: UInt8(length & 0xFF))
        buffer.overwrite(at: mark.start + 3, with: flags)
    }
}
