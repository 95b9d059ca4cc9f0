// Runs seeds of the simulator: `make simulate` from the command line. Prints what happened and how fast; at
// the first broken rule the seed, the rule and the end of its trace, and exits with 1.

import ArgumentParser
import Foundation
import Simulation

@main
struct Simulate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate", abstract: "Run simulated gateways, stores and clients by seed.")

    @Option(help: "How many seeds to run (default 100; 1 with --seed).")
    var seeds: Int?

    @Option(help: "The first seed; those behind it follow. Chosen by chance if missing.")
    var seed: UInt64?

    @Option(help: "How many seeds to run at a time.")
    var jobs = 1

    @Option(help: "Plant a bug: \(Canary.allCases.map(\.rawValue).joined(separator: ", ")).")
    var canary: Canary?

    @Option(help: "Where to write the whole trace of a failed or single seed.")
    var trace: String?

    @Flag(help: "Go on after a broken rule.")
    var keepGoing = false

    func validate() throws {
        guard jobs > 0, (seeds ?? 1) > 0 else {
            throw ValidationError("--jobs and --seeds must be at least 1")
        }
    }

    func run() async throws {
        let first = seed ?? UInt64.random(in: 0..<1_000_000_000)
        let count = seeds ?? (seed == nil ? 100 : 1)
        print("seeds \(first) to \(first &+ UInt64(count) - 1)")
        announceTraps()
        let start = ContinuousClock.now
        let results = await runAll(first: first, count: count)
        let duration = ContinuousClock.now - start
        let seconds =
            Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18
        report(results, seconds: seconds)
        let failures = results.flatMap(\.failures).sorted { $0.seed < $1.seed }
        for failure in failures { explain(failure) }
        if let only = results.first?.only, results.count == 1, failures.isEmpty, let trace {
            try write(only, to: trace)
        }
        if !failures.isEmpty { throw ExitCode(1) }
    }

    /// What one job has done.
    private struct Result: Sendable {
        var done = 0
        var counts = Counts()
        var failures: [Failure] = []
        /// The trace of a single seed.
        var only: [String]?
    }

    private struct Failure: Sendable {
        var seed: UInt64
        var violation: Violation
        var lines: [String]
    }

    private func runAll(first: UInt64, count: Int) async -> [Result] {
        let jobs = min(jobs, count)
        let canary = canary
        let keepsGoing = keepGoing
        return await withTaskGroup(of: Result.self) { group in
            for job in 0..<jobs {
                group.addTask {
                    var result = Result()
                    for offset in stride(from: job, to: count, by: jobs) {
                        let seed = first &+ UInt64(offset)
                        running[job % running.count].set(seed)
                        let outcome = simulate(seed: seed, canary: canary)
                        result.done += 1
                        result.counts.add(outcome.counts)
                        if count == 1 { result.only = outcome.trace.lines() }
                        guard let violation = outcome.violation else { continue }
                        print("seed \(seed): BROKEN: \(violation)")
                        fflush(nil)
                        let lines = outcome.trace.lines()
                        result.failures.append(
                            Failure(seed: seed, violation: violation, lines: lines))
                        if !keepsGoing { break }
                    }
                    return result
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
    }

    private func report(_ results: [Result], seconds: Double) {
        let done = results.reduce(0) { $0 + $1.done }
        let counts = results.reduce(into: Counts()) { $0.add($1.counts) }
        let rate = Double(done) / max(seconds, 0.001)
        print(String(format: "%d seeds in %.1f s: %.1f seeds/s", done, seconds, rate))
        func column(_ lines: [(String, Int)]) {
            for (name, count) in lines {
                print("  " + name.padding(toLength: 30, withPad: " ", startingAt: 0) + "\(count)")
            }
        }
        column(counts.lines)
        print("faults")
        column(counts.faultLines)
    }

    private func explain(_ failure: Failure) {
        let path = trace ?? "var/simulate-\(failure.seed).trace"
        print("\nseed \(failure.seed): BROKEN: \(failure.violation)")
        for line in failure.lines.suffix(keepGoing ? 3 : 40) { print("  \(line)") }
        do {
            try write(failure.lines, to: path)
            print("the whole trace: \(path)")
        } catch {
            print("the trace cannot be written to \(path): \(error)")
        }
        let planted = canary.map { " CANARY=\($0.rawValue)" } ?? ""
        print("replay: make simulate SEED=\(failure.seed)\(planted)")
    }

    private func write(_ lines: [String], to path: String) throws {
        let file = URL(fileURLWithPath: path)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try lines.joined(separator: "\n").appending("\n").write(
            to: file, atomically: true, encoding: .utf8)
    }
}

extension Canary: ExpressibleByArgument {}
