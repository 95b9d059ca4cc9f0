// Presence between mutual contacts. A user is available while one of its devices is. News goes to the
// contacts of the one it is about, and is shown only to those who have it as a contact too: each home
// checks its own user's list, so neither needs the other's.

internal import Base
internal import Wire

extension PresenceNews {
    init(from: Localpart, to: Localpart, _ isAvailable: Bool, at: UInt64, wantsReply: Bool) {
        self.from = from
        self.to = to
        self.isAvailable = isAvailable
        self.at = at
        self.wantsReply = wantsReply
    }
}

extension Router {
    mutating func setAvailable(
        _ device: DeviceAddress, _ session: SessionAddress, _ isAvailable: Bool,
        at unixSeconds: UInt64, effects: inout [RouterEffect]
    ) {
        guard let index = position(device, session), let before = users[device.user],
            before.sessions[index].isAvailable != isAvailable || !before.sessions[index].hasSaid
        else { return }
        users[device.user]?.sessions[index].hasSaid = true
        users[device.user]?.sessions[index].isAvailable = isAvailable
        guard let after = users[device.user] else { return }
        // A further device that becomes available is no news to others, but it wants theirs.
        if isAvailable || before.isAvailable != after.isAvailable {
            announce(
                device.user, to: after.contacts, isAvailable, at: unixSeconds, effects: &effects)
        }
    }

    func announce(
        _ user: Localpart, to contacts: some Sequence<Localpart>, _ isAvailable: Bool,
        at unixSeconds: UInt64, effects: inout [RouterEffect]
    ) {
        for contact in contacts {
            let news = PresenceNews(
                from: user, to: contact, isAvailable, at: unixSeconds, wantsReply: isAvailable)
            effects.append(.toRouter(home: contact, .presence(news)))
        }
    }

    func presence(
        _ news: PresenceNews, at unixSeconds: UInt64, effects: inout [RouterEffect]
    ) {
        guard let user = users[news.to], user.contacts.contains(news.from) else { return }
        let payload = StanzaWriter.presence(news, context: context)
        for online in user.sessions where online.isAvailable && online.isOpen {
            effects.append(.toSession(online.session, .deliver(payload)))
        }
        if news.wantsReply && user.isAvailable {
            let reply = PresenceNews(
                from: news.to, to: news.from, true, at: unixSeconds, wantsReply: false)
            effects.append(.toRouter(home: news.from, .presence(reply)))
        }
    }

    mutating func contacts(_ request: ContactsRequest, effects: inout [RouterEffect]) {
        ask(
            .changeContacts(request.device.user, add: request.add, remove: request.remove),
            .contacts(request), effects: &effects)
    }

    mutating func contactsAnswered(
        _ request: ContactsRequest, _ reply: StoreReply, at unixSeconds: UInt64,
        effects: inout [RouterEffect]
    ) {
        guard case .contacts(let contacts) = reply else {
            let condition: StanzaCondition =
                if case .contactsFull = reply { .resourceConstraint } else { .internalServerError }
            effects.append(.toSession(request.session, .contactsRefused(request.iq, condition)))
            return
        }
        effects.append(.toSession(request.session, .contacts(request.iq, contacts)))
        guard let user = users[request.device.user] else { return }
        let before = user.contacts
        let after = Set(contacts)
        users[request.device.user]?.contacts = after
        guard user.isAvailable else { return }
        let name = request.device.user
        announce(name, to: after.subtracting(before), true, at: unixSeconds, effects: &effects)
        announce(name, to: before.subtracting(after), false, at: unixSeconds, effects: &effects)
    }
}
