// Trees: what can be written is read as the same by the decoder and by the reader, piece by piece, and is
// written the same again; what cannot be written is what a node may not be, and leaves nothing behind.

internal import Base
internal import Wire

/// The first byte picks a prefix and a bit to flip; the rest is a tree, see `TreeSource`.
public func fuzzTree(_ bytes: UnsafeRawBufferPointer) {
    guard let choice = bytes.first else { return }
    let context = FuzzWorld.context
    var source = TreeSource(UnsafeRawBufferPointer(rebasing: bytes[1...]), context: context)
    let node = source.node(depth: WireLimits.nodeDepthMax + 1)
    FuzzWorld.withWorkshop { workshop in
        workshop.buffer.append(0xA5)
        do throws(WireError) {
            try node.encode(into: &workshop.buffer, context: context)
        } catch {
            guard case .unencodable = error else { preconditionFailure("\(node): \(error)") }
            precondition(!isNode(node, depthLeft: WireLimits.nodeDepthMax), "\(node): \(error)")
            precondition(workshop.buffer.count == 1, "bytes were left behind")
            return
        }
        precondition(isNode(node, depthLeft: WireLimits.nodeDepthMax), "\(node) is written")
        workshop.buffer.consume(1)
        checkReading(of: node, &workshop)
        checkDamage(choice, &workshop)
    }
}

/// Whether this is what a node may be, by the rules and not by the codec.
private func isNode(_ node: Node, depthLeft: Int) -> Bool {
    guard depthLeft > 0, !node.tag.utf8.isEmpty,
        node.attributes.count <= WireLimits.attributeCountMax
    else { return false }
    for (index, attribute) in node.attributes.enumerated() {
        if attribute.key.utf8.isEmpty { return false }
        for other in node.attributes[..<index]
        where FuzzWorld.areSame(other.key, attribute.key) { return false }
    }
    return node.children.allSatisfy { isNode($0, depthLeft: depthLeft - 1) }
}

private func checkReading(of node: Node, _ workshop: inout Workshop) {
    let context = FuzzWorld.context
    do throws(WireError) {
        try NodeReader.validate(workshop.buffer.bytes, context: context)
        var reader = NodeReader(workshop.buffer.bytes, context: context)
        try compare(&reader, node)
        try reader.finish()
        let read = try Node.decode(workshop.buffer.bytes, context: context)
        precondition(isSame(read, node), "\(node) is read as \(read)")
        try read.encode(into: &workshop.other, context: context)
        let isWrittenSame = workshop.buffer.withUnsafeBytes { first in
            workshop.other.withUnsafeBytes { FuzzWorld.areSame(first, $0) }
        }
        precondition(isWrittenSame, "\(node) is written in two ways")
    } catch {
        preconditionFailure("\(node) is written and refused: \(error)")
    }
}

/// Reads a node piece by piece and compares each with the tree's.
private func compare(_ reader: inout NodeReader, _ node: Node) throws(WireError) {
    let head = try reader.readHead()
    precondition(FuzzWorld.areSame(reader.string(of: head.tag), node.tag), "\(node): its tag")
    precondition(head.attributeCount == node.attributes.count, "\(node): \(head.attributeCount)")
    precondition(head.hasContent == (node.content != nil), "\(node): content")
    for attribute in node.attributes {
        let (key, value) = try reader.readAttribute()
        precondition(
            FuzzWorld.areSame(reader.string(of: key), attribute.key), "\(node): \(attribute)")
        precondition(
            FuzzWorld.areSame(reader.string(of: value), attribute.value), "\(node): \(attribute)")
        // The typed form is there exactly for what spells an address that has one.
        guard let jid = reader.jid(of: value) else { continue }
        let spelt = JID(attribute.value)
        precondition(
            jid.local == spelt?.local && jid.device == spelt?.device, "\(attribute): \(jid)")
        precondition(jid.isOwnDomain == (spelt?.domain == reader.context.domain), "\(attribute)")
    }
    guard let content = node.content else { return }
    switch (try reader.readContent(), content) {
    case (.nodes(let count), .nodes(let nodes)):
        precondition(count == nodes.count, "\(node): \(count) nodes")
        for child in nodes { try compare(&reader, child) }
    case (.bytes(let range), .bytes(let bytes)):
        let isEqual = reader.bytes(in: range).withUnsafeBytes { $0.elementsEqual(bytes) }
        precondition(isEqual, "\(node): its bytes")
    case (.bytes(let range), .text(let text)):
        let isEqual = reader.bytes(in: range).withUnsafeBytes { $0.elementsEqual(text.utf8) }
        precondition(isEqual, "\(node): its text")
    case (.value(let value), .text(let text)):
        precondition(FuzzWorld.areSame(reader.string(of: value), text), "\(node): its text")
    case (let other, _):
        preconditionFailure("\(node): \(other)")
    }
}

/// A prefix is truncated; with one bit changed it is a node or an error, never a trap.
private func checkDamage(_ choice: UInt8, _ workshop: inout Workshop) {
    let size = workshop.buffer.count
    let place = Int(choice) * size / 256
    do throws(WireError) {
        let prefix = workshop.buffer.bytes.extracting(first: place)
        try NodeReader.validate(prefix, context: FuzzWorld.context)
        preconditionFailure("\(place) of \(size) bytes are a node")
    } catch {
        guard case .truncated = error else { preconditionFailure("\(place) of \(size): \(error)") }
    }
    let before = workshop.buffer.withUnsafeBytes { $0[place] }
    workshop.buffer.overwrite(at: place, with: before ^ 1 << (choice & 7))
    workshop.buffer.withUnsafeBytes { checkNode($0, context: FuzzWorld.context) }
}

/// Whether two nodes say the same; text that has no form of its own is read as bytes.
private func isSame(_ left: Node, _ right: Node) -> Bool {
    guard FuzzWorld.areSame(left.tag, right.tag), left.attributes.count == right.attributes.count
    else {
        return false
    }
    for (one, other) in zip(left.attributes, right.attributes) {
        guard FuzzWorld.areSame(one.key, other.key),
            FuzzWorld.areSame(one.value, other.value)
        else { return false }
    }
    return left.bytes == right.bytes && left.children.elementsEqual(right.children, by: isSame)
}
