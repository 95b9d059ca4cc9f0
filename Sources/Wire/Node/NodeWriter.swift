// Writes nodes piece by piece at the end of a buffer, each text in the one form that the encoder's order
// of choice gives it: single token, double token, nibbles, hex, JID, raw bytes. Allocates nothing beyond
// the buffer. The caller writes as many attributes and children as it announced.

package import Base

/// Appends the pieces of nodes to a buffer.
package struct NodeWriter: Sendable {
    package let context: WireContext

    package init(context: WireContext) {
        self.context = context
    }

    /// A list's count. Throws `unencodable` beyond 65,535.
    package func listHeader(_ count: Int, into buffer: inout ByteBuffer) throws(WireError) {
        guard count >= 0, count <= WireLimits.childCountMax else {
            throw .unencodable("a list of \(count)")
        }
        if count == 0 {
            buffer.append(WireTag.empty)
        } else if count <= 0xFF {
            buffer.append(WireTag.list8)
            buffer.append(UInt8(count))
        } else {
            buffer.append(WireTag.list16)
            buffer.append(UInt8(count >> 8))
            buffer.append(UInt8(count & 0xFF))
        }
    }

    /// A node's beginning. Follow it with `attributeCount` times a key and a value, then the content.
    /// Precondition: at most 64 attributes.
    package func node(
        _ tag: Token, attributeCount: Int, hasContent: Bool, into buffer: inout ByteBuffer
    ) {
        nodeHeader(attributeCount: attributeCount, hasContent: hasContent, into: &buffer)
        token(tag, into: &buffer)
    }

    /// The count before a node's tag. Precondition: at most 64 attributes.
    func nodeHeader(attributeCount: Int, hasContent: Bool, into buffer: inout ByteBuffer) {
        precondition(
            (0...WireLimits.attributeCountMax).contains(attributeCount), "\(attributeCount)")
        buffer.append(WireTag.list8)
        buffer.append(UInt8(1 + 2 * attributeCount + (hasContent ? 1 : 0)))
    }

    /// A word of the dictionary.
    package func token(_ token: Token, into buffer: inout ByteBuffer) {
        if token.rawValue < 0x100 {
            buffer.append(UInt8(token.rawValue))
        } else {
            buffer.append(WireTag.dictionary0 + UInt8((token.rawValue >> 8) - 1))
            buffer.append(UInt8(token.rawValue & 0xFF))
        }
    }

    /// An attribute whose value is a word.
    package func attribute(_ key: Token, _ value: Token, into buffer: inout ByteBuffer) {
        token(key, into: &buffer)
        token(value, into: &buffer)
    }

    /// An attribute whose value is text.
    package func attribute(_ key: Token, _ value: String, into buffer: inout ByteBuffer) {
        token(key, into: &buffer)
        string(value, into: &buffer)
    }

    /// An attribute whose value is a stanza id.
    package func attribute(_ key: Token, _ value: StanzaID, into buffer: inout ByteBuffer) {
        token(key, into: &buffer)
        string(value.text, into: &buffer)
    }

    /// An attribute whose value is an address.
    package func attribute(_ key: Token, _ value: JID, into buffer: inout ByteBuffer) {
        token(key, into: &buffer)
        jid(value, into: &buffer)
    }

    /// An attribute whose value is a number.
    package func attribute(_ key: Token, _ value: UInt64, into buffer: inout ByteBuffer) {
        token(key, into: &buffer)
        number(value, into: &buffer)
    }

    /// Text in its canonical form; text that spells a JID becomes one.
    package func string(_ text: String, into buffer: inout ByteBuffer) {
        var text = text
        text.withUTF8 { string(UnsafeRawBufferPointer($0), into: &buffer) }
    }

    /// Text in its canonical form. Precondition: UTF-8.
    package func string(_ text: UnsafeRawBufferPointer, into buffer: inout ByteBuffer) {
        if wordOrPacked(text, into: &buffer) || jidText(text, into: &buffer) { return }
        rawBytes(text, into: &buffer)
    }

    /// A tag or key: text that is never a JID.
    func name(_ text: UnsafeRawBufferPointer, into buffer: inout ByteBuffer) {
        if wordOrPacked(text, into: &buffer) { return }
        rawBytes(text, into: &buffer)
    }

    /// An address: typed where it has a typed form, otherwise text.
    package func jid(_ jid: JID, into buffer: inout ByteBuffer) {
        guard let local = jid.local else { return string(jid.domain, into: &buffer) }
        var domain = jid.domain
        let isOwn = domain.withUTF8 { equalBytes(UnsafeRawBufferPointer($0), context.domainBytes) }
        guard let device = jid.device else {
            buffer.append(WireTag.pairJID)
            user(local, into: &buffer)
            if isOwn {
                token(.ownDomain, into: &buffer)
            } else {
                domain.withUTF8 { name(UnsafeRawBufferPointer($0), into: &buffer) }
            }
            return
        }
        if isOwn {
            self.jid(local: local, device: device, into: &buffer)
        } else {  // a foreign domain's devices have no typed form
            string(jid.description, into: &buffer)
        }
    }

    /// An address of the own domain.
    package func jid(local: Localpart, device: UInt8? = nil, into buffer: inout ByteBuffer) {
        guard let device else {
            buffer.append(WireTag.pairJID)
            user(local, into: &buffer)
            token(.ownDomain, into: &buffer)
            return
        }
        buffer.append(WireTag.deviceJID)
        buffer.append(0)  // the own domain
        buffer.append(device)
        user(local, into: &buffer)
    }

    /// A number in decimal digits.
    package func number(_ number: UInt64, into buffer: inout ByteBuffer) {
        withUnsafeTemporaryAllocation(byteCount: 24, alignment: 8) { scratch in
            let size = writeDecimal(number, into: scratch, at: 0)
            name(UnsafeRawBufferPointer(rebasing: scratch[..<size]), into: &buffer)
        }
    }

    /// Opaque bytes, for content.
    package func rawBytes(_ bytes: RawSpan, into buffer: inout ByteBuffer) {
        bytes.withUnsafeBytes { rawBytes($0, into: &buffer) }
    }

    /// Opaque bytes, for content. Precondition: fewer than 2^32.
    package func rawBytes(_ bytes: UnsafeRawBufferPointer, into buffer: inout ByteBuffer) {
        let size = bytes.count
        if size < 0x100 {
            buffer.append(WireTag.binary8)
            buffer.append(UInt8(size))
        } else if size < 0x10_0000 {
            buffer.append(WireTag.binary20)
            buffer.append(UInt8(size >> 16))
            buffer.append(UInt8(size >> 8 & 0xFF))
            buffer.append(UInt8(size & 0xFF))
        } else {
            buffer.append(WireTag.binary32)
            for index in 0..<4 { buffer.append(UInt8(size >> (24 - 8 * index) & 0xFF)) }
        }
        buffer.append(bytes)
    }

    /// A piece that is already encoded: nodes, values, content.
    package func encoded(_ bytes: RawSpan, into buffer: inout ByteBuffer) {
        buffer.append(bytes)
    }

    // MARK: Inside

    private func user(_ local: Localpart, into buffer: inout ByteBuffer) {
        var text = local.text
        text.withUTF8 { name(UnsafeRawBufferPointer($0), into: &buffer) }
    }

    /// Writes text as a word or packed, if it can be either.
    private func wordOrPacked(
        _ text: UnsafeRawBufferPointer, into buffer: inout ByteBuffer
    ) -> Bool {
        if let word = context.token(of: text) {
            token(word, into: &buffer)
            return true
        }
        guard let alphabet = PackedText.alphabet(of: text) else { return false }
        PackedText.append(text, alphabet, into: &buffer)
        return true
    }

    /// Writes text as a typed JID, if it is exactly what one reads back as.
    private func jidText(_ text: UnsafeRawBufferPointer, into buffer: inout ByteBuffer) -> Bool {
        let sizeMax = Localpart.sizeMax + 1 + JID.domainSizeMax + 4
        guard text.count <= sizeMax, let at = text.firstIndex(of: UInt8(ascii: "@")) else {
            return false
        }
        let local = UnsafeRawBufferPointer(rebasing: text[..<at])
        var domain = UnsafeRawBufferPointer(rebasing: text[(at + 1)...])
        guard AddressSyntax.isLocalpart(local) else { return false }
        if let slash = domain.firstIndex(of: UInt8(ascii: "/")) {
            let digits = UnsafeRawBufferPointer(rebasing: domain[(slash + 1)...])
            domain = UnsafeRawBufferPointer(rebasing: domain[..<slash])
            guard let device = AddressSyntax.device(digits),
                equalBytes(domain, context.domainBytes)
            else { return false }
            buffer.append(WireTag.deviceJID)
            buffer.append(0)  // the own domain
            buffer.append(device)
            name(local, into: &buffer)
            return true
        }
        guard AddressSyntax.isDomain(domain) else { return false }
        buffer.append(WireTag.pairJID)
        name(local, into: &buffer)
        name(domain, into: &buffer)
        return true
    }
}
