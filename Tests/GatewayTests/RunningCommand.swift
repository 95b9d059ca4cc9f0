// A command that runs beside the test: its outputs apart, its end and exit code awaited with an end.

import Foundation

/// A process and what it has printed so far. Used by one test.
final class RunningCommand {
    private let process = Process()
    private let standardInput = Pipe()
    private let printed = Mutexed("")
    private let complained = Mutexed("")
    private let openCount = Mutexed(2)

    /// Starts an executable of ours: `tern` or `ternd`.
    init(_ name: String, _ arguments: [String], password: String = "") throws {
        process.executableURL = TestFiles.products.appending(path: name)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(
            ["TERN_PASSWORD": password]) { $1 }
        process.standardInput = standardInput
        process.standardOutput = gather(into: printed)
        process.standardError = gather(into: complained)
        try process.run()
    }

    deinit {
        if process.isRunning { Glibc.kill(process.processIdentifier, SIGKILL) }
        process.waitUntilExit()
    }

    private func gather(into text: Mutexed<String>) -> Pipe {
        let pipe = Pipe()
        pipe.fileHandleForReading.readabilityHandler = { [openCount] handle in
            let data = handle.availableData
            if data.isEmpty {
                handle.readabilityHandler = nil
                openCount.change { $0 -= 1 }
            } else {
                text.change { $0 += String(decoding: data, as: UTF8.self) }
            }
        }
        return pipe
    }

    /// Whole lines on standard output.
    var lines: [String] { Self.lines(printed.read) }
    /// Whole lines on standard error.
    var complaints: [String] { Self.lines(complained.read) }

    private static func lines(_ text: String) -> [String] {
        text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
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
            if !process.isRunning, openCount.read == 0 { break }
            usleep(5_000)
        }
        if lines.count(where: { $0.contains(text) }) >= count { return }
        throw TestFailure("no line with \(text): \(lines) \(complaints)")
    }

    /// Waits for the end; the exit code must be this.
    func finish(expect: Int32 = 0, seconds: Double = 20) throws {
        let deadline = Date().addingTimeInterval(seconds)
        while process.isRunning || openCount.read > 0 {
            guard Date() < deadline else { throw TestFailure("still running: \(lines)") }
            usleep(5_000)
        }
        guard process.terminationStatus == expect, process.terminationReason == .exit else {
            throw TestFailure(
                "ended with \(process.terminationStatus): \(lines) \(complaints)")
        }
    }
}
