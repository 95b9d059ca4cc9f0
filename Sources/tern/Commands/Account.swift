// `tern account …` and `tern status`: the gateway's administration socket.

internal import ArgumentParser
internal import Client
internal import TLS
internal import Wire

/// Where the administration socket is.
struct AdminOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The gateway's administration socket.", valueName: "socket"))
    var admin = "var/admin.sock"

    @Flag(help: "Print one JSON object a line.")
    var json = false

    func request(_ request: AdminRequest) throws(AdminError) -> AdminReply {
        try AdminClient(path: admin).request(request)
    }
}

/// A new password and the cost of its verifier.
struct NewPasswordOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "File with the password (default: $TERN_PASSWORD, else a question on the terminal).",
            valueName: "file"))
    var passwordFile: String?

    @Option(help: "PBKDF2 iterations of the verifier.")
    var iterations = WireLimits.scramIterationsDefault

    func validate() throws {
        guard WireLimits.scramIterations.contains(iterations) else {
            let range = WireLimits.scramIterations
            throw ValidationError("--iterations takes \(range.lowerBound) to \(range.upperBound)")
        }
    }

    /// The verifier of the password, made here: the password does not leave the process.
    func keys(for name: JID) throws -> AdminKeys {
        let text = try Password.readNew(file: passwordFile, for: name.description)
        guard let password = PasswordPreparation.prepare(text) else {
            throw Failure(.data, "the password is empty, too long or has control characters")
        }
        let cryptography = OpenSSLCryptography()
        return AdminKeys(
            ScramKeys.derive(
                password: password, salt: cryptography.randomBytes(16), iterations: iterations,
                cryptography: cryptography))
    }
}

/// An account's name on the command line.
struct AccountName: ParsableArguments {
    @Argument(help: ArgumentHelp("The account.", valueName: "user@domain"))
    var name: JID

    func validate() throws {
        guard name.device == nil else { throw ValidationError("an account has no device: \(name)") }
    }
}

struct Account: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Adds, lists and removes accounts.",
        subcommands: [
            Add.self, List.self, Remove.self, ChangePassword.self, RevokeTokens.self,
        ])

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Adds an account.")
        @OptionGroup var account: AccountName
        @OptionGroup var password: NewPasswordOptions
        @OptionGroup var admin: AdminOptions

        func run() async throws {
            try await reportingFailures {
                let keys = try password.keys(for: account.name)
                let name = account.name.description
                _ = try admin.request(
                    AdminRequest(command: .accountAdd, name: name, keys: keys))
                try confirm("added", name, admin)
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists the accounts.")
        @OptionGroup var admin: AdminOptions

        func run() async throws {
            try await reportingFailures {
                let reply = try admin.request(AdminRequest(command: .accountList))
                for name in (reply.accounts ?? []).sorted() {
                    if admin.json {
                        var line = JSONLine()
                        line.add("kind", "account")
                        line.add("name", name)
                        try say(line.text)
                    } else {
                        try say(TerminalText.neutralised(name))
                    }
                }
            }
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Removes an account with what waits for it.",
            discussion: "Ends the account's sessions.")
        @OptionGroup var account: AccountName
        @OptionGroup var admin: AdminOptions

        func run() async throws {
            try await reportingFailures {
                let name = account.name.description
                _ = try admin.request(AdminRequest(command: .accountRemove, name: name))
                try confirm("removed", name, admin)
            }
        }
    }

    struct RevokeTokens: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "revoke-tokens",
            abstract: "Makes devices log in with the password again.",
            discussion: "Ends their sessions. Changing the password does the same for all devices.")
        @OptionGroup var account: AccountName
        @Option(help: ArgumentHelp("One device instead of all.", valueName: "number"))
        var device: UInt8?
        @OptionGroup var admin: AdminOptions

        func run() async throws {
            try await reportingFailures {
                let name = account.name.description
                _ = try admin.request(
                    AdminRequest(command: .accountRevokeTokens, name: name, device: device))
                try confirm("revoked", name, admin)
            }
        }
    }

    struct ChangePassword: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "password", abstract: "Changes an account's password.",
            discussion: "Ends the account's sessions and revokes its login tokens.")
        @OptionGroup var account: AccountName
        @OptionGroup var password: NewPasswordOptions
        @OptionGroup var admin: AdminOptions

        func run() async throws {
            try await reportingFailures {
                let keys = try password.keys(for: account.name)
                let name = account.name.description
                _ = try admin.request(
                    AdminRequest(command: .accountPassword, name: name, keys: keys))
                try confirm("changed", name, admin)
            }
        }
    }
}

struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Prints the gateway's figures.")
    @OptionGroup var admin: AdminOptions

    func run() async throws {
        try await reportingFailures {
            let reply = try admin.request(AdminRequest(command: .status))
            let figures = (reply.status ?? [:]).sorted { $0.key < $1.key }
            if admin.json {
                var line = JSONLine()
                line.add("kind", "status")
                for (name, value) in figures { line.add(name, value) }
                try say(line.text)
                return
            }
            for (name, value) in figures { try say("\(TerminalText.neutralised(name)) \(value)") }
        }
    }
}

struct Reload: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Makes the gateway read its certificates and ticket keys again.")
    @OptionGroup var admin: AdminOptions

    func run() async throws {
        try await reportingFailures {
            _ = try admin.request(AdminRequest(command: .reload))
            try confirm("reloaded", "tls", admin)
        }
    }
}

private func confirm(_ what: String, _ name: String, _ admin: AdminOptions) throws {
    guard admin.json else {
        try say("\(what) \(name)")
        return
    }
    var line = JSONLine()
    line.add("kind", what)
    line.add("name", name)
    try say(line.text)
}
