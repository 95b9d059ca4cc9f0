import Base
import FuzzTargets
import Testing

@testable import TLS

/// Each rule of RecordLayer, with records that only somebody with the keys can make.
@Suite struct RecordRuleTests {
    private static let data: UInt8 = 23
    private static let handshake: UInt8 = 22
    private static let alertType: UInt8 = 21
    private static let keyUpdate: [UInt8] = [24, 0, 0, 1, 0]
    private static let keyUpdateRequest: [UInt8] = [24, 0, 0, 1, 1]

    @Test func stateIsAsSmallAsPromised() throws {
        #expect(RecordState.size(.aes128GCM) == 136)
        #expect(RecordState.size(.chaCha20Poly1305) == 168)
        #expect(RecordState.size(.aes256GCM) == 200)
        #expect(MemoryLayout<RecordLayer>.size == MemoryLayout<UnsafeRawPointer>.size)
        #expect(MemoryLayout<TLSConnection>.size == 3 * MemoryLayout<UnsafeRawPointer>.size)
    }

    @Test(arguments: RecordSuite.allCases) func directionsDoNotOverlap(_ suite: RecordSuite) {
        let state = RecordState(suite: suite)
        let receiving = state.secret(.receiving, suite)
        let sending = state.secret(.sending, suite)
        #expect(state.vector(.receiving, suite) + RecordSuite.vectorSize == sending)
        #expect(
            state.vector(.sending, suite) + RecordSuite.vectorSize
                == receiving - 16 + RecordState.size(suite))
        #expect(state.suite == suite)
    }

    @Test(arguments: RecordSuite.allCases) func fillsRecords(_ suite: RecordSuite) throws {
        for size in [1, 1_023, 1_024, 1_025, 16_383, 16_384, 16_385, 50_000] {
            let end = try DetachedEnd(suite)
            try end.send(pattern(size))
            #expect(end.outputRoom <= size + (size / 16_384 + 1) * 22 + 64)
            let records = end.takeRecords()
            #expect(records.count == (size + 16_383) / 16_384)
            #expect(records.allSatisfy { $0.last == Self.data })
            #expect(Array(records.map { $0.dropLast() }.joined()) == pattern(size))
        }
    }

    @Test(arguments: RecordSuite.allCases) func opensAtEveryCut(_ suite: RecordSuite) throws {
        let sample = try DetachedEnd(suite)
        let stream =
            sample.peer.record(pattern(30), type: Self.data)
            + sample.peer.record(Self.keyUpdateRequest, type: Self.handshake)
        sample.peer.advance()
        let whole = stream + sample.peer.record(pattern(9), type: Self.data, padding: 3)
        for cut in 0...whole.count {
            let end = try DetachedEnd(suite)
            end.receive(Array(whole[..<cut]))
            end.receive(Array(whole[cut...]))
            #expect(end.failure == nil && end.takePlaintext() == pattern(30) + pattern(9))
            #expect(end.leftover == nil)
            #expect(end.flags.contains(.owesKeyUpdate))
        }
        let end = try DetachedEnd(suite)
        for byte in whole { end.receive([byte]) }
        #expect(end.failure == nil && end.takePlaintext() == pattern(30) + pattern(9))
    }

    @Test func keepsOnlyWhatIsIncomplete() throws {
        let end = try DetachedEnd()
        let record = end.peer.record(pattern(10_000), type: Self.data)
        end.receive(record + record.prefix(3))
        #expect(end.leftoverRecordSize == 3)
        #expect(end.takePlaintext() == pattern(10_000))
        let next = try DetachedEnd()
        next.receive(Array(record.prefix(100)))
        // No more than what came is held, whatever the header says.
        #expect((next.leftoverRecordRoom ?? .max) <= 200)
        next.receive(Array(record.dropFirst(100)))
        #expect(next.leftover == nil)
    }

    @Test(arguments: [0, 1, 255, 16_384]) func stripsPadding(_ padding: Int) throws {
        let end = try DetachedEnd()
        let content = padding == 16_384 ? [] : pattern(100) + [0, 0]
        end.receive(end.peer.record(content, type: Self.data, padding: padding))
        #expect(end.failure == nil && end.takePlaintext() == content)
    }

    @Test func sizesAreLimited() throws {
        for (size, isFine) in [(16_383, true), (16_384, true), (16_385, false), (16_623, false)] {
            let end = try DetachedEnd()
            end.receive(end.peer.record(pattern(size), type: Self.data))
            #expect(end.alert == (isFine ? nil : .recordOverflow), "\(size)")
            #expect(end.takePlaintext().count == (isFine ? size : 0))
        }
        // 2^14 + 1 inside is the most, padding included.
        let padded = try DetachedEnd()
        padded.receive(padded.peer.record(pattern(10), type: Self.data, padding: 16_384))
        #expect(padded.alert == .recordOverflow)
        // The length is refused by its header, before anything is kept.
        for (size, isFine) in [(16_640, true), (16_641, false), (65_535, false)] {
            let end = try DetachedEnd()
            end.receive([23, 3, 3, UInt8(size >> 8), UInt8(size & 0xFF)])
            #expect(end.alert == (isFine ? nil : .recordOverflow))
        }
        for size in 0...16 {
            let end = try DetachedEnd()
            end.receive([23, 3, 3, 0, UInt8(size)] + [UInt8](repeating: 0, count: size))
            #expect(end.alert == .badRecordMAC)
        }
    }

    @Test func headersAreChecked() throws {
        for (header, alert) in [
            ([20, 3, 3, 0, 1], RecordAlert.unexpectedMessage),
            ([21, 3, 3, 0, 2], .unexpectedMessage), ([22, 3, 3, 0, 40], .unexpectedMessage),
            ([24, 3, 3, 0, 40], .unexpectedMessage), ([23, 3, 1, 0, 40], .decodeError),
            ([23, 2, 3, 0, 40], .protocolVersion),
        ] as [([UInt8], RecordAlert)] {
            let end = try DetachedEnd()
            end.receive(header + [UInt8](repeating: 1, count: 40))
            #expect(end.alert == alert, "\(header)")
        }
    }

    @Test func everyFlippedBitIsRefused() throws {
        let sample = try DetachedEnd()
        let record = sample.peer.record(pattern(20), type: Self.data)
        for bit in 0..<(record.count * 8) {
            let end = try DetachedEnd()
            var flipped = record
            flipped[bit / 8] ^= 1 << UInt8(bit % 8)
            // A longer length waits for bytes, so there are some.
            end.receive(flipped + [UInt8](repeating: 0, count: 40_000))
            #expect(end.failure != nil && end.plaintextSize == 0, "bit \(bit)")
        }
    }

    @Test func zerosAloneAreNoRecord() throws {
        let end = try DetachedEnd()
        end.receive(end.peer.record(inner: [0, 0, 0, 0]))
        #expect(end.alert == .unexpectedMessage)
    }

    @Test func innerTypesAreChecked() throws {
        for type in (1...255).map({ UInt8($0) }) where !(21...23).contains(type) {
            let end = try DetachedEnd()
            end.receive(end.peer.record([1, 1], type: type))
            #expect(end.alert == .unexpectedMessage, "type \(type)")
        }
        for type in [Self.handshake, Self.alertType] {
            let end = try DetachedEnd()
            end.receive(end.peer.record([], type: type, padding: 5))
            #expect(end.alert == .unexpectedMessage, "empty, type \(type)")
        }
    }

    @Test func recordsWithoutDataAreLimited() throws {
        let empty: (DetachedEnd) -> [UInt8] = { $0.peer.record([], type: Self.data) }
        let update: (DetachedEnd) -> [UInt8] = {
            let record = $0.peer.record(Self.keyUpdateRequest, type: Self.handshake)
            $0.peer.advance()
            return record
        }
        let canceled: (DetachedEnd) -> [UInt8] = { $0.peer.record([1, 90], type: Self.alertType) }
        for make in [empty, update, canceled] {
            let end = try DetachedEnd()
            for _ in 0..<2 {
                for _ in 0..<TLSLimits.recordsWithoutDataMax { end.receive(make(end)) }
                #expect(end.failure == nil)
                end.receive(end.peer.record([7], type: Self.data))
            }
            #expect(end.takePlaintext() == [7, 7] && end.outputSize == 0)
            for _ in 0...TLSLimits.recordsWithoutDataMax { end.receive(make(end)) }
            #expect(end.alert == .unexpectedMessage)
        }
    }

    @Test(arguments: RecordSuite.allCases) func keyUpdatesBothWays(_ suite: RecordSuite) throws {
        let end = try DetachedEnd(suite)
        for turn in 0..<40 {
            let asks = turn % 2 == 0
            let message = asks ? Self.keyUpdateRequest : Self.keyUpdate
            end.receive(end.peer.record(message, type: Self.handshake))
            end.peer.advance()
            end.receive(end.peer.record(pattern(turn + 1), type: Self.data))
            #expect(end.takePlaintext() == pattern(turn + 1))
            // Nothing is said until there is data to say, then the answer goes first.
            #expect(end.outputSize == 0)
            try end.send(pattern(turn + 2))
            let records = end.takeRecords()
            #expect(records == (asks ? [Self.keyUpdate + [22]] : []) + [pattern(turn + 2) + [23]])
        }
    }

    @Test func requestsAreAnsweredOnce() throws {
        let end = try DetachedEnd()
        for _ in 0..<5 {
            end.receive(end.peer.record(Self.keyUpdateRequest, type: Self.handshake))
            end.peer.advance()
        }
        try end.send([1])
        #expect(end.takeRecords() == [Self.keyUpdate + [22], [1, 23]])
        try end.send([2])
        #expect(end.takeRecords() == [[2, 23]])
    }

    @Test func keyUpdateMayComeInPieces() throws {
        for cut in 1..<5 {
            let end = try DetachedEnd()
            end.receive(end.peer.record(Array(Self.keyUpdate[..<cut]), type: Self.handshake))
            #expect(end.failure == nil && end.leftoverMessageSize == cut)
            end.receive(end.peer.record(Array(Self.keyUpdate[cut...]), type: Self.handshake))
            end.peer.advance()
            end.receive(end.peer.record([5], type: Self.data))
            #expect(end.takePlaintext() == [5] && end.leftover == nil)
            // Nothing may come between the pieces.
            for (content, type) in [([9], Self.data), ([], Self.data), ([1, 0], Self.alertType)]
                as [([UInt8], UInt8)]
            {
                let other = try DetachedEnd()
                other.receive(
                    other.peer.record(Array(Self.keyUpdate[..<cut]), type: Self.handshake)
                        + other.peer.record(content, type: type))
                #expect(other.alert == .unexpectedMessage)
            }
        }
    }

    @Test func messagesAreChecked() throws {
        for (content, alert) in [
            (Self.keyUpdate + [0], RecordAlert.unexpectedMessage),
            (Self.keyUpdate + Self.keyUpdate, .unexpectedMessage),
            ([24, 0, 0, 0], .decodeError), ([24, 0, 0, 2, 0, 0], .decodeError),
            ([24, 1, 0, 1], .decodeError), ([24, 0, 0, 1, 2], .illegalParameter),
            ([24, 0, 0, 1, 255], .illegalParameter), ([1], .unexpectedMessage),
            ([4, 0, 0, 1], .unexpectedMessage), ([13, 0, 0, 0], .unexpectedMessage),
            ([0, 0, 0, 0], .unexpectedMessage), ([11, 0, 0, 4, 0, 0, 0, 0], .unexpectedMessage),
        ] as [([UInt8], RecordAlert)] {
            let end = try DetachedEnd()
            end.receive(end.peer.record(content, type: Self.handshake))
            #expect(end.alert == alert, "\(content)")
        }
    }

    @Test func alertsAreChecked() throws {
        for (content, alert) in [
            ([1], RecordAlert.decodeError), ([1, 0, 0], .decodeError),
            ([1, 0, 1, 0], .decodeError),
        ] as [([UInt8], RecordAlert)] {
            let end = try DetachedEnd()
            end.receive(end.peer.record(content, type: Self.alertType))
            #expect(end.alert == alert, "\(content)")
        }
        // The level says nothing; unknown ones end the connection as well.
        for code in (1...255).map({ UInt8($0) }) where code != 90 {
            for level in [1, 2, 77] as [UInt8] {
                let end = try DetachedEnd()
                end.receive(end.peer.record([level, code], type: Self.alertType))
                #expect(end.failure == .peerAlert(code))
            }
        }
    }

    @Test func ticketsAreForClients() throws {
        let ticket: [UInt8] = [
            4, 0, 0, 20, 0, 0, 28, 32, 1, 2, 3, 4, 1, 9, 0, 2, 7, 7, 0, 4, 0, 1, 0, 0,
        ]
        let client = try DetachedEnd(isClient: true)
        client.receive(client.peer.record(ticket + ticket, type: Self.handshake))
        // In pieces, a KeyUpdate behind it.
        client.receive(client.peer.record(Array(ticket[..<3]), type: Self.handshake))
        client.receive(
            client.peer.record(Array(ticket[3...]) + Self.keyUpdate, type: Self.handshake))
        client.peer.advance()
        client.receive(client.peer.record([1], type: Self.data))
        #expect(client.takePlaintext() == [1] && client.leftover == nil)
        // Each length in turn is wrong by one; a last one says too much.
        for (offset, value) in [(3, 19), (3, 21), (12, 2), (15, 3), (15, 0), (19, 3), (23, 1)] {
            let end = try DetachedEnd(isClient: true)
            var malformed = ticket
            malformed[offset] = UInt8(value)
            end.receive(end.peer.record(malformed + [0], type: Self.handshake))
            #expect(end.failure != nil || end.leftover != nil, "\(offset)")
            if let alert = end.alert {
                #expect(alert == .decodeError || alert == .unexpectedMessage)
            }
        }
        let large = try DetachedEnd(isClient: true)
        large.receive(large.peer.record([4, 2, 1, 10], type: Self.handshake))
        #expect(large.alert == .illegalParameter)
        let server = try DetachedEnd()
        server.receive(server.peer.record(ticket, type: Self.handshake))
        #expect(server.alert == .unexpectedMessage)
    }

    @Test func closesHalfAndWhole() throws {
        let end = try DetachedEnd()
        end.receive(
            end.peer.record([1], type: Self.data) + end.peer.record([1, 0], type: Self.alertType)
                + pattern(100))
        end.receive(pattern(100))
        #expect(end.failure == nil && end.hasReceivedClose && end.takePlaintext() == [1])
        #expect(end.leftover == nil)
        try end.send([2])
        end.layer.close(output: &end.output, ciphers: end.ciphers)
        end.layer.close(output: &end.output, ciphers: end.ciphers)
        #expect(end.takeRecords() == [[2, 23], [1, 0, 21]])
        #expect(!end.canSend)
        // After our close the peer may still send, and ask for what we no longer can give.
        let half = try DetachedEnd()
        half.layer.close(output: &half.output, ciphers: half.ciphers)
        half.receive(half.peer.record(Self.keyUpdateRequest, type: Self.handshake))
        half.peer.advance()
        half.receive(half.peer.record([3], type: Self.data))
        #expect(half.takePlaintext() == [3] && half.takeRecords() == [[1, 0, 21]])
        half.receive([0])
        half.receive([0, 0, 0, 0])
        #expect(half.alert == .protocolVersion)
    }

    @Test func ourKeysChangeInTime() throws {
        let max = UInt32(TLSLimits.recordsPerKeyMax)
        let end = try DetachedEnd()
        end.setSequence(.sending, max - 1)
        try end.send(pattern(16_384 + 1))
        let records = end.takeRecords()
        #expect(records.count == 3)
        #expect(records[0].count == 16_385 && records[0].last == Self.data)
        #expect(records[1] == Self.keyUpdateRequest + [22] && records[2].last == Self.data)
        #expect(end.flags.contains(.awaitsKeyUpdate))
        // Worn again before the peer has followed: it is not asked twice.
        end.setSequence(.sending, max)
        try end.send([1])
        #expect(end.takeRecords() == [Self.keyUpdate + [22], [1, 23]])
        end.receive(end.peer.record(Self.keyUpdate, type: Self.handshake))
        end.peer.advance()
        #expect(!end.flags.contains(.awaitsKeyUpdate))
        end.receive(end.peer.record([2], type: Self.data))
        #expect(end.takePlaintext() == [2])
    }

    @Test func peersKeysAreAskedForInTime() throws {
        let end = try DetachedEnd()
        end.setSequence(.receiving, UInt32(TLSLimits.recordsPerKeyMax) - 2)
        end.receive(end.peer.record([1], type: Self.data))
        #expect(end.outputSize == 0)
        end.receive(end.peer.record([2], type: Self.data))
        end.receive(end.peer.record([3], type: Self.data))
        #expect(end.takeRecords() == [Self.keyUpdateRequest + [22]])
        #expect(end.takePlaintext() == [1, 2, 3])
        end.setSequence(.receiving, UInt32(TLSLimits.receivedRecordsPerKeyMax) - 1)
        end.receive(end.peer.record([4], type: Self.data))
        #expect(end.failure == nil)
        end.receive(end.peer.record([5], type: Self.data))
        #expect(end.alert == .internalError && end.takePlaintext() == [4])
    }
}
