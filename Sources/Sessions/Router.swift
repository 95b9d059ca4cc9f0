// One shard's share of the directory: the users whose home it is, their online devices and what each
// still has to ack. All that concerns a user goes through its home router, one thing after another,
// which is what keeps order per sender and recipient.
//
// Invariant: a stanza is acked to its sender only after the store answered `enqueued` for it, or after
// every device it is for has settled it; each ticket is answered by the store exactly once.
//
// Sans-IO: inputs in, effects out. The shard that owns it calls it and carries the effects.

package import Base
package import Wire

/// The home of some users.
package struct Router {
    /// A stanza whose sender waits for its ack.
    struct Unsettled {
        var key: StanzaKey
        var recipient: Localpart
        var device: UInt8?
        var origin: SessionAddress
        var place: FlowPlace?
        /// For the sender's other devices, once the store has it.
        var copy: [UInt8]?
        /// Devices that have not settled it; nil when they are not known here.
        var outstanding: [UInt8]?
        var isAcked = false
        /// How often the store is to reopen its flow once this was answered.
        var reopenings = 0
    }

    /// What a ticket at the store is for.
    enum Pending {
        case stanza(Unsettled)
        case opening(DeviceAddress, SessionAddress)
        case page(DeviceAddress, SessionAddress)
        case contacts(ContactsRequest)
    }

    /// A stanza as one recipient knows it.
    struct UnsettledKey: Hashable {
        var recipient: Localpart
        var key: StanzaKey
    }

    /// What tables that are empty may keep for the next burst.
    static let idleCapacityMax = 1_024
    /// Lists of devices that are shared; the others are each user's own.
    static let deviceListCountMax = 16

    let limits: Limits
    let context: WireContext
    let users = UserDirectory()
    /// Lists of devices that many users have, each kept once.
    var deviceLists: [[UInt8]] = []
    var pending: [UInt64: Pending] = [:]
    var unsettled: [UnsettledKey: UInt64] = [:]
    /// Flows of which something was refused that its session may not know yet.
    var closed = ClosedFlows()
    var nextTicket: UInt64 = 1

    /// An empty home.
    package init(limits: Limits, context: WireContext) {
        self.limits = limits
        self.context = context
    }

    /// Users with at least one session.
    package var onlineCount: Int { users.count }

    /// Bytes of memory that the online users take, without what they own apart.
    package var allocatedSize: Int { users.allocatedSize }

    /// Flows of which something was refused that its session has not been told.
    package var closedCount: Int { closed.count }

    /// Questions the store has not answered.
    package var pendingCount: Int { pending.count }

    /// Takes one input. Effects are appended in the order in which they are to be carried out.
    package mutating func receive(
        _ input: RouterInput, at unixSeconds: UInt64, effects: inout [RouterEffect]
    ) {
        switch input {
        case .claim(let device, let session, let since, let login):
            claim(device, session, since: since, login, effects: &effects)
        case .release(let device, let session):
            release(device, session, at: unixSeconds, effects: &effects)
        case .route(let request, let origin):
            route(request, origin: origin, effects: &effects)
        case .settle(let device, let session, let key, let isReceipt):
            settle(device, session, key, isReceipt: isReceipt, effects: &effects)
        case .stored(let stanza, let user, let devices):
            push(stanza, to: user, devices: devices, effects: &effects)
        case .mayWait(let user):
            readQueues(of: user, effects: &effects)
        case .readAgain(let device, let session):
            readAgain(device, session, effects: &effects)
        case .reopen(let flow):
            closed.reopen(flow)
        case .transient(let user, let device, let payload):
            guard let place = users.place(of: user) else { return }
            for online in users[place].sessions
            where online.isOpen && (device == nil || device == online.device) {
                effects.append(.toSession(online.session, .news(payload)))
            }
        case .setAvailable(let device, let session, let isAvailable):
            setAvailable(device, session, isAvailable, at: unixSeconds, effects: &effects)
        case .presence(let news):
            presence(news, at: unixSeconds, effects: &effects)
        case .contacts(let request):
            contacts(request, effects: &effects)
        }
    }

    /// Takes the store's answer to a ticket, `notTaken` when it took nothing, or its news.
    package mutating func receive(
        _ reply: StoreReply, ticket: UInt64, at unixSeconds: UInt64, effects: inout [RouterEffect]
    ) {
        if case .evict(let eviction) = reply {
            evict(eviction, effects: &effects)
            return
        }
        guard let question = pending.removeValue(forKey: ticket) else {
            preconditionFailure("ticket \(ticket) was answered before or never given")
        }
        // A dictionary never shrinks by itself.
        if pending.isEmpty && pending.capacity > Self.idleCapacityMax { pending = [:] }
        switch question {
        case .stanza(let stanza):
            stanzaAnswered(stanza, ticket: ticket, reply, effects: &effects)
        case .opening(let device, let session):
            openingAnswered(
                device, session, ticket: ticket, reply, at: unixSeconds, effects: &effects)
        case .page(let device, let session):
            pageAnswered(device, session, reply, effects: &effects)
        case .contacts(let request):
            contactsAnswered(request, reply, at: unixSeconds, effects: &effects)
        }
    }

    @discardableResult
    mutating func ask(
        _ request: StoreRequest, _ purpose: Pending, effects: inout [RouterEffect]
    ) -> UInt64 {
        let ticket = nextTicket
        nextTicket += 1
        pending[ticket] = purpose
        effects.append(.toStore(request, ticket: ticket))
        return ticket
    }

    /// A session among those of its user.
    struct Position {
        var place: UserDirectory.Place
        var index: Int
    }

    /// Where the device's session is, if it still is this session.
    func position(_ device: DeviceAddress, _ session: SessionAddress) -> Position? {
        guard let place = users.place(of: device.user),
            let index = users[place].sessions.firstIndex(where: {
                $0.device == device.device && $0.session == session
            })
        else { return nil }
        return Position(place: place, index: index)
    }

    /// The same list of devices, shared with other users who have it: most have device 0 alone.
    mutating func shared(_ devices: [UInt8]) -> [UInt8] {
        if let known = deviceLists.first(where: { $0 == devices }) { return known }
        if deviceLists.count < Self.deviceListCountMax { deviceLists.append(devices) }
        return devices
    }

    /// Traps when the directory broke an invariant: called by tests, fuzzers and the simulator.
    package func checkInvariants() {
        users.checkInvariants()
        users.forEach { user in
            let open = user.sessions.filter(\.isOpen).map(\.device)
            precondition(Set(open).count == open.count, "\(user.name) has a device twice")
            let logins = Dictionary(grouping: user.sessions.filter { !$0.isOpen }, by: \.device)
            precondition(
                logins.values.allSatisfy { $0.count <= limits.loginsPerDeviceMax },
                "\(user.name) has too many logins under way")
            let contacts = zip(user.contacts, user.contacts.dropFirst())
            precondition(contacts.allSatisfy { $0 < $1 }, "\(user.name)'s contacts in disorder")
            for online in user.sessions { online.window.checkInvariants(limits: limits) }
        }
        for ticket in unsettled.values {
            guard case .stanza = pending[ticket] else {
                preconditionFailure("an unsettled stanza without a ticket")
            }
        }
        precondition(pending.count >= unsettled.count, "more unsettled than pending")
    }
}
