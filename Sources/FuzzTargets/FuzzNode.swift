// The node codec: reader against decoder, and what was read is written and read again as the same.

internal import Wire

/// Takes the bytes as the payload of one frame.
public func fuzzNode(_ bytes: UnsafeRawBufferPointer) {
    checkNode(bytes, context: FuzzWorld.context)
}
