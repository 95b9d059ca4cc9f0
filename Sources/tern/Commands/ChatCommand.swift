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

    @Option(help: ArgumentHelp("Whom to write to: USER@DOMAIN.", valueName: "jid"))
    var with: JID?

    func run() async throws {
        try await reportingFailures {
            let configuration = try connection.configuration(reconnect: ReconnectPolicy())
            let client = try Client(configuration)
            let isInteractive =
                isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1 && !connection.json
            let loop = ChatLoop(
                client: client, jid: connection.account, partner: with, json: connection.json,
                isInteractive: isInteractive)
            try await loop.run()
        }
    }
}
