// Presence between mutual contacts. A user is available while one of its devices is. News goes to the
// contacts of the one it is about, and is shown only to those who have it as a contact too: each home
// checks its own user's list, so neither needs the other's.

internal import Base
internal import Wire

extension Router {
    mutating func setAvailable(
        _ device: DeviceAddress, _ session: SessionAddress, _ isAvailable: Bool,
        at unixSeconds: UInt64, effects: inout [RouterEffect]
    ) {
        guard let position = position(device, session) else { return }
        let place = position.place
        let before = users[place].sessions[position.index]
        guard before.isAvailable != isAvailable || !before.hasSaid else { return }
        let wasAvailable = users[place].isAvailable
        users[place].sessions[position.index].hasSaid = true
        users[place].sessions[position.index].isAvailable = isAvailable
        // A further device that becomes available is no news to others, but it wants theirs.
        let isNews = wasAvailable != users[place].isAvailable
        guard isNews || isAvailable else { return }
        announce(
            device.user, isAvailable ? device.device : nil, to: users[place].contacts, isAvailable,
            isNews: isNews, at: unixSeconds, effects: &effects)
    }

    /// Tells contacts, and asks them back on behalf of one device or of all that are available.
    func announce(
        _ user: Localpart, _ device: UInt8? = nil, to contacts: some Sequence<Localpart>,
        _ isAvailable: Bool, isNews: Bool = true, at unixSeconds: UInt64,
        effects: inout [RouterEffect]
    ) {
        for contact in contacts {
            let news = PresenceNews(
                from: user, to: contact, device: device, isAvailable: isAvailable, at: unixSeconds,
                isNews: isNews, wantsReply: isAvailable)
            effects.append(.toRouter(home: contact, .presence(news)))
        }
    }

    func presence(
        _ news: PresenceNews, at unixSeconds: UInt64, effects: inout [RouterEffect]
    ) {
        guard let place = users.place(of: news.to), users[place].knows(news.from) else { return }
        if news.isNews {
            let payload = StanzaWriter.presence(news, context: context)
            let reader = news.wantsReply ? nil : news.device
            for online in users[place].sessions
            where online.isAvailable && online.isOpen
                && (reader == nil || reader == online.device)
            {
                effects.append(.toSession(online.session, .news(payload)))
            }
        }
        if news.wantsReply && users[place].isAvailable {
            let reply = PresenceNews(
                from: news.to, to: news.from, device: news.device, isAvailable: true,
                at: unixSeconds, isNews: true, wantsReply: false)
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
        let name = request.device.user
        guard let place = users.place(of: name) else { return }
        let before = Set(users[place].contacts)
        users[place].contacts = contacts.sorted()
        guard users[place].isAvailable else { return }
        let after = Set(contacts)
        announce(name, to: after.subtracting(before), true, at: unixSeconds, effects: &effects)
        announce(name, to: before.subtracting(after), false, at: unixSeconds, effects: &effects)
    }
}
