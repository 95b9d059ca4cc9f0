// The messages of one thread's senders: at a rate, each with the time at which it was due, whatever
// holds it up, or as many as the window takes. Coordinated omission cannot hide here: a sender that is
// held up sends late with the time at which it should have.

internal import Base
internal import Reactor
internal import Wire

/// One phase of sending.
final class MessageTask<Link: Transport> {
    let plan: MessagePlan
    /// Messages of all senders of this thread that await their ack.
    private(set) var unackedCount = 0
    private unowned let loop: WorkerLoop<Link>
    private let pace: Pace
    private let endNs: UInt64
    /// Local indices of the thread's senders.
    private let senders: Int
    private var nextSender = 0
    /// Sends begun; in a fan-out one send is many messages.
    private var sendCount = 0
    private var number: UInt32 = 0
    private var isOver = false
    /// Whether something is due and no sender may send: until an answer makes room.
    private var isBlocked = false
    private let body: [UInt8]
    /// What is left of a fan-out that the window cut short, by sender.
    private var unfinished: [Int: (intendedNs: UInt64, next: Int)] = [:]
    private var messagesOfSender: [Int]

    init(_ plan: MessagePlan, startNs: UInt64, _ loop: WorkerLoop<Link>) {
        self.plan = plan
        self.loop = loop
        // Clients are dealt in turn, so a thread's senders are its first.
        var senders = 0
        while senders < loop.clientCount, loop.client(senders) < plan.senderCount { senders += 1 }
        self.senders = senders
        let whole = Pace(startNs: startNs, rate: plan.rate)
        pace = whole.share(senders, of: plan.senderCount)
        endNs = startNs + UInt64(plan.seconds) * 1_000_000_000
        body = [UInt8](repeating: UInt8(ascii: "x"), count: plan.sizes.max() ?? 1)
        messagesOfSender = Array(repeating: 0, count: senders)
    }

    /// When there is something to send; nil when only answers can bring that about.
    var nextDueNs: UInt64? {
        guard senders > 0, !isOver else { return nil }
        if isBlocked { return endNs }
        return min(pace.dueNs(sendCount) ?? 0, endNs)
    }

    /// Sends what is due.
    func advance() {
        guard senders > 0, !isOver else { return }
        let current = MonotonicClock.nanoseconds()
        if current >= endNs {
            isOver = true
            return
        }
        if plan.rate == nil {
            // From now on each sends with its answers.
            if !isBlocked { for index in 0..<senders { sendNow(index) } }
            isBlocked = true
            return
        }
        var budget = 4_096
        while budget > 0, let due = pace.dueNs(sendCount), due <= current {
            guard let index = takeSender() else {
                isBlocked = true
                return
            }
            budget -= 1
            sendCount += 1
            begin(index, intendedNs: due)
            flush(index)
        }
    }

    /// The next sender with room; nil when none has any.
    private func takeSender() -> Int? {
        for _ in 0..<senders {
            let index = nextSender
            nextSender = (nextSender + 1) % senders
            if hasRoom(index), unfinished[index] == nil { return index }
        }
        return nil
    }

    private func hasRoom(_ index: Int) -> Bool {
        loop.clients[index].phase == .online
            && Int(loop.clients[index].unackedCount) < plan.window
    }

    /// A sender's connection was read: what is held up or may be sent now goes with its answers.
    func fill(_ index: Int) {
        guard index < senders, loop.clients[index].phase == .online else { return }
        if plan.rate != nil { isBlocked = false }
        if let rest = unfinished.removeValue(forKey: index) {
            fanOut(index, intendedNs: rest.intendedNs, from: rest.next)
        }
        guard plan.rate == nil, !isOver else { return }
        while hasRoom(index), unfinished[index] == nil {
            let current = MonotonicClock.nanoseconds()
            guard current < endNs else { return }
            sendCount += 1
            begin(index, intendedNs: current)
        }
    }

    private func sendNow(_ index: Int) {
        fill(index)
        flush(index)
    }

    private func flush(_ index: Int) {
        do throws(BenchFailure) {
            try loop.seal(index)
        } catch {
            loop.lose(index, error)
        }
    }

    private func begin(_ index: Int, intendedNs: UInt64) {
        if plan.isFanout {
            fanOut(index, intendedNs: intendedNs, from: 0)
            return
        }
        let turn = messagesOfSender[index] % plan.recipientsPerSender
        messagesOfSender[index] += 1
        let recipient = loop.client(index) * plan.recipientsPerSender + turn
        write(index, intendedNs: intendedNs, recipient: recipient)
    }

    private func fanOut(_ index: Int, intendedNs: UInt64, from first: Int) {
        for recipient in first..<plan.recipientsPerSender {
            guard hasRoom(index) else {
                unfinished[index] = (intendedNs, recipient)
                return
            }
            let base = loop.client(index) * plan.recipientsPerSender
            write(index, intendedNs: intendedNs, recipient: base + recipient)
        }
    }

    private func write(_ index: Int, intendedNs: UInt64, recipient: Int) {
        let size = plan.sizes[Int(number) % plan.sizes.count]
        number &+= 1  // with the time it makes the id: may wrap
        let account = loop.population.firstAccount + plan.recipientBase + recipient
        let name = loop.target.names.name(account)
        let writer = loop.writer
        loop.frame { frames in
            writer.node(.message, attributeCount: 2, hasContent: true, into: &frames)
            writer.token(.to, into: &frames)
            writer.jid(local: name, into: &frames)
            writer.token(.id, into: &frames)
            withUnsafeTemporaryAllocation(byteCount: MessageID.size, alignment: 8) { text in
                MessageID.write(intendedNs, number, into: text)
                writer.string(UnsafeRawBufferPointer(text), into: &frames)
            }
            frames.append(messageOneChild)
            writer.node(.body, attributeCount: 0, hasContent: true, into: &frames)
            body.withUnsafeBytes { bytes in
                writer.rawBytes(UnsafeRawBufferPointer(rebasing: bytes[..<size]), into: &frames)
            }
        }
        loop.clients[index].unackedCount += 1
        unackedCount += 1
        loop.worker.counters.sent.count()
    }

    /// A message was answered.
    func settle(_ index: Int) { unackedCount -= 1 }

    /// A sender lost its connection with so many messages unanswered.
    func lose(_ index: Int, unackedCount: Int) {
        self.unackedCount -= unackedCount
        unfinished[index] = nil
        if unackedCount > 0 {
            loop.measurements.note("message: connection lost before the ack", count: unackedCount)
        }
    }
}

/// A list of one node.
private let messageOneChild: [UInt8] = [0xF8, 0x01]
