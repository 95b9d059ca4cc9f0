// Stanzas on their way: to the store and to online devices at once, and the ack back to the sender.

internal import Base
internal import Wire

extension Router {
    mutating func route(
        _ request: EnqueueRequest, origin: SessionAddress, effects: inout [RouterEffect]
    ) {
        guard !closed.isClosed(request.place), unsettled.count < limits.unsettledPerShardMax else {
            if let place = request.place { closed.close(place.flow) }
            let refused = Refused(request, closes: true)
            effects.append(.toSession(origin, .refused(refused, .resourceConstraint)))
            return
        }
        var stanza = Unsettled(
            key: request.key, recipient: request.recipient, device: request.device, origin: origin,
            place: request.place, copy: request.copy)
        let place = users.place(of: request.recipient)
        // Nobody here knows of the sender's devices: only the store makes their copies safe.
        if request.copy == nil, let devices = place.flatMap({ users[$0].devices }) {
            stanza.outstanding = request.device.map { [$0] } ?? devices
        }
        let ticket = ask(.enqueue(request), .stanza(stanza), effects: &effects)
        unsettled[UnsettledKey(recipient: request.recipient, key: request.key)] = ticket

        push(
            QueuedStanza(key: request.key, payload: request.payload), to: request.recipient,
            devices: request.device.map { [$0] }, effects: &effects)
    }

    /// Gives a stanza that waits, or will, to those devices that are online and have all before it.
    mutating func push(
        _ stanza: QueuedStanza, to user: Localpart, devices: [UInt8]?,
        effects: inout [RouterEffect]
    ) {
        guard let place = users.place(of: user) else { return }
        for index in users[place].sessions.indices {
            guard devices?.contains(users[place].sessions[index].device) ?? true else { continue }
            if users[place].sessions[index].window.enqueued(stanza, limits: limits) {
                effects.append(
                    .toSession(users[place].sessions[index].session, .deliver(stanza.payload)))
            }
        }
    }

    /// Durable, or refused by the store.
    mutating func stanzaAnswered(
        _ stanza: Unsettled, ticket: UInt64, _ reply: StoreReply, effects: inout [RouterEffect]
    ) {
        let key = UnsettledKey(recipient: stanza.recipient, key: stanza.key)
        if unsettled[key] == ticket { unsettled[key] = nil }
        tell(reply, of: stanza, effects: &effects)
        guard let flow = stanza.place?.flow else { return }
        for _ in 0..<stanza.reopenings {
            effects.append(.toStore(.reopen(flow), ticket: 0))
            closed.reopen(flow)
        }
    }

    private mutating func tell(
        _ reply: StoreReply, of stanza: Unsettled, effects: inout [RouterEffect]
    ) {
        switch reply {
        case .enqueued(_, let copies):
            if !stanza.isAcked { effects.append(.toSession(stanza.origin, accepted(stanza))) }
            guard let copy = stanza.copy, !copies.isEmpty else { return }
            let sender = stanza.key.sender.user
            let queued = QueuedStanza(key: stanza.key.ofCopy, payload: copy)
            effects.append(.toRouter(home: sender, .stored(queued, for: sender, devices: copies)))
        case .unknownRecipient, .unknownDevice:
            if !stanza.isAcked { refuse(stanza, .itemNotFound, effects: &effects) }
        case .heldBack, .notTaken:
            if !stanza.isAcked { refuseAndClose(stanza, effects: &effects) }
        default:
            // No room, or it could not be made safe. The store holds back what is behind it.
            if case .failed = reply, stanza.copy != nil {
                // An error is no proof that nothing was kept, and of copies nobody but the store knows.
                let sender = stanza.key.sender.user
                effects.append(.toRouter(home: sender, .mayWait(for: sender)))
            }
            if stanza.isAcked {
                // Its devices have it, so nothing can overtake it, and its session is told nothing.
                reopenLater(stanza, effects: &effects)
                return
            }
            if let place = stanza.place {
                effects.append(.toStore(.reopen(place.flow), ticket: 0))
            }
            refuseAndClose(stanza, effects: &effects)
        }
    }

    /// Holds back what is behind it until its session knows.
    private mutating func refuseAndClose(_ stanza: Unsettled, effects: inout [RouterEffect]) {
        if let place = stanza.place {
            closed.close(place.flow)
            holdBackTails(of: stanza.recipient)
        }
        refuse(stanza, .resourceConstraint, closes: stanza.place != nil, effects: &effects)
    }

    /// Lets the store take the flow again once it has answered what was behind this when it failed: that is
    /// held back, and what came after it must not be taken before its session is told.
    private mutating func reopenLater(_ stanza: Unsettled, effects: inout [RouterEffect]) {
        guard let flow = stanza.place?.flow else { return }
        var last: UInt64?
        for (ticket, purpose) in pending {
            guard case .stanza(let other) = purpose, other.place?.flow == flow else { continue }
            last = max(last ?? ticket, ticket)
        }
        guard let last, case .stanza(var other) = pending[last] else {
            effects.append(.toStore(.reopen(flow), ticket: 0))
            return
        }
        closed.close(flow)
        other.reopenings += 1
        pending[last] = .stanza(other)
    }

    private func refuse(
        _ stanza: Unsettled, _ condition: StanzaCondition, closes: Bool = false,
        effects: inout [RouterEffect]
    ) {
        effects.append(
            .toSession(stanza.origin, .refused(Refused(stanza, closes: closes), condition)))
    }

    /// A message to this user was refused that its devices may not have been given: what came behind it
    /// must not be given to them either, unless the store has it.
    private mutating func holdBackTails(of recipient: Localpart) {
        guard let place = users.place(of: recipient) else { return }
        for index in users[place].sessions.indices {
            users[place].sessions[index].window.distrustTail()
        }
    }

    /// The devices of a user that are online read on in their queues, whatever they were given.
    mutating func readQueues(of user: Localpart, effects: inout [RouterEffect]) {
        guard let place = users.place(of: user) else { return }
        for index in users[place].sessions.indices {
            users[place].sessions[index].window.distrust()
            let device = DeviceAddress(user: user, device: users[place].sessions[index].device)
            readOn(
                device, users[place].sessions[index].session,
                at: Position(place: place, index: index), effects: &effects)
        }
    }

    /// The device has the stanza: off its queue, and on with the next page if it was behind.
    mutating func settle(
        _ device: DeviceAddress, _ session: SessionAddress, _ key: StanzaKey, isReceipt: Bool,
        effects: inout [RouterEffect]
    ) {
        let position = position(device, session)
        if !isReceipt {
            guard let position,
                users[position.place].sessions[position.index].window.isInFlight(key)
            else { return }
        }
        // A receipt that crossed the end of its session counts all the same: the device has it.
        effects.append(.toStore(.settle(device, key), ticket: 0))
        acknowledge(device, key, effects: &effects)
        guard let position else { return }
        users[position.place].sessions[position.index].window.settled(key, limits: limits)
        // A login of the device is about to get what waits: the page may have been read before this.
        for index in users[position.place].sessions.indices
        where !users[position.place].sessions[index].isOpen
            && users[position.place].sessions[index].device == device.device
        {
            users[position.place].sessions[index].window.settled(key, limits: limits)
        }
        readOn(device, session, at: position, effects: &effects)
    }

    /// Acks to the sender before the store did, if the last device has it.
    private mutating func acknowledge(
        _ device: DeviceAddress, _ key: StanzaKey, effects: inout [RouterEffect]
    ) {
        let unsettledKey = UnsettledKey(recipient: device.user, key: key)
        guard let ticket = unsettled[unsettledKey],
            case .stanza(var stanza) = pending[ticket],
            var outstanding = stanza.outstanding, !stanza.isAcked
        else { return }
        outstanding.removeAll { $0 == device.device }
        stanza.outstanding = outstanding
        if outstanding.isEmpty && pending.count <= limits.earlyAckBacklogMax {
            stanza.isAcked = true
            effects.append(.toSession(stanza.origin, accepted(stanza)))
        }
        pending[ticket] = .stanza(stanza)
    }

    private func accepted(_ stanza: Unsettled) -> SessionInput {
        .accepted(stanza.key, recipient: stanza.recipient, device: stanza.device)
    }

    mutating func pageAnswered(
        _ device: DeviceAddress, _ session: SessionAddress, _ reply: StoreReply,
        effects: inout [RouterEffect]
    ) {
        guard let position = position(device, session) else { return }
        guard case .page(let page) = reply else {
            effects.append(.toSession(session, .pageFailed))
            return
        }
        push(page, to: device, at: position, effects: &effects)
    }

    /// Asks again for the page that the window still waits for.
    mutating func readAgain(
        _ device: DeviceAddress, _ session: SessionAddress, effects: inout [RouterEffect]
    ) {
        guard let position = position(device, session),
            let cursor = users[position.place].sessions[position.index].window.readAgain()
        else { return }
        ask(
            .readPage(device, after: cursor, countMax: limits.pageCountMax), .page(device, session),
            effects: &effects)
    }

    mutating func push(
        _ page: QueuePage, to device: DeviceAddress, at position: Position,
        effects: inout [RouterEffect]
    ) {
        let session = users[position.place].sessions[position.index].session
        let pushed = users[position.place].sessions[position.index].window.pageArrived(page)
        for stanza in pushed {
            effects.append(.toSession(session, .deliver(stanza.payload)))
        }
        readOn(device, session, at: position, effects: &effects)
    }

    private mutating func readOn(
        _ device: DeviceAddress, _ session: SessionAddress, at position: Position,
        effects: inout [RouterEffect]
    ) {
        guard
            let cursor = users[position.place].sessions[position.index].window.nextPage(
                limits: limits)
        else { return }
        ask(
            .readPage(device, after: cursor, countMax: limits.pageCountMax), .page(device, session),
            effects: &effects)
    }
}
