// Makes trees of payloads that were validated a moment ago, and so looks at nothing twice: sizes, counts,
// depth and texts are known to be good. Called by `Node.decode`, which validates.
//
// Invariant: `offset` is where a form of the validated node begins, so that reading it stays inside. Counts
// are what they claim to be, so arrays are made as large as they will get.

internal import Base

/// A cursor over a node that was validated.
struct NodeBuilder {
    private let payload: UnsafeRawPointer
    private let context: WireContext
    /// Where texts are unpacked: `scratchSize` bytes.
    private let scratch: UnsafeMutableRawBufferPointer
    private var offset: Int

    /// The longest JID, 64 + 1 + 255 + 4, or the longest packed text, and what unpacking writes beyond.
    private static var scratchSize: Int { 512 }

    /// The node at an offset. Precondition: `NodeReader` has validated or skipped it there, under the
    /// same context.
    static func build(validated span: RawSpan, at offset: Int, context: WireContext) -> Node {
        span.withUnsafeBytes { bytes in
            withUnsafeTemporaryAllocation(byteCount: scratchSize, alignment: 8) { scratch in
                guard let payload = bytes.baseAddress else { preconditionFailure("no payload") }
                var builder = NodeBuilder(
                    payload: payload, context: context, scratch: scratch, offset: offset)
                return builder.node()
            }
        }
    }

    private mutating func node() -> Node {
        let count = listCount()
        var node = Node(text())
        let attributeCount = (count - 1) / 2
        if attributeCount > 0 {
            var attributes: [Node.Attribute] = []
            attributes.reserveCapacity(attributeCount)
            for _ in 0..<attributeCount {
                let key = text()
                attributes.append(Node.Attribute(key: key, value: text()))
            }
            node.attributes = attributes
        }
        if count % 2 == 0 { node.content = content() }
        return node
    }

    private mutating func content() -> Node.Content {
        switch byte(at: offset) {
        case WireTag.empty, WireTag.list8, WireTag.list16:
            let count = listCount()
            var nodes: [Node] = []
            nodes.reserveCapacity(count)
            for _ in 0..<count { nodes.append(node()) }
            return .nodes(nodes)
        case WireTag.binary8...WireTag.binary32:
            return .bytes([UInt8](raw()))
        default:
            return .text(text())
        }
    }

    private mutating func listCount() -> Int {
        let tag = byte(at: offset)
        offset += 1
        if tag == WireTag.empty { return 0 }
        var count = Int(byte(at: offset))
        offset += 1
        if tag == WireTag.list16 {
            count = count << 8 | Int(byte(at: offset))
            offset += 1
        }
        return count
    }

    /// The text of any form. Words are strings already.
    @inline(__always)
    private mutating func text() -> String {
        let tag = byte(at: offset)
        if tag <= WireTag.dictionary3 {
            offset += 1
            return context.string(of: token(tag))
        }
        return longText(tag)
    }

    private mutating func longText(_ tag: UInt8) -> String {
        if tag >= WireTag.binary8, tag <= WireTag.binary32 {
            return String(decoding: raw(), as: UTF8.self)
        }
        let end = put(at: 0)
        return String(decoding: UnsafeRawBufferPointer(rebasing: scratch[..<end]), as: UTF8.self)
    }

    /// The token of a tag byte that was read, and for double tokens of the byte behind it.
    @inline(__always)
    private mutating func token(_ tag: UInt8) -> Token {
        guard tag >= WireTag.dictionary0 else { return Token(unchecked: UInt16(tag)) }
        let index = UInt16(byte(at: offset))
        offset += 1
        return Token(unchecked: 0x100 + UInt16(tag - WireTag.dictionary0) << 8 + index)
    }

    /// The bytes of a raw form.
    private mutating func raw() -> UnsafeRawBufferPointer {
        let tag = byte(at: offset)
        let headerSize = WireTag.rawHeaderSize(tag)
        var size = 0
        for at in offset + 1..<offset + headerSize { size = size << 8 | Int(byte(at: at)) }
        let start = payload + (offset + headerSize)
        offset += headerSize + size
        return UnsafeRawBufferPointer(start: start, count: size)
    }

    /// Writes the text of a form into the scratch space at `start`; returns where it ends. Raw forms only
    /// as parts of a JID.
    private mutating func put(at start: Int) -> Int {
        let tag = byte(at: offset)
        switch tag {
        case WireTag.nibble8, WireTag.hex8:
            let header = byte(at: offset + 1)
            let size = Int(header & 0x7F)
            let packed = UnsafeRawBufferPointer(start: payload + (offset + 2), count: size)
            offset += 2 + size
            return start
                + PackedText.unpack(
                    packed, isHex: tag == WireTag.hex8, isOdd: header & 0x80 != 0,
                    into: UnsafeMutableRawBufferPointer(rebasing: scratch[start...]))
        case WireTag.binary8...WireTag.binary32:
            return put(raw(), at: start)
        case WireTag.pairJID:
            offset += 1
            var end = start
            if byte(at: offset) == WireTag.empty {
                offset += 1
            } else {
                end = put(at: start)
                scratch[end] = UInt8(ascii: "@")
                end += 1
            }
            return put(at: end)
        case WireTag.deviceJID:
            let device = byte(at: offset + 2)
            offset += 3
            var end = put(at: start)
            scratch[end] = UInt8(ascii: "@")
            end = put(context.domainBytes, at: end + 1)
            scratch[end] = UInt8(ascii: "/")
            return end + 1 + writeDecimal(UInt64(device), into: scratch, at: end + 1)
        default:
            offset += 1
            guard let word = context.text(of: token(tag)) else { return start }
            return put(word, at: start)
        }
    }

    private func put(_ bytes: UnsafeRawBufferPointer, at start: Int) -> Int {
        UnsafeMutableRawBufferPointer(rebasing: scratch[start...]).copyMemory(from: bytes)
        return start + bytes.count
    }

    /// A byte of the validated node.
    @inline(__always)
    private func byte(at offset: Int) -> UInt8 {
        payload.load(fromByteOffset: offset, as: UInt8.self)
    }
}
