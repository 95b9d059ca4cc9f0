// The command line of Tern.

internal import ArgumentParser

@main
struct TernCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tern", abstract: "Talks to a Tern gateway.",
        discussion: """
            Exit codes: 0 done; 64 wrong usage; 65 unusable data (an unknown account or recipient, \
            a bad line); 66 no input (a dictionary or standard input that cannot be read); \
            69 unavailable (the gateway cannot be reached, or did not do it in time); 70 no thread or \
            pipe; 74 standard output cannot be written; 76 protocol error; 77 not authorised (wrong \
            password, a server that cannot be trusted, or replaced by another login of the same \
            device); 130 interrupted.
            """,
        subcommands: [
            Account.self, Status.self, Reload.self, TLSCommand.self, Send.self, Listen.self,
            Chat.self, Codec.self, BenchCommand.self,
        ])
}
