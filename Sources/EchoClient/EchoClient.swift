import Client
import ClientStorage
import Wire

/// Answers every message with its own text, once, whatever breaks: EchoClient HOST ADDRESS FILE [CA]
@main
struct EchoClient {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count >= 4, let jid = JID(arguments[2]) else {
            fatalError("usage: echo-client HOST[:PORT] USER@DOMAIN FILE [CA]")
        }
        let place = arguments[1].split(separator: ":")
        let store = try SQLiteClientStore(path: arguments[3], jid: jid, device: 0)
        let configuration = ClientConfiguration(
            host: String(place[0]), port: place.count > 1 ? UInt16(place[1]) ?? 5223 : 5223,
            jid: jid, password: try store.hasToken() ? nil : readLine(),
            caFile: arguments.count > 4 ? arguments[4] : nil)
        let client = try Client(configuration, store: store)
        try client.start()
        for await event in client.events {
            switch event {
            case .online(let jid, let resumedTLS):
                print("online as \(jid)", resumedTLS ? "(resumed)" : "")
            case .message(let message):
                // Not again if posted before a crash. A full outbox ends the program, not the message.
                if let id = StanzaID("re-\(message.id)"), let body = message.body,
                    try await client.state(of: id) == nil
                {
                    _ = try await client.post(to: message.from.bare, body: body, id: id)
                }
                try await client.acknowledge(message)
            case .sentElsewhere(let copy):
                try await client.acknowledge(copy)
            case .acked(let id), .delivered(let id, _), .read(let id, _), .failed(let id, _, _):
                print(id, try await client.state(of: id).map { "\($0)" } ?? "")
            case .disconnected(let reason, let retryInMs?):
                print("\(reason); again in \(retryInMs) ms")
            case .stopped(let error):
                if let error { throw error }
            default:
                break
            }
        }
    }
}
