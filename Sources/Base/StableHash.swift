// A hash that is the same in every process and version: it decides which shard is a user's home.

/// FNV-1a over bytes, finished with a 64-bit avalanche so that the low bits are usable.
public func stableHash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in bytes {
        hash ^= UInt64(byte)
        hash &*= 0x0000_0100_0000_01b3  // multiplication modulo 2^64 is the definition
    }
    hash ^= hash >> 33
    hash &*= 0xff51_afd7_ed55_8ccd  // see above
    hash ^= hash >> 33
    return hash
}
