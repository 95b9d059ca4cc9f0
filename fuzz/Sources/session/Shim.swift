// libFuzzer's entry: see Sources/FuzzSessions/FuzzSession.swift.

internal import FuzzSessions

/// Takes one input; what does not hold traps.
@c(LLVMFuzzerTestOneInput)
public func testOneInput(_ start: UnsafeRawPointer?, _ size: Int) -> CInt {
    fuzzSession(UnsafeRawBufferPointer(start: start, count: size))
    return 0
}
