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
    @inline(__always)
    package func string(_ text: String, into buffer: inout ByteBuffer) {
        withUTF8(text) { string($0, into: &buffer) }
    }

    /// Text in its canonical form. Precondition: UTF-8.
    package func string(_ text: UnsafeRawBufferPointer, into buffer: inout ByteBuffer) {
        append(text.count, into: &buffer) { form.string(text, at: $0) }
    }

    /// A tag or key: text that is never a JID. Returns its token if it is a word.
    @discardableResult
    func name(_ text: UnsafeRawBufferPointer, into buffer: inout ByteBuffer) -> Token? {
        let word = context.token(of: text)
        append(text.count, into: &buffer) { output in
            if let word { return form.token(word, at: output) }
            if let alphabet = PackedText.alphabet(of: text) {
                return PackedText.write(text, alphabet, at: output)
            }
            return form.raw(text, at: output)
        }
        return word
    }

    /// A tag: a control word, or as a key. Throws `unencodable` when it is empty.
    func tag(_ text: String, into buffer: inout ByteBuffer) throws(WireError) {
        let isTag = withUTF8(text) { bytes in
            if let control = context.tables.controlToken(of: bytes) {
                token(control, into: &buffer)
            } else {
                name(bytes, into: &buffer)
            }
            return !bytes.isEmpty
        }
        guard isTag else { throw .unencodable("an empty tag") }
    }

    /// A key: text that is never a JID. Returns its token if it is a word. Throws `unencodable` when it
    /// is empty.
    @inline(__always)
    func key(_ text: String, into buffer: inout ByteBuffer) throws(WireError) -> Token? {
        let (token, isKey) = withUTF8(text) { (name($0, into: &buffer), !$0.isEmpty) }
        guard isKey else { throw .unencodable("an empty key") }
        return token
    }

    /// An address: typed where it has a typed form, otherwise text.
    package func jid(_ jid: JID, into buffer: inout ByteBuffer) {
        guard let local = jid.local else { return string(jid.domain, into: &buffer) }
        let isOwn = withUTF8(jid.domain) { equalBytes($0, context.domainBytes) }
        guard let device = jid.device else {
            buffer.append(WireTag.pairJID)
            user(local, into: &buffer)
            if isOwn {
                token(.ownDomain, into: &buffer)
            } else {
                withUTF8(jid.domain) { _ = name($0, into: &buffer) }
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
        append(bytes.count, into: &buffer) { form.raw(bytes, at: $0) }
    }

    /// A piece that is already encoded: nodes, values, content.
    package func encoded(_ bytes: RawSpan, into buffer: inout ByteBuffer) {
        buffer.append(bytes)
    }

    // MARK: Inside

    private var form: TextForm { TextForm(context: context) }

    /// Makes room for the form of a text of `size` bytes, and lets `write` write it.
    @inline(__always)
    private func append(
        _ size: Int, into buffer: inout ByteBuffer,
        _ write: (UnsafeMutableRawPointer) -> UnsafeMutableRawPointer
    ) {
        buffer.appendUpTo(size + TextForm.slack) { spare in
            guard let start = spare.baseAddress else { return 0 }
            return write(start) - start
        }
    }

    private func user(_ local: Localpart, into buffer: inout ByteBuffer) {
        withUTF8(local.text) { _ = name($0, into: &buffer) }
    }
}

/// Calls `body` with a string's bytes. Strings that Swift makes have them in one piece.
@inline(__always)
private func withUTF8<R>(_ text: String, _ body: (UnsafeRawBufferPointer) -> R) -> R {
    let result = text.utf8.withContiguousStorageIfAvailable { body(UnsafeRawBufferPointer($0)) }
    if let result { return result }
    var copy = text
    return copy.withUTF8 { body(UnsafeRawBufferPointer($0)) }
}
