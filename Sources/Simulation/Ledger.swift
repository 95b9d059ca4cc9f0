// What was promised and what was seen, kept apart from the code that promises. Every rule of
// docs/DELIVERY.md that the simulator holds is checked here or in `World+Rest.swift`.

internal import Base
internal import Client
internal import Sessions
internal import Storage
internal import Wire

/// What must hold.
package enum Rule: String, Sendable {
    /// What was acked is seen by every device that was registered, or waits for one that is away.
    case nothingLost = "nothing that was acked is lost"
    /// An app is shown each stanza once.
    case atMostOnce = "at most once to the app"
    /// One sender's messages come to a device in the order in which they were posted.
    case order = "order per sender and recipient"
    /// A session is the device that logged in on it; what is meant for it reaches only it.
    case sessions = "no stolen session"
    /// No session goes on whose password was changed or whose token was revoked.
    case evicted = "no session outlives its credentials"
    /// A client that holds a token, and whose device has no other installation, logs in with it.
    case lockedOut = "no device is locked out"
    /// Acks, receipts and deliveries answer what was sent, to those it was sent to.
    case invented = "only what was sent"
    /// Everything is empty when nobody waits.
    case leaks = "everything returns to empty"
    /// Nothing expires before its time, and who sent it is told.
    case expiry = "what expires is old, and its sender is told"
    /// Nothing grows beyond its limit.
    case limits = "limits are never exceeded"
    /// The world comes to rest once nothing goes wrong any more.
    case liveness = "the world comes to rest"
}

/// A message as its sender knows it.
struct MessageName: Hashable {
    var sender: DeviceAddress
    var id: StanzaID
}

/// What an app was given and has to acknowledge.
enum Given {
    case message(IncomingMessage)
    case copy(SentMessage)

    var id: StanzaID {
        switch self {
        case .message(let message): message.id
        case .copy(let copy): copy.id
        }
    }

    var from: JID {
        switch self {
        case .message(let message): message.from
        case .copy(let copy): copy.from
        }
    }

    /// Nil for one that comes from no device.
    fileprivate var name: MessageName? {
        guard let user = from.local, let device = from.device else { return nil }
        return MessageName(sender: DeviceAddress(user: user, device: device), id: id)
    }
}

/// The book of one world.
struct Ledger {
    struct Message {
        var recipient: Localpart
        var device: UInt8?
        /// Who posted it, and its place among what that client posted.
        var client: Int
        var position: Int
        /// Devices registered each time it was handed to a router; nil before.
        var registered: Set<UInt8>?
        /// Devices that it is durable for, or was once.
        var stored: Set<UInt8> = []
        /// Those of the first time: a device that is newer may get a repeat, which is late.
        var storedFirst: Set<UInt8>?
        var isAccepted = false
        /// Devices that must have it, or have it waiting.
        var owed: Set<UInt8> = []
        /// Devices of the sender that a copy is durable for, or was once; and those that must have it.
        var copied: Set<UInt8> = []
        var copiesOwed: Set<UInt8> = []
        /// Those of the first time: others were full or are newer, and a repeat may bring them the copy late.
        var copiedFirst: Set<UInt8>?
    }

    private struct Receipt: Hashable {
        var message: MessageName
        var by: DeviceAddress
        var isRead: Bool
    }

    private struct Stream: Hashable {
        var device: DeviceAddress
        var client: Int
    }

    private struct CopyStream: Hashable {
        var device: DeviceAddress
        var client: Int
        var recipient: Localpart
    }

    private struct Shown: Hashable {
        var client: Int
        var message: MessageName
        var kind: StanzaKind
        var by: DeviceAddress
    }

    private(set) var messages: [MessageName: Message] = [:]
    /// In the order in which they were posted: dictionaries have none.
    private(set) var names: [MessageName] = []
    private var seen: [DeviceAddress: Set<MessageName>] = [:]
    private var seenCopies: [DeviceAddress: Set<MessageName>] = [:]
    private var lastCopyPosition: [CopyStream: Int] = [:]
    // The same of copies as of messages below.
    private var handledCopies: [DeviceAddress: Set<MessageName>] = [:]
    private var handledCopyPosition: [CopyStream: Int] = [:]
    private var openCopies: [Int: [MessageName]] = [:]
    private var confirmedCopies: [Int: Set<MessageName>] = [:]
    private var shown: Set<Shown> = []
    private var lastPosition: [Stream: Int] = [:]
    /// What apps have dealt with, and the last of each stream: a crash does not take that away.
    private var handled: [DeviceAddress: Set<MessageName>] = [:]
    private var handledPosition: [Stream: Int] = [:]
    /// What a client was shown and did not deal with, in order.
    private var open: [Int: [MessageName]] = [:]
    /// What a client's store is known to have as shown.
    private var confirmed: [Int: Set<MessageName>] = [:]
    private var marked: Set<Receipt> = []
    /// What each client marked as read: a client that is replaced may take that with it.
    private var markers: [Int: Set<MessageName>] = [:]
    private var received: Set<Receipt> = []
    /// How often a receipt was refused: after some times its client gives it up. Ids of messages are the
    /// simulator's own, and none is used by two senders.
    private var receiptRefusals: [StanzaKey: Int] = [:]
    private var forgotten: [DeviceAddress: Set<StanzaKey>] = [:]
    /// The first time at which each stanza was accepted, in seconds since 1970.
    private var acceptedAt: [StanzaKey: UInt64] = [:]
    /// Messages of whose expiry for a device their senders know, or for which there was no room when they
    /// were to be told.
    private var expiryTold: Set<QueuePlace> = []
    /// Which clients saw a message, in order.
    private(set) var sightings: [(client: Int, message: MessageName)] = []

    // MARK: Sending

    mutating func posted(_ message: OutgoingMessage, by client: SimulatedClient) {
        let name = MessageName(sender: client.device, id: message.id)
        guard let recipient = message.to.local else { return }
        names.append(name)
        messages[name] = Message(
            recipient: recipient, device: message.to.device, client: client.number,
            position: client.postedCount)
    }

    /// A session handed a stanza to a router; these devices were durably registered then.
    mutating func routed(_ request: EnqueueRequest, _ devices: [UInt8]) {
        for key in [request.key, request.key.ofCopy] {
            acceptedAt[key] = min(acceptedAt[key] ?? .max, request.sentAt)
        }
        guard request.key.kind == .message else { return }
        let name = MessageName(sender: request.key.sender, id: request.key.id)
        let targets = Set(devices.filter { request.device == nil || request.device == $0 })
        let before = messages[name]?.registered
        messages[name]?.registered = before?.intersection(targets) ?? targets
    }

    /// A batch with this stanza is durable.
    mutating func stored(_ request: EnqueueRequest, at devices: [UInt8], copies: [UInt8]) {
        guard request.key.kind == .message else { return }
        let name = MessageName(sender: request.key.sender, id: request.key.id)
        messages[name]?.stored.formUnion(devices)
        if messages[name]?.storedFirst == nil {
            messages[name]?.storedFirst = Set(devices)
            messages[name]?.copiedFirst = Set(copies)
        }
        messages[name]?.copied.formUnion(copies)
    }

    /// A batch with this stanza failed, or its process died in it, and the disk may have it all the same. What
    /// found no room then may come later than what did.
    mutating func kept(_ request: EnqueueRequest, at devices: [UInt8], copies: [UInt8]) {
        let name = MessageName(sender: request.key.sender, id: request.key.id)
        guard request.key.kind == .message, messages[name]?.storedFirst == nil else { return }
        messages[name]?.storedFirst = Set(devices)
        messages[name]?.copiedFirst = Set(copies)
    }

    /// A router tells a sender that its stanza is safe.
    mutating func accepted(_ key: StanzaKey, _ recipient: Localpart) {
        guard key.kind == .message else { return }
        let name = MessageName(sender: key.sender, id: key.id)
        guard let message = messages[name] else { return }
        messages[name]?.isAccepted = true
        // Before the store has it, it is safe only where it has arrived.
        let owed = message.stored.isEmpty ? message.registered ?? [] : message.stored
        messages[name]?.owed.formUnion(owed)
        messages[name]?.copiesOwed.formUnion(message.copied)
    }

    mutating func refused(_ key: StanzaKey) {
        if key.kind != .message { receiptRefusals[key, default: 0] += 1 }
    }

    /// The store had no room for the word that a device has a stanza: it stays until the device
    /// logs in again.
    mutating func forgot(_ key: StanzaKey, at device: DeviceAddress) {
        forgotten[device, default: []].insert(key)
    }

    func mayStay(_ key: StanzaKey, at device: DeviceAddress) -> Bool {
        forgotten[device]?.contains(key) == true
    }

    // MARK: Expiry

    /// A step of the store took these off their queues; `before` is what was stored when it began.
    mutating func expired(
        _ places: [QueuePlace], _ step: ExpiryStep, _ before: MemoryTables.Contents, _ world: World
    ) {
        let limits = world.plan.limits
        for place in places {
            let ageS = step.unixSeconds - min(acceptedAt[place.key] ?? .max, step.unixSeconds)
            world.require(
                ageS >= world.plan.expiryS ?? .max, .expiry,
                "\(Trace.text(place.key)) expired for \(Trace.text(place.owner)) after \(ageS) s")
            guard place.key.kind == .message else { continue }
            let sender = place.key.sender
            let notice = place.key.ofNotice(from: place.owner)
            acceptedAt[notice] = min(acceptedAt[notice] ?? .max, step.unixSeconds)
            // Of all that this step may put into the queue some may have had no room.
            let added = places.count { $0.key.sender == sender && $0.key.kind == .message }
            let queue = before.accounts[sender.user]?.queues[sender.device]
            let count = (queue?.rows.count ?? 0) + added
            let size = (queue?.size ?? 0) + added * 100
            if count > limits.queueDepthMax || size > limits.queueSizeMax {
                expiryTold.insert(place)
            }
        }
    }

    func hasToldOfExpiry(_ place: QueuePlace) -> Bool { expiryTold.contains(place) }

    private mutating func toldOfExpiry(
        _ id: StanzaID, _ device: JID, _ client: SimulatedClient, _ world: World
    ) {
        guard let user = device.local, let number = device.device else { return }
        let place = QueuePlace(
            owner: DeviceAddress(user: user, device: number),
            key: StanzaKey(sender: client.device, id: id, kind: .message))
        world.require(
            world.disk.hasExpired(place), .invented,
            "client \(client.number) was told that \(id) expired for \(device)")
        let shown = Shown(
            client: client.number, message: MessageName(sender: client.device, id: id),
            kind: .expired, by: place.owner)
        world.require(
            self.shown.insert(shown).inserted, .atMostOnce,
            "client \(client.number) was told twice that \(id) expired for \(device)")
        expiryTold.insert(place)
    }

    // MARK: Sessions

    /// Whether an input for one session reaches that one; reports it if not.
    func mayReach(_ actual: SessionAddress, _ meant: SessionAddress, _ world: World) -> Bool {
        world.require(
            actual == meant, .sessions,
            "what was meant for \(Trace.text(meant)) reached \(Trace.text(actual))")
    }

    // MARK: What the app is told

    mutating func happened(_ event: ClientEvent, to client: SimulatedClient, _ world: World) {
        switch event {
        case .message(let message):
            saw(message, client, world)
        case .sentElsewhere(let message):
            sawCopy(message, client, world)
        case .acked(let id):
            let name = MessageName(sender: client.device, id: id)
            world.require(
                messages[name]?.isAccepted == true, .invented, "\(id) was acked by nobody")
        case .delivered(let id, let by):
            receipt(id, by, isRead: false, client, world)
        case .read(let id, let by):
            receipt(id, by, isRead: true, client, world)
        case .expired(let id, let device):
            toldOfExpiry(id, device, client, world)
        case .failed(let id, let condition, _):
            failed(id, condition, client, world)
        default:
            break
        }
    }

    private mutating func saw(
        _ incoming: IncomingMessage, _ client: SimulatedClient, _ world: World
    ) {
        guard let user = incoming.from.local, let device = incoming.from.device else { return }
        let sender = DeviceAddress(user: user, device: device)
        let name = MessageName(sender: sender, id: incoming.id)
        guard let message = messages[name], message.recipient == client.device.user,
            message.device == nil || message.device == client.device.device
        else {
            world.fail(.invented, "client \(client.number) saw \(incoming.id), not for it")
            return
        }
        let shown = Shown(client: client.number, message: name, kind: .message, by: sender)
        world.require(
            self.shown.insert(shown).inserted, .atMostOnce,
            "client \(client.number) saw \(incoming.id) twice")
        world.require(
            confirmed[client.number]?.contains(name) != true, .atMostOnce,
            "client \(client.number) saw \(incoming.id) after it had acknowledged it")
        open[client.number, default: []].append(name)
        sightings.append((client.number, name))
        // A second installation has no memory: it may be shown what the device has had before.
        guard seen[client.device, default: []].insert(name).inserted else { return }
        let stream = Stream(device: client.device, client: message.client)
        let last = lastPosition[stream] ?? 0
        // What has expired may be sent again, and comes late then.
        let key = StanzaKey(sender: sender, id: incoming.id, kind: .message)
        let isForIt =
            message.storedFirst?.contains(client.device.device) ?? true
            && !world.disk.hasExpired(QueuePlace(owner: client.device, key: key))
        world.require(
            message.position > last || !isForIt, .order,
            "\(Trace.text(client.device)) saw \(incoming.id) after the \(last)th")
        lastPosition[stream] = max(last, message.position)
    }

    private mutating func sawCopy(
        _ copy: SentMessage, _ client: SimulatedClient, _ world: World
    ) {
        guard let user = copy.from.local, let device = copy.from.device else { return }
        let sender = DeviceAddress(user: user, device: device)
        let name = MessageName(sender: sender, id: copy.id)
        guard let message = messages[name], sender.user == client.device.user,
            sender != client.device, message.recipient == copy.to.local,
            message.recipient != user, message.device == copy.to.device
        else {
            world.fail(.invented, "client \(client.number) saw a copy of \(copy.id), not for it")
            return
        }
        let shown = Shown(client: client.number, message: name, kind: .copy, by: sender)
        world.require(
            self.shown.insert(shown).inserted, .atMostOnce,
            "client \(client.number) saw a copy of \(copy.id) twice")
        world.require(
            confirmedCopies[client.number]?.contains(name) != true, .atMostOnce,
            "client \(client.number) saw a copy of \(copy.id) after it had acknowledged it")
        openCopies[client.number, default: []].append(name)
        guard seenCopies[client.device, default: []].insert(name).inserted else { return }
        let stream = CopyStream(
            device: client.device, client: message.client, recipient: message.recipient)
        let last = lastCopyPosition[stream] ?? 0
        let key = StanzaKey(sender: sender, id: copy.id, kind: .copy)
        let isForIt =
            message.copiedFirst?.contains(client.device.device) == true
            && !world.disk.hasExpired(QueuePlace(owner: client.device, key: key))
        world.require(
            message.position > last || !isForIt, .order,
            "\(Trace.text(client.device)) saw a copy of \(copy.id) after the \(last)th")
        lastCopyPosition[stream] = max(last, message.position)
    }

    private mutating func receipt(
        _ id: StanzaID, _ by: JID, isRead: Bool, _ client: SimulatedClient, _ world: World
    ) {
        guard let user = by.local, let device = by.device else { return }
        let reader = DeviceAddress(user: user, device: device)
        let name = MessageName(sender: client.device, id: id)
        let receipt = Receipt(message: name, by: reader, isRead: isRead)
        world.require(
            messages[name]?.recipient == user && seen[reader]?.contains(name) == true
                && (!isRead || marked.contains(receipt)),
            .invented, "client \(client.number) got a receipt for \(id) by \(by)")
        let shown = Shown(
            client: client.number, message: name, kind: isRead ? .read : .delivered, by: reader)
        world.require(
            self.shown.insert(shown).inserted, .atMostOnce,
            "client \(client.number) got the receipt for \(id) by \(by) twice")
        received.insert(receipt)
    }

    // MARK: Apps and their crashes

    private func name(of incoming: IncomingMessage) -> MessageName? {
        Given.message(incoming).name
    }

    /// The app has dealt with a message or a copy and is about to acknowledge it.
    mutating func handled(_ given: Given, by client: SimulatedClient) {
        guard let name = given.name, let message = messages[name] else { return }
        if case .copy = given {
            handledCopies[client.device, default: []].insert(name)
            let stream = CopyStream(
                device: client.device, client: message.client, recipient: message.recipient)
            handledCopyPosition[stream] = max(handledCopyPosition[stream] ?? 0, message.position)
            openCopies[client.number]?.removeAll { $0 == name }
            return
        }
        handled[client.device, default: []].insert(name)
        let stream = Stream(device: client.device, client: message.client)
        handledPosition[stream] = max(handledPosition[stream] ?? 0, message.position)
        open[client.number]?.removeAll { $0 == name }
    }

    /// The client's store has it that the app has dealt with a message or a copy.
    mutating func confirmed(_ given: Given, by client: SimulatedClient) {
        guard let name = given.name else { return }
        switch given {
        case .message: confirmed[client.number, default: []].insert(name)
        case .copy: confirmedCopies[client.number, default: []].insert(name)
        }
    }

    /// The client's process is gone. What its app had not dealt with must come again; what its store has of
    /// receipts the app can see there.
    mutating func crashed(_ client: SimulatedClient) {
        let device = client.device
        for name in open.removeValue(forKey: client.number) ?? [] {
            guard handled[device]?.contains(name) != true, let message = messages[name] else {
                continue
            }
            seen[device]?.remove(name)
            let stream = Stream(device: device, client: message.client)
            lastPosition[stream] = handledPosition[stream] ?? 0
        }
        for name in openCopies.removeValue(forKey: client.number) ?? [] {
            guard handledCopies[device]?.contains(name) != true, let message = messages[name] else {
                continue
            }
            seenCopies[device]?.remove(name)
            let stream = CopyStream(
                device: device, client: message.client, recipient: message.recipient)
            lastCopyPosition[stream] = handledCopyPosition[stream] ?? 0
        }
        shown = shown.filter {
            $0.client != client.number || ($0.kind != .message && $0.kind != .copy)
        }
        for key in client.kept.seen
        where key.kind == .delivered || key.kind == .read || key.kind == .expired {
            guard let user = key.from.local, let number = key.from.device else { continue }
            if key.kind == .expired {
                expiryTold.insert(
                    QueuePlace(
                        owner: DeviceAddress(user: user, device: number),
                        key: StanzaKey(sender: device, id: key.id, kind: .message)))
                continue
            }
            received.insert(
                Receipt(
                    message: MessageName(sender: device, id: key.id),
                    by: DeviceAddress(user: user, device: number), isRead: key.kind == .read))
        }
    }

    /// The person is about to mark a message.
    mutating func marksRead(_ incoming: IncomingMessage, by client: SimulatedClient) {
        guard let name = name(of: incoming) else { return }
        marked.insert(Receipt(message: name, by: client.device, isRead: true))
    }

    /// It is marked for certain.
    mutating func markedRead(_ incoming: IncomingMessage, by client: SimulatedClient) {
        guard let name = name(of: incoming) else { return }
        markers[client.number, default: []].insert(name)
    }

    private mutating func failed(
        _ id: StanzaID, _ condition: String, _ client: SimulatedClient, _ world: World
    ) {
        let name = MessageName(sender: client.device, id: id)
        guard let message = messages[name] else { return }
        let isKnown = world.users.contains(message.recipient)
        switch condition {
        case "item-not-found":
            world.require(!isKnown, .invented, "\(id): no such user")
        case "resource-constraint", "not-acceptable":
            break
        default:
            world.fail(.invented, "\(id) failed: \(condition)")
        }
    }

    // MARK: At rest

    func hasSeen(_ name: MessageName, _ device: DeviceAddress) -> Bool {
        seen[device]?.contains(name) == true
    }

    func hasSeenCopy(_ name: MessageName, _ device: DeviceAddress) -> Bool {
        seenCopies[device]?.contains(name) == true
    }

    func hasReceipt(for name: MessageName, by device: DeviceAddress, isRead: Bool) -> Bool {
        // A refusal does not say which of the two it is about: clients count it for both.
        let refusals = [StanzaKind.read, .delivered].reduce(0) { sum, kind in
            sum + receiptRefusals[StanzaKey(sender: device, id: name.id, kind: kind), default: 0]
        }
        return received.contains(Receipt(message: name, by: device, isRead: isRead))
            || refusals >= ClientLimits.waitAttemptsMax
    }

    /// Whether the client's store knew that its app was done with the message.
    func hasConfirmed(_ name: MessageName, by client: Int) -> Bool {
        confirmed[client]?.contains(name) == true
    }

    func hasMarked(_ name: MessageName, by client: Int) -> Bool {
        markers[client]?.contains(name) == true
    }
}
