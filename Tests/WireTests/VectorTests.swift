import Base
import Testing
import Wire

@Suite struct VectorTests {
    @Test func fifteenKindsComeOutByteForByte() throws {
        let context = try smallContext()
        let vectors = try vectors()
        #expect(vectors.count == 15)
        for vector in vectors {
            #expect(hex(try encode(vector.node, context)) == hex(vector.payload), "\(vector.name)")
            #expect(verdict(vector.payload, context) == nil, "\(vector.name)")
            let read = try decode(vector.payload, context)
            #expect(read == (try asRead(vector.node, context)), "\(vector.name)")
            check(vector.payload, context)
        }
    }

    @Test func everyPrefixIsAnErrorAndNotATrap() throws {
        let context = try smallContext()
        for vector in try vectors() {
            for size in 0..<vector.payload.count {
                let error = verdict(Array(vector.payload.prefix(size)), context)
                guard case .truncated = error else {
                    Issue.record("\(vector.name) cut to \(size): \(String(describing: error))")
                    return
                }
            }
        }
    }

    @Test func everyFlippedByteIsValidOrAnError() throws {
        let context = try smallContext()
        for vector in try vectors() {
            let isSmall = vector.payload.count < 400
            let flips: [UInt8] = isSmall ? [0x01, 0x02, 0x10, 0x40, 0x80, 0xFF] : [0x01]
            for index in vector.payload.indices {
                for flip in flips {
                    var payload = vector.payload
                    payload[index] ^= flip
                    if isSmall { check(payload, context) } else { _ = verdict(payload, context) }
                }
            }
        }
    }

    @Test func everyByteValueAnywhereInAnAckIsValidOrAnError() throws {
        let context = try smallContext()
        for vector in try vectors() where vector.payload.count < 100 {
            for index in vector.payload.indices {
                for value in 0...255 as ClosedRange<UInt8> {
                    var payload = vector.payload
                    payload[index] = value
                    check(payload, context)
                }
            }
        }
    }

    @Test func aHandWrittenStanzaUnderOurDictionary() throws {
        let context = try context()
        let node = Node(
            "receipt", ["to": "alice@example.org/7", "id": "3EB0A14E5B31", "type": "read"])
        let expected = "f807 05 0a f7 00 07 fc05 616c696365 0c fb06 3eb0a14e5b31 0d 14"
        #expect(hex(try encode(node, context)) == hex(bytes(hex: expected)))
        #expect(try decode(bytes(hex: expected), context) == node)
        #expect(try encode(Node("stream:end"), context) == bytes(hex: "f80102"))
        #expect(try decode(bytes(hex: "f80102"), context) == Node("stream:end"))
    }
}
