// `tern bench`: a load generator that anyone can run against a gateway of their own. The commands here
// say what a run consists of; BenchOptions makes the run, the module Bench does it.

internal import ArgumentParser
internal import Bench
internal import Wire

struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Puts load on a gateway and reports what it did.",
        discussion: """
            The accounts are those of `ternd --bench-auth`, or made and removed over the admin socket. \
            A report is made at the end, also after SIGINT.
            """,
        subcommands: [
            Connections.self, Logins.self, Messages.self, Storm.self, FanOut.self, Soak.self,
        ])
}

extension BenchCommand {
    struct Connections: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Logs in COUNT devices, leaves them idle for a while.")
        @OptionGroup var load: LoadOptions
        @Option(help: "How many devices.")
        var count = 1_000
        @Option(help: "How many seconds they stay.")
        var hold = 5
        @Flag(help: "Devices resume TLS sessions, as if they had been there before.")
        var resume = false

        func validate() throws {
            try BenchOptions.check("--count", count, 1...WireLimits.benchAccountCountMax)
            try BenchOptions.check("--hold", hold, 0...BenchLimits.secondsMax)
        }

        func run() async throws {
            try await reportingFailures {
                try load.run(
                    kind: "connections", clients: BenchClients(count: count),
                    resumption: resume ? .always : .never,
                    parameters: ["count": "\(count)", "hold": "\(hold)", "resume": "\(resume)"]
                ) { run in
                    run.arrive(
                        name: "ramp", rate: load.loginRate, pendingMax: load.concurrent)
                    run.hold(seconds: hold)
                }
            }
        }
    }

    struct Logins: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Devices log in and leave, again and again.")
        @OptionGroup var load: LoadOptions
        @Option(help: "For how many seconds.")
        var seconds = 10
        @Flag(help: "Each login but a device's first resumes its TLS session.")
        var resume = false

        func validate() throws {
            try BenchOptions.check("--seconds", seconds, 1...BenchLimits.secondsMax)
        }

        func run() async throws {
            try await reportingFailures {
                try load.run(
                    kind: "logins", clients: BenchClients(count: load.concurrent),
                    resumption: resume ? .returning : .never,
                    parameters: ["seconds": "\(seconds)", "resume": "\(resume)"]
                ) { run in
                    run.logins(
                        name: "logins", rate: load.loginRate, pendingMax: load.concurrent,
                        seconds: seconds)
                }
            }
        }
    }

    struct Messages: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Sends messages between pairs, at a rate or flat out within a window.")
        @OptionGroup var load: LoadOptions
        @OptionGroup var traffic: TrafficOptions
        @Option(help: "How many pairs; in each the first sends and the second receives.")
        var pairs = 1
        @Option(help: "Further devices that are online and idle.")
        var idle = 0
        @Flag(help: "Nobody receives: each ack is one of the store's.")
        var offline = false

        /// Recipients of one sender when nobody receives: one queue would soon be full.
        static let offlineRecipientCount = 32

        func validate() throws {
            let max = WireLimits.benchAccountCountMax
            try BenchOptions.check("--pairs", pairs, 1...max / 64)
            try BenchOptions.check("--idle", idle, 0...max / 2)
        }

        func run() async throws {
            let recipients = offline ? Self.offlineRecipientCount : 1
            let present = (offline ? pairs : 2 * pairs) + idle
            // Away, recipients have the accounts behind everybody else's.
            let plan = traffic.plan(
                senders: pairs, recipientBase: offline ? present : pairs, recipients: recipients,
                devicesOnline: offline ? 0 : 1)
            try await reportingFailures {
                try load.run(
                    kind: offline ? "messages, recipients away" : "messages",
                    clients: BenchClients(
                        count: present, awayCount: offline ? pairs * recipients : 0),
                    parameters: traffic.parameters.merging(
                        ["pairs": "\(pairs)", "idle": "\(idle)"]) { $1 }
                ) { run in
                    run.arrive(
                        name: "ramp", rate: load.loginRate, pendingMax: load.concurrent)
                    run.messages(name: "messages", plan)
                }
            }
        }
    }

    struct Storm: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "All devices drop at once and come back.")
        @OptionGroup var load: LoadOptions
        @Option(help: "How many devices.")
        var count = 1_000
        @Option(help: "How many seconds they stay before they drop, and again when they are back.")
        var hold = 5
        @Flag var resumption: StormResumption?

        func validate() throws {
            try BenchOptions.check("--count", count, 1...WireLimits.benchAccountCountMax)
            try BenchOptions.check("--hold", hold, 0...BenchLimits.secondsMax)
        }

        func run() async throws {
            try await reportingFailures {
                try load.run(
                    kind: "storm", clients: BenchClients(count: count),
                    resumption: resumption?.value ?? .never,
                    parameters: [
                        "count": "\(count)", "hold": "\(hold)",
                        "resume": resumption?.parameter ?? "false",
                    ]
                ) { run in
                    run.arrive(
                        name: "ramp", rate: load.loginRate, pendingMax: load.concurrent)
                    run.hold(seconds: hold)
                    run.drop(name: "drop")
                    run.arrive(
                        name: "return", rate: nil, pendingMax: load.concurrent,
                        isAfterStorm: true)
                    run.hold(name: "after", seconds: hold)
                }
            }
        }
    }

    struct FanOut: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "fanout", abstract: "One device writes to many at once.")
        @OptionGroup var load: LoadOptions
        @OptionGroup var traffic: TrafficOptions
        @Option(help: "How many recipients; a send is one message to each.")
        var recipients = 100
        @Option(help: "Devices of each recipient.")
        var devices = 1

        func validate() throws {
            try BenchOptions.check("--recipients", recipients, 1...BenchLimits.recipientCountMax)
            try BenchOptions.check("--devices", devices, 1...16)
        }

        func run() async throws {
            var plan = traffic.plan(
                senders: 1, recipientBase: 1, recipients: recipients, devicesOnline: devices)
            plan.isFanout = true
            try await reportingFailures {
                try load.run(
                    kind: "fanout",
                    clients: BenchClients(
                        count: 1 + recipients * devices, singleCount: 1, devices: devices),
                    parameters: traffic.parameters.merging(
                        ["recipients": "\(recipients)", "devices": "\(devices)"]) { $1 }
                ) { run in
                    run.arrive(
                        name: "ramp", rate: load.loginRate, pendingMax: load.concurrent)
                    run.messages(name: "fanout", plan)
                }
            }
        }
    }
}

/// Which logins of a storm resume TLS sessions.
enum StormResumption: String, EnumerableFlag {
    case resume, resumeAll

    var value: Resumption {
        switch self {
        case .resume: return .returning
        case .resumeAll: return .always
        }
    }

    /// As the report says it.
    var parameter: String {
        switch self {
        case .resume: return "true"
        case .resumeAll: return "all"
        }
    }

    static func help(for value: StormResumption) -> ArgumentHelp? {
        switch value {
        case .resume: return "Devices that come back resume their TLS sessions."
        case .resumeAll: return "So do those that come first, as if they had been there before."
        }
    }
}

/// What messages are like and how many there are.
struct TrafficOptions: ParsableArguments {
    @Option(help: "Sends a second of all senders together (default: as many as the window takes).")
    var rate: Double?
    @Option(help: "Messages of one sender that await their ack.")
    var window = 64
    @Option(help: "Bytes of a body; given more than once, in turn.")
    var size: [Int] = []
    @Option(help: "For how many seconds.")
    var seconds = 10
    @Flag(help: "Recipients ack without a receipt.")
    var noReceipts = false

    var sizes: [Int] { size.isEmpty ? [100] : size }

    func validate() throws {
        try BenchOptions.check("--window", window, 1...BenchLimits.windowCountMax)
        try BenchOptions.check("--seconds", seconds, 1...BenchLimits.secondsMax)
        for size in sizes { try BenchOptions.check("--size", size, 1...BenchLimits.bodySizeMax) }
        if let rate, rate < 0.01 || rate > 10_000_000 {
            throw ValidationError("--rate takes 0.01 to 10000000")
        }
    }

    func plan(
        senders: Int, recipientBase: Int, recipients: Int, devicesOnline: Int
    ) -> MessagePlan {
        MessagePlan(
            senderCount: senders, recipientBase: recipientBase, recipientsPerSender: recipients,
            devicesOnline: devicesOnline, rate: rate, window: window, sizes: sizes,
            hasReceipts: !noReceipts, seconds: seconds)
    }

    var parameters: [String: String] {
        [
            "rate": rate.map { "\($0)" } ?? "window", "window": "\(window)",
            "sizes": sizes.map(String.init).joined(separator: ","), "seconds": "\(seconds)",
            "receipts": "\(!noReceipts)",
        ]
    }
}
