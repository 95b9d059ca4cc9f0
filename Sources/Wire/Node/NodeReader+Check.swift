// What must hold for any bytes at all: called by fuzzers and tests, traps when it does not hold.

internal import Base

/// Checks the codec against itself on arbitrary bytes: `validate` and `Node.decode` agree, and what is
/// read, written and read again is the same.
package func checkNode(_ bytes: UnsafeRawBufferPointer, context: WireContext) {
    let span = bytes.bytes
    var verdict: WireError?
    do throws(WireError) {
        try NodeReader.validate(span, context: context)
    } catch {
        verdict = error
    }
    let node: Node
    do throws(WireError) {
        node = try Node.decode(span, context: context)
    } catch {
        precondition(error == verdict, "decode: \(error), validate: \(String(describing: verdict))")
        return
    }
    precondition(verdict == nil, "decode accepts, validate: \(String(describing: verdict))")
    let first = encodeAgain(node, context: context)
    do throws(WireError) {
        try NodeReader.validate(first.bytes, context: context)
        let again = try Node.decode(first.bytes, context: context)
        precondition(isSame(again, node), "\(node) is read back as \(again)")
        let second = encodeAgain(again, context: context)
        precondition(first.copy() == second.copy(), "\(node) is written in two ways")
    } catch {
        preconditionFailure("\(node) is written as something that is refused: \(error)")
    }
}

private func encodeAgain(_ node: Node, context: WireContext) -> ByteBuffer {
    var buffer = ByteBuffer()
    do throws(WireError) {
        try node.encode(into: &buffer, context: context)
    } catch {
        preconditionFailure("\(node) was read and cannot be written: \(error)")
    }
    return buffer
}

/// Whether two nodes say the same. Text that was sent as a JID without user comes back as bytes.
private func isSame(_ left: Node, _ right: Node) -> Bool {
    left.tag == right.tag && left.attributes == right.attributes && left.bytes == right.bytes
        && left.children.elementsEqual(right.children, by: isSame)
}
