/// placeholder
public func fuzzSession(_ bytes: UnsafeRawBufferPointer) {}
