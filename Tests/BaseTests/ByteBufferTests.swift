import Base
import Testing

@Suite struct ByteBufferTests {
    @Test func keepsOrderThroughGrowthAndConsumption() {
        var buffer = ByteBuffer()
        var expected: [UInt8] = []
        var random = SystemRandomNumberGenerator()
        var next: UInt8 = 0
        for _ in 0..<2_000 {
            for _ in 0..<Int.random(in: 0...50, using: &random) {
                buffer.append(next)
                expected.append(next)
                next &+= 1
            }
            let taken = Int.random(in: 0...expected.count, using: &random)
            buffer.consume(taken)
            expected.removeFirst(taken)
            let content = buffer.copy()
            #expect(content == expected)
        }
    }

    @Test func ownsNothingUntilItIsUsedAndAfterRelease() {
        var buffer = ByteBuffer()
        let before = buffer.allocatedSize
        buffer.append([1, 2, 3])
        buffer.release()
        let after = buffer.allocatedSize
        #expect(before == 0)
        #expect(after == 0)
    }

    @Test func truncatesAndOverwrites() {
        var buffer = ByteBuffer()
        buffer.append([1, 2, 3, 4])
        buffer.consume(1)
        buffer.overwrite(at: 0, with: 9)
        buffer.truncate(to: 2)
        let content = buffer.copy()
        #expect(content == [9, 3])
    }
}

@Suite struct LimitsTests {
    @Test func defaultsHoldTheirRelations() {
        #expect(Limits().validate() == nil)
    }

    /// What a queue has on the way must not cost a device its contacts' presence.
    @Test func newsAreDroppedOnlyBehindMoreThanIsInFlight() {
        let limits = Limits()
        #expect(limits.newsBacklogMax == 327_680)
        #expect(limits.newsBacklogMax > limits.inFlightSizePerDeviceMax)
    }

    /// No source may fill the handshakes of a shard that shares its core with others.
    @Test func aSourceHasHalfOfTheHandshakesAtMost() {
        for (shards, inFlight, perSource) in [(2, 2_048, 1_024), (56, 72, 36), (160, 24, 16)] {
            let limits = Limits().shared(shards: shards, cores: 2)
            #expect(limits.handshakesInFlightPerShardMax == inFlight)
            #expect(limits.unauthenticatedPerSourceMax == perSource)
        }
    }

    @Test func aBrokenRelationIsNamed() {
        var limits = Limits()
        limits.inFlightPerDeviceLow = limits.inFlightPerDeviceMax
        #expect(limits.validate()?.contains("in-flight-per-device-low") == true)
    }
}
