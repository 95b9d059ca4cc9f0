// Packets that are put together come apart the same; what is cut, damaged or made up is refused.

import Base
import Testing

@testable import Bench

@Suite struct SegmentTests {
    private func parse(_ bytes: [UInt8]) -> Segment? {
        bytes.withUnsafeBytes { Segment(parsing: $0) }
    }

    private func sample(_ flags: SegmentFlags = [.ack, .push]) -> Segment {
        Segment(
            from: 0x0A07_0001, 1_024, to: 0x7F00_0001, 5_223, sequence: 0xFEDC_BA98,
            acknowledged: 0x0123_4567, flags: flags, window: 0xABCD)
    }

    /// RFC 1071's example, and a header known from elsewhere.
    @Test func checksums() {
        let example: [UInt8] = [0x00, 0x01, 0xF2, 0x03, 0xF4, 0xF5, 0xF6, 0xF7]
        #expect(example.withUnsafeBytes { Checksum.of($0) } == 0x220D)
        let header: [UInt8] = [
            0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0x00, 0x00, 0xC0, 0xA8,
            0x00, 0x01, 0xC0, 0xA8, 0x00, 0xC7,
        ]
        #expect(header.withUnsafeBytes { Checksum.of($0) } == 0xB861)
        for size in 0..<9 {
            let bytes = [UInt8](repeating: 0xFF, count: size)
            // An odd byte counts as the upper half of a word.
            let expected: UInt16 = size == 0 ? 0xFFFF : size % 2 == 1 ? 0x00FF : 0
            #expect(bytes.withUnsafeBytes { Checksum.of($0) } == expected, "\(size)")
        }
    }

    @Test func whatIsWrittenIsRead() throws {
        for size in [0, 1, 2, 3, 100, 1_461] {
            let payload = (0..<size).map { UInt8(truncatingIfNeeded: $0) }
            let packet = TCPWorld.packet(sample(), payload)
            var segment = try #require(parse(packet))
            #expect(Array(packet[segment.payload]) == payload)
            #expect(packet.withUnsafeBytes { TCPStack.packetSize($0) } == packet.count)
            segment.payload = 0..<0
            #expect(segment == sample())
            // What follows the packet in its buffer is no part of it.
            #expect(parse(packet + [1, 2, 3])?.payload.count == size)
        }
        var syn = sample([.syn])
        syn.sizeMax = 1_460
        syn.windowShift = 7
        let parsed = try #require(parse(TCPWorld.packet(syn)))
        #expect(parsed.sizeMax == 1_460 && parsed.windowShift == 7 && parsed.sequenceSize == 1)
    }

    @Test func cutAndDamagedPacketsAreRefused() {
        let packet = TCPWorld.packet(sample(), Array(0..<60))
        for size in 0..<packet.count { #expect(parse(Array(packet[..<size])) == nil) }
        for bit in 0..<packet.count * 8 {
            var damaged = packet
            damaged[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(parse(damaged) == nil, "bit \(bit)")
        }
    }

    @Test func otherPacketsAreRefused() {
        func changed(_ body: (inout [UInt8]) -> Void) -> [UInt8] {
            var packet = TCPWorld.packet(sample(), [1, 2, 3, 4])
            body(&packet)
            packet[10] = 0
            packet[11] = 0
            let sum = packet[..<20].withUnsafeBytes { Checksum.of($0) }
            packet[10] = UInt8(sum >> 8)
            packet[11] = UInt8(sum & 255)
            return packet
        }
        #expect(parse(changed { _ in }) != nil)
        #expect(parse(changed { $0[9] = 17 }) == nil, "UDP")
        #expect(parse(changed { $0[6] |= 0x20 }) == nil, "more fragments")
        #expect(parse(changed { $0[7] = 1 }) == nil, "a later fragment")
        #expect(parse(changed { $0[0] = 0x65 }) == nil, "IPv6")
        #expect(parse(changed { $0[0] = 0x44 }) == nil, "a short header")
        #expect(parse(changed { $0[2] = 0xFF }) == nil, "longer than it is")
        #expect(parse(changed { $0[32] = 0x40 }) == nil, "a short TCP header")
        #expect(parse(changed { $0[32] = 0xF0 }) == nil, "a TCP header behind the end")
    }

    /// A SYN's options may be anything.
    @Test func optionsAreRead() throws {
        func options(_ bytes: [UInt8]) throws -> (UInt16?, UInt8?) {
            let padded = bytes + [UInt8](repeating: 0, count: (4 - bytes.count % 4) % 4)
            // Made as payload, then called header.
            var packet = TCPWorld.packet(sample([.syn]), padded)
            packet[32] = UInt8(5 + padded.count / 4) << 4
            packet[36] = 0
            packet[37] = 0
            let sum = packet[20...].withUnsafeBytes {
                Checksum.of($0, from: 0x0A07_0001, to: 0x7F00_0001)
            }
            packet[36] = UInt8(sum >> 8)
            packet[37] = UInt8(sum & 255)
            let segment = try #require(parse(packet), "\(bytes)")
            #expect(segment.payload.isEmpty)
            return (segment.sizeMax, segment.windowShift)
        }
        #expect(try options([2, 4, 5, 0xB4, 1, 3, 3, 7]) == (1_460, 7))
        #expect(try options([1, 1, 1, 3, 3, 200]) == (nil, 14))
        #expect(try options([0, 2, 4, 5, 0xB4]) == (nil, nil))
        #expect(try options([8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 2, 4, 1, 0]) == (256, nil))
        for broken: [UInt8] in [
            [2], [2, 0], [2, 1, 5, 5], [2, 9, 5, 5], [3, 4, 1, 2], [255, 255],
        ] {
            #expect(try options(broken) == (nil, nil), "\(broken)")
        }
    }

    @Test func sequencesAreOrderedAcrossTheWrap() {
        #expect(Sequence.isBefore(0xFFFF_FFFF, 0))
        #expect(!Sequence.isBefore(0, 0xFFFF_FFFF))
        #expect(Sequence.isBefore(0x7FFF_FFFF, 0x8000_0000))
        #expect(!Sequence.isBefore(5, 5))
    }
}
