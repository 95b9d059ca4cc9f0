// The compression contexts of one thread. Each is made when it is first needed and reset before each
// frame; no connection has one of its own.

package import Base

/// zlib's contexts for one thread; not Sendable, so that they stay there. Memory: 40 KB for reading,
/// 268 KB for writing zlib streams, 55 KB for writing with a preset dictionary.
package final class CompressionContexts {
    private let deflateSizeMin: Int
    private let presetDeflateSizeMin: Int
    private var inflater: Inflater?
    private var zlib: Deflater?
    private var preset: Deflater?
    /// Payloads that were tried.
    package private(set) var deflateCount: UInt64 = 0

    /// Contexts that leave smaller payloads plain.
    package init(
        deflateSizeMin: Int = WireLimits.deflateSizeMin,
        presetDeflateSizeMin: Int = WireLimits.presetDeflateSizeMin
    ) {
        self.deflateSizeMin = deflateSizeMin
        self.presetDeflateSizeMin = presetDeflateSizeMin
    }

    /// Appends what a compressed payload holds. Throws as `Inflater.inflate`.
    package func inflate(
        _ payload: RawSpan, _ compression: Compression, into output: inout ByteBuffer,
        sizeMax: Int = WireLimits.inflatedSizeMax
    ) throws(WireError) {
        if inflater == nil { inflater = Inflater() }
        try inflater?.inflate(payload, compression, into: &output, sizeMax: sizeMax)
    }

    /// Completes a frame, compressed if it is large enough and comes out smaller: with the preset
    /// dictionary that was agreed on, else as a zlib stream. What is in it must have one sender and hold
    /// no secret. Throws as `FrameWriter.finish`.
    package func finish(
        _ mark: FrameWriter.Mark, in buffer: inout ByteBuffer, agreed dictionary: PresetDictionary?,
        frameSizeMax: Int = WireLimits.frameSizeMax
    ) throws(WireError) {
        let size = FrameWriter.payloadSize(mark, in: buffer)
        guard size >= (dictionary == nil ? deflateSizeMin : presetDeflateSizeMin) else {
            try FrameWriter.finish(mark, in: &buffer, frameSizeMax: frameSizeMax)
            return
        }
        deflateCount += 1
        guard let dictionary else {
            if zlib == nil { zlib = Deflater(.zlib, sizeMin: deflateSizeMin) }
            try zlib?.finish(mark, in: &buffer, frameSizeMax: frameSizeMax)
            return
        }
        if preset?.compression != .preset(dictionary) {
            preset = Deflater(.preset(dictionary), sizeMin: presetDeflateSizeMin)
        }
        try preset?.finish(mark, in: &buffer, frameSizeMax: frameSizeMax)
    }
}

extension Deflater {
    /// `FrameWriter.finish` with this deflater.
    fileprivate mutating func finish(
        _ mark: FrameWriter.Mark, in buffer: inout ByteBuffer, frameSizeMax: Int
    ) throws(WireError) {
        try FrameWriter.finish(mark, in: &buffer, frameSizeMax: frameSizeMax, deflater: &self)
    }
}
