// Devices coming and going: claim, open, release, one session per device.

internal import Base
internal import Wire

extension Router {
    mutating func claim(
        _ device: DeviceAddress, _ session: SessionAddress, effects: inout [RouterEffect]
    ) {
        var user = users[device.user] ?? OnlineUser()
        if let index = user.sessions.firstIndex(where: { $0.device == device.device }) {
            effects.append(.toSession(user.sessions[index].session, .end(.conflictReplaced)))
            // The user stays as available as it was until the new session says otherwise or goes.
            let wasAvailable = user.sessions[index].isAvailable
            user.sessions[index] = OnlineDevice(device: device.device, session: session)
            user.sessions[index].isAvailable = wasAvailable
        } else {
            user.sessions.append(OnlineDevice(device: device.device, session: session))
        }
        // Whether or not the session lives to see the answer, the device may be registered from now on.
        user.devices = nil
        user.openingTicket = ask(
            .openDevice(device, pageCountMax: limits.pageCountMax), .opening(device, session),
            effects: &effects)
        users[device.user] = user
    }

    mutating func openingAnswered(
        _ device: DeviceAddress, _ session: SessionAddress, ticket: UInt64, _ reply: StoreReply,
        at unixSeconds: UInt64, effects: inout [RouterEffect]
    ) {
        if case .opened(let opening) = reply, users[device.user]?.openingTicket == ticket {
            users[device.user]?.devices = opening.devices
        }
        guard let index = position(device, session) else { return }
        guard case .opened(let opening) = reply else {
            let refusal: SessionInput =
                switch reply {
                case .unknownAccount: .bindFailed(.notAuthorized)
                case .devicesFull: .end(.policyViolation)  // no later attempt would fare better
                default: .bindFailed(.temporaryAuthFailure)
                }
            effects.append(.toSession(session, refusal))
            remove(device, at: index, unixSeconds, effects: &effects)
            return
        }
        users[device.user]?.contacts = Set(opening.contacts)
        users[device.user]?.sessions[index].isOpen = true
        effects.append(.toSession(session, .bound))
        push(opening.page, to: device, at: index, effects: &effects)
    }

    mutating func release(
        _ device: DeviceAddress, _ session: SessionAddress, at unixSeconds: UInt64,
        effects: inout [RouterEffect]
    ) {
        guard let index = position(device, session) else { return }
        remove(device, at: index, unixSeconds, effects: &effects)
    }

    private mutating func remove(
        _ device: DeviceAddress, at index: Int, _ unixSeconds: UInt64,
        effects: inout [RouterEffect]
    ) {
        guard var user = users[device.user] else { return }
        let wasAvailable = user.isAvailable
        user.sessions.remove(at: index)
        users[device.user] = user.sessions.isEmpty ? nil : user
        if wasAvailable && !user.isAvailable {
            announce(device.user, to: user.contacts, false, at: unixSeconds, effects: &effects)
        }
    }
}
