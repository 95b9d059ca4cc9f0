// The bytes of a connection that could not go on yet. A connection at rest has none and owns no buffer:
// then all of this is one word.
//
// Invariant: between calls there is storage only while one of the three holds a byte.

internal import Base

/// Three buffers that mostly are not there.
struct ConnectionBuffers: ~Copyable {
    private struct Contents: ~Copyable {
        var inbound = ByteBuffer()
        var unsealed = ByteBuffer()
        var outbound = ByteBuffer()
    }

    private var contents: UnsafeMutablePointer<Contents>?

    init() { contents = nil }

    deinit { Self.free(contents) }

    /// A started frame, or what a paused session has not read.
    var inbound: ByteBuffer {
        _read {
            if let contents { yield contents.pointee.inbound } else { yield ByteBuffer() }
        }
        _modify {
            defer { dropIfEmpty() }
            yield &filled().pointee.inbound
        }
    }

    /// The frames of this turn.
    var unsealed: ByteBuffer {
        _read {
            if let contents { yield contents.pointee.unsealed } else { yield ByteBuffer() }
        }
        _modify {
            defer { dropIfEmpty() }
            yield &filled().pointee.unsealed
        }
    }

    /// Sealed bytes that the socket refused.
    var outbound: ByteBuffer {
        _read {
            if let contents { yield contents.pointee.outbound } else { yield ByteBuffer() }
        }
        _modify {
            defer { dropIfEmpty() }
            yield &filled().pointee.outbound
        }
    }

    /// Whether nothing is on its way, and nothing owned.
    var isEmpty: Bool { contents == nil }

    private mutating func filled() -> UnsafeMutablePointer<Contents> {
        if let contents { return contents }
        let fresh = UnsafeMutablePointer<Contents>.allocate(capacity: 1)
        fresh.initialize(to: Contents())
        contents = fresh
        return fresh
    }

    private mutating func dropIfEmpty() {
        guard let contents, contents.pointee.inbound.isEmpty, contents.pointee.unsealed.isEmpty,
            contents.pointee.outbound.isEmpty
        else { return }
        Self.free(contents)
        self.contents = nil
    }

    private static func free(_ contents: UnsafeMutablePointer<Contents>?) {
        contents?.deinitialize(count: 1)
        contents?.deallocate()
    }
}
