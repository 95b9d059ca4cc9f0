// The recipients to whom a message of this session was refused with `wait`. Nothing goes to one of them
// until the client sends one of the refused again and has read, when it does, what became of all before that
// one: it begins anew then, in the order that it wants. What it sends before is refused as well, or it
// would overtake.
//
// A client sends what it has for one recipient in one order, and begins again from the first that was refused.
// So the place at which a message was sent first tells where it stands, however often it was sent since; it is
// kept until the message is answered for good.
//
// What a client has read shows only where it begins anew. It then sends a message that stands no later than the one
// before, because it has read a refusal of this very message that it had not read before. What follows in the
// same run was sent again because of that one, and may be refused several times that its client knows nothing of.
//
// Invariant: there are at most `countMax` recipients, and at most `stanzaCountMax` refused ids of all together.

internal import Base
internal import Wire

/// One session's refusals, by recipient.
final class RefusedRecipients {
    private struct Refusal {
        /// The message's place among those that the client sent: of the first time.
        let order: UInt64
        /// Its refusals, counted among all that the client was told, of which it is not known that the client has read
        /// them. The newest are left out when there are too many: it is then taken to have read less than it has.
        var numbers: [UInt64] = []
        /// The last of its refusals.
        var lastNumber: UInt64 = 0

        mutating func add(_ number: UInt64) {
            lastNumber = number
            if numbers.count < RefusedRecipients.numbersMax { numbers.append(number) }
        }

        /// The client, which has read so far, begins anew with it: how far it has read then.
        mutating func takeRead(after read: UInt64) -> UInt64? {
            numbers.removeAll { $0 <= read }
            return numbers.isEmpty ? nil : numbers.removeFirst()
        }
    }

    private struct Recipient {
        let name: Localpart
        var isClosed = true
        var refusals: [StanzaID: Refusal] = [:]
        /// The place of what the client sent last; whatever comes first begins a run.
        var lastPlace = UInt64.max
        /// The last refusal that the client is known to have read.
        var read: UInt64 = 0

        /// Whether the client is known to have read each refusal of a message before this place.
        func knowsRefusals(before order: UInt64) -> Bool {
            !refusals.values.contains { $0.order < order && $0.lastNumber > read }
        }

        /// Takes note of a message that comes; whether it begins a run after a refusal of its own.
        mutating func beginsRun(_ id: StanzaID, place: UInt64) -> Bool {
            defer { lastPlace = place }
            guard place <= lastPlace, let read = refusals[id]?.takeRead(after: read) else {
                return false
            }
            self.read = read
            return true
        }
    }

    private static let numbersMax = 8

    /// More was refused than is remembered.
    struct Overflow: Error {}

    private var recipients: [Recipient] = []
    private var stanzaCount = 0
    private var refusalCount: UInt64 = 0
    private let countMax: Int
    private let stanzaCountMax: Int

    init(_ limits: Limits) {
        countMax = limits.refusedRecipientsPerSessionMax
        stanzaCountMax = limits.refusedStanzasPerSessionMax
    }

    /// Lets a message pass and gives its place, or refuses it: nil.
    /// - Parameter order: Its place if it is sent for the first time.
    func pass(
        _ id: StanzaID, to name: Localpart, order: UInt64
    ) throws(Overflow) -> UInt64? {
        guard let index = recipients.firstIndex(where: { $0.name == name }) else { return order }
        let place = recipients[index].refusals[id]?.order ?? order
        let beginsRun = recipients[index].beginsRun(id, place: place)
        if recipients[index].isClosed {
            guard beginsRun, recipients[index].knowsRefusals(before: place) else {
                try remember(id, order: order, index)
                return nil
            }
            recipients[index].isClosed = false
        }
        return place
    }

    /// A router or the store refused what had passed.
    /// - Parameter order: The place that `pass` gave it.
    func refused(_ id: StanzaID, to name: Localpart, order: UInt64) throws(Overflow) {
        if let index = recipients.firstIndex(where: { $0.name == name }) {
            recipients[index].isClosed = true
            try remember(id, order: order, index)
            return
        }
        guard recipients.count < countMax else { throw Overflow() }
        recipients.append(Recipient(name: name))
        try remember(id, order: order, recipients.count - 1)
    }

    /// A message was accepted, or refused for good: its client does not send it again.
    func settled(_ id: StanzaID, to name: Localpart) {
        guard let index = recipients.firstIndex(where: { $0.name == name }),
            recipients[index].refusals.removeValue(forKey: id) != nil
        else { return }
        stanzaCount -= 1
        if recipients[index].refusals.isEmpty { recipients.remove(at: index) }
    }

    private func remember(_ id: StanzaID, order: UInt64, _ index: Int) throws(Overflow) {
        refusalCount += 1
        if recipients[index].refusals[id] == nil {
            recipients[index].refusals[id] = Refusal(order: order)
            stanzaCount += 1
            if stanzaCount > stanzaCountMax { throw Overflow() }
        }
        recipients[index].refusals[id]?.add(refusalCount)
    }

    /// Whether messages pass to all.
    var isEmpty: Bool { recipients.isEmpty }
}
