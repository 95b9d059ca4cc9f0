// Addresses, ids and passwords: what is parsed is printed as it was, on the wire and on screen.

internal import Base
internal import Wire

/// Takes the bytes as an address, an id, a name and a password.
public func fuzzAddress(_ bytes: UnsafeRawBufferPointer) {
    precondition(
        Localpart(ascii: bytes)?.text.utf8.count ?? bytes.count == bytes.count, "a shorter name")
    precondition(
        StanzaID(ascii: bytes)?.text.utf8.count ?? bytes.count == bytes.count, "a shorter id")
    guard let text = String(validating: bytes, as: UTF8.self) else { return }
    precondition(Localpart(text) == Localpart(ascii: bytes), "\(text): two opinions on a name")
    precondition(StanzaID(text) == StanzaID(ascii: bytes), "\(text): two opinions on an id")
    if let jid = JID(text) {
        precondition(FuzzWorld.areSame(jid.description, text), "\(text) is printed as \(jid)")
        precondition(JID.isDomain(jid.domain), "\(jid.domain) is no domain")
        let rebuilt = JID(local: jid.local, domain: jid.domain, device: jid.device)
        precondition(rebuilt == jid, "\(jid) cannot be rebuilt")
    }
    checkValue(text)
    checkPassword(text)
}

/// A value that is written into a node is read as the same text, whatever form it took.
private func checkValue(_ text: String) {
    let context = FuzzWorld.context
    var buffer = ByteBuffer()
    let node = Node("message", [Node.Attribute(key: "to", value: text)])
    do throws(WireError) {
        try node.encode(into: &buffer, context: context)
        let again = try Node.decode(buffer.bytes, context: context)
        precondition(again.attributes.count == 1, "\(again)")
        precondition(
            FuzzWorld.areSame(again.attributes[0].value, text), "\(text) is read as \(again)")
        var reader = NodeReader(buffer.bytes, context: context)
        _ = try reader.readHead()
        let (_, value) = try reader.readAttribute()
        let address = reader.address(of: value)
        precondition(address == JID(text), "\(text): two opinions on an address")
        if let jid = reader.jid(of: value) {
            precondition(jid.local == address?.local && jid.device == address?.device, "\(text)")
        }
        precondition(reader.localpart(of: value) == Localpart(text), "\(text): a name")
        precondition(reader.stanzaID(of: value) == StanzaID(text), "\(text): an id")
    } catch {
        preconditionFailure("\(text.utf8.count) bytes of text: \(error)")
    }
}

/// Preparing a password twice is preparing it once.
private func checkPassword(_ text: String) {
    guard let prepared = PasswordPreparation.prepare(text) else { return }
    guard let again = String(validating: prepared, as: UTF8.self) else {
        preconditionFailure("a prepared password is not UTF-8")
    }
    let twice = PasswordPreparation.prepare(again)
    precondition(twice == prepared, "\(prepared) is prepared again as \(String(describing: twice))")
}
