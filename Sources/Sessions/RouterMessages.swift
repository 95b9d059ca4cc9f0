// What sessions, routers and the store say to each other: values, carried by mailboxes.

package import Base
package import Wire

/// What a user's home router is told.
package enum RouterInput: Sendable {
    /// A session has proved to be this device and wants to be it; its connection began then.
    case claim(DeviceAddress, SessionAddress, since: Instant, login: DeviceLogin? = nil)
    /// The session is gone.
    case release(DeviceAddress, SessionAddress)
    /// A message or receipt for a user whose home this is.
    case route(EnqueueRequest, origin: SessionAddress)
    /// The device has the stanza: off its queue. A receipt says so of any message it ever got; an `ack` counts
    /// only for what is in flight, so that invented ones cost the store nothing.
    case settle(DeviceAddress, SessionAddress, StanzaKey, isReceipt: Bool)
    /// The store has put a stanza on the queues of these devices of a user whose home this is.
    case stored(QueuedStanza, for: Localpart, devices: [UInt8])
    /// The store failed while it put something on this user's queues: nobody knows whether it lies there.
    case mayWait(for: Localpart)
    /// A page of the device's queue could not be read a while ago.
    case readAgain(DeviceAddress, SessionAddress)
    /// A session, or the shard of one that is gone, has been told that something of this flow was refused.
    case reopen(Flow)
    /// A stanza for whoever is online, kept nowhere.
    case transient(to: Localpart, device: UInt8?, payload: [UInt8])
    /// The device's user shows, or no longer shows, as available.
    case setAvailable(DeviceAddress, SessionAddress, Bool)
    /// News of a contact, for a user whose home this is.
    case presence(PresenceNews)
    /// The session asks for its user's contacts, after these changes if there are any.
    case contacts(ContactsRequest)
}

/// That a user became available or unavailable, on its way to one contact.
package struct PresenceNews: Sendable {
    package var from: Localpart
    package var to: Localpart
    /// In a question, the device of `from` that asks; in the answer, the device of `to` that asked.
    /// Nil when all that are available want to know.
    package var device: UInt8?
    package var isAvailable: Bool
    /// Seconds since 1970.
    package var at: UInt64
    /// Whether `to` is told; if not, it knows already and is only asked.
    package var isNews: Bool
    /// Whether `from` would like to know the same of `to`.
    package var wantsReply: Bool
}

/// An `iq` about contacts, on its way to the user's home.
package struct ContactsRequest: Sendable {
    package var device: DeviceAddress
    package var session: SessionAddress
    package var iq: StanzaID
    package var add: [Localpart]
    package var remove: [Localpart]
}

/// A stanza that was refused on its way.
package struct Refused: Sendable {
    package var key: StanzaKey
    package var recipient: Localpart
    package var device: UInt8?
    package var place: FlowPlace?
    /// Whether the router holds back what comes behind it, until it hears that the session knows.
    package var closes: Bool

    package init(_ request: EnqueueRequest, closes: Bool = false) {
        key = request.key
        recipient = request.recipient
        device = request.device
        place = request.place
        self.closes = closes
    }

    init(_ stanza: Router.Unsettled, closes: Bool) {
        key = stanza.key
        recipient = stanza.recipient
        device = stanza.device
        place = stanza.place
        self.closes = closes
    }
}

/// What a session is told by routers and the store.
package enum SessionInput: Sendable {
    /// What its login is checked against; nil when there is no such account.
    case credentials(AccountCredentials?)
    /// The store could not be asked for keys.
    case credentialsUnavailable
    /// It now is its device; `isTokenKept` if the token that it asked for is durable.
    case bound(isTokenKept: Bool)
    /// Its user has further devices: they get copies of its messages. Comes before `bound` if it is so then.
    case hasSiblings
    /// It cannot be its device.
    case bindFailed(LoginFailure)
    /// A node for its peer.
    case deliver([UInt8])
    /// A node for its peer that may be lost: presence or a chat state.
    case news([UInt8])
    /// Its stanza is safe.
    case accepted(StanzaKey, recipient: Localpart, device: UInt8?)
    /// Its stanza was refused.
    case refused(Refused, StanzaCondition)
    /// A page of its device's queue could not be read: it says `readAgain` after a pause, or ends.
    case pageFailed
    /// The answer to its `iq` about contacts.
    case contacts(StanzaID, [Localpart])
    /// Its `iq` about contacts was refused.
    case contactsRefused(StanzaID, StanzaCondition)
    /// It must end.
    case end(StreamError)

    /// What the session's shard tells the recipient's home when it takes this, whether the session still is
    /// there or not: all that it sent before is on its way, and what it sends from now on knows of the refusal.
    package var echo: (home: Localpart, input: RouterInput)? {
        guard case .refused(let refused, _) = self, refused.closes, let place = refused.place
        else { return nil }
        return (refused.recipient, .reopen(place.flow))
    }
}

/// What a session wants done, in order.
package enum SessionEffect: Sendable {
    /// Ask the account store what a login as this device is checked against.
    case lookUpCredentials(DeviceAddress)
    /// Tell the home router of that user.
    case toRouter(home: Localpart, RouterInput)
    /// Send what is queued, then close the connection in good order.
    case close
    /// Worth one line in the log.
    case note(SessionNote)
}

/// What a session has to report to those who run the gateway.
package enum SessionNote: Sendable, Equatable {
    case loggedIn(DeviceAddress)
    case loginFailed(LoginFailure)
    case ended(StreamError)
    case closedByPeer
}

/// What a router wants done, in order.
package enum RouterEffect: Sendable {
    case toSession(SessionAddress, SessionInput)
    case toRouter(home: Localpart, RouterInput)
    /// Ask the store; the answer comes back under the ticket.
    case toStore(StoreRequest, ticket: UInt64)
}
