// `ternd doctor`: prints what limits this machine; with --apply it raises the kernel's settings that are
// too low, and nothing else.

import ArgumentParser
import Foundation
import Gateway
import Reactor

/// The subcommand.
struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Says how many sessions this machine carries and what to change for more.",
        discussion: """
            Without --apply it changes nothing. With it, settings that are too low are raised until the \
            next restart of the machine, which needs root; none is ever lowered.
            """)

    @Option(help: "Threads that hold connections (default: one a core).")
    var shards: Int?

    @Option(help: "Advise for so many sessions (default: what the memory carries).")
    var sessions: Int?

    @Flag(help: "Raise the settings that are too low.")
    var apply = false

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        if let shards, !(1...256).contains(shards) {
            throw ValidationError("--shards takes 1 to 256")
        }
        if let sessions, !(1...100_000_000).contains(sessions) {
            throw ValidationError("--sessions takes 1 to 100000000")
        }
    }

    func run() throws {
        // As the gateway does, so that what is advised is what it will find.
        try ResourceLimits.raiseDescriptorLimit()
        let doctor = Doctor(
            try MachineFacts.read(), KernelSettings.read(), shards: shards, sessions: sessions)
        if json {
            print(try DoctorText.json(doctor))
        } else {
            for line in DoctorText.lines(doctor) { print(line) }
        }
        guard apply else { return }
        var hasFailed = false
        for finding in doctor.findings where finding.isSetting {
            guard let wanted = finding.wanted else { continue }
            do {
                let path = KernelSettings.path(finding.name)
                let file = try FileHandle(forWritingTo: URL(filePath: path))
                try file.write(contentsOf: Data((wanted + "\n").utf8))
                try file.close()
                complain("set \(finding.name) from \(finding.now) to \(wanted)")
            } catch {
                hasFailed = true
                complain("cannot set \(finding.name): \(error.localizedDescription)")
            }
        }
        if hasFailed { throw ExitCode(69) }
    }

    private func complain(_ text: String) {
        FileHandle.standardError.write(Data("ternd: \(text)\n".utf8))
    }
}

/// An examination for people and for programs.
enum DoctorText {
    static func lines(_ doctor: Doctor) -> [String] {
        var lines = [doctor.summary]
        lines.append("For \(doctor.sessions) sessions:")
        for finding in doctor.findings {
            let verdict = finding.wanted.map { "should be \($0)" } ?? "suffices"
            lines.append("  \(finding.name) = \(finding.now): \(verdict)")
            lines.append("      \(finding.reason)")
        }
        let settings = doctor.findings.filter { $0.isSetting && $0.wanted != nil }
        if !settings.isEmpty {
            lines.append("ternd doctor --apply sets these; for good, in a file of /etc/sysctl.d:")
            for finding in settings {
                lines.append("  \(finding.name) = \(finding.wanted ?? finding.now)")
            }
        }
        return lines
    }

    static func json(_ doctor: Doctor) throws -> String {
        struct Examination: Encodable {
            var capacity: Int
            var summary: String
            var sessions: Int
            var findings: [Doctor.Finding]
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let examination = Examination(
            capacity: doctor.capacity, summary: doctor.summary, sessions: doctor.sessions,
            findings: doctor.findings)
        return String(decoding: try encoder.encode(examination), as: UTF8.self)
    }
}
