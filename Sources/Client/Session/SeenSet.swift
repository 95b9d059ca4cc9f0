// What a client has seen already: the server delivers again until it is told, the application hears
// of everything once.

public import Wire

/// The identity of a stanza that arrived.
public struct SeenKey: Hashable, Sendable {
    /// The device that sent it.
    public var from: JID
    /// The id of the message, or of the one that a receipt is about.
    public var id: StanzaID
    /// A message, or what is said of one.
    public var kind: StanzaKind

    /// A key from its parts.
    public init(from: JID, id: StanzaID, kind: StanzaKind) {
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

    package init(countMax: Int, members: [SeenKey] = []) {
        precondition(countMax > 0, "countMax \(countMax)")
        self.countMax = countMax
        for key in members { _ = insert(key) }
    }

    /// What became of a key.
    package enum Insertion: Equatable {
        /// It was there already.
        case known
        /// It is there now; the oldest is not any more, if there was no room.
        case added(forgotten: SeenKey?)
    }

    /// Remembers a key.
    package mutating func insert(_ key: SeenKey) -> Insertion {
        guard members.insert(key).inserted else { return .known }
        guard order.count == countMax else {
            order.append(key)
            return .added(forgotten: nil)
        }
        let forgotten = order[oldest]
        members.remove(forgotten)
        order[oldest] = key
        oldest = (oldest + 1) % countMax
        return .added(forgotten: forgotten)
    }

    /// Whether a key is remembered.
    package func contains(_ key: SeenKey) -> Bool { members.contains(key) }

    /// Members.
    package var count: Int { members.count }
}
