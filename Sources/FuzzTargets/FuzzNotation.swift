// The tool's text forms: a node's JSON line says what its frame says, and any frame can be explained.

internal import Base
internal import Notation
internal import Wire

/// An even first byte: the rest is a JSON line. An odd one: it is a frame, with its length if the second
/// lowest bit is set.
public func fuzzNotation(_ bytes: UnsafeRawBufferPointer) {
    guard let kind = bytes.first else { return }
    let rest = UnsafeRawBufferPointer(rebasing: bytes.dropFirst())
    if kind & 1 == 0 {
        checkLine(rest)
    } else {
        checkFrame(Array(rest), hasLength: kind & 2 != 0)
    }
}

/// Codecs are made once: their compressors are large.
private let codecs = Lock(
    Codecs(
        short: FrameCodec(context: FuzzWorld.context, hasLength: false, compression: .preset),
        long: FrameCodec(context: FuzzWorld.context, hasLength: true, compression: .zlib)))

private struct Codecs: ~Copyable {
    var short: FrameCodec
    var long: FrameCodec
}

private func checkLine(_ line: UnsafeRawBufferPointer) {
    let node: Node
    do throws(NotationError) {
        node = try NodeJSON.node(line.bytes)
    } catch {
        precondition((0...line.count).contains(error.offset), "\(error) of \(line.count) bytes")
        precondition(!error.message.isEmpty, "\(error)")
        return
    }
    codecs.withLock { codecs in
        do throws(NotationError) {
            // What is accepted as a node can be written, and comes back as a line that says the same.
            let frame = try codecs.long.encode(node)
            let read = try codecs.long.decode(frame)
            let again = try NodeJSON.node(
                NodeJSON.line(read, context: codecs.long.context).span.bytes)
            let frameAgain = try codecs.long.encode(again)
            precondition(frame == frameAgain, "\(node): \(frame), then \(frameAgain)")
        } catch {
            preconditionFailure("\(node): \(error)")
        }
    }
}

private func checkFrame(_ frame: [UInt8], hasLength: Bool) {
    codecs.withLock { codecs in
        if hasLength {
            check(frame, &codecs.long)
        } else {
            check(frame, &codecs.short)
        }
    }
}

private func check(_ frame: [UInt8], _ codec: inout FrameCodec) {
    let explanation = Explanation(frame, codec: &codec)
    var end = 0
    for line in explanation.frame {
        precondition(line.range.lowerBound == end, "\(line) begins at \(end)")
        precondition(line.bytes == Array(frame[line.range]), "\(line) has other bytes")
        end = line.range.upperBound
    }
    precondition(end == frame.count, "\(end) of \(frame.count) bytes explained")
    precondition(!explanation.text.isEmpty, "nothing to say")
    do throws(NotationError) {
        let node = try codec.decode(frame)
        precondition(explanation.error == nil, "\(explanation.error as Any)")
        let line = NodeJSON.line(node, context: codec.context)
        let again = try NodeJSON.node(line.span.bytes)
        let payload = try codec.encode(again)
        let copy = try codec.encode(node)
        precondition(payload == copy, "\(String(decoding: line, as: UTF8.self))")
    } catch {
        precondition(
            explanation.error == error, "\(error), explained as \(explanation.error as Any)")
    }
}
