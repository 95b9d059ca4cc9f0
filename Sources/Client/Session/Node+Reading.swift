// Typed attributes of nodes, for the session.

internal import Wire

typealias Attribute = Node.Attribute

extension Node {
    /// An attribute that is an address; nil when it is missing or none.
    func jid(_ key: String) -> JID? { self[key].flatMap { JID($0) } }

    /// An attribute that is a stanza's id; nil when it is missing or none.
    func stanzaID(_ key: String) -> StanzaID? { self[key].flatMap { StanzaID($0) } }

    /// An attribute that is a number; nil when it is missing or none.
    func number(_ key: String) -> UInt64? { self[key].flatMap { UInt64($0) } }

    /// For how many milliseconds the server wants to be left alone; nil when it does not say.
    var afterMs: UInt64? {
        // Not more than 2^32 seconds, so this cannot overflow.
        number("after").map { min($0, 1 << 32) * 1_000 }
    }
}
