// A command that runs beside the test: its outputs apart, its end and exit code awaited with an end.

import Foundation

/// A process and what it has printed so far. Used by one test.
final class RunningCommand {
    private let process = Process()
    private let standardInput = Pipe()
    // Files, not pipes: what a process that has ended wrote is all there.
    private let directory: String
    private var printed: String { directory + "/output" }
    private var complained: String { directory + "/errors" }

    /// Starts an executable of ours: `tern` or `ternd`.
    init(_ name: String, _ arguments: [String], password: String = "") throws {
        directory = try TestFiles.temporaryDirectory()
        process.executableURL = TestFiles.products.appending(path: name)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(
            ["TERN_PASSWORD": password]) { $1 }
        process.standardInput = standardInput
        process.standardOutput = try Self.makeFile(printed)
        process.standardError = try Self.makeFile(complained)
        try process.run()
    }

    deinit {
        if process.isRunning { Glibc.kill(process.processIdentifier, SIGKILL) }
        process.waitUntilExit()
        try? FileManager.default.removeItem(atPath: directory)
    }

    private static func makeFile(_ path: String) throws -> FileHandle {
        try Data().write(to: URL(filePath: path))
        return try FileHandle(forWritingTo: URL(filePath: path))
    }

    /// Whole lines on standard output.
    var lines: [String] { Self.lines(printed) }
    /// Whole lines on standard error.
    var complaints: [String] { Self.lines(complained) }

    private static func lines(_ path: String) -> [String] {
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        return text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
            .map(String.init)
    }

    func type(_ text: String) {
        standardInput.fileHandleForWriting.write(Data(text.utf8))
    }

    func endInput() throws {
        try standardInput.fileHandleForWriting.close()
    }

    func signal(_ number: Int32) {
        Glibc.kill(process.processIdentifier, number)
    }

    /// Waits until a line contains `text`.
    func waitForLine(_ text: String, count: Int = 1, seconds: Double = 20) throws {
        let deadline = Date().addingTimeInterval(seconds)
        while Date() < deadline {
            if lines.count(where: { $0.contains(text) }) >= count { return }
            if !process.isRunning { break }
            usleep(5_000)
        }
        if lines.count(where: { $0.contains(text) }) >= count { return }
        throw TestFailure("no line with \(text): \(lines) \(complaints)")
    }

    /// Waits for the end; the exit code must be this.
    func finish(expect: Int32 = 0, seconds: Double = 20) throws {
        let deadline = Date().addingTimeInterval(seconds)
        while process.isRunning {
            guard Date() < deadline else {
                let state =
                    try? String(
                        contentsOfFile: "/proc/\(process.processIdentifier)/status",
                        encoding: .utf8)
                throw TestFailure("still running: \(lines) \(state?.prefix(200) ?? "gone")")
            }
            usleep(5_000)
        }
        guard process.terminationStatus == expect, process.terminationReason == .exit else {
            throw TestFailure(
                "ended with \(process.terminationStatus): \(lines) \(complaints)")
        }
    }
}
