// Prologue and frames: a stream cut into pieces says the same as the stream in one piece.

internal import Base
internal import Wire

/// The first byte is the size of the pieces; the rest is what a client sends, prologue first.
public func fuzzFrames(_ bytes: UnsafeRawBufferPointer) {
    guard let first = bytes.first else { return }
    let stream = [UInt8](bytes.dropFirst())
    checkPrologue(stream)
    let frames = Array(stream.dropFirst(Prologue.size))
    let whole = split(frames, pieceSize: frames.count)
    let pieces = split(frames, pieceSize: Int(first) + 1)
    precondition(whole == pieces, "pieces of \(Int(first) + 1): \(pieces), in one: \(whole)")
    for frame in whole.frames where frame.flags == FrameFlags.plain {
        checkRoundTrip(frame.payload)
    }
}

private struct Frame: Equatable {
    var flags: UInt8
    var payload: [UInt8]
}

private struct SplitResult: Equatable {
    var frames: [Frame] = []
    var error: WireError?
    var restSize = 0
}

/// A prefix of a prologue asks for more or fails, and fails as the whole does.
private func checkPrologue(_ stream: [UInt8]) {
    let whole = parsePrologue(stream)
    for size in 0..<min(stream.count, Prologue.size) {
        let prefix = parsePrologue(Array(stream[..<size]))
        if case .success(.complete) = prefix { preconditionFailure("complete at \(size) bytes") }
        if case .failure = prefix { precondition(prefix == whole, "\(prefix), then \(whole)") }
    }
}

private func parsePrologue(_ bytes: [UInt8]) -> Result<Prologue.Step, WireError> {
    do throws(WireError) {
        return .success(try Prologue.parse(bytes.span.bytes))
    } catch {
        return .failure(error)
    }
}

/// Splits the bytes as a connection does that gets them piece by piece.
private func split(_ bytes: [UInt8], pieceSize: Int) -> SplitResult {
    var result = SplitResult()
    var buffer = ByteBuffer()
    var offset = 0
    while offset < bytes.count {
        let end = min(offset + pieceSize, bytes.count)
        buffer.append(Array(bytes[offset..<end]))
        offset = end
        do throws(WireError) {
            try takeFrames(from: &buffer, &result)
        } catch {
            result.error = error
            return result
        }
    }
    result.restSize = buffer.count
    return result
}

private func takeFrames(
    from buffer: inout ByteBuffer, _ result: inout SplitResult
) throws(WireError) {
    while true {
        let step = try FrameSplitter.next(
            in: buffer.bytes, frameSizeMax: WireLimits.frameSizeMaxBeforeLogin)
        guard case .frame(let flags, let payload, let size) = step else { return }
        precondition(payload.upperBound == size && size <= buffer.count, "\(payload) of \(size)")
        result.frames.append(Frame(flags: flags, payload: Array(buffer.copy()[payload])))
        buffer.consume(size)
    }
}

/// A payload that is put into a frame, deflated or not, comes out of it.
private func checkRoundTrip(_ payload: [UInt8]) {
    var deflater = Deflater()
    var inflater = Inflater()
    var buffer = ByteBuffer()
    let mark = FrameWriter.begin(into: &buffer)
    buffer.append(payload)
    do throws(WireError) {
        try FrameWriter.finish(mark, in: &buffer, deflater: &deflater)
        guard
            case .frame(let flags, let range, let size) = try FrameSplitter.next(
                in: buffer.bytes, frameSizeMax: WireLimits.frameSizeMax), size == buffer.count
        else { preconditionFailure("our own frame is not whole") }
        guard flags == FrameFlags.deflated else {
            precondition(Array(buffer.copy()[range]) == payload, "another payload came out")
            return
        }
        var inflated = ByteBuffer()
        try inflater.inflate(buffer.bytes.extracting(range), into: &inflated)
        precondition(inflated.copy() == payload, "another payload was inflated")
        precondition(range.count < payload.count, "deflated, and not smaller")
    } catch {
        preconditionFailure("our own frame of \(payload.count) bytes: \(error)")
    }
}
