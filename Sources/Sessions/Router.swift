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
    /// An online user. Kept while at least one of its devices has a session.
    struct OnlineUser {
        /// Registered devices, online or not; nil while a new one may have joined them.
        var devices: [UInt8]?
        /// The last `openDevice` that was asked for: its answer knows every device.
        var openingTicket: UInt64 = 0
        var contacts: Set<Localpart> = []
        var sessions: [OnlineDevice] = []

        var isAvailable: Bool { sessions.contains { $0.isAvailable } }
    }

    /// A device with a session.
    struct OnlineDevice {
        var device: UInt8
        var session: SessionAddress
        /// Whether the store has answered `openDevice`.
        var isOpen = false
        var isAvailable = false
        /// Whether it said so itself; a new session inherits its predecessor's state until it does.
        var hasSaid = false
        var window = DeliveryWindow()
    }

    /// A stanza whose sender waits for its ack.
    struct Unsettled {
        var key: StanzaKey
        var recipient: Localpart
        var device: UInt8?
        var origin: SessionAddress
        /// Devices that have not settled it; nil when they are not known here.
        var outstanding: [UInt8]?
        var isAcked = false
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

    let limits: Limits
    let context: WireContext
    var users: [Localpart: OnlineUser] = [:]
    var pending: [UInt64: Pending] = [:]
    var unsettled: [UnsettledKey: UInt64] = [:]
    var nextTicket: UInt64 = 1

    /// An empty home.
    package init(limits: Limits, context: WireContext) {
        self.limits = limits
        self.context = context
    }

    /// Users with at least one session.
    package var onlineCount: Int { users.count }

    /// Questions the store has not answered.
    package var pendingCount: Int { pending.count }

    /// Takes one input. Effects are appended in the order in which they are to be carried out.
    package mutating func receive(
        _ input: RouterInput, at unixSeconds: UInt64, effects: inout [RouterEffect]
    ) {
        switch input {
        case .claim(let device, let session):
            claim(device, session, effects: &effects)
        case .release(let device, let session):
            release(device, session, at: unixSeconds, effects: &effects)
        case .route(let request, let origin):
            route(request, origin: origin, effects: &effects)
        case .settle(let device, let session, let key, let isReceipt):
            settle(device, session, key, isReceipt: isReceipt, effects: &effects)
        case .transient(let user, let device, let payload):
            for online in users[user]?.sessions ?? []
            where online.isOpen && (device == nil || device == online.device) {
                effects.append(.toSession(online.session, .deliver(payload)))
            }
        case .setAvailable(let device, let session, let isAvailable):
            setAvailable(device, session, isAvailable, at: unixSeconds, effects: &effects)
        case .presence(let news):
            presence(news, at: unixSeconds, effects: &effects)
        case .contacts(let request):
            contacts(request, effects: &effects)
        case .evict(let user):
            for online in users[user]?.sessions ?? [] {
                effects.append(.toSession(online.session, .end(.notAuthorized)))
            }
        }
    }

    /// Takes the store's answer to a ticket. A store that took nothing answers `failed`.
    package mutating func receive(
        _ reply: StoreReply, ticket: UInt64, at unixSeconds: UInt64, effects: inout [RouterEffect]
    ) {
        guard let pending = pending.removeValue(forKey: ticket) else {
            preconditionFailure("ticket \(ticket) was answered before or never given")
        }
        switch pending {
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

    /// Where the device's session is among the user's, if it still is this session.
    func position(_ device: DeviceAddress, _ session: SessionAddress) -> Int? {
        users[device.user]?.sessions.firstIndex {
            $0.device == device.device && $0.session == session
        }
    }

    /// Traps when the directory broke an invariant: called by tests, fuzzers and the simulator.
    package func checkInvariants() {
        for (name, user) in users {
            precondition(!user.sessions.isEmpty, "\(name) is kept without a session")
            let devices = Set(user.sessions.map(\.device))
            precondition(devices.count == user.sessions.count, "\(name) has a device twice")
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
