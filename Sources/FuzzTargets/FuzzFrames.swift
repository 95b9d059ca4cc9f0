// Frames: a stream cut into pieces says the same as the stream in one piece.

internal import Base
internal import Wire

/// The first byte says how the rest, a stream of frames, is cut into pieces; if it is odd, the preset
/// dictionary was agreed on.
public func fuzzFrames(_ bytes: UnsafeRawBufferPointer) {
    guard let cut = bytes.first else { return }
    let stream = UnsafeRawBufferPointer(rebasing: bytes.dropFirst())
    FuzzWorld.withWorkshop { workshop in
        workshop.frames.removeAll(keepingCapacity: true)
        let pieces = Pieces(cut)
        let verdict = split(stream, pieces.allowsPreset, into: &workshop.frames)
        checkPieces(of: stream, pieces, against: workshop.frames, verdict, &workshop)
        let first = workshop.frames.first { $0.flags == FrameFlags.plain }
        guard let first else { return }
        let start = first.start + first.payload.lowerBound
        let end = first.start + first.payload.upperBound
        let payload = UnsafeRawBufferPointer(rebasing: stream[start..<end])
        if pieces.allowsPreset {
            checkRoundTrip(
                payload, &workshop.buffer, &workshop.other, &workshop.presetDeflater,
                &workshop.inflater)
        } else {
            checkRoundTrip(
                payload, &workshop.buffer, &workshop.other, &workshop.deflater,
                &workshop.inflater)
        }
    }
}

/// The sizes of pieces: all the same, or each another.
private struct Pieces {
    private let mask: UInt32
    private let least: Int
    private var state: UInt32
    let allowsPreset: Bool

    init(_ cut: UInt8) {
        let isEven = cut < 0x40
        least = isEven ? Int(cut) + 1 : 1
        // Pieces of up to 2, 4, 8, 16, 32, 64, 128 or 256 bytes.
        mask = isEven ? 0 : (2 << UInt32(cut >> 3 & 7)) - 1
        state = UInt32(cut)
        allowsPreset = cut & 1 == 1
    }

    mutating func next() -> Int {
        // A linear congruential generator: modulo 2^32 is its definition.
        state = state &* 1_664_525 &+ 1_013_904_223
        return least + Int(state >> 16 & mask)
    }
}

/// How a stream ends: with an error, or with so many bytes that are no whole frame yet.
private enum Verdict: Equatable {
    case error(WireError)
    case rest(Int)
}

private func split(
    _ stream: UnsafeRawBufferPointer, _ allowsPreset: Bool, into frames: inout [SplitFrame]
) -> Verdict {
    var offset = 0
    do throws(WireError) {
        while true {
            let rest = stream.bytes.extracting(droppingFirst: offset)
            let step = try FrameSplitter.next(
                in: rest, frameSizeMax: WireLimits.frameSizeMaxBeforeLogin,
                allowsPreset: allowsPreset)
            guard case .frame(let flags, let payload, let size) = step else {
                return .rest(rest.byteCount)
            }
            precondition(payload.upperBound == size && size <= rest.byteCount, "\(payload)")
            precondition(payload.count + 1 <= WireLimits.frameSizeMaxBeforeLogin, "\(payload)")
            frames.append(SplitFrame(flags: flags, start: offset, payload: payload, size: size))
            offset += size
        }
    } catch {
        return .error(error)
    }
}

/// Takes the stream as a connection does that gets it piece by piece.
private func checkPieces(
    of stream: UnsafeRawBufferPointer, _ pieces: Pieces, against frames: [SplitFrame],
    _ verdict: Verdict, _ workshop: inout Workshop
) {
    var pieces = pieces
    var offset = 0
    var found = 0
    var error: WireError?
    while offset < stream.count, error == nil {
        let end = min(offset + pieces.next(), stream.count)
        workshop.buffer.append(UnsafeRawBufferPointer(rebasing: stream[offset..<end]))
        offset = end
        do throws(WireError) {
            while case .frame(let flags, let payload, let size) = try FrameSplitter.next(
                in: workshop.buffer.bytes, frameSizeMax: WireLimits.frameSizeMaxBeforeLogin,
                allowsPreset: pieces.allowsPreset)
            {
                precondition(found < frames.count, "frame \(found) of \(frames.count)")
                let whole = frames[found]
                let frame = SplitFrame(
                    flags: flags, start: whole.start, payload: payload, size: size)
                precondition(frame == whole, "\(frame) in pieces, \(whole) in one")
                let isSame = workshop.buffer.withUnsafeBytes { bytes in
                    FuzzWorld.areSame(
                        UnsafeRawBufferPointer(rebasing: bytes[..<size]),
                        UnsafeRawBufferPointer(rebasing: stream[whole.start..<whole.start + size]))
                }
                precondition(isSame, "frame \(found) has other bytes in pieces")
                workshop.buffer.consume(size)
                found += 1
            }
        } catch let thrown {
            error = thrown
        }
    }
    precondition(found == frames.count, "\(found) frames in pieces, \(frames.count) in one")
    let inPieces = error.map { Verdict.error($0) } ?? .rest(workshop.buffer.count)
    precondition(inPieces == verdict, "\(inPieces) in pieces, \(verdict) in one")
}

/// A payload that is put into a frame, deflated or not, comes out of it.
private func checkRoundTrip(
    _ payload: UnsafeRawBufferPointer, _ buffer: inout ByteBuffer, _ other: inout ByteBuffer,
    _ deflater: inout Deflater, _ inflater: inout Inflater
) {
    buffer.clear()
    do throws(WireError) {
        let mark = FrameWriter.begin(into: &buffer)
        buffer.append(payload)
        try FrameWriter.finish(mark, in: &buffer, deflater: &deflater)
        guard
            case .frame(let flags, let range, let size) = try FrameSplitter.next(
                in: buffer.bytes, frameSizeMax: WireLimits.frameSizeMax, allowsPreset: true),
            size == buffer.count
        else { preconditionFailure("our own frame is not whole") }
        if flags != FrameFlags.plain {
            precondition(flags == deflater.compression.flags, "flags \(flags)")
            precondition(range.count < payload.count, "deflated, and not smaller")
            try inflater.inflate(
                buffer.bytes.extracting(range), deflater.compression, into: &other,
                sizeMax: payload.count)
        } else {
            other.append(buffer.bytes.extracting(range))
        }
        let isSame = other.withUnsafeBytes { FuzzWorld.areSame($0, payload) }
        precondition(isSame, "another payload came out")
    } catch {
        preconditionFailure("our own frame of \(payload.count) bytes: \(error)")
    }
}
