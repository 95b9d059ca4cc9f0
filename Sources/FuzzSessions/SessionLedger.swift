// What the world has promised, kept apart from the code that promises: which stanzas were sent, settled
// and acked, in which order they arrived, which devices there are.
//
// Holds: an ack to a sender means that each device the account had when the stanza was sent has it or
// has it waiting; a device gets only what was sent to it, and the messages of one session in order.

internal import Sessions
internal import Wire

/// A stanza as one recipient knows it.
struct Routed: Hashable {
    var key: StanzaKey
    var recipient: Localpart
}

/// A stanza at one device.
struct Arrived: Hashable {
    var key: StanzaKey
    var device: DeviceAddress
}

/// The world's book.
struct SessionLedger {
    private struct Sent {
        /// Devices that the account surely had.
        var devices: Set<UInt8>
        /// Devices that it may be shown to; nil for all.
        var addressed: Set<UInt8>?
        var origin: SessionAddress
        var number: Int
        var count = 1
    }

    private var devices: [Localpart: Set<UInt8>] = [:]
    private var sent: [Routed: Sent] = [:]
    private var sentCount = 0
    /// The copies that were asked for.
    private var copies: Set<StanzaKey> = []
    private var settled: Set<Arrived> = []
    private var acked: Set<Routed> = []
    /// The last number of each sender's session that a session saw.
    private var seen: [SessionAddress: (keys: Set<StanzaKey>, last: [SessionAddress: Int])] = [:]

    /// The store has registered these devices.
    mutating func opened(_ user: Localpart, _ known: [UInt8]) {
        devices[user, default: []].formUnion(known)
    }

    /// A session handed a stanza to a router.
    mutating func sent(_ request: EnqueueRequest, from origin: SessionAddress) {
        let routed = Routed(key: request.key, recipient: request.recipient)
        let known = devices[request.recipient, default: []]
        let targets = request.device.map { known.intersection([$0]) } ?? known
        let addressed = request.device.map { Set([$0]) }
        sentCount += 1
        if request.copy != nil { copies.insert(request.key.ofCopy) }
        guard var before = sent[routed] else {
            sent[routed] = Sent(
                devices: targets, addressed: addressed, origin: origin, number: sentCount)
            return
        }
        // A repeat promises no more than both have in common, and may come at any time.
        before.devices.formIntersection(targets)
        before.addressed = addressed.flatMap { before.addressed?.union($0) }
        before.count += 1
        sent[routed] = before
    }

    /// A device's session said that it has a stanza.
    mutating func settled(_ device: DeviceAddress, _ key: StanzaKey) {
        settled.insert(Arrived(key: key, device: device))
    }

    /// A router told a sender that its stanza is safe.
    mutating func acked(_ key: StanzaKey, _ recipient: Localpart) {
        let routed = Routed(key: key, recipient: recipient)
        precondition(sent[routed] != nil, "an ack for \(routed), which nobody sent")
        acked.insert(routed)
    }

    /// A session's peer was given a stanza.
    mutating func arrived(_ key: StanzaKey, at device: DeviceAddress, _ session: SessionAddress) {
        if key.kind == .copy {
            precondition(
                copies.contains(key) && key.sender.user == device.user && key.sender != device,
                "\(device) was given \(key)")
            return
        }
        guard let stanza = sent[Routed(key: key, recipient: device.user)] else {
            preconditionFailure("\(device) was given \(key), which nobody sent to it")
        }
        precondition(
            stanza.addressed?.contains(device.device) ?? true, "\(device) was given \(key)")
        var view = seen[session] ?? ([], [:])
        let isNew = view.keys.insert(key).inserted
        if isNew && stanza.count == 1 && key.kind == .message {
            let last = view.last[stanza.origin] ?? 0
            precondition(stanza.number > last, "\(key) came out of order at \(device)")
            view.last[stanza.origin] = stanza.number
        }
        seen[session] = view
    }

    /// Compares what was promised with what waits. `waiting` has each device's whole queue.
    func check(waiting: Set<Arrived>) {
        for routed in acked {
            for device in sent[routed]?.devices ?? [] {
                let address = DeviceAddress(user: routed.recipient, device: device)
                let arrived = Arrived(key: routed.key, device: address)
                precondition(
                    waiting.contains(arrived) || settled.contains(arrived),
                    "\(routed.key) was acked, and \(address) neither has it nor will get it")
            }
        }
        for arrived in waiting {
            precondition(
                sent[Routed(key: arrived.key, recipient: arrived.device.user)] != nil
                    || copies.contains(arrived.key),
                "\(arrived) waits, and nobody sent it")
        }
    }

    /// Every device that is known.
    var allDevices: [DeviceAddress] {
        devices.flatMap { user, known in known.map { DeviceAddress(user: user, device: $0) } }
    }
}
