// The bounded inflater: never more than allowed, nothing on failure, and what deflates inflates.

internal import Base
internal import Wire

/// The first two bytes are the limit; the rest is taken as a zlib stream, then as something to deflate.
public func fuzzInflate(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count >= 2 else { return }
    let sizeMax = Int(bytes[0]) << 8 | Int(bytes[1])
    let stream = [UInt8](bytes.dropFirst(2))
    var inflater = Inflater()
    var output = ByteBuffer()
    output.append(0xA5)
    do throws(WireError) {
        try inflater.inflate(stream.span.bytes, into: &output, sizeMax: sizeMax)
        precondition(output.count - 1 <= sizeMax, "\(output.count - 1) bytes of \(sizeMax)")
        // The limit is exact: one byte less refuses it.
        let size = output.count - 1
        if size > 0 { checkRefusal(stream, sizeMax: size - 1) }
    } catch {
        precondition(output.count == 1, "\(output.count - 1) bytes were left behind: \(error)")
    }
    precondition(output.copy().first == 0xA5, "what was there before changed")
    checkRoundTrip(stream, &inflater)
}

private func checkRefusal(_ stream: [UInt8], sizeMax: Int) {
    var inflater = Inflater()
    var output = ByteBuffer()
    do throws(WireError) {
        try inflater.inflate(stream.span.bytes, into: &output, sizeMax: sizeMax)
        preconditionFailure("\(output.count) bytes where \(sizeMax) are allowed")
    } catch {
        precondition(error == .inflatedSizeExceeded, "\(error) for one byte too many")
        precondition(output.isEmpty, "\(output.count) bytes were left behind")
    }
}

private func checkRoundTrip(_ bytes: [UInt8], _ inflater: inout Inflater) {
    var deflater = Deflater()
    var deflated = ByteBuffer()
    guard deflater.deflate(bytes.span.bytes, into: &deflated) else {
        precondition(deflated.isEmpty, "\(deflated.count) bytes were left behind")
        return
    }
    precondition(deflated.count < bytes.count, "deflated, and not smaller")
    var inflated = ByteBuffer()
    do throws(WireError) {
        try inflater.inflate(deflated.bytes, into: &inflated, sizeMax: bytes.count)
        precondition(inflated.copy() == bytes, "inflated to something else")
    } catch {
        preconditionFailure("our own stream: \(error)")
    }
}
