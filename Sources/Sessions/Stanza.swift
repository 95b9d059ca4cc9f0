// A client's stanza as the session needs it: tag, the attributes that stanzas have, where the content
// lies. Points into the frame; nothing is copied but the id and the addresses.

internal import Base
internal import Wire

/// An address as a stanza carries it.
struct StanzaAddress {
    var local: Localpart?
    var isOwnDomain: Bool
    var device: UInt8?
}

/// The head of a node, read once. Anything it does not know makes `allows` false.
struct Stanza {
    /// The attributes that stanzas have, as a set.
    struct Attributes: OptionSet {
        let rawValue: UInt16
        static let to = Attributes(rawValue: 1 << 0)
        static let from = Attributes(rawValue: 1 << 1)
        static let id = Attributes(rawValue: 1 << 2)
        static let type = Attributes(rawValue: 1 << 3)
        static let `class` = Attributes(rawValue: 1 << 4)
        static let mechanism = Attributes(rawValue: 1 << 5)
        static let device = Attributes(rawValue: 1 << 6)
        static let deflate = Attributes(rawValue: 1 << 7)
        static let token = Attributes(rawValue: 1 << 8)
        static let resume = Attributes(rawValue: 1 << 9)
        static let unknown = Attributes(rawValue: 1 << 15)
    }

    /// What a node contains; mirrors the reader's view.
    enum Content {
        case nodes(Int)
        case bytes(Range<Int>)
        case value(WireValue)
    }

    /// The tag, if it is a word of the dictionary.
    private(set) var tag: Token?
    private(set) var present: Attributes = []
    private(set) var to: StanzaAddress?
    private(set) var from: WireValue?
    private(set) var id: StanzaID?
    private(set) var idValue: WireValue?
    private(set) var toValue: WireValue?
    /// The `type`, if it is a word of the dictionary; see `typeValue` for whether there is one.
    private(set) var type: Token?
    private(set) var typeValue: WireValue?
    private(set) var `class`: Token?
    /// The `mechanism`, if it is a word of the dictionary; see `mechanismValue` for whether there is one.
    private(set) var mechanism: Token?
    private(set) var mechanismValue: WireValue?
    private(set) var device: WireValue?
    private(set) var deflate: WireValue?
    /// The `token` and `resume`, if they are words of the dictionary.
    private(set) var token: Token?
    private(set) var resume: Token?
    private(set) var content: Content?
    /// The first child's tag.
    private(set) var child: Token?
    /// Whether the first child is a tag and nothing else.
    private(set) var childIsBare = false
    /// Where the content begins in the node.
    private(set) var contentOffset = 0

    /// Reads the head of an already validated node.
    init(_ bytes: RawSpan, context: WireContext) throws(WireError) {
        var reader = NodeReader(validated: bytes, context: context)
        let head = try reader.readHead()
        tag = reader.token(of: head.tag)
        for _ in 0..<head.attributeCount {
            let (key, value) = try reader.readAttribute()
            take(reader.token(of: key), value, reader)
        }
        contentOffset = reader.offset
        guard head.hasContent else { return }
        switch try reader.readContent() {
        case .nodes(let count):
            content = .nodes(count)
            if count > 0 {
                let first = try reader.readHead()
                child = reader.token(of: first.tag)
                childIsBare = first.attributeCount == 0 && !first.hasContent
            }
        case .bytes(let range):
            content = .bytes(range)
        case .value(let value):
            content = .value(value)
        }
    }

    private mutating func take(_ key: Token?, _ value: WireValue, _ reader: borrowing NodeReader) {
        switch key {
        case .to:
            present.insert(.to)
            toValue = value
            if let jid = reader.jid(of: value) {
                to = StanzaAddress(
                    local: jid.local, isOwnDomain: jid.isOwnDomain, device: jid.device)
            } else if let jid = reader.address(of: value) {
                to = StanzaAddress(
                    local: jid.local, isOwnDomain: jid.domain == reader.context.domain,
                    device: jid.device)
            }
        case .from:
            present.insert(.from)
            from = value
        case .id:
            present.insert(.id)
            idValue = value
            id = reader.stanzaID(of: value)
        case .type:
            present.insert(.type)
            typeValue = value
            type = reader.token(of: value)
        case .class:
            present.insert(.class)
            `class` = reader.token(of: value)
        case .mechanism:
            present.insert(.mechanism)
            mechanismValue = value
            mechanism = reader.token(of: value)
        case .device:
            present.insert(.device)
            device = value
        case .deflate:
            present.insert(.deflate)
            deflate = value
        case .token:
            present.insert(.token)
            token = reader.token(of: value)
        case .resume:
            present.insert(.resume)
            resume = reader.token(of: value)
        default:
            present.insert(.unknown)
        }
    }

    /// Whether no other attribute is present.
    func allows(_ attributes: Attributes) -> Bool { present.isSubset(of: attributes) }

    /// Errors are never answered with errors, nor are answers (RFC 6120 section 8.3.1).
    var wantsErrors: Bool { type != .error && !(tag == .iq && type == .result) }

    /// Whether this has all that an `ack` needs but a good address.
    var isAck: Bool {
        allows([.to, .id, .type, .class]) && content == nil && id != nil && ackedKind != nil
    }

    /// What an `ack` takes off the queue; nil when it is malformed.
    var ackedKey: StanzaKey? {
        guard isAck, let id, let ackedKind, let to, let sender = to.local, let device = to.device,
            to.isOwnDomain
        else { return nil }
        return StanzaKey(
            sender: DeviceAddress(user: sender, device: device), id: id, kind: ackedKind)
    }

    /// The kind of what an `ack` takes off the queue.
    private var ackedKind: StanzaKind? {
        switch (`class`, typeValue == nil, type) {
        case (.message, true, _): .message
        case (.forwarded, true, _): .copy
        case (.expires, true, _): .expired
        case (.receipt, true, _): .delivered
        case (.receipt, false, .read): .read
        default: nil
        }
    }
}

/// The changes that an `iq` about contacts asks for: none in a `get`.
struct ContactChanges {
    var add: [Localpart] = []
    var remove: [Localpart] = []

    /// Reads `[contacts [contact jid=… [type="remove"]]*]`; nil when it is anything else.
    init?(_ stanza: Stanza, _ bytes: RawSpan, context: WireContext, countMax: Int) {
        guard case .nodes(1) = stanza.content else { return nil }
        var reader = NodeReader(validated: bytes, context: context).reader(at: stanza.contentOffset)
        do {
            _ = try reader.readContent()
            let contacts = try reader.readHead()
            guard contacts.attributeCount == 0 else { return nil }
            guard contacts.hasContent else {
                guard stanza.type == .get else { return nil }
                return
            }
            guard stanza.type == .set, case .nodes(let count) = try reader.readContent(),
                count <= countMax
            else { return nil }
            for _ in 0..<count {
                guard try readContact(&reader) else { return nil }
            }
        } catch {
            return nil
        }
    }

    private mutating func readContact(_ reader: inout NodeReader) throws(WireError) -> Bool {
        let head = try reader.readHead()
        guard reader.token(of: head.tag) == .contact, !head.hasContent else { return false }
        var name: Localpart?
        var isRemoval = false
        for _ in 0..<head.attributeCount {
            let (key, value) = try reader.readAttribute()
            switch reader.token(of: key) {
            case .jid:
                guard let jid = reader.jid(of: value), jid.isOwnDomain, jid.device == nil else {
                    return false
                }
                name = jid.local
            case .type:
                guard reader.token(of: value) == .remove else { return false }
                isRemoval = true
            default:
                return false
            }
        }
        guard let name else { return false }
        if isRemoval { remove.append(name) } else { add.append(name) }
        return true
    }
}
