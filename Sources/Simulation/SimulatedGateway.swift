// One life of the gateway's process: shards and a store over the disk that outlives it, and its clocks.

internal import Base
internal import Sessions
internal import Storage
internal import Wire

/// A gateway from its start to its end.
final class SimulatedGateway {
    private unowned let world: World
    let life: Int
    private(set) var shards: [SimulatedShard] = []
    private var storage: SimulatedStore?
    /// Until then nothing of it runs, and its monotonic clock stands still.
    private(set) var stalledUntil: UInt64 = 0
    private var stalledUs: UInt64 = 0

    /// Starts the gateway. Throws when the database cannot be opened.
    init(world: World, life: Int) throws(StoreError) {
        self.world = world
        self.life = life
        storage = try SimulatedStore(
            world: world, life: life, limits: world.plan.storeLimits,
            report: { [weak self] in self?.expired($0) }
        ) { [weak self] shard, answers in
            self?.shards[shard].mailbox.append(.store(answers))
            self?.shards[shard].wake()
        }
        shards = (0..<world.plan.shardCount).map {
            SimulatedShard(world: world, gateway: self, index: $0)
        }
    }

    var store: SimulatedStore {
        guard let storage else { preconditionFailure("a gateway without a store") }
        return storage
    }

    /// Tells the homes of those whose messages have expired.
    private func expired(_ expired: Expired) {
        for (owner, stanza) in expired.notices {
            let shard = shards[owner.user.home(among: shards.count)]
            shard.mailbox.append(
                .router(.stored(stanza, for: owner.user, devices: [owner.device])))
            shard.wake()
        }
        for user in expired.uncertain.sorted() {
            let shard = shards[user.home(among: shards.count)]
            shard.mailbox.append(.router(.mayWait(for: user)))
            shard.wake()
        }
    }

    /// What its clocks show.
    var moment: Moment {
        let monotonic = world.now - min(stalledUs, world.now)
        return Moment(
            monotonic: Instant(milliseconds: 1_000 + monotonic / 1_000),
            unixSeconds: world.unixSeconds)
    }

    /// When its monotonic clock will show that, if nothing stops it.
    func time(of deadline: Instant) -> UInt64 {
        let milliseconds = deadline.milliseconds(since: Instant(milliseconds: 1_000))
        let (microseconds, overflow) = milliseconds.multipliedReportingOverflow(by: 1_000)
        return overflow ? .max : microseconds.addingReportingOverflow(stalledUs).partialValue
    }

    /// Stops it for a while; half of the time its monotonic clock stops with it.
    func stall(forUs duration: UInt64) {
        guard world.now >= stalledUntil else { return }
        stalledUntil = world.now + duration
        if world.random.chance(50) { stalledUs += duration }
    }

    /// A client wants in.
    func accept(_ link: SimulatedLink) {
        guard let shard = world.random.pick(shards) else { return }
        shard.accepted.append(link)
        shard.wake()
    }

    /// The process is gone; so are its connections.
    func crash(losingPower: Bool) {
        store.crash(losingPower: losingPower)
        for shard in shards {
            shard.forEachConnection { $0.link.closeAtServer(in: world) }
            for link in shard.accepted { link.closeAtServer(in: world) }
        }
    }

    /// The last act of an orderly stop: what was submitted is finished.
    func finish() {
        store.close()
        for shard in shards {
            shard.forEachConnection { $0.link.closeAtServer(in: world) }
            for link in shard.accepted { link.closeAtServer(in: world) }
        }
    }

    var isIdle: Bool { store.isIdle && shards.allSatisfy(\.isIdle) }
}
