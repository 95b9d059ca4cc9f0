// Where a live session is, for everyone who is not its shard.

package import Base

/// A session's place: its shard and its slot there, in 12 bytes. A stale address reaches nobody.
package struct SessionAddress: Hashable, Sendable {
    package var slot: SlotID
    private let shardNumber: UInt16

    package var shard: Int { Int(shardNumber) }

    /// Precondition: there are at most 65,536 shards.
    package init(shard: Int, slot: SlotID) {
        shardNumber = UInt16(shard)
        self.slot = slot
    }
}
