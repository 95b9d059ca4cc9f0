// Nodes into frames and back, for tools: frames that begin with the flags byte, or with their length.

internal import Base
package import Wire

/// How payloads are compressed.
package enum PayloadCompression: String, Sendable, CaseIterable {
    /// One zlib stream.
    case zlib
    /// One raw deflate stream with preset dictionary version 1.
    case preset

    var compression: Compression {
        switch self {
        case .zlib: .zlib
        case .preset: .preset(.version1)
        }
    }
}

/// Writes and reads single frames. Belongs to one thread.
package struct FrameCodec: ~Copyable {
    /// What words mean.
    package let context: WireContext
    /// Whether a frame begins with its length.
    package let hasLength: Bool
    private let isCompressing: Bool
    private var deflater: Deflater
    private var inflater = Inflater()

    /// A codec. Without `compression` it writes plain frames; it reads all kinds.
    package init(context: WireContext, hasLength: Bool, compression: PayloadCompression? = nil) {
        self.context = context
        self.hasLength = hasLength
        isCompressing = compression != nil
        deflater = Deflater(compression?.compression ?? .zlib)
    }

    /// Bytes before the payload.
    package var headerSize: Int { hasLength ? FrameSplitter.headerSize : 1 }

    /// A node's frame. Compressed only if that is smaller. Throws `payload`, at the frame's beginning,
    /// for a node that cannot be written or is too long.
    package mutating func encode(_ node: Node) throws(NotationError) -> [UInt8] {
        var buffer = ByteBuffer()
        do throws(WireError) {
            let mark = FrameWriter.begin(into: &buffer)
            try node.encode(into: &buffer, context: context)
            let sizeMax = FrameWriter.payloadSizeMax + 1
            if isCompressing {
                try FrameWriter.finish(
                    mark, in: &buffer, frameSizeMax: sizeMax, deflater: &deflater)
            } else {
                try FrameWriter.finish(mark, in: &buffer, frameSizeMax: sizeMax)
            }
        } catch {
            throw .payload(error, offset: 0)
        }
        buffer.consume(FrameSplitter.headerSize - headerSize)
        return buffer.copy()
    }

    /// The node in a frame.
    package mutating func decode(_ frame: [UInt8]) throws(NotationError) -> Node {
        let opened = try open(frame)
        do throws(WireError) {
            return try Node.decode(opened.payload.span.bytes, context: context)
        } catch {
            let offset = error.payloadOffset ?? 0
            if opened.isCompressed { throw .inflated(error, offset: offset) }
            throw .payload(error, offset: headerSize + offset)
        }
    }

    /// A frame's payload as a node has it, and the flags it came with.
    struct OpenedFrame {
        var flags: UInt8
        var payload: [UInt8]
        var isCompressed: Bool { flags != FrameFlags.plain }
    }

    /// Takes a frame apart. Throws `frame`, or `payload` for a compressed stream that is none.
    mutating func open(_ frame: [UInt8]) throws(NotationError) -> OpenedFrame {
        try checkHeader(frame)
        let flags = frame[headerSize - 1]
        let packed = frame.span.bytes.extracting(droppingFirst: headerSize)
        let compression: PayloadCompression
        switch flags {
        case FrameFlags.plain:
            return OpenedFrame(flags: flags, payload: Array(frame[headerSize...]))
        case FrameFlags.deflated: compression = .zlib
        case FrameFlags.presetDeflated: compression = .preset
        default: throw .payload(.unknownFlags(flags), offset: headerSize - 1)
        }
        var payload = ByteBuffer()
        do throws(WireError) {
            try inflater.inflate(
                packed, compression.compression, into: &payload,
                sizeMax: NotationLimits.inflatedSizeMax)
        } catch {
            throw .payload(error, offset: headerSize)
        }
        return OpenedFrame(flags: flags, payload: payload.copy())
    }

    private func checkHeader(_ frame: [UInt8]) throws(NotationError) {
        guard frame.count >= headerSize else {
            throw .frame("it ends within the frame's header", offset: frame.count)
        }
        if hasLength {
            let size = Int(frame[0]) << 16 | Int(frame[1]) << 8 | Int(frame[2])
            guard size == frame.count - 3 else {
                throw .frame("\(size) bytes announced, \(frame.count - 3) there", offset: 0)
            }
        }
        guard frame.count - headerSize + 1 >= WireLimits.frameSizeMin else {
            throw .frame("a frame without a payload", offset: frame.count)
        }
        guard frame.count - headerSize <= FrameWriter.payloadSizeMax else {
            throw .frame("more than a frame's length can say", offset: 0)
        }
    }
}
