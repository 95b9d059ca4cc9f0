// `tern listen`: prints what arrives.

internal import ArgumentParser
internal import Client

struct Listen: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Prints messages and receipts as they arrive.",
        discussion: """
            With --count it ends with 0 after so many messages, and with 69 if --timeout comes \
            first. Without --count, --timeout ends it with 0, or \
            with 69 if the gateway was never reached. Receipts and presence do not count.
            """)

    @OptionGroup var connection: ConnectionOptions

    @Option(help: ArgumentHelp("End after so many messages.", valueName: "messages"))
    var count: Int?

    @Option(help: ArgumentHelp("End after so long.", valueName: "seconds"))
    var timeout: Double?

    @Flag(help: "Tell senders that their messages were read.")
    var read = false

    func validate() throws {
        if let count, count < 1 { throw ValidationError("--count takes 1 or more") }
        if let timeout, timeout <= 0 || timeout > 31_536_000 {
            throw ValidationError("--timeout takes more than 0 and at most 31536000 seconds")
        }
    }

    func run() async throws {
        try await reportingFailures {
            let client = try connection.client(reconnect: ReconnectPolicy())
            let interruption = try Interruption()
            try client.start()
            let timer = timeout.map { seconds in
                Task {
                    try await Task.sleep(for: .seconds(seconds))
                    await client.close()
                }
            }
            let watch = Task {
                let isInterrupted = await interruption.wait()
                if isInterrupted { await client.close() }
                return isInterrupted
            }
            defer { timer?.cancel() }
            let (isComplete, wasOnline) = try await printEvents(of: client)
            // What was printed has been received: its receipts are on their way before the close.
            await client.close()
            watch.cancel()
            if await watch.value, !isComplete { throw Failure(.interrupted, "interrupted") }
            if let count, !isComplete {
                throw Failure(.unavailable, "fewer than \(count) messages in time")
            }
            if !wasOnline { throw Failure(.unavailable, "the gateway could not be reached") }
        }
    }

    /// Prints until the client stops or the count is reached: whether it was, and whether the client
    /// ever logged in.
    private func printEvents(
        of client: Client
    ) async throws -> (isComplete: Bool, wasOnline: Bool) {
        var messageCount = 0
        var wasOnline = false
        events: for await event in client.events {
            switch event {
            case .disconnected(let reason, let retryInMs?) where !connection.json:
                complain("\(reason); trying again in \(retryInMs) ms")
            case .stopped(let error?):
                if connection.json { try say(event.json(for: connection.account)) }
                throw error
            case .online:
                wasOnline = true
            default:
                break
            }
            if connection.json {
                try say(event.json(for: connection.account))
            } else if let text = event.plainText {
                try say(text)
            }
            do throws(ClientError) {
                if case .sentElsewhere(let copy) = event { try await client.acknowledge(copy) }
                guard case .message(let message) = event else { continue }
                // Printed is dealt with.
                if read {
                    try await client.markRead(message)
                } else {
                    try await client.acknowledge(message)
                }
            } catch .closed {
                break events  // stopped meanwhile: it will come, and be printed, again
            }
            messageCount += 1
            if messageCount == count { return (true, wasOnline) }
        }
        return (false, wasOnline)
    }
}
