// `tern tls`: what a gateway negotiates and refuses, for people who debug a deployment; and the upkeep of
// ticket keys that gateways share.

internal import ArgumentParser
internal import Glibc
internal import TLS

struct TLSCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tls", abstract: "Looks at a gateway's TLS; makes ticket keys.",
        subcommands: [Check.self, TicketKeyCommand.self], defaultSubcommand: Check.self)

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Prints what a gateway negotiates, resumes and refuses.",
            discussion: """
                Makes five connections and logs in on none. Ends with 0 if the handshake worked, \
                whatever it found; 69 if the gateway cannot be reached; 76 if the handshake failed; \
                77 if its certificate is not to be trusted.
                """)

        @Option(help: ArgumentHelp("The gateway's address.", valueName: "host:port"))
        var server = "127.0.0.1:5223"

        @Option(
            help: ArgumentHelp(
                "The name the gateway's certificate must carry (default: the host).",
                valueName: "name"))
        var serverName: String?

        @Option(
            help: ArgumentHelp(
                "PEM file of trusted certificates (default: certs/ca.pem if it exists, else the system's).",
                valueName: "file"))
        var ca: String?

        @Option(
            help: ArgumentHelp("PEM file of a certificate to show, if asked.", valueName: "file"))
        var certificate: String?

        @Option(help: ArgumentHelp("PEM file of its key.", valueName: "file"))
        var key: String?

        @Option(help: "Seconds that each connection may take.")
        var timeout: UInt64 = 10

        @Flag(help: "Print one JSON object a line.")
        var json = false

        func validate() throws {
            guard ServerAddress(argument: server) != nil else {
                throw ValidationError("--server \(server) is not HOST:PORT")
            }
            guard (certificate == nil) == (key == nil) else {
                throw ValidationError("--certificate and --key belong together")
            }
            guard (1...3_600).contains(timeout) else {
                throw ValidationError("--timeout takes 1 to 3600 seconds")
            }
        }

        func run() async throws {
            try await reportingFailures { try look() }
        }

        private func look() throws {
            let main = configuration { $0.minimumVersion = .tls12 }
            let context = try context(main)
            let first = try probe(context)
            let report = TLSReport(json: json)
            // A gateway that wants a certificate says so after the client's end of the handshake.
            guard first.failure == nil, let facts = first.facts, let inspection = first.inspection
            else { throw failure(first.failure) }
            try report.handshake(first, facts, inspection, name: name)
            try report.chain(inspection.chain)
            let second = try first.session.map { try probe(context, $0) }
            try report.resumption(inspection, second)
            try report.refusal("tls-1.2", probe(self.context(main) { $0.maximumVersion = .tls12 }))
            try report.refusal("other-alpn", probe(self.context(main) { $0.alpn = ["tern-none"] }))
            try report.refusal("no-alpn", probe(self.context(main) { $0.alpn = [] }))
        }

        private var name: String { serverName ?? address.host }

        private var address: ServerAddress {
            // `validate` has seen it.
            ServerAddress(argument: server) ?? ServerAddress(host: server, port: 5223)
        }

        private func configuration(
            _ change: (inout TLSClientConfiguration) -> Void
        ) -> TLSClientConfiguration {
            let standard = ConnectionOptions.defaultCAFile
            let caPath = ca ?? (access(standard, R_OK) == 0 ? standard : nil)
            var configuration = TLSClientConfiguration(caPath: caPath)
            if let certificate, let key {
                configuration.certificate = TLSCertificateFiles(
                    chainPath: certificate, privateKeyPath: key)
            }
            change(&configuration)
            return configuration
        }

        private func context(
            _ configuration: TLSClientConfiguration,
            _ change: (inout TLSClientConfiguration) -> Void = { _ in }
        ) throws -> TLSContext {
            var configuration = configuration
            change(&configuration)
            do { return try TLSContext(client: configuration) } catch {
                throw Failure(.data, "\(error)")
            }
        }

        private func probe(_ context: TLSContext, _ session: TLSSession? = nil) throws
            -> ProbeResult
        {
            try TLSProbe.run(
                address, name: name, context: context, session: session, timeoutMs: timeout * 1_000)
        }

        private func failure(_ error: TLSError?) -> Failure {
            guard let error else { return Failure(.protocolError, "the handshake did not end") }
            if case .certificateRejected = error { return Failure(.notAuthorised, "\(error)") }
            return Failure(.protocolError, "\(error)")
        }
    }
}
