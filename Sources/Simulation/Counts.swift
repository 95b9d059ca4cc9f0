// How much happened: whoever runs seeds wants to see that something did.

/// Totals of one world, or of many.
package struct Counts: Sendable {
    package var steps = 0
    package var posted = 0
    package var acked = 0
    package var seen = 0
    package var copies = 0
    package var receipts = 0
    package var failed = 0
    package var expired = 0
    package var expiriesSeen = 0
    package var replies = 0
    package var connections = 0
    package var logins = 0
    package var loginsFailed = 0
    package var tokensRefused = 0
    package var diedInCommit = 0
    package var replaced = 0
    package var evicted = 0
    package var orders = 0
    package var batches = 0
    package var batchesFailed = 0
    package var mailboxesFull = 0
    package var queueFull = 0
    package var storeFull = 0
    package var slowReadersCut = 0
    package var refused = 0
    package var pagesAgain = 0
    package var faults = Array(repeating: 0, count: Fault.allCases.count)

    package init() {}

    mutating func count(_ fault: Fault) {
        if let index = Fault.allCases.firstIndex(of: fault) { faults[index] += 1 }
    }

    package mutating func add(_ other: Counts) {
        for path in Self.numbers { self[keyPath: path.path] += other[keyPath: path.path] }
        for index in faults.indices { faults[index] += other.faults[index] }
    }

    /// What happened how often, for people.
    package var lines: [(String, Int)] {
        Self.numbers.map { ($0.name, self[keyPath: $0.path]) }
    }

    package var faultLines: [(String, Int)] {
        zip(Fault.allCases, faults).map { ($0.rawValue, $1) }
    }

    private static var numbers: [(name: String, path: WritableKeyPath<Counts, Int>)] {
        [
            ("steps", \.steps), ("messages posted", \.posted), ("messages acked", \.acked),
            ("messages seen", \.seen), ("copies seen", \.copies), ("receipts seen", \.receipts),
            ("messages failed", \.failed), ("stanzas expired", \.expired),
            ("expiries seen", \.expiriesSeen),
            ("iq answers", \.replies), ("connections", \.connections), ("logins", \.logins),
            ("logins refused", \.loginsFailed), ("tokens refused", \.tokensRefused),
            ("clients that died in a commit", \.diedInCommit), ("clients replaced", \.replaced),
            ("sessions ended by an operator", \.evicted), ("an operator's orders", \.orders),
            ("batches durable", \.batches), ("batches with failures", \.batchesFailed),
            ("mailboxes full", \.mailboxesFull), ("queues full", \.queueFull),
            ("store's queue full", \.storeFull), ("slow readers cut", \.slowReadersCut),
            ("messages refused", \.refused),
            ("pages asked for again", \.pagesAgain),
        ]
    }
}
