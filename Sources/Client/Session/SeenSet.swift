// What a client has seen already: the server delivers again until it is told, the application hears
// of everything once.

package import Wire

/// The identity of a stanza that arrived.
package struct SeenKey: Hashable, Sendable {
    package var from: JID
    package var id: StanzaID
    package var kind: StanzaKind

    package init(from: JID, id: StanzaID, kind: StanzaKind) {
        self.from = from
        self.id = id
        self.kind = kind
    }
}

/// A bounded set that forgets its oldest member. Invariant: `order` holds exactly the members.
package struct SeenSet: Sendable {
    private let countMax: Int
    private var members: Set<SeenKey> = []
    private var order: [SeenKey] = []
    /// The place of the oldest member once the set is full.
    private var oldest = 0

    package init(countMax: Int) {
        precondition(countMax > 0, "countMax \(countMax)")
        self.countMax = countMax
    }

    /// Remembers a key; false when it was there already.
    package mutating func insert(_ key: SeenKey) -> Bool {
        guard members.insert(key).inserted else { return false }
        if order.count < countMax {
            order.append(key)
        } else {
            members.remove(order[oldest])
            order[oldest] = key
            oldest = (oldest + 1) % countMax
        }
        return true
    }

    /// Members.
    package var count: Int { members.count }
}
