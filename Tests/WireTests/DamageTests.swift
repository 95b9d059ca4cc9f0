// Good payloads cut and changed: an error or a valid node, never a trap.

import Base
import Testing
import Wire

/// The fifteen kinds under the small dictionary as others wrote them, and under ours.
private func payloads() throws -> [(name: String, payload: [UInt8], context: WireContext)] {
    let small = try smallContext()
    let ours = try context()
    return try vectors().flatMap { vector in
        [
            (vector.name, vector.payload, small),
            (vector.name + " in our words", try encode(vector.node, ours), ours),
        ]
    }
}

@Suite struct DamageTests {
    @Test func everyPrefixIsTruncated() throws {
        for (name, payload, context) in try payloads() {
            check(payload, context)
            for size in 0..<payload.count {
                let error = verdict(Array(payload[..<size]), context)
                guard case .truncated(let offset) = error else {
                    Issue.record("\(name) cut to \(size): \(String(describing: error))")
                    return
                }
                #expect(offset <= size, "\(name) cut to \(size)")
            }
        }
    }

    @Test func everyByteBehindTheNodeIsRefused() throws {
        for (name, payload, context) in try payloads() where payload.count < 400 {
            for byte in 0...255 as ClosedRange<UInt8> {
                #expect(
                    verdict(payload + [byte], context) == .trailingBytes(offset: payload.count),
                    "\(name) and \(byte)")
            }
        }
    }

    /// Each bit of each byte; of the long ones one bit of each byte, in turn. Every value of every byte
    /// of the short ones: `VectorTests`.
    @Test func everyFlippedBitIsANodeOrAnError() throws {
        for (_, payload, context) in try payloads() {
            var payload = payload
            for index in payload.indices {
                let isShort = payload.count < 160
                let bits = isShort ? 0..<8 : index % 8..<index % 8 + 1
                for bit in bits {
                    payload[index] ^= 1 << UInt8(bit)
                    check(payload, context)
                    payload[index] ^= 1 << UInt8(bit)
                }
            }
        }
    }

    @Test func everyDroppedByteIsANodeOrAnError() throws {
        for (_, payload, context) in try payloads() where payload.count < 400 {
            for index in payload.indices {
                var shorter = payload
                shorter.remove(at: index)
                check(shorter, context)
                var longer = payload
                longer.insert(payload[index], at: index)
                check(longer, context)
            }
        }
    }
}
