// A planted bug that every run must find: if it is not found, the fuzzers do not fuzz.

/// Takes one input; what does not hold traps.
@c(LLVMFuzzerTestOneInput)
public func testOneInput(_ start: UnsafeRawPointer?, _ size: Int) -> CInt {
    let bytes = UnsafeRawBufferPointer(start: start, count: size)
    if bytes.count >= 4, bytes[0] == 0x54, bytes[1] == 0x45, bytes[2] == 0x52, bytes[3] == 0x4E {
        preconditionFailure("the canary sings")
    }
    return 0
}
