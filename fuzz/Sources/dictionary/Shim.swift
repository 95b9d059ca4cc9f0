// libFuzzer's entry: see Sources/FuzzTargets/FuzzDictionary.swift.

internal import FuzzTargets

/// Takes one input; what does not hold traps.
@c(LLVMFuzzerTestOneInput)
public func testOneInput(_ start: UnsafeRawPointer?, _ size: Int) -> CInt {
    fuzzDictionary(UnsafeRawBufferPointer(start: start, count: size))
    return 0
}
