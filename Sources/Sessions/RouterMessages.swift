// What sessions, routers and the store say to each other: values, carried by mailboxes.

package import Wire

/// What a user's home router is told.
package enum RouterInput: Sendable {
    /// A session has proved to be this device and wants to be it.
    case claim(DeviceAddress, SessionAddress)
    /// The session is gone.
    case release(DeviceAddress, SessionAddress)
    /// A message or receipt for a user whose home this is.
    case route(EnqueueRequest, origin: SessionAddress)
    /// The device has the stanza: off its queue. A receipt says so of any message it ever got; an `ack`
    /// counts only for what is in flight, so that invented ones cost the store nothing.
    case settle(DeviceAddress, SessionAddress, StanzaKey, isReceipt: Bool)
    /// A stanza for whoever is online, kept nowhere.
    case transient(to: Localpart, device: UInt8?, payload: [UInt8])
    /// The device's user shows, or no longer shows, as available.
    case setAvailable(DeviceAddress, SessionAddress, Bool)
    /// News of a contact, for a user whose home this is.
    case presence(PresenceNews)
    /// The session asks for its user's contacts, after these changes if there are any.
    case contacts(ContactsRequest)
    /// The account is gone: so are its sessions.
    case evict(Localpart)
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

/// What a session is told by routers and the store.
package enum SessionInput: Sendable {
    /// The keys of the account it tries to log in to; nil when there is none.
    case credentials(ScramKeys?)
    /// The store could not be asked for keys.
    case credentialsUnavailable
    /// It now is its device.
    case bound
    /// It cannot be its device.
    case bindFailed(LoginFailure)
    /// A node for its peer.
    case deliver([UInt8])
    /// Its stanza is safe.
    case accepted(StanzaKey, recipient: Localpart, device: UInt8?)
    /// Its stanza was refused.
    case refused(StanzaKey, recipient: Localpart, device: UInt8?, StanzaCondition)
    /// The answer to its `iq` about contacts.
    case contacts(StanzaID, [Localpart])
    /// Its `iq` about contacts was refused.
    case contactsRefused(StanzaID, StanzaCondition)
    /// It must end.
    case end(StreamError)
}

/// What a session wants done, in order.
package enum SessionEffect: Sendable {
    /// Ask the account store.
    case lookUpCredentials(Localpart)
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
