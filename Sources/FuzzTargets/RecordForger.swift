// A peer of the record layer that knows the keys and keeps no rule: it seals whatever it is told to.

package import TLS

/// One direction's keys, used by hand.
package final class RecordForger {
    private let tools: SuiteTools
    private let secret: UnsafeMutableRawPointer
    private let key: UnsafeMutableRawPointer
    private let vector: UnsafeMutableRawPointer
    private let suite: RecordSuite
    /// The next record's sequence number.
    package var sequence: UInt32 = 0

    /// Keys from a traffic secret of the suite's size.
    package init(_ suite: RecordSuite, secret: [UInt8], ciphers: RecordCiphers) {
        precondition(secret.count == suite.secretSize, "secret of \(secret.count) bytes")
        self.suite = suite
        tools = ciphers.tools(suite)
        self.secret = .allocate(byteCount: suite.secretSize, alignment: 8)
        key = .allocate(byteCount: suite.keySize, alignment: 8)
        vector = .allocate(byteCount: RecordSuite.vectorSize, alignment: 8)
        secret.withUnsafeBytes { bytes in
            UnsafeMutableRawBufferPointer(start: self.secret, count: bytes.count)
                .copyMemory(from: bytes)
        }
        deriveKeys()
    }

    deinit {
        secret.deallocate()
        key.deallocate()
        vector.deallocate()
    }

    /// A record around `inner`: content, type and padding, at least one byte, at most 65,519.
    package func record(inner: [UInt8], header: [UInt8]? = nil) -> [UInt8] {
        let size = inner.count + RecordSuite.tagSize
        let head = header ?? [23, 3, 3, UInt8(size >> 8), UInt8(size & 0xFF)]
        var record = head + [UInt8](repeating: 0, count: size)
        let isSealed = record.withUnsafeMutableBytes { record in
            inner.withUnsafeBytes { inner in
                guard let base = record.baseAddress, let type = inner.last else { return false }
                return tools.seal(
                    UnsafeRawBufferPointer(rebasing: inner.dropLast()), type: type, key: key,
                    vector: vector, sequence: sequence, into: base)
            }
        }
        precondition(isSealed, "\(inner.count) bytes could not be sealed")
        sequence += 1
        return record
    }

    /// A record of one type with so many zeros behind it.
    package func record(_ content: [UInt8], type: UInt8, padding: Int = 0) -> [UInt8] {
        record(inner: content + [type] + [UInt8](repeating: 0, count: padding))
    }

    /// What is in the next whole record at the head of `bytes`, which loses it; nil when it does not open.
    package func open(_ bytes: inout ArraySlice<UInt8>) -> [UInt8]? {
        let head = Array(bytes.prefix(RecordLayer.headerSize))
        guard head.count == RecordLayer.headerSize else { return nil }
        let size = Int(head[3]) << 8 | Int(head[4])
        let body = Array(bytes.dropFirst(head.count).prefix(size))
        guard body.count == size, size > RecordSuite.tagSize else { return nil }
        bytes = bytes.dropFirst(head.count + size)
        var inner = [UInt8](repeating: 0, count: size - RecordSuite.tagSize)
        let isOpened = head.withUnsafeBufferPointer { head in
            body.withUnsafeBufferPointer { body in
                inner.withUnsafeMutableBufferPointer { inner in
                    guard let head = head.baseAddress, let body = body.baseAddress,
                        let inner = inner.baseAddress
                    else { return false }
                    return tools.open(
                        header: head, body: body, size: size, key: key, vector: vector,
                        sequence: sequence, into: inner)
                }
            }
        }
        guard isOpened else { return nil }
        sequence += 1
        return inner
    }

    /// Goes on to the next secret, as after a KeyUpdate.
    package func advance() {
        var next = [UInt8](repeating: 0, count: suite.secretSize)
        next.withUnsafeMutableBytes { next in
            guard let base = next.baseAddress else { return }
            precondition(tools.derive(.update, from: secret, into: base, count: next.count))
            secret.copyMemory(from: base, byteCount: next.count)
        }
        deriveKeys()
        sequence = 0
    }

    private func deriveKeys() {
        let isDone =
            tools.derive(.key, from: secret, into: key, count: suite.keySize)
            && tools.derive(.vector, from: secret, into: vector, count: RecordSuite.vectorSize)
        precondition(isDone, "no keys")
    }
}
