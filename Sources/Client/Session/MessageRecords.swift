// Where the messages stand that this client sent, the newest of them: what an app shows as ticks.
//
// Invariant: `order` holds exactly the ids of `states`, oldest first; no more than `countMax`, save what an
// earlier process left.

internal import Wire

/// States of messages by id.
struct MessageRecords {
    private let countMax: Int
    private var states: [StanzaID: MessageState] = [:]
    private var order: [StanzaID] = []

    init(countMax: Int, _ records: [MessageRecord]) {
        self.countMax = countMax
        for record in records {
            if states.updateValue(record.state, forKey: record.id) == nil {
                order.append(record.id)
            }
        }
    }

    func state(of id: StanzaID) -> MessageState? { states[id] }

    /// Begins a record. Gives the id that is forgotten for it.
    mutating func begin(_ id: StanzaID) -> StanzaID? {
        if states.updateValue(.pending, forKey: id) != nil { return nil }
        order.append(id)
        guard order.count > countMax else { return nil }
        let oldest = order.removeFirst()
        states[oldest] = nil
        return oldest
    }

    /// Moves a record on; false when there is none or it says more already.
    mutating func advance(_ id: StanzaID, to state: MessageState) -> Bool {
        guard let current = states[id], state.outranks(current) else { return false }
        states[id] = state
        return true
    }
}
