// The users at one home: a hash table that grows and shrinks by one bucket at a time (linear hashing),
// so that no login ever waits for a million others to be moved. Users lie in a slab, buckets are chains
// through them, and the chains' heads lie in blocks. A name is kept once.
//
// Invariant: there are as many buckets as users, within a factor of two and a minimum. Of the buckets,
// those below `split` and those from `half` up have been split by one more bit of the hash.
//
// A class because a slab is never copied, while routers lie in arrays. One router owns it.

internal import Base
internal import Wire

/// The online users of one home, by name and by place.
final class UserDirectory {
    /// Where a user is, until it is removed.
    typealias Place = UInt32

    private static let noPlace: Place = .max
    private static let bucketCountMin = 64
    private static let blockCount = 4_096
    private static let countMax = 1 << 30

    private var users = Slab<OnlineUser>(countMax: countMax)
    /// The first user of each bucket.
    private var blocks: [[Place]] = [Array(repeating: noPlace, count: blockCount)]
    /// The number of buckets before the present round of splits; a power of two.
    private var half = bucketCountMin
    /// Buckets split in this round.
    private var split = 0

    // MARK: Users

    /// The place of the user of that name.
    func place(of name: Localpart) -> Place? {
        var place = head(bucket(of: name))
        while place != Self.noPlace {
            let user = users.pointer(at: place)
            if user.pointee.name == name { return place }
            place = user.pointee.nextInBucket
        }
        return nil
    }

    /// Adds a user. Precondition: none has that name.
    func insert(_ user: OnlineUser) -> Place {
        precondition(place(of: user.name) == nil, "\(user.name) is there")
        guard let slot = users.insert(user) else { preconditionFailure("2^30 users online") }
        link(slot.index)
        if users.count > bucketCount { splitBucket() }
        return slot.index
    }

    /// Removes a user. Precondition: one is there.
    func remove(_ place: Place) {
        let next = self[place].nextInBucket
        let bucket = bucket(of: self[place].name)
        if head(bucket) == place {
            setHead(bucket, next)
        } else {
            var before = head(bucket)
            while self[before].nextInBucket != place { before = self[before].nextInBucket }
            self[before].nextInBucket = next
        }
        users.remove(users.id(at: place))
        // Two at a time, or buckets would fall behind users.
        for _ in 0..<2 where users.count < bucketCount / 2 && bucketCount > Self.bucketCountMin {
            joinBucket()
        }
    }

    /// The user at a place. Precondition: one is there.
    ///
    /// Addressors, not coroutines: of a struct this large `_read` yields a copy, and unoptimised code of
    /// Swift 6.3 goes on reading that copy when the coroutine's frame is already freed.
    subscript(place: Place) -> OnlineUser {
        unsafeAddress { UnsafePointer(users.pointer(at: place)) }
        unsafeMutableAddress { users.pointer(at: place) }
    }

    /// How many users there are.
    var count: Int { users.count }

    /// Calls `body` with each user.
    func forEach(_ body: (OnlineUser) -> Void) {
        var index: UInt32 = 0
        while let id = users.next(from: index) {
            body(users.pointer(at: id.index).pointee)
            index = id.index + 1
        }
    }

    /// Bytes of memory that users and buckets take, names longer than 15 bytes aside.
    var allocatedSize: Int {
        users.allocatedSize + blocks.count * Self.blockCount * MemoryLayout<Place>.size
    }

    // MARK: Buckets

    private var bucketCount: Int { half + split }

    private func bucket(of name: Localpart) -> Int {
        // The seeded hash: names are chosen by strangers.
        let hash = Int(truncatingIfNeeded: UInt(bitPattern: name.hashValue))
        let bucket = hash & (half - 1)
        return bucket < split ? hash & (2 * half - 1) : bucket
    }

    private func head(_ bucket: Int) -> Place {
        blocks[bucket / Self.blockCount][bucket % Self.blockCount]
    }

    private func setHead(_ bucket: Int, _ place: Place) {
        blocks[bucket / Self.blockCount][bucket % Self.blockCount] = place
    }

    private func link(_ place: Place) {
        let bucket = bucket(of: self[place].name)
        self[place].nextInBucket = head(bucket)
        setHead(bucket, place)
    }

    /// Spreads the users of the next bucket over it and a new one.
    private func splitBucket() {
        let source = split
        if bucketCount == blocks.count * Self.blockCount {
            blocks.append(Array(repeating: Self.noPlace, count: Self.blockCount))
        }
        split += 1
        if split == half {
            half *= 2
            split = 0
        }
        relink(from: source)
    }

    /// Moves the users of the last bucket to the one it was split from.
    private func joinBucket() {
        let last = bucketCount - 1
        if split == 0 {
            half /= 2
            split = half
        }
        split -= 1
        relink(from: last)
        // One block of slack, so that a user coming and going does not make and drop one.
        if bucketCount <= (blocks.count - 2) * Self.blockCount { blocks.removeLast() }
    }

    private func relink(from bucket: Int) {
        var place = head(bucket)
        setHead(bucket, Self.noPlace)
        while place != Self.noPlace {
            let next = self[place].nextInBucket
            link(place)
            place = next
        }
    }

    /// Traps when the table contradicts itself. O(users).
    func checkInvariants() {
        var found = 0
        for bucket in 0..<bucketCount {
            var place = head(bucket)
            while place != Self.noPlace {
                precondition(self.bucket(of: self[place].name) == bucket, "a user misplaced")
                found += 1
                place = self[place].nextInBucket
            }
        }
        precondition(found == users.count, "\(found) linked of \(users.count)")
        precondition(users.count <= bucketCount, "\(users.count) in \(bucketCount) buckets")
    }
}
