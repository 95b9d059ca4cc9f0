// The settles that the store had no room for. Each is tried again until it is taken; when there are too many
// one is forgotten, and its stanza comes again with its device's next login.
//
// Nothing else of the shard may be taken before them: a page would show again what was settled, its device
// would answer it again, and so on without end.

package import Base
package import Wire

/// A shard's settles that wait for room at the store, oldest first.
package struct WaitingSettles: Sendable {
    private var waiting: [(device: DeviceAddress, key: StanzaKey)] = []
    private let countMax: Int

    package init(limits: Limits) {
        countMax = limits.waitingSettlesPerShardMax
    }

    /// Keeps a settle for later; false when there are too many.
    package mutating func append(_ device: DeviceAddress, _ key: StanzaKey) -> Bool {
        guard waiting.count < countMax else { return false }
        waiting.append((device, key))
        return true
    }

    /// Submits what waits, until the store has no more room.
    package mutating func submit(_ take: (StoreRequest) -> Bool) {
        var taken = 0
        while taken < waiting.count, take(.settle(waiting[taken].device, waiting[taken].key)) {
            taken += 1
        }
        waiting.removeFirst(taken)
        // An array keeps its room.
        if waiting.isEmpty { waiting = [] }
    }

    package var isEmpty: Bool { waiting.isEmpty }
    package var count: Int { waiting.count }
}
