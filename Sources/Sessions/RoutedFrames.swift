// Frames of the nodes that routers hand to sessions. A node that goes to several devices of one shard
// comes here once for each, one right after the other, as the same array: it is compressed once for each
// way to compress, whatever the number of devices.
//
// Invariant: a frame holds one node, and a routed node has one sender: see `write`.

internal import Base
internal import Wire

/// Frames routed nodes for the sessions of one shard. Keeps the last node and its frames, 64 KB each at
/// most by default.
struct RoutedFrames: ~Copyable {
    private var payload: [UInt8] = []
    // What the last node became: for sessions without a preset dictionary, and for those with one.
    private var zlibFrame = ByteBuffer()
    private var presetFrame = ByteBuffer()
    private var preset: PresetDictionary?

    /// Appends a node's frame. Nodes come from `StanzaWriter` by way of a router, and each has one
    /// sender: a message, receipt or chat state its device, a presence its contact.
    mutating func write(
        _ payload: [UInt8], agreed dictionary: PresetDictionary?, contexts: CompressionContexts,
        into output: inout ByteBuffer
    ) {
        if !isLast(payload) {
            self.payload = payload
            zlibFrame.clear()
            presetFrame.clear()
        }
        guard let dictionary else {
            if zlibFrame.isEmpty { Self.frame(payload, nil, contexts, into: &zlibFrame) }
            output.append(contentsOf: zlibFrame)
            return
        }
        if preset != dictionary {
            preset = dictionary
            presetFrame.clear()
        }
        if presetFrame.isEmpty { Self.frame(payload, dictionary, contexts, into: &presetFrame) }
        output.append(contentsOf: presetFrame)
    }

    /// Whether an array is the last one, not merely equal to it: that one is alive, so no other array
    /// can lie where it lies.
    private func isLast(_ payload: [UInt8]) -> Bool {
        payload.withUnsafeBufferPointer { new in
            self.payload.withUnsafeBufferPointer { last in
                new.baseAddress == last.baseAddress && new.count == last.count && !last.isEmpty
            }
        }
    }

    private static func frame(
        _ payload: [UInt8], _ dictionary: PresetDictionary?, _ contexts: CompressionContexts,
        into buffer: inout ByteBuffer
    ) {
        let mark = FrameWriter.begin(into: &buffer)
        buffer.append(payload)
        do {
            // Checked against the limit when it was accepted, which may have been before a change of it.
            try contexts.finish(
                mark, in: &buffer, agreed: dictionary, frameSizeMax: FrameWriter.payloadSizeMax)
        } catch {
            preconditionFailure("a routed node of \(payload.count) bytes: \(error)")
        }
    }
}
