// Where a live session is, for everyone who is not its shard.

package import Base

/// A session's place: its shard and its slot there. A stale address reaches nobody.
package struct SessionAddress: Hashable, Sendable {
    package var shard: Int
    package var slot: SlotID

    package init(shard: Int, slot: SlotID) {
        self.shard = shard
        self.slot = slot
    }
}
