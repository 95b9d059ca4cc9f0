// What keeps order when a part is refused. Messages of one session to one user travel one way, one after
// another: session, home router, store. When one of them is refused with `wait`, those behind it are under
// way already and would overtake it. So whoever refuses one closes the flow, and holds back what still comes,
// until the one before it says that it knows: all that it sent without knowing has arrived by then, since the
// way is the same.
//
// Routers and the store keep ClosedFlows; Sessions' `RefusedRecipients` is the session's side.

/// All messages of one session to one user.
package struct Flow: Hashable, Sendable {
    package var origin: SessionAddress
    package var recipient: Localpart

    package init(origin: SessionAddress, recipient: Localpart) {
        self.origin = origin
        self.recipient = recipient
    }
}

/// A message's place in its flow.
package struct FlowPlace: Sendable {
    package var flow: Flow
    /// Grows with each message of the flow; one that was refused comes again with its first place.
    package var order: UInt64

    package init(_ flow: Flow, _ order: UInt64) {
        self.flow = flow
        self.order = order
    }
}

/// The flows of which something was refused that the sender's side may not know of.
package struct ClosedFlows: Sendable {
    /// Refusals that it may not know of.
    private var counts: [Flow: Int] = [:]

    package init() {}

    /// Something of the flow was refused.
    package mutating func close(_ flow: Flow) { counts[flow, default: 0] += 1 }

    /// The sender's side knows of one refusal.
    package mutating func reopen(_ flow: Flow) {
        guard let count = counts[flow] else { return }
        counts[flow] = count > 1 ? count - 1 : nil
        // A dictionary never shrinks by itself.
        if counts.isEmpty { counts = [:] }
    }

    /// Whether what belongs to the flow must be held back. What belongs to none never is.
    package func isClosed(_ place: FlowPlace?) -> Bool {
        guard !counts.isEmpty, let place else { return false }
        return counts[place.flow] != nil
    }

    /// Flows that are closed.
    package var count: Int { counts.count }
}
