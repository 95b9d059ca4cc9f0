// Stanzas on their way: to the store and to online devices at once, and the ack back to the sender.

internal import Base
internal import Wire

extension Router {
    mutating func route(
        _ request: EnqueueRequest, origin: SessionAddress, effects: inout [RouterEffect]
    ) {
        guard unsettled.count < limits.unsettledPerShardMax else {
            effects.append(
                .toSession(
                    origin,
                    .refused(
                        request.key, recipient: request.recipient, device: request.device,
                        .resourceConstraint)))
            return
        }
        var stanza = Unsettled(
            key: request.key, recipient: request.recipient, device: request.device, origin: origin)
        if let devices = users[request.recipient]?.devices {
            stanza.outstanding = request.device.map { [$0] } ?? devices
        }
        let ticket = ask(.enqueue(request), .stanza(stanza), effects: &effects)
        unsettled[UnsettledKey(recipient: request.recipient, key: request.key)] = ticket

        guard let count = users[request.recipient]?.sessions.count else { return }
        let queued = QueuedStanza(key: request.key, payload: request.payload)
        for index in 0..<count {
            guard let online = users[request.recipient]?.sessions[index],
                request.device == nil || request.device == online.device
            else { continue }
            let pushesNow = users[request.recipient]?.sessions[index].window.enqueued(
                queued, limits: limits)
            if pushesNow == true {
                effects.append(.toSession(online.session, .deliver(request.payload)))
            }
        }
    }

    /// Durable, or refused by the store.
    mutating func stanzaAnswered(
        _ stanza: Unsettled, ticket: UInt64, _ reply: StoreReply, effects: inout [RouterEffect]
    ) {
        let key = UnsettledKey(recipient: stanza.recipient, key: stanza.key)
        if unsettled[key] == ticket { unsettled[key] = nil }
        if stanza.isAcked { return }
        let condition: StanzaCondition
        switch reply {
        case .enqueued:
            effects.append(.toSession(stanza.origin, accepted(stanza)))
            return
        case .unknownRecipient, .unknownDevice:
            condition = .itemNotFound
        default:
            condition = .resourceConstraint  // no room, or no store to make it safe
        }
        effects.append(
            .toSession(
                stanza.origin,
                .refused(
                    stanza.key, recipient: stanza.recipient, device: stanza.device, condition)))
    }

    /// The device has the stanza: off its queue, and on with the next page if it was behind.
    mutating func settle(
        _ device: DeviceAddress, _ session: SessionAddress, _ key: StanzaKey, isReceipt: Bool,
        effects: inout [RouterEffect]
    ) {
        let index = position(device, session)
        if !isReceipt {
            guard let index, users[device.user]?.sessions[index].window.isInFlight(key) == true
            else { return }
        }
        // A receipt that crossed the end of its session counts all the same: the device has it.
        effects.append(.toStore(.settle(device, key), ticket: 0))
        acknowledge(device, key, effects: &effects)
        guard let index else { return }
        users[device.user]?.sessions[index].window.settled(key)
        readOn(device, session, at: index, effects: &effects)
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
        guard let index = position(device, session) else { return }
        guard case .page(let page) = reply else {
            // What waits cannot be read: the device comes back for it later.
            effects.append(.toSession(session, .end(.resourceConstraint)))
            return
        }
        push(page, to: device, at: index, effects: &effects)
    }

    mutating func push(
        _ page: QueuePage, to device: DeviceAddress, at index: Int,
        effects: inout [RouterEffect]
    ) {
        guard let online = users[device.user]?.sessions[index],
            let pushed = users[device.user]?.sessions[index].window.pageArrived(page)
        else { return }
        for stanza in pushed {
            effects.append(.toSession(online.session, .deliver(stanza.payload)))
        }
        readOn(device, online.session, at: index, effects: &effects)
    }

    private mutating func readOn(
        _ device: DeviceAddress, _ session: SessionAddress, at index: Int,
        effects: inout [RouterEffect]
    ) {
        guard
            let cursor = users[device.user]?.sessions[index].window.nextPage(limits: limits)
        else { return }
        ask(
            .readPage(device, after: cursor, countMax: limits.pageCountMax), .page(device, session),
            effects: &effects)
    }
}
