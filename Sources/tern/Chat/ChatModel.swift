// What a chat shows and asks for: lines and events in, text and requests out. No input or output of
// its own. All text that it gives out is neutralised.

package import Client
package import Wire

/// What the chat says about itself.
package enum ChatText {
    package static let help = [
        "/with NAME  write to NAME (USER or USER@DOMAIN) and make NAME a contact",
        "/who        who is there",
        "/add NAME   make NAME a contact: those who have each other see each other come and go",
        "/help       this",
        "/quit       leave (or Ctrl-D)",
        "//TEXT      a message that begins with a slash",
        "Ticks: ✓ the gateway has it, ✓✓ a device has it, ✓✓ read; ✗ it was refused, or waited too long.",
    ]
}

/// A chat's state.
package struct ChatModel: Sendable {
    /// Sent messages that are remembered for their ticks; the oldest are forgotten.
    package static let sentCountMax = 2_000
    /// People whose presence is remembered.
    package static let presenceCountMax = 10_000
    /// Partners who are made contacts again after a reconnect; the oldest are forgotten.
    package static let partnerCountMax = ClientLimits.requestCountMax / 2

    /// What has to be done.
    package enum Request: Equatable, Sendable {
        case post(to: JID, text: String)
        case markRead(IncomingMessage)
        case acknowledge(SentMessage)
        /// Quietly: only what goes wrong is shown.
        case addContact(JID, isQuiet: Bool)
        case quit
    }

    /// What came of an input.
    package struct Outcome: Equatable, Sendable {
        package var lines: [String] = []
        package var requests: [Request] = []
        /// The line was a message that nobody can get.
        package var isLost = false
    }

    private struct Sent: Sendable {
        var number: Int
        var to: JID
        var isRead = false
        var deliveredBy: Set<JID> = []
    }

    private let jid: JID
    package private(set) var partner: JID?
    package private(set) var isOnline = false
    private var sentCount = 0
    private var sent: [StanzaID: Sent] = [:]
    private var sentOrder: [StanzaID] = []
    private var presence: [JID: Bool] = [:]
    private var composing: JID?
    /// Partners whom the user chose.
    private var partners: [JID] = []

    package init(jid: JID, partner: JID?) {
        self.jid = jid.bare
        self.partner = partner
        if let partner { _ = addPartner(partner) }
    }

    /// Notes that the user chose somebody; true the first time.
    private mutating func addPartner(_ chosen: JID) -> Bool {
        guard chosen.bare != jid, !partners.contains(chosen.bare) else { return false }
        if partners.count == Self.partnerCountMax { partners.removeFirst() }
        partners.append(chosen.bare)
        return true
    }

    /// Whom a message was for, as long as it is remembered.
    package func recipient(of id: StanzaID) -> JID? { sent[id]?.to }

    /// What stands before the line being written.
    package var prompt: String {
        let name = partner.map { shortName($0) } ?? "nobody"
        return (isOnline ? "" : "(offline) ") + name + "> "
    }

    // MARK: Input

    /// Takes a line of the user.
    package mutating func submit(_ line: String) -> Outcome {
        var outcome = Outcome()
        if line.hasPrefix("//") {
            post(String(line.dropFirst()), &outcome)
        } else if line.hasPrefix("/") {
            obey(line, &outcome)
        } else if !line.allSatisfy(\.isWhitespace) {
            post(line, &outcome)
        }
        return outcome
    }

    private func post(_ text: String, _ outcome: inout Outcome) {
        guard let partner else {
            outcome.lines.append("To whom? Say /with NAME first.")
            outcome.isLost = true
            return
        }
        outcome.requests.append(.post(to: partner, text: text))
    }

    private mutating func obey(_ line: String, _ outcome: inout Outcome) {
        let words = line.split(whereSeparator: \.isWhitespace)
        let argument =
            words.count == 2 ? Self.address(String(words[1]), domain: jid.domain) : nil
        switch words.first {
        case "/quit", "/exit":
            outcome.requests.append(.quit)
        case "/help":
            outcome.lines += ChatText.help
        case "/who":
            outcome.lines += who
        case "/with":
            guard let argument else {
                outcome.lines.append("/with takes one name: USER or USER@DOMAIN.")
                return
            }
            partner = argument
            outcome.lines.append("Writing to \(argument).")
            // Otherwise once there is a connection.
            if addPartner(argument), isOnline {
                outcome.requests.append(.addContact(argument.bare, isQuiet: true))
            }
        case "/add":
            guard let argument else {
                outcome.lines.append("/add takes one name: USER or USER@DOMAIN.")
                return
            }
            outcome.requests.append(.addContact(argument.bare, isQuiet: false))
        default:
            let word = TerminalText.neutralised(words.first.map { String($0) } ?? line)
            outcome.lines.append("No command \(word); /help lists them.")
        }
    }

    /// The user that a name stands for: a whole address, or one of our own domain.
    package static func address(_ text: String, domain: String) -> JID? {
        let jid = text.contains("@") ? JID(text) : JID("\(text)@\(domain)")
        return jid?.local == nil ? nil : jid
    }

    private var who: [String] {
        let known = presence.sorted { $0.key.description < $1.key.description }
        if known.isEmpty { return ["Nobody that you would see; /add NAME makes contacts."] }
        return known.map { "\($0.key) is \($0.value ? "available" : "away")" }
    }

    /// A request was carried out: the message has this id. Gives its line.
    package mutating func posted(_ id: StanzaID, to: JID, text: String) -> [String] {
        sentCount += 1
        sent[id] = Sent(number: sentCount, to: to)
        sentOrder.append(id)
        if sentOrder.count > Self.sentCountMax { sent[sentOrder.removeFirst()] = nil }
        return ["#\(sentCount) you → \(shortName(to)): \(TerminalText.neutralised(text))"]
    }

    // MARK: Events

    /// Takes an event of the client.
    package mutating func receive(_ event: ClientEvent) -> Outcome {
        var outcome = Outcome()
        switch event {
        case .connecting:
            break
        case .online(let jid, _):
            isOnline = true
            outcome.lines.append("* connected as \(jid)")
            outcome.requests += partners.map { .addContact($0, isQuiet: true) }
        case .message(let message):
            receive(message, &outcome)
        case .acked(let id):
            // A receipt may overtake the ack: it says more.
            guard let entry = sent[id], !entry.isRead, entry.deliveredBy.isEmpty else { break }
            outcome.lines.append("#\(entry.number) ✓ sent")
        case .delivered(let id, let device):
            guard let entry = sent[id], !entry.isRead else { break }
            if sent[id]?.deliveredBy.insert(device).inserted == true {
                outcome.lines.append("#\(entry.number) ✓✓ delivered to \(shortName(device))")
            }
        case .read(let id, let device):
            guard let entry = sent[id], !entry.isRead else { break }
            sent[id]?.isRead = true
            outcome.lines.append("#\(entry.number) ✓✓ read by \(shortName(device))")
        case .expired(let id, let device):
            // That of an earlier chat has no number any more.
            guard sent[id]?.isRead != true, sent[id]?.deliveredBy.contains(device) != true else {
                break
            }
            let number = sent[id].map { "#\($0.number)" } ?? "\(id)"
            outcome.lines.append("\(number) ✗ not delivered to \(shortName(device)) in time")
        case .failed(let id, let condition, let text):
            let number = sent.removeValue(forKey: id).map { "#\($0.number)" } ?? "\(id)"
            let why = TerminalText.neutralised(text.map { "\(condition) (\($0))" } ?? condition)
            outcome.lines.append("\(number) ✗ not sent: \(why)")
        case .sentElsewhere(let message):
            let body = message.body.map { TerminalText.neutralised($0) } ?? "(no text)"
            outcome.lines.append("you, to \(message.to): \(body)")
            outcome.requests.append(.acknowledge(message))
        case .presence(let from, let isAvailable, _):
            receivePresence(from, isAvailable, &outcome)
        case .chatstate(let from, let isComposing):
            receiveChatstate(from, isComposing, &outcome)
        case .disconnected(let reason, let retryInMs):
            isOnline = false
            if reason == .requested { break }
            let why = TerminalText.neutralised(reason.description)
            let retry = retryInMs.map { "; again in \(Self.seconds($0)) s" } ?? ""
            outcome.lines.append("* disconnected: \(why)\(retry)")
        case .stopped:
            isOnline = false
        }
        return outcome
    }

    private mutating func receive(_ message: IncomingMessage, _ outcome: inout Outcome) {
        if composing == message.from.bare { composing = nil }
        let body = message.body.map { TerminalText.neutralised($0) } ?? "(no text)"
        outcome.lines.append("\(shortName(message.from)): \(body)")
        outcome.requests.append(.markRead(message))
        if partner == nil {
            partner = message.from.bare
            outcome.lines.append("Writing to \(message.from.bare).")
        }
    }

    private mutating func receivePresence(
        _ from: JID, _ isAvailable: Bool, _ outcome: inout Outcome
    ) {
        guard from.bare != jid, presence[from.bare] != isAvailable else { return }
        guard presence[from.bare] != nil || presence.count < Self.presenceCountMax else { return }
        presence[from.bare] = isAvailable
        outcome.lines.append("* \(shortName(from)) is \(isAvailable ? "available" : "away")")
    }

    private mutating func receiveChatstate(
        _ from: JID, _ isComposing: Bool, _ outcome: inout Outcome
    ) {
        if isComposing, composing != from.bare {
            composing = from.bare
            outcome.lines.append("* \(shortName(from)) is writing …")
        } else if !isComposing, composing == from.bare {
            composing = nil
        }
    }

    /// The address without our own domain.
    private func shortName(_ other: JID) -> String {
        guard other.domain == jid.domain, let local = other.local else { return other.description }
        return other.device.map { "\(local)/\($0)" } ?? local.text
    }

    private static func seconds(_ milliseconds: UInt64) -> String {
        "\(milliseconds / 1000).\(milliseconds % 1000 / 100)"
    }
}
