// The prologue: never seen in part of one, and refused at its first wrong byte.

internal import Wire

/// Takes the bytes as the first of a connection.
public func fuzzPrologue(_ bytes: UnsafeRawBufferPointer) {
    let expected = Prologue.bytes
    for size in 0...min(bytes.count, Prologue.size + 2) {
        let prefix = UnsafeRawBufferPointer(rebasing: bytes[..<size])
        let isOurs = zip(prefix, expected.prefix(2)).allSatisfy { $0 == $1 }
        do throws(WireError) {
            switch try Prologue.parse(prefix.bytes) {
            case .needMore:
                precondition(size < Prologue.size && isOurs, "\(size) bytes need more")
            case .complete(let protocolVersion, let dictionaryVersion):
                precondition(size >= Prologue.size && isOurs, "\(size) bytes are complete")
                precondition(protocolVersion == prefix[2] && dictionaryVersion == prefix[3])
            }
        } catch {
            precondition(error == .notPrologue && !isOurs, "\(size) bytes: \(error)")
        }
    }
}
