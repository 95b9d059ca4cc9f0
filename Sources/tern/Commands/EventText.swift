// Events as lines: JSON for programs, plain text for people. Everything from elsewhere is neutralised.

internal import Client
internal import Wire

extension ClientEvent {
    /// The event as a JSON line. `jid` is this side.
    func json(for jid: JID) -> String {
        var line = JSONLine()
        switch self {
        case .connecting:
            line.add("kind", "connecting")
        case .online(let jid, let resumedTLS):
            line.add("kind", "online")
            line.add("to", jid.description)
            line.add("resumed", resumedTLS)
        case .message(let message):
            line.add("kind", "message")
            line.add("from", message.from.description)
            line.add("to", jid.description)
            line.add("id", message.id.text)
            line.add("body", message.body)
            line.add("t", message.sentAt)
        case .acked(let id):
            line.add("kind", "ack")
            line.add("id", id.text)
            line.add("state", "acked")
        case .delivered(let id, let device):
            line.add("kind", "receipt")
            line.add("from", device.description)
            line.add("to", jid.description)
            line.add("id", id.text)
            line.add("state", "delivered")
        case .read(let id, let device):
            line.add("kind", "receipt")
            line.add("from", device.description)
            line.add("to", jid.description)
            line.add("id", id.text)
            line.add("state", "read")
        case .failed(let id, let condition, let text):
            line.add("kind", "failed")
            line.add("id", id.text)
            line.add("state", condition)
            line.add("text", text)
        case .presence(let from, let isAvailable, let seconds):
            line.add("kind", "presence")
            line.add("from", from.description)
            line.add("state", isAvailable ? "available" : "unavailable")
            line.add("t", seconds)
        case .chatstate(let from, let isComposing):
            line.add("kind", "chatstate")
            line.add("from", from.description)
            line.add("state", isComposing ? "composing" : "paused")
        case .disconnected(let reason, let retryInMs):
            line.add("kind", "disconnected")
            line.add("text", reason.description)
            line.add("retryInMs", retryInMs)
        case .stopped(let error):
            line.add("kind", "stopped")
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
        case .delivered(let id, let device): return "\(device) \(id) delivered"
        case .read(let id, let device): return "\(device) \(id) read"
        case .presence(let from, let isAvailable, _):
            return "\(from) is \(isAvailable ? "available" : "away")"
        case .connecting, .online, .acked, .failed, .chatstate, .disconnected, .stopped: return nil
        }
    }
}
