// The load generator runs and reports. What it measures is not looked at: figures belong to a quiet
// machine, not to a test.

import Bench
import Foundation
import Reactor
import Testing
import Wire

@Suite(.serialized) struct BenchTests {
    private static var hasNoWayOut: Bool { (try? NetworkNamespace.waysOut())?.isEmpty ?? true }

    /// Runs one command against a gateway of its own; nothing of it may be left in the store.
    private func bench(
        _ arguments: [String], isSynthetic: Bool = true
    ) throws -> BenchReport {
        let server = try TestServer(arguments: isSynthetic ? ["--bench-auth"] : [])
        let command = try RunningCommand(
            "tern", ["bench"] + arguments + common(server))
        try command.finish(seconds: 60)
        #expect(try server.tern(["account", "list", "--admin", server.adminPath]).isEmpty)
        try server.stop()
        let report = try report(command)
        #expect(report.parameters["accounts"] == (isSynthetic ? "synthetic" : "real"))
        #expect(!report.isInterrupted)
        for phase in report.phases {
            #expect(phase.errors.isEmpty, "\(phase.name): \(phase.errors)")
            #expect(phase.counts.gaveUp == 0 && phase.counts.dropped == 0)
        }
        return report
    }

    private func common(_ server: TestServer) -> [String] {
        server.options + ["--admin", server.adminPath, "--json"]
    }

    private func report(_ command: RunningCommand) throws -> BenchReport {
        let line = try #require(command.lines.last)
        return try JSONDecoder().decode(BenchReport.self, from: Data(line.utf8))
    }

    private func phase(_ name: String, _ report: BenchReport) throws -> BenchPhase {
        try #require(report.phases.first { $0.name == name })
    }

    @Test(arguments: [true, false]) func connectionsStay(_ isSynthetic: Bool) throws {
        let report = try bench(
            ["connections", "--count", "50", "--hold", "1", "--threads", "3"],
            isSynthetic: isSynthetic)
        #expect(report.kind == "connections")
        #expect(try phase("ramp", report).counts.logins == 50)
        let hold = try phase("hold", report)
        #expect(hold.counts.online == 50 && hold.counts.logins == 0)
        #expect(hold.after.gateway?.sessions == 50)
        #expect(hold.seconds >= 1)
    }

    /// The gateway is killed once in between; the ledger must be clean.
    @Test(arguments: [true, false]) func soaksSurvive(_ isSynthetic: Bool) throws {
        let server = try TestServer(arguments: isSynthetic ? ["--bench-auth"] : [])
        let command = try RunningCommand(
            "tern",
            ["bench", "soak", "--pairs", "3", "--seconds", "3", "--rate", "100", "--size", "10"]
                + ["--size", "3000"] + common(server))
        Thread.sleep(forTimeInterval: 1)
        try server.killAndRestart()
        try command.finish(seconds: 60)
        try server.stop()
        let line = try #require(command.lines.last)
        let report = try JSONDecoder().decode(SoakReport.self, from: Data(line.utf8))
        #expect(report.verdict == .clean && report.violations == SoakViolations())
        #expect(report.sent > 0 && report.acked == report.sent && report.delivered == report.sent)
        #expect(report.parameters["accounts"] == (isSynthetic ? "synthetic" : "real"))
    }

    /// A soak that found nobody to write to has shown nothing, and it ends.
    @Test func aSoakWithoutLoginsIsNotClean() throws {
        let server = try TestServer()
        let command = try RunningCommand(
            "tern",
            ["bench", "soak", "--accounts", "synthetic", "--pairs", "1", "--drain", "1"]
                + common(server))
        try command.finish(expect: 69, seconds: 60)
        let line = try #require(command.lines.last)
        let report = try JSONDecoder().decode(SoakReport.self, from: Data(line.utf8))
        #expect(report.verdict == .undrained && report.sent == 0 && !report.counts.errors.isEmpty)
        try server.stop()
    }

    /// What waits in a queue with an id that reads as a time to come, as a soak's do.
    @Test func idsOfOtherProgramsAreNoTimes() throws {
        let server = try TestServer(arguments: ["--bench-auth"])
        let clients = try [0, 1].map { number in
            let client = try RawClient(port: server.port, ca: server.ca)
            #expect(try client.logIn("bench-\(number)", password: "bench").tag == "success")
            return client
        }
        // The recipient's queue begins with its first login.
        try clients[1].send(Node("stream:end"))
        _ = try clients[1].readToEnd()
        var message = Node("message", [:], [Node("body")])
        message["to"] = "bench-1@localhost"
        message["id"] = String(repeating: "F", count: 24)
        try clients[0].send(message)
        while try clients[0].nextNode().tag != "ack" {}
        let command = try RunningCommand(
            "tern",
            ["bench", "messages", "--pairs", "1", "--seconds", "1", "--rate", "10"]
                + common(server))
        try command.finish(seconds: 60)
        let report = try report(command)
        let delivered = report.phases.reduce(0) { $0 + $1.counts.delivered }
        let timed = report.phases.reduce(0) { $0 + Int($1.deliveries?.count ?? 0) }
        #expect(delivered == timed + 1)
        try server.stop()
    }

    @Test func loginsResume() throws {
        let report = try bench(["logins", "--seconds", "1", "--concurrent", "4", "--resume"])
        let logins = try phase("logins", report)
        #expect(logins.fullLogins?.count == 4)
        #expect(logins.counts.resumed > 0)
        #expect(logins.resumedLogins?.count == UInt64(logins.counts.resumed))
        #expect(logins.counts.logins == logins.counts.resumed + 4)
        #expect(logins.after.counts.online == 0)
    }

    @Test func messagesAreAckedAndDelivered() throws {
        let report = try bench([
            "messages", "--pairs", "3", "--window", "4", "--seconds", "1", "--size", "10",
            "--size", "2000", "--idle", "2",
        ])
        let counts = try phase("messages", report).counts
        #expect(counts.acked > 0 && counts.online == 8)
        #expect(counts.sent == counts.acked)
        #expect(counts.delivered == counts.acked && counts.receipts == counts.acked)
    }

    @Test func messagesKeepTheirPace() throws {
        let report = try bench([
            "messages", "--pairs", "2", "--rate", "100", "--seconds", "1", "--no-receipts",
        ])
        let messages = try phase("messages", report)
        let sent = messages.counts.sent  // what a busy machine was late for is not sent
        #expect(sent > 0 && sent <= 100)
        #expect(messages.counts.delivered == sent && messages.counts.receipts == 0)
        #expect(messages.deliveries?.count == UInt64(sent))
        #expect(messages.acks?.count == UInt64(sent))
        #expect(messages.receipts == nil)
    }

    @Test func messagesToThoseAwayAreAcked() throws {
        let report = try bench(
            ["messages", "--pairs", "1", "--window", "8", "--seconds", "1", "--offline"])
        let counts = try phase("messages", report).counts
        #expect(counts.acked > 0 && counts.delivered == 0)
    }

    @Test func allComeBack() throws {
        let report = try bench(["storm", "--count", "40", "--hold", "1"])
        #expect(report.phases.map(\.name) == ["ramp", "hold", "drop", "return", "after"])
        #expect(try phase("drop", report).counts.online == 0)
        #expect(try phase("return", report).counts.logins == 40)
        #expect(try phase("after", report).counts.online == 40)
        #expect(try phase("ramp", report).counts.resumed == 0)
        #expect(try phase("return", report).counts.resumed == 0)
    }

    /// Whether only those that come back resume, or also those that come first.
    @Test(arguments: ["--resume", "--resume-all"])
    func stormsResume(flag: String) throws {
        let report = try bench([
            "storm", "--count", "40", "--hold", "0", "--concurrent", "4", flag,
        ])
        #expect(try (phase("ramp", report).counts.resumed > 0) == (flag == "--resume-all"))
        #expect(try phase("return", report).counts.resumed > 0)
    }

    @Test func everyDeviceGetsIt() throws {
        let report = try bench([
            "fanout", "--recipients", "5", "--devices", "3", "--rate", "20", "--seconds", "1",
            "--window", "2",
        ])
        let counts = try phase("fanout", report).counts
        #expect(counts.online == 16)
        let sent = counts.sent  // what a busy machine was late for is not sent
        #expect(sent > 0 && sent <= 100 && counts.acked == sent)
        #expect(counts.delivered == 3 * sent && counts.receipts == 3 * sent)
    }

    /// Gateway and generator in a namespace of their own, the generator without sockets.
    @Test(.enabled(if: NetworkNamespace.isAllowed, "a network namespace takes CAP_SYS_ADMIN"))
    func clientsNeedNoSockets() throws {
        let reports = try NetworkNamespace.run {
            [
                try bench([
                    "messages", "--pairs", "3", "--window", "4", "--seconds", "1", "--size", "10",
                    "--size", "20000", "--idle", "2", "--transport", "tun",
                ]),
                try bench(["storm", "--count", "40", "--hold", "1", "--transport", "tun"]),
            ]
        }
        let messages = try phase("messages", reports[0])
        #expect(messages.counts.acked > 0 && messages.counts.online == 8)
        #expect(messages.counts.receipts == messages.counts.sent)
        let tcp = try #require(messages.tcp)
        #expect(tcp.packetsIn > 0 && tcp.packetsBad == 0)
        #expect(reports[0].parameters["transport"] == "tun")
        #expect(try phase("return", reports[1]).counts.logins == 40)
        #expect(try phase("after", reports[1]).counts.online == 40)
        #expect(try phase("after", reports[1]).counts.dropped == 0)
    }

    /// Where strangers are, packets to loopback have no business.
    @Test(.enabled(if: !BenchTests.hasNoWayOut, "there is nothing but loopback"))
    func withoutSocketsOnlyInANamespace() throws {
        let server = try TestServer(arguments: ["--bench-auth"])
        let command = try RunningCommand(
            "tern", ["bench", "connections", "--count", "1", "--transport", "tun"] + common(server))
        try command.finish(expect: 64)
        // The soak has the client library's sessions, with sockets.
        let soak = try RunningCommand(
            "tern", ["bench", "soak", "--seconds", "1", "--transport", "tun"] + common(server))
        try soak.finish(expect: 64)
        try server.stop()
    }

    /// The loss of the gateway is told by kind; SIGINT ends a run with a report.
    @Test func interruptedRunsReport() throws {
        let server = try TestServer(arguments: ["--bench-auth"])
        let samples = server.directory + "/samples.csv"
        let command = try RunningCommand(
            "tern",
            ["bench", "connections", "--count", "20", "--hold", "60", "--samples", samples]
                + common(server))
        let deadline = Date().addingTimeInterval(20)
        while try server.status()["sessions"] != 20, Date() < deadline { usleep(5_000) }
        try server.stop()
        sleep(1)  // for the generator to hear of it
        command.signal(SIGINT)
        try command.finish(expect: 130)
        let report = try report(command)
        #expect(report.isInterrupted)
        // Whether the ramp had been counted as over when the gateway went is a matter of milliseconds.
        var errors: [String: Int] = [:]
        for phase in report.phases { errors.merge(phase.errors) { $0 + $1 } }
        #expect(errors == ["stream: system-shutdown": 20], "\(errors)")
        #expect(report.phases.map(\.counts.dropped).reduce(0, +) == 20)
        let last = try #require(report.phases.last).after
        #expect(last.counts.online == 0 && last.gateway == nil)
        let table = try String(contentsOfFile: samples, encoding: .utf8)
        #expect(table.split(separator: "\n").count >= 2)
    }

    @Test func wrongPasswordsAreTold() throws {
        let server = try TestServer()
        let command = try RunningCommand(
            "tern",
            ["bench", "connections", "--count", "2", "--hold", "0", "--accounts", "synthetic"]
                + common(server))
        try command.finish()
        let ramp = try phase("ramp", try report(command))
        #expect(ramp.errors == ["login: not-authorized": 2])
        #expect(ramp.counts.gaveUp == 2 && ramp.counts.online == 0)
        try server.stop()
    }
}
