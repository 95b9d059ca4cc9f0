// The end of a seed: nothing goes wrong any more, everybody who comes back is back, and the world must come
// to rest. Then what was promised is compared with what was seen, everybody leaves, and nothing may be left.

internal import Base
internal import Client
internal import Sessions
internal import Storage
internal import Wire

extension World {
    /// How long a healed world may take to come to rest, in microseconds and in events.
    private static let restUsMax: UInt64 = 900_000_000
    private static let restStepsMax = 400_000

    /// Runs the whole life of the world, until it is over or a rule is broken.
    func run() {
        begin()
        let end = now + plan.activeUs
        while violation == nil, let next = schedule.nextTime, next <= end { _ = step() }
        guard violation == nil else { return }
        now = max(now, end)
        heal()
        comeToRest("healed") { self.isAtRest }
        guard violation == nil else { return }
        audit()
        guard violation == nil else { return }
        if let expiryS = plan.expiryS {
            awaitExpiry(expiryS)
            guard violation == nil else { return }
            audit()
            guard violation == nil else { return }
        }
        leave()
    }

    /// Those who are away stay away for longer than anything may wait.
    private func awaitExpiry(_ expiryS: UInt64) {
        note(.phase("time passes"))
        let end = now + (2 * expiryS + 5) * 1_000_000
        while violation == nil, let next = schedule.nextTime, next <= end { _ = step() }
        guard violation == nil else { return }
        now = max(now, end)
        comeToRest("expired") {
            let lateS = expiryS + expiryS / 4 + 5
            let late = self.disk.oldest(acceptedUntil: self.unixSeconds - lateS)
            return self.isAtRest && late == nil
        }
    }

    private func heal() {
        note(.phase("nothing goes wrong any more"))
        isActive = false
        disk.trouble = .none
        storeStalledUntil = 0
        outageUntil = 0
        for client in clients {
            client.isSlowUntil = 0
            if client.isStopped { continue }
            client.sleepsUntil = now
            client.diesInCommit = false
            client.acknowledgeAll()
            client.wake(at: now)
            if client.isAway, client.returns { client.open() }
        }
    }

    private func comeToRest(_ what: String, _ isDone: () -> Bool) {
        let deadline = now + Self.restUsMax
        let stepsMax = counts.steps + Self.restStepsMax
        while violation == nil {
            // Rest is looked for where there is a pause: what has just been done is not yet over.
            let pause = (schedule.nextTime ?? .max) - min(now, schedule.nextTime ?? .max)
            if pause > 200_000, isDone() { return }
            guard let next = schedule.nextTime, next <= deadline, counts.steps < stepsMax else {
                fail(.liveness, "\(what), and then: \(unrest)")
                return
            }
            _ = step()
        }
    }

    private var isAtRest: Bool {
        guard let gateway else { return false }
        // Who was about to go away when the world was healed has gone, and comes back now.
        for client in clients where client.isAway && client.returns { client.open() }
        return gateway.isIdle
            && operatorsBook.order == nil
            && clients.allSatisfy { $0.isIdle && (!$0.isAway || !$0.returns) }
            && present.allSatisfy(\.isReallyOnline)
            && links.allSatisfy { $0.isClosedByClient || $0.isSilent }
    }

    private var unrest: String {
        var what: [String] = []
        if gateway == nil { what.append("no gateway") }
        if gateway?.isIdle == false { what.append("a busy gateway") }
        if operatorsBook.order != nil { what.append("an operator who waits") }
        for client in clients where !client.isIdle || (client.isRunning && !client.isReallyOnline) {
            what.append(
                "client \(client.number) (\(client.phase), outbox \(client.session.outboxCount), "
                    + "receipts \(client.session.receiptCount))")
        }
        for shard in gateway?.shards ?? [] {
            shard.forEachConnection { what.append("a connection of \($0.summary)") }
        }
        return what.joined(separator: ", ")
    }

    // MARK: What was promised

    /// Clients that are online: at rest, all that are neither away nor stopped.
    private var present: [SimulatedClient] { clients.filter { !$0.isAway && !$0.isStopped } }

    private func audit() {
        note(.phase("at rest"))
        checkQueues()
        checkProofs()
        let online = Set(present.map(\.device))
        let expired = Set(disk.durable.expired)
        for name in ledger.names {
            guard let message = ledger.messages[name] else { continue }
            for device in message.owed.sorted() {
                let address = DeviceAddress(user: message.recipient, device: device)
                if ledger.hasSeen(name, address) { continue }
                let key = StanzaKey(sender: name.sender, id: name.id, kind: .message)
                if expired.contains(QueuePlace(owner: address, key: key)) { continue }
                let waits = disk.durableQueue(of: address).contains(key)
                require(
                    waits && !online.contains(address), .nothingLost,
                    "\(name.id) was acked; \(Trace.text(address)) "
                        + (waits ? "is online and it waits" : "neither has it nor will get it"))
            }
        }
        auditCopies(online, expired)
        for device in online.sorted(by: { Trace.text($0) < Trace.text($1) }) {
            let waiting = disk.durableQueue(of: device).filter {
                !ledger.mayStay($0, at: device)
            }
            require(
                waiting.isEmpty, .leaks,
                "\(waiting.count) stanzas wait for \(Trace.text(device)), which is online: "
                    + "\(waiting.first.map(Trace.text) ?? "")")
        }
        auditReceipts(online, expired)
        auditNotices(online, expired)
    }

    /// The other devices of those whose message was acked have its copy, or it waits.
    private func auditCopies(_ online: Set<DeviceAddress>, _ expired: Set<QueuePlace>) {
        for name in ledger.names {
            for device in ledger.messages[name]?.copiesOwed.sorted() ?? [] {
                let address = DeviceAddress(user: name.sender.user, device: device)
                if ledger.hasSeenCopy(name, address) { continue }
                let key = StanzaKey(sender: name.sender, id: name.id, kind: .copy)
                if expired.contains(QueuePlace(owner: address, key: key)) { continue }
                let waits = disk.durableQueue(of: address).contains(key)
                require(
                    waits && !online.contains(address), .nothingLost,
                    "the copy of \(name.id) for \(Trace.text(address))")
            }
        }
    }

    /// Whoever saw a message, and is still there, has told its sender, if that is there.
    private func auditReceipts(_ online: Set<DeviceAddress>, _ expired: Set<QueuePlace>) {
        func hasExpired(_ name: MessageName, by device: DeviceAddress, _ kind: StanzaKind) -> Bool {
            let key = StanzaKey(sender: device, id: name.id, kind: kind)
            return expired.contains(QueuePlace(owner: name.sender, key: key))
        }
        let numbers = Set(present.map(\.number))
        // What installations saw that were replaced since; they took their receipts with them.
        var seenByGone: [DeviceAddress: Set<MessageName>] = [:]
        for (client, name) in ledger.sightings where !numbers.contains(client) {
            seenByGone[clients[client].device, default: []].insert(name)
        }
        for (client, name) in ledger.sightings
        where numbers.contains(client) && online.contains(name.sender) {
            let device = clients[client].device
            // A process died before it was done with it, and it came to such a one next.
            if !ledger.hasConfirmed(name, by: client), seenByGone[device]?.contains(name) == true {
                continue
            }
            // What expired while it was with a process that died before it was done comes to no later one.
            let key = StanzaKey(sender: name.sender, id: name.id, kind: .message)
            if expired.contains(QueuePlace(owner: device, key: key)),
                !ledger.hasConfirmed(name, by: client)
            {
                continue
            }
            require(
                ledger.hasReceipt(for: name, by: device, isRead: false)
                    || hasExpired(name, by: device, .delivered), .nothingLost,
                "the receipt for \(name.id) by \(Trace.text(device))")
            if ledger.hasMarked(name, by: client) {
                require(
                    ledger.hasReceipt(for: name, by: device, isRead: true)
                        || hasExpired(name, by: device, .read), .nothingLost,
                    "the read receipt for \(name.id) by \(Trace.text(device))")
            }
        }
    }

    /// Whoever sent a message that has expired has been told, or will be, unless there was no room for it.
    private func auditNotices(_ online: Set<DeviceAddress>, _ expired: Set<QueuePlace>) {
        for place in disk.durable.expired where place.key.kind == .message {
            let sender = place.key.sender
            if ledger.hasToldOfExpiry(place) { continue }
            let key = place.key.ofNotice(from: place.owner)
            if expired.contains(QueuePlace(owner: sender, key: key)) { continue }
            let waits = disk.durableQueue(of: sender).contains(key)
            require(
                waits && !online.contains(sender), .expiry,
                "\(place.key.id) has expired for \(Trace.text(place.owner)), and its sender "
                    + (waits ? "is online and not told" : "will never know"))
        }
    }

    /// Queues hold each stanza once, and no more than they may.
    func checkQueues(of user: Localpart? = nil) {
        for device in disk.allDevices where user == nil || device.user == user {
            let queue = disk.queue(of: device)
            require(
                queue.count <= plan.limits.queueDepthMax, .limits,
                "\(queue.count) stanzas wait for \(Trace.text(device))")
            require(
                disk.queueSize(of: device) <= plan.limits.queueSizeMax, .limits,
                "\(disk.queueSize(of: device)) bytes wait for \(Trace.text(device))")
            require(
                Set(queue).count == queue.count, .atMostOnce,
                "a stanza waits twice for \(Trace.text(device))")
        }
    }

    // MARK: What is left

    private func leave() {
        note(.phase("everybody leaves"))
        for client in clients { client.close() }
        comeToRest("left") {
            guard let gateway = self.gateway else { return false }
            return gateway.isIdle && self.clients.allSatisfy { $0.isAway || $0.isStopped }
                && gateway.shards.allSatisfy { $0.connections.count == 0 }
        }
        guard violation == nil, let gateway else { return }
        for shard in gateway.shards {
            require(
                shard.router.onlineCount == 0 && shard.router.pendingCount == 0
                    && shard.router.closedCount == 0
                    && shard.lookUps.isEmpty && shard.mailbox.isEmpty, .leaks,
                "shard \(shard.index): \(shard.router.onlineCount) users, "
                    + "\(shard.router.pendingCount) tickets, \(shard.lookUps.count) look-ups")
        }
    }
}
