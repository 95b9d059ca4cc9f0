// Events as lines: JSON for programs, plain text for people. Everything from elsewhere is neutralised.

package import Client
package import Wire

extension ClientEvent {
    /// The event as a JSON line. `jid` is this side, `recipient` whom the message of an ack or a
    /// refusal was for, if that is known.
    package func json(for jid: JID, recipient: JID? = nil) -> String {
        let own = jid.description
        var line: JSONLine
        switch self {
        case .connecting:
            line = JSONLine(kind: "connecting")
        case .online(let jid, let resumedTLS):
            line = JSONLine(kind: "online", to: jid.description)
            line.add("resumed", resumedTLS)
        case .message(let message):
            line = JSONLine(
                kind: "message", from: message.from.description, to: own, id: message.id.text,
                body: message.body)
            line.add("t", message.sentAt)
        case .sentElsewhere(let message):
            line = JSONLine(
                kind: "sent", from: message.from.description, to: message.to.description,
                id: message.id.text, body: message.body)
            line.add("t", message.sentAt)
        case .acked(let id):
            line = JSONLine(kind: "ack", from: own, to: recipient?.description, id: id.text)
            line.add("state", "acked")
        case .delivered(let id, let device):
            line = JSONLine(kind: "receipt", from: device.description, to: own, id: id.text)
            line.add("state", "delivered")
        case .read(let id, let device):
            line = JSONLine(kind: "receipt", from: device.description, to: own, id: id.text)
            line.add("state", "read")
        case .expired(let id, let device):
            line = JSONLine(kind: "expired", from: device.description, to: own, id: id.text)
        case .failed(let id, let condition, let text):
            line = JSONLine(kind: "failed", from: own, to: recipient?.description, id: id.text)
            line.add("state", condition)
            line.add("text", text)
        case .presence(let from, let isAvailable, let seconds):
            line = JSONLine(kind: "presence", from: from.description, to: own)
            line.add("state", isAvailable ? "available" : "unavailable")
            line.add("t", seconds)
        case .chatstate(let from, let isComposing):
            line = JSONLine(kind: "chatstate", from: from.description, to: own)
            line.add("state", isComposing ? "composing" : "paused")
        case .disconnected(let reason, let retryInMs):
            line = JSONLine(kind: "disconnected")
            line.add("text", reason.description)
            line.add("retryInMs", retryInMs)
        case .stopped(let error):
            line = JSONLine(kind: "stopped")
            line.add("text", error?.description)
        }
        return line.text
    }

    /// The event as text for `tern listen`; nil for those that go to standard error or nowhere.
    var plainText: String? {
        switch self {
        case .message(let message):
            let body = message.body.map { TerminalText.neutralised($0) } ?? "(no text)"
            return "\(message.from) \(message.id): \(body)"
        case .sentElsewhere(let message):
            let body = message.body.map { TerminalText.neutralised($0) } ?? "(no text)"
            return "\(message.from) to \(message.to) \(message.id): \(body)"
        case .delivered(let id, let device): return "\(device) \(id) delivered"
        case .read(let id, let device): return "\(device) \(id) read"
        case .expired(let id, let device): return "\(device) \(id) not delivered in time"
        case .presence(let from, let isAvailable, _):
            return "\(from) is \(isAvailable ? "available" : "away")"
        case .connecting, .online, .acked, .failed, .chatstate, .disconnected, .stopped: return nil
        }
    }
}
