// What happens next: a heap of events by time, those of one moment in the order they were planned.

/// Something that happens at a moment.
enum Event {
    /// A shard of that life of the gateway takes a turn.
    case turn(SimulatedShard, life: Int)
    /// The store's writer or reader has something to do, in that life of the gateway.
    case store(StoreStep, life: Int)
    /// The oldest chunk that goes to that side arrives, if it still is this one.
    case arrival(SimulatedLink, LinkSide, chunk: Int)
    /// One side of a connection learns that it is lost.
    case loss(SimulatedLink, LinkSide)
    /// A connection is asked for.
    case connection(SimulatedLink)
    /// A client's driver looks around.
    case client(SimulatedClient)
    /// A client's person does something.
    case act(SimulatedClient)
    /// The next fault.
    case fault
    /// A fault is over.
    case relief(Relief)
    /// The gateway's process starts.
    case start
    /// The operator gives an order, or gives it again.
    case order
}

/// What a store does at a moment of its own.
enum StoreStep {
    case takeBatch(window: Int)
    case finishBatch
    case retry
    case sweep
    case answerLookUps
}

/// Which fault is over.
enum Relief {
    case disk
    case network
    case shards
}

/// A binary heap. Times are microseconds since the world began.
struct Schedule {
    private struct Entry {
        var at: UInt64
        var order: UInt64
        var event: Event

        func isBefore(_ other: Entry) -> Bool {
            at != other.at ? at < other.at : order < other.order
        }
    }

    private var heap: [Entry] = []
    private var orderLast: UInt64 = 0

    mutating func add(_ event: Event, at time: UInt64) {
        orderLast += 1
        heap.append(Entry(at: time, order: orderLast, event: event))
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].isBefore(heap[parent]) else { break }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    /// When the next event is.
    var nextTime: UInt64? { heap.first?.at }

    mutating func take() -> (at: UInt64, event: Event)? {
        guard let first = heap.first, let last = heap.popLast() else { return nil }
        guard !heap.isEmpty else { return (first.at, first.event) }
        heap[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < heap.count && heap[child].isBefore(heap[least]) {
                least = child
            }
            guard least != parent else { break }
            heap.swapAt(parent, least)
            parent = least
        }
        return (first.at, first.event)
    }
}
