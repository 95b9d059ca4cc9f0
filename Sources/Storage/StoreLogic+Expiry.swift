// What becomes of stanzas that have waited too long: they leave the queue, and whoever sent a message is
// told in the same transaction. The oldest rows of all queues are looked at, a few at a time, and nothing
// behind the first that may still wait.

package import Wire

/// How long stanzas wait at most, and who is to know when one does not any more.
package struct StoreExpiry: Sendable {
    /// In seconds, at least 1.
    package var lifetimeS: UInt64
    /// The node that tells a sender: what it is known by, and when the message expired.
    package var notice: @Sendable (StanzaKey, _ unixSeconds: UInt64) -> [UInt8]
    /// Told what a step did, if anything, once it is durable or has failed. From the store's thread: must not block.
    package var report: @Sendable (Expired) -> Void

    package init(
        lifetimeS: UInt64, notice: @escaping @Sendable (StanzaKey, UInt64) -> [UInt8],
        report: @escaping @Sendable (Expired) -> Void
    ) {
        precondition(lifetimeS > 0, "lifetimeS \(lifetimeS)")
        self.lifetimeS = lifetimeS
        self.notice = notice
        self.report = report
    }
}

/// Whose queues a step has touched. One that failed may be on the disk all the same.
package final class ExpiryAttempt: @unchecked Sendable {
    // Used by the store's thread only.
    fileprivate(set) var senders: Set<Localpart> = []

    package init() {}
}

/// One step of looking for what has expired.
package struct ExpiryStep: Sendable {
    /// What was accepted then or before has expired; in seconds since 1970.
    package var acceptedUntil: UInt64
    /// What time it is, in seconds since 1970.
    package var unixSeconds: UInt64
    package var notice: @Sendable (StanzaKey, UInt64) -> [UInt8]
    package let attempt = ExpiryAttempt()

    package init(
        acceptedUntil: UInt64, unixSeconds: UInt64,
        notice: @escaping @Sendable (StanzaKey, UInt64) -> [UInt8]
    ) {
        self.acceptedUntil = acceptedUntil
        self.unixSeconds = unixSeconds
        self.notice = notice
    }
}

/// What a step did.
package struct Expired: Sendable {
    /// What left its queue, in the order in which it was accepted. Rows that could not be read are not here.
    package var stanzas: [QueuePlace] = []
    /// What their senders are told: it waits in these devices' queues.
    package var notices: [(owner: DeviceAddress, stanza: QueuedStanza)] = []
    /// Notices for which there was no room.
    package var droppedNotices: [QueuePlace] = []
    /// Of a step that failed: users in whose queues there may be notices.
    package var uncertain: Set<Localpart> = []
    /// Whether nothing else has expired.
    package var isLast = true

    package init() {}

    /// What is known of a step that failed.
    package init(failed step: ExpiryStep) { uncertain = step.attempt.senders }

    /// Whether nothing changed.
    package var isEmpty: Bool {
        stanzas.isEmpty && notices.isEmpty && droppedNotices.isEmpty && uncertain.isEmpty
    }
}

extension StoreLogic {
    func expire(_ step: ExpiryStep) throws(StoreError) -> Expired {
        let rows = try tables.oldest(
            acceptedUntil: step.acceptedUntil, countMax: limits.expiryStepCountMax)
        var expired = Expired()
        expired.isLast = rows.count < limits.expiryStepCountMax
        for row in rows {
            try tables.remove(row)
            guard let stanza = row.stanza else {
                log("store: \(StoreError.corrupt("queue row \(row.sequence)")), and it has expired")
                continue
            }
            expired.stanzas.append(stanza)
            if stanza.key.kind == .message { try notify(of: stanza, step, &expired) }
        }
        return expired
    }

    /// Tells the device that sent a message, if it still is one.
    private func notify(
        of stanza: QueuePlace, _ step: ExpiryStep, _ expired: inout Expired
    ) throws(StoreError) {
        let sender = stanza.key.sender
        guard
            let depth = try tables.devices(of: sender.user)?
                .first(where: { $0.device == sender.device })
        else { return }
        let key = stanza.key.ofNotice(from: stanza.owner)
        // A repeat of the message expired as well: the device is told once.
        if depth.depth > 0, try tables.isWaiting(key, for: sender) { return }
        let notice = QueuedStanza(key: key, payload: step.notice(key, step.unixSeconds))
        guard depth.hasRoom(for: notice.payload, limits) else {
            expired.droppedNotices.append(QueuePlace(owner: sender, key: key))
            return
        }
        step.attempt.senders.insert(sender.user)
        try tables.insert(notice, sentAt: step.unixSeconds, for: sender)
        expired.notices.append((sender, notice))
    }
}
