// What identifies a stanza that waits in a device's queue.

/// What a queued stanza is. Raw values are stored: append only.
public enum StanzaKind: UInt8, Sendable, CaseIterable {
    /// A `message`.
    case message = 0
    /// A `receipt` without a type: the recipient's device has the message.
    case delivered = 1
    /// A `receipt` of type `read`.
    case read = 2
    /// A copy of a message, for the other devices of the account that sent it.
    case copy = 3
    /// An `expires`: a message left the queue of its recipient's device since it had waited too long.
    case expired = 4
}

/// One device of one user of the stream's own domain.
package struct DeviceAddress: Hashable, Sendable {
    package var user: Localpart
    package var device: UInt8

    package init(user: Localpart, device: UInt8) {
        self.user = user
        self.device = device
    }
}

/// A queued stanza's identity: ids are the sender's, so the sender is part of it.
package struct StanzaKey: Hashable, Sendable {
    package var sender: DeviceAddress
    package var id: StanzaID
    package var kind: StanzaKind

    package init(sender: DeviceAddress, id: StanzaID, kind: StanzaKind) {
        self.sender = sender
        self.id = id
        self.kind = kind
    }
}

extension StanzaKey {
    /// The key of the copies of this message.
    package var ofCopy: StanzaKey { StanzaKey(sender: sender, id: id, kind: .copy) }

    /// The key of what its sender is told when this message has expired for a device.
    package func ofNotice(from device: DeviceAddress) -> StanzaKey {
        StanzaKey(sender: device, id: id, kind: .expired)
    }
}

/// A stanza on its way to a user's devices: one `node` as the recipient will read it.
package struct QueuedStanza: Sendable {
    package var key: StanzaKey
    /// The encoded node, in dictionary version 1.
    package var payload: [UInt8]

    package init(key: StanzaKey, payload: [UInt8]) {
        self.key = key
        self.payload = payload
    }
}
