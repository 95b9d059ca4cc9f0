// What every fuzz target shares. A target is one function that takes any bytes and traps when something
// does not hold; the shims in fuzz/ hand it libFuzzer's bytes, Tests/FuzzTests the kept corpora.

internal import Base
internal import Glibc
package import Wire

/// Tables that live as long as the process: made once, or each input would leak them.
package enum FuzzWorld {
    /// The dictionary and domain that all targets read and write with.
    package static let context: WireContext = {
        guard let context = WireContext(domain: "localhost") else {
            preconditionFailure("localhost is a domain")
        }
        return context
    }()

    /// What would cost more to make for each input than the input itself.
    private static let workshop = Lock(Workshop())

    /// Lends the workshop, its buffers empty. One input at a time has it.
    static func withWorkshop(_ body: (inout Workshop) -> Void) {
        workshop.withLock { workshop in
            workshop.buffer.clear()
            workshop.other.clear()
            body(&workshop)
        }
    }

    /// Whether two runs of bytes are the same.
    static func areSame(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
        guard left.count == right.count else { return false }
        guard let one = left.baseAddress, let other = right.baseAddress else { return true }
        return memcmp(one, other, left.count) == 0
    }

    /// Whether two texts are the same bytes; Strings compare canonically.
    static func areSame(_ left: String, _ right: String) -> Bool {
        var (left, right) = (left, right)
        return left.withUTF8 { one in
            right.withUTF8 { areSame(UnsafeRawBufferPointer(one), UnsafeRawBufferPointer($0)) }
        }
    }
}

/// Compressors and buffers, used again for each input: a deflater alone is 268 KB.
struct Workshop: ~Copyable {
    var deflater = Deflater()
    var presetDeflater = Deflater(.preset(.version1))
    var inflater = Inflater()
    var buffer = ByteBuffer()
    var other = ByteBuffer()
    var frames: [SplitFrame] = []
}

/// A frame that was found in a stream.
struct SplitFrame: Equatable {
    var flags: UInt8
    /// Where it begins in the stream.
    var start: Int
    /// Where its payload is, from its beginning.
    var payload: Range<Int>
    var size: Int
}
