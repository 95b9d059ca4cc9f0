// IPv4 packets with TCP segments: taken apart, put together. Bytes that came are only believed after the
// lengths and both checksums were looked at; what is no whole TCP segment is nil, whatever is wrong.

internal import Base

/// Where a TCP server is.
struct TCPServer: Equatable, Sendable {
    var address: UInt32
    var port: UInt16
}

/// Arithmetic on sequence numbers, which wrap (RFC 9293, 3.4).
enum Sequence {
    /// Whether `left` comes before `right`, when both are less than 2^31 apart.
    static func isBefore(_ left: UInt32, _ right: UInt32) -> Bool {
        Int32(bitPattern: left &- right) < 0
    }
}

/// The flags of a TCP header.
struct SegmentFlags: OptionSet, Equatable, Sendable {
    let rawValue: UInt8

    static let fin = SegmentFlags(rawValue: 0x01)
    static let syn = SegmentFlags(rawValue: 0x02)
    static let reset = SegmentFlags(rawValue: 0x04)
    static let push = SegmentFlags(rawValue: 0x08)
    static let ack = SegmentFlags(rawValue: 0x10)
}

/// A TCP segment's header, and where in its packet the rest lies.
struct Segment: Equatable, Sendable {
    static let headerSize = 40
    /// With the options of a SYN.
    static let synHeaderSize = 48

    var source: UInt32
    var destination: UInt32
    var sourcePort: UInt16
    var destinationPort: UInt16
    var sequence: UInt32
    var acknowledged: UInt32
    var flags: SegmentFlags
    var window: UInt16
    /// Only of a SYN: the largest payload the sender takes, and by how much its windows are shifted.
    var sizeMax: UInt16?
    var windowShift: UInt8?
    var payload = 0..<0

    /// What the segment takes of the sequence: payload, SYN and FIN.
    var sequenceSize: UInt32 {
        // A packet is shorter than 2^16.
        UInt32(payload.count) + (flags.contains(.syn) ? 1 : 0) + (flags.contains(.fin) ? 1 : 0)
    }

    // MARK: Reading

    init(
        from source: UInt32, _ sourcePort: UInt16, to destination: UInt32,
        _ destinationPort: UInt16, sequence: UInt32, acknowledged: UInt32, flags: SegmentFlags,
        window: UInt16
    ) {
        self.source = source
        self.destination = destination
        self.sourcePort = sourcePort
        self.destinationPort = destinationPort
        self.sequence = sequence
        self.acknowledged = acknowledged
        self.flags = flags
        self.window = window
    }

    /// The segment in a packet; nil when there is no whole and sound one.
    init?(parsing packet: UnsafeRawBufferPointer) {
        guard packet.count >= Self.headerSize, packet[0] >> 4 == 4 else { return nil }
        let ipSize = Int(packet[0] & 15) * 4
        let size = Int(packet.word(at: 2))
        // No fragment: neither "more fragments" nor an offset.
        guard ipSize >= 20, size <= packet.count, size >= ipSize + 20, packet[9] == 6,
            packet.word(at: 6) & 0x3FFF == 0
        else { return nil }
        let tcpSize = Int(packet[ipSize + 12] >> 4) * 4
        guard tcpSize >= 20, size >= ipSize + tcpSize else { return nil }
        let header = UnsafeRawBufferPointer(rebasing: packet[..<ipSize])
        let whole = UnsafeRawBufferPointer(rebasing: packet[ipSize..<size])
        source = packet.double(at: 12)
        destination = packet.double(at: 16)
        guard Checksum.of(header) == 0,
            Checksum.of(whole, from: source, to: destination) == 0
        else { return nil }
        sourcePort = whole.word(at: 0)
        destinationPort = whole.word(at: 2)
        sequence = whole.double(at: 4)
        acknowledged = whole.double(at: 8)
        flags = SegmentFlags(rawValue: whole[13])
        window = whole.word(at: 14)
        payload = ipSize + tcpSize..<size
        if flags.contains(.syn) {
            takeOptions(UnsafeRawBufferPointer(rebasing: whole[20..<tcpSize]))
        }
    }

    /// Options up to the first that is broken.
    private mutating func takeOptions(_ options: UnsafeRawBufferPointer) {
        var place = 0
        while place < options.count, options[place] != 0 {
            guard options[place] != 1 else {
                place += 1
                continue
            }
            guard place + 1 < options.count else { return }
            let size = Int(options[place + 1])
            guard size >= 2, place + size <= options.count else { return }
            switch (options[place], size) {
            case (2, 4): sizeMax = options.word(at: place + 2)
            case (3, 3): windowShift = min(14, options[place + 2])
            default: break
            }
            place += size
        }
    }

    // MARK: Writing

    /// Appends the packet of this header, with its options and this payload.
    func write(_ payload: UnsafeRawBufferPointer, into output: inout ByteBuffer) {
        let hasOptions = sizeMax != nil
        let headerSize = hasOptions ? Self.synHeaderSize : Self.headerSize
        let size = headerSize + payload.count
        precondition(size <= UInt16.max, "packet of \(size)")
        output.appendUpTo(size) { room in
            let packet = UnsafeMutableRawBufferPointer(rebasing: room[..<size])
            packet.initializeMemory(as: UInt8.self, repeating: 0)
            packet[0] = 0x45
            packet.set(word: UInt16(size), at: 2)
            packet.set(word: 0x4000, at: 6)  // never in fragments
            packet[8] = 64  // hops
            packet[9] = 6  // TCP
            packet.set(double: source, at: 12)
            packet.set(double: destination, at: 16)
            packet.set(word: sourcePort, at: 20)
            packet.set(word: destinationPort, at: 22)
            packet.set(double: sequence, at: 24)
            packet.set(double: acknowledged, at: 28)
            packet[32] = UInt8((headerSize - 20) / 4) << 4
            packet[33] = flags.rawValue
            packet.set(word: window, at: 34)
            if let sizeMax {
                packet.set(double: 0x0204_0000 | UInt32(sizeMax), at: 40)
                packet.set(double: 0x0103_0300 | UInt32(windowShift ?? 0), at: 44)
            }
            if let base = payload.baseAddress, let place = packet.baseAddress {
                (place + headerSize).copyMemory(from: base, byteCount: payload.count)
            }
            let header = UnsafeRawBufferPointer(rebasing: packet[..<20])
            let whole = UnsafeRawBufferPointer(rebasing: packet[20...])
            packet.set(word: Checksum.of(header), at: 10)
            packet.set(word: Checksum.of(whole, from: source, to: destination), at: 36)
            return size
        }
    }
}

extension TCPStack {
    /// The size of the packet that bytes of ours begin with.
    static func packetSize(_ bytes: UnsafeRawBufferPointer) -> Int { Int(bytes.word(at: 2)) }
}

/// The Internet's checksum (RFC 1071).
enum Checksum {
    /// The checksum over the bytes; over bytes that hold their own, 0 when they are sound.
    static func of(_ bytes: UnsafeRawBufferPointer) -> UInt16 { fold(sum(bytes)) }

    /// The same over a TCP segment and the addresses, the protocol and the size that belong to it.
    static func of(
        _ segment: UnsafeRawBufferPointer, from source: UInt32, to destination: UInt32
    ) -> UInt16 {
        let pseudo = UInt64(source.bigEndian) + UInt64(destination.bigEndian)
        let rest = UInt64(UInt32(6 << 16 | segment.count).bigEndian)
        return fold(sum(segment) + pseudo + rest)
    }

    /// Of 4 bytes at a time: the sum of 2 at a time follows by folding, in any byte order. It does not
    /// wrap: a packet has at most 2^14 words.
    private static func sum(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var sum: UInt64 = 0
        var place = 0
        while place + 4 <= bytes.count {
            sum &+= UInt64(bytes.loadUnaligned(fromByteOffset: place, as: UInt32.self))
            place &+= 4
        }
        var rest: UInt32 = 0
        withUnsafeMutableBytes(of: &rest) { rest in
            for offset in 0..<bytes.count - place { rest[offset] = bytes[place + offset] }
        }
        return sum &+ UInt64(rest)
    }

    private static func fold(_ sum: UInt64) -> UInt16 {
        var sum = sum
        while sum >> 16 != 0 { sum = (sum & 0xFFFF) &+ (sum >> 16) }
        return ~UInt16(truncatingIfNeeded: sum).bigEndian
    }
}

extension UnsafeRawBufferPointer {
    /// Two bytes, the first the more significant.
    fileprivate func word(at offset: Int) -> UInt16 {
        UInt16(bigEndian: loadUnaligned(fromByteOffset: offset, as: UInt16.self))
    }

    /// Four bytes, the first the most significant.
    fileprivate func double(at offset: Int) -> UInt32 {
        UInt32(bigEndian: loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }
}

extension UnsafeMutableRawBufferPointer {
    fileprivate func set(word: UInt16, at offset: Int) {
        storeBytes(of: word.bigEndian, toByteOffset: offset, as: UInt16.self)
    }

    fileprivate func set(double: UInt32, at offset: Int) {
        storeBytes(of: double.bigEndian, toByteOffset: offset, as: UInt32.self)
    }
}
