// `tern chat`: a conversation on the terminal, or line by line from a pipe.

internal import ArgumentParser
internal import Client
internal import Glibc
internal import Wire

struct Chat: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Chats interactively; with input from a pipe, each line is a message.",
        discussion: ChatText.help.joined(separator: "\n"))

    @OptionGroup var connection: ConnectionOptions

    @Option(help: ArgumentHelp("Whom to write to: USER or USER@DOMAIN.", valueName: "name"))
    var with: String?

    private var partner: JID? {
        with.flatMap { ChatModel.address($0, domain: connection.account.domain) }
    }

    func validate() throws {
        if let with, partner == nil {
            throw ValidationError("--with \(with) is neither USER nor USER@DOMAIN")
        }
    }

    func run() async throws {
        try await reportingFailures {
            let client = try connection.client(reconnect: ReconnectPolicy())
            let isInteractive =
                isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1 && !connection.json
            let loop = ChatLoop(
                client: client, jid: connection.account, partner: partner, json: connection.json,
                isInteractive: isInteractive)
            try await loop.run()
        }
    }
}
