// `tern send`: one message, safely.

internal import ArgumentParser
internal import Client
internal import Wire

struct Send: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Sends one message and ends once the gateway has it safely.")

    @OptionGroup var connection: ConnectionOptions

    @Option(
        help: ArgumentHelp("The recipient: USER@DOMAIN[/DEVICE].", valueName: "jid"))
    var to: JID

    @Option(help: "The message's id; the same id again is the same message.")
    var id: StanzaID?

    @Option(help: ArgumentHelp("How long to try.", valueName: "seconds"))
    var timeout = 30.0

    @Argument(help: "The message.")
    var text: String

    func validate() throws {
        guard timeout > 0, timeout <= 86_400 else {
            throw ValidationError("--timeout takes more than 0 and at most 86400 seconds")
        }
        guard (1...ClientLimits.bodySizeMax).contains(text.utf8.count) else {
            throw ValidationError("a message has 1 to \(ClientLimits.bodySizeMax) bytes")
        }
    }

    func run() async throws {
        try await reportingFailures {
            // A refused connection is tried twice more; then somebody should look.
            let client = try connection.client(reconnect: ReconnectPolicy(attemptsMax: 3)) {
                $0.isAvailable = false
            }
            let interruption = try Interruption()
            try client.start()
            let id = try await send(client, interruption)
            await client.close()
            var line = JSONLine(
                kind: "ack", from: connection.account.description, to: to.description, id: id.text,
                body: text)
            line.add("state", "acked")
            try say(connection.json ? line.text : id.text)
        }
    }

    private func send(
        _ client: Client, _ interruption: Interruption
    ) async throws -> StanzaID {
        let limit = timeout
        return try await withThrowingTaskGroup(of: StanzaID?.self) { group in
            group.addTask { [to, text, id] in
                do throws(ClientError) {
                    return try await client.send(to: to, body: text, id: id)
                } catch .duplicateID(_) {
                    // An earlier run left it in the state file: its ack is an event.
                    return nil
                }
            }
            group.addTask { [id] in
                // The last reason is worth more than "timed out".
                var reason = "no answer"
                for await event in client.events {
                    switch event {
                    case .disconnected(let why, _): reason = why.description
                    case .acked(let acked) where acked == id: return acked
                    case .failed(let refused, let condition, let text) where refused == id:
                        throw ClientError.refused(condition: condition, text: text)
                    default: break
                    }
                }
                if !Task.isCancelled { return nil }
                throw Failure(.unavailable, "not sent within \(limit) s: \(reason)")
            }
            group.addTask {
                try await Task.sleep(for: .seconds(limit))
                throw Failure(.unavailable, "not acked within \(limit) s")
            }
            group.addTask {
                guard await interruption.wait() else { return nil }
                throw Failure(.interrupted, "interrupted")
            }
            defer { group.cancelAll() }
            do {
                while let result = try await group.next() {
                    if let result { return result }
                }
            } catch {
                // A send cannot be cancelled: it ends with the client.
                await client.close()
                throw error
            }
            throw Failure(.unavailable, "not sent")
        }
    }
}
