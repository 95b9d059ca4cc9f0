// Measures TLS beside OpenSSL's own calls, in one run and on one thread: records, handshakes, memory.
// Times are the thread's CPU time; of many short rounds the best and the median are shown.

internal import ArgumentParser
internal import BenchTargets
internal import CHeap
internal import Foundation

/// The command.
@main
struct TLSBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tls-bench", abstract: "Measures TLS beside OpenSSL's own calls.",
        subcommands: [Records.self, Handshakes.self, Memory.self])
}

/// Where the certificates are.
struct Certificates: ParsableArguments {
    @Option(help: "The directory that certs/generate.sh made.")
    var certs = "certs"
}

func threadTime() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

/// The rounds of one thing measured.
struct Rounds {
    private var values: [Double] = []

    mutating func add(_ value: Double) { values.append(value) }

    var best: Double { values.min() ?? 0 }
    var median: Double { values.sorted()[values.count / 2] }

    /// Best and median.
    func text(_ digits: Int) -> String {
        String(format: "%.\(digits)f/%.\(digits)f", best, median)
    }
}

struct Records: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Nanoseconds to seal and open a record, best/median.")

    @OptionGroup var certificates: Certificates

    @Option(help: "Rounds of each.")
    var rounds = 200

    func run() throws {
        print("| suite | bytes | seal | SSL_write | open | SSL_read |")
        print("|---|---|---|---|---|---|")
        for suite in benchSuites {
            for (size, batch) in [(100, 500), (16_384, 20)] { try measure(suite, size, batch) }
        }
    }

    private func measure(_ suite: String, _ size: Int, _ batch: Int) throws {
        guard
            let workload = RecordWorkload(
                suite: suite, size: size, batch: batch, certificates: certificates.certs)
        else { throw ValidationError("no certificates in \(certificates.certs)") }
        var times = [Rounds](repeating: Rounds(), count: 4)
        for _ in 0..<rounds {
            let start = threadTime()
            workload.seal(batch)
            let sealed = threadTime()
            guard workload.open(batch) == size * batch else { throw ValidationError("lost bytes") }
            let opened = threadTime()
            workload.sealBare(batch)
            let written = threadTime()
            guard workload.openBare(batch) == size * batch else {
                throw ValidationError("lost bytes")
            }
            let read = threadTime()
            for (index, time) in [
                sealed - start, written - opened, opened - sealed, read - written,
            ].enumerated() {
                times[index].add(Double(time) / Double(batch))
            }
        }
        print("| \(suite) | \(size) | \(times.map { $0.text(0) }.joined(separator: " | ")) |")
    }
}

struct Handshakes: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Microseconds of each end's CPU a handshake, best/median of rounds of ten.")

    @OptionGroup var certificates: Certificates

    @Option(help: "Rounds of each.")
    var rounds = 200

    func run() throws {
        let detached = try HandshakeWorkload(
            certificates: certificates.certs, isDetached: true, clock: threadTime)
        let attached = try HandshakeWorkload(
            certificates: certificates.certs, isDetached: false, clock: threadTime)
        print("| handshake | server | server us | client us |")
        print("|---|---|---|---|")
        for resumes in [false, true] {
            var times: [(name: String, server: Rounds, client: Rounds)] = [
                ("ours, detached", Rounds(), Rounds()), ("ours, attached", Rounds(), Rounds()),
                ("bare OpenSSL", Rounds(), Rounds()),
                ("bare OpenSSL and exporter", Rounds(), Rounds()),
            ]
            for _ in 0..<rounds {
                for index in times.indices {
                    let time = ten(index, resumes, detached, attached)
                    times[index].server.add(Double(time.server) / 10_000)
                    times[index].client.add(Double(time.client) / 10_000)
                }
            }
            for time in times {
                let kind = resumes ? "resumed" : "full"
                print(
                    "| \(kind) | \(time.name) | \(time.server.text(1)) | \(time.client.text(1)) |")
            }
        }
    }

    private func ten(
        _ index: Int, _ resumes: Bool, _ detached: HandshakeWorkload, _ attached: HandshakeWorkload
    ) -> HandshakeTime {
        var sum = HandshakeTime()
        for _ in 0..<10 {
            let time =
                switch index {
                case 0: detached.ours(resumes: resumes)
                case 1: attached.ours(resumes: resumes)
                default: detached.bare(resumes: resumes, exports: index == 3)
                }
            sum.server += time.server
            sum.client += time.client
        }
        return sum
    }
}

struct Memory: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Bytes of each idle server connection: heap in use and resident.")

    @OptionGroup var certificates: Certificates

    @Flag(help: "Keep the SSL objects.")
    var attached = false

    @Option(help: "Connections.")
    var connections = 10_000

    func run() throws {
        let workload = try HandshakeWorkload(
            certificates: certificates.certs, isDetached: !attached, clock: threadTime)
        workload.reserve(connections + 100)
        for _ in 0..<100 { workload.keepOne() }
        let heap = Int(heap_in_use())
        let resident = try residentSize()
        for _ in 0..<connections { workload.keepOne() }
        let count = Double(connections)
        print(
            String(
                format: "%@, %d connections: heap %.1f, resident %.1f bytes each",
                attached ? "attached" : "detached", connections,
                Double(Int(heap_in_use()) - heap) / count,
                Double(try residentSize() - resident) / count))
    }

    private func residentSize() throws -> Int {
        let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
        return (text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 4_096
    }
}
