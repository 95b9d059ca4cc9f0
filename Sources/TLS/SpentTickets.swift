// Tickets that have been used, so that each is good for one connection of this process only.
//
// Two generations of a span each; a ticket is remembered for one span at least and two at most. When a
// generation is full, further tickets are refused: those clients make a full handshake. So a ticket is
// never good twice while it lives, and memory stays bounded.
// Invariant: neither set holds more than `countMax`.

internal import Base

/// The filter; guarded by its ring's lock.
struct SpentTickets {
    private let spanS: UInt64
    private let countMax: Int
    private var current: Set<UInt64> = []
    private var previous: Set<UInt64> = []
    private var spanEndsAt: UInt64 = 0

    /// What became of a ticket.
    enum Outcome: Equatable {
        case accepted
        case spent
        case full
    }

    /// An empty filter; `spanS` is at least a ticket's lifetime.
    init(spanS: UInt64, countMax: Int = TLSLimits.spentTicketCountMax) {
        precondition(spanS > 0 && countMax > 0, "span \(spanS) s, \(countMax) tickets")
        self.spanS = spanS
        self.countMax = countMax
    }

    /// Uses up a ticket at the Unix second `now`.
    mutating func spend(_ ticket: UInt64, at now: UInt64) -> Outcome {
        turn(at: now)
        if current.contains(ticket) || previous.contains(ticket) { return .spent }
        guard current.count < countMax else { return .full }
        current.insert(ticket)
        return .accepted
    }

    private mutating func turn(at now: UInt64) {
        guard now >= spanEndsAt else { return }
        // After two spans of silence both generations are over.
        previous = now - spanEndsAt < spanS ? current : []
        current = []
        spanEndsAt = now + spanS
    }

    /// Traps when the filter has outgrown its limit.
    func checkInvariants() {
        precondition(current.count <= countMax && previous.count <= countMax, "spent tickets")
    }
}
