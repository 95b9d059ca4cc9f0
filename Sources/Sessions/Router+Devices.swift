// Devices coming and going: claim, open, release, evict.
//
// A device has one session at most. A login that claims it stands beside the session that there is until the
// store has said that its proof counts: nobody's session ends for a login that fails.

internal import Base
internal import Wire

extension Router {
    mutating func claim(
        _ device: DeviceAddress, _ session: SessionAddress, since: Instant,
        _ login: DeviceLogin?, effects: inout [RouterEffect]
    ) {
        let place = users.place(of: device.user)
        if let place {
            // The newer connection wins, whichever login was over first: what a client sent on one that it
            // has given up may arrive after its next login, and must not end that.
            if let open = users[place].open(device.device),
                users[place].sessions[open].since > since
            {
                effects.append(.toSession(session, .end(.conflictReplaced)))
                return
            }
            guard users[place].loginCount(device.device) < limits.loginsPerDeviceMax else {
                effects.append(.toSession(session, .bindFailed(.temporaryAuthFailure)))
                return
            }
        }
        let ticket = ask(
            .openDevice(device, pageCountMax: limits.pageCountMax, login: login),
            .opening(device, session), effects: &effects)
        let online = OnlineDevice(device: device.device, session: session, since: since)
        guard let place else {
            _ = users.insert(
                OnlineUser(
                    name: device.user, registration: .asked(ticket: ticket),
                    sessions: OneOrMore(online)))
            return
        }
        users[place].sessions.append(online)
        // Whether or not the session lives to see the answer, a new device may be registered from now on:
        // what was known of the user's devices no longer holds.
        if users[place].devices?.contains(device.device) != true {
            users[place].registration = .asked(ticket: ticket)
        }
    }

    mutating func openingAnswered(
        _ device: DeviceAddress, _ session: SessionAddress, ticket: UInt64, _ reply: StoreReply,
        at unixSeconds: UInt64, effects: inout [RouterEffect]
    ) {
        if case .opened(let opening) = reply {
            learn(opening.devices, of: device.user, ticket, &effects)
        }
        guard var position = position(device, session) else { return }
        guard case .opened(let opening) = reply else {
            let refusal: SessionInput =
                switch reply {
                case .unknownAccount, .staleCredentials: .bindFailed(.notAuthorized)
                case .devicesFull: .end(.policyViolation)  // no later attempt would fare better
                default: .bindFailed(.temporaryAuthFailure)
                }
            effects.append(.toSession(session, refusal))
            remove(position, unixSeconds, effects: &effects)
            return
        }
        if let open = users[position.place].open(device.device) {
            // One that began later may have been answered earlier.
            if users[position.place].sessions[open].since
                > users[position.place].sessions[position.index].since
            {
                effects.append(.toSession(session, .end(.conflictReplaced)))
                remove(position, unixSeconds, effects: &effects)
                return
            }
            position = replace(open, position, &effects)
        }
        users[position.place].contacts = opening.contacts.sorted()
        users[position.place].sessions[position.index].isOpen = true
        if opening.devices.count > 1 { effects.append(.toSession(session, .hasSiblings)) }
        effects.append(.toSession(session, .bound(isTokenKept: opening.isTokenKept)))
        push(opening.page, to: device, at: position, effects: &effects)
    }

    /// The store has said which devices a user has.
    private mutating func learn(
        _ devices: [UInt8], of user: Localpart, _ ticket: UInt64, _ effects: inout [RouterEffect]
    ) {
        guard let place = users.place(of: user) else { return }
        // A question that was asked later may have registered one more.
        if case .asked(let latest) = users[place].registration, latest != ticket { return }
        users[place].registration = .known(shared(devices))
        guard devices.count > 1 else { return }
        for online in users[place].sessions {
            effects.append(.toSession(online.session, .hasSiblings))
        }
    }

    /// Ends a device's session for the login at `position`, which has succeeded; that one's new position.
    private mutating func replace(
        _ open: Int, _ position: Position, _ effects: inout [RouterEffect]
    ) -> Position {
        let place = position.place
        effects.append(
            .toSession(users[place].sessions[open].session, .end(.conflictReplaced)))
        // The user stays as available as it was until the new session says otherwise or goes.
        users[place].sessions[position.index].isAvailable =
            users[place].sessions[open].isAvailable
        users[place].sessions.remove(at: open)
        return Position(
            place: place, index: open < position.index ? position.index - 1 : position.index)
    }

    /// Ends the sessions that were there before an operator's decision. Logins on which the store has not
    /// answered are decided on after it, so the store knows which of them still count.
    func evict(_ eviction: Eviction, effects: inout [RouterEffect]) {
        guard let place = users.place(of: eviction.user) else { return }
        let error: StreamError =
            switch eviction.cause {
            case .accountRemoved: .notAuthorized
            case .credentialsRevoked: .reset
            }
        for online in users[place].sessions
        where online.isOpen && (eviction.device ?? online.device) == online.device {
            effects.append(.toSession(online.session, .end(error)))
        }
    }

    mutating func release(
        _ device: DeviceAddress, _ session: SessionAddress, at unixSeconds: UInt64,
        effects: inout [RouterEffect]
    ) {
        guard let position = position(device, session) else { return }
        remove(position, unixSeconds, effects: &effects)
    }

    private mutating func remove(
        _ position: Position, _ unixSeconds: UInt64, effects: inout [RouterEffect]
    ) {
        let place = position.place
        let name = users[place].name
        let contacts = users[place].contacts
        let wasAvailable = users[place].isAvailable
        var isAvailable = false
        if users[place].sessions.count > 1 {
            let gone = users[place].sessions[position.index]
            users[place].sessions.remove(at: position.index)
            // Its client may have logged in again already: then it never was away.
            if gone.isAvailable,
                let login = users[place].sessions.firstIndex(where: {
                    !$0.isOpen && $0.device == gone.device
                })
            {
                users[place].sessions[login].isAvailable = true
            }
            isAvailable = users[place].isAvailable
        } else {
            users.remove(place)
        }
        if wasAvailable && !isAvailable {
            announce(name, to: contacts, false, at: unixSeconds, effects: &effects)
        }
    }
}
