// The bounded inflater: never more than allowed, nothing on failure, and what deflates inflates.

internal import Base
internal import Wire

/// The first bit says whether with the preset dictionary, 15 bits are the limit; the rest is taken as a
/// stream, then as something to deflate.
public func fuzzInflate(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count >= 2 else { return }
    let compression: Compression = bytes[0] & 0x80 == 0 ? .zlib : .preset(.version1)
    let sizeMax = Int(bytes[0] & 0x7F) << 8 | Int(bytes[1])
    let stream = UnsafeRawBufferPointer(rebasing: bytes[2...])
    FuzzWorld.withWorkshop { workshop in
        workshop.buffer.append(0xA5)
        do throws(WireError) {
            try workshop.inflater.inflate(
                stream.bytes, compression, into: &workshop.buffer, sizeMax: sizeMax)
            let size = workshop.buffer.count - 1
            precondition(size >= 0 && size <= sizeMax, "\(size) bytes of \(sizeMax)")
            // The limit is exact: one byte less refuses it.
            if size > 0 { checkRefusal(stream, compression, sizeMax: size - 1, &workshop) }
        } catch {
            let size = workshop.buffer.count - 1
            precondition(size == 0, "\(size) bytes were left behind: \(error)")
        }
        let before = workshop.buffer.withUnsafeBytes { $0[0] }
        precondition(before == 0xA5, "what was there before changed")
        if compression == .zlib {
            checkRoundTrip(
                stream, &workshop.buffer, &workshop.other, &workshop.deflater, &workshop.inflater)
        } else {
            checkRoundTrip(
                stream, &workshop.buffer, &workshop.other, &workshop.presetDeflater,
                &workshop.inflater)
        }
    }
}

private func checkRefusal(
    _ stream: UnsafeRawBufferPointer, _ compression: Compression, sizeMax: Int,
    _ workshop: inout Workshop
) {
    do throws(WireError) {
        try workshop.inflater.inflate(
            stream.bytes, compression, into: &workshop.other, sizeMax: sizeMax)
        preconditionFailure("more than \(sizeMax) bytes")
    } catch {
        precondition(error == .inflatedSizeExceeded, "\(error) for one byte too many")
        precondition(workshop.other.isEmpty, "bytes were left behind")
    }
}

private func checkRoundTrip(
    _ bytes: UnsafeRawBufferPointer, _ buffer: inout ByteBuffer, _ other: inout ByteBuffer,
    _ deflater: inout Deflater, _ inflater: inout Inflater
) {
    buffer.clear()
    other.clear()
    guard deflater.deflate(bytes.bytes, into: &buffer) else {
        precondition(buffer.isEmpty, "bytes were left behind")
        return
    }
    let size = buffer.count
    precondition(size < bytes.count, "deflated, and not smaller")
    do throws(WireError) {
        try inflater.inflate(
            buffer.bytes, deflater.compression, into: &other, sizeMax: bytes.count)
        let isSame = other.withUnsafeBytes { FuzzWorld.areSame($0, bytes) }
        precondition(isSame, "inflated to something else")
    } catch {
        preconditionFailure("our own stream: \(error)")
    }
}
