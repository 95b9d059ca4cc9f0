// Measures the codec on one thread: stanzas per second, nanoseconds and allocations per stanza, for each
// path and kind of stanza. Writes JSON lines; bench/codec.sh runs it and shows them as tables.
//
// The mix is the stanza file itself: each kind as often as it occurs there.

internal import ArgumentParser
internal import BenchTargets
internal import CAllocations
internal import Foundation
internal import Wire

/// The command.
@main
struct CodecBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "codec-bench", abstract: "Measures the codec.")

    @Option(help: "A file of stanzas, one JSON object a line.")
    var stanzas = "bench/data/stanzas.jsonl"

    @Option(help: "A dictionary file; without one, the protocol's own.")
    var dictionary: String?

    @Option(help: "The stream's own domain.")
    var domain = "s.whatsapp.net"

    @Option(help: "Rounds; the median of them counts.")
    var rounds = 9

    @Option(help: "Milliseconds of each round of the whole mix; kinds get a fifth.")
    var roundMs = 50

    @Option(help: "Run one path so often over all stanzas and print nothing: for callgrind.")
    var repeats: Int?

    @Option(help: "The path to run or measure; all without it.")
    var path: Path?

    @Flag(help: "Print the size of each stanza's payload, one a line, and measure nothing.")
    var sizes = false

    @Flag(help: "Measure the memory that decoding the worst payloads takes, and nothing else.")
    var memory = false

    func run() throws {
        if memory { return try measureMemory() }
        let stanzas = try NamedStanza.read(stanzas)
        let words = try dictionary.map { try DictionaryFile.read($0) } ?? .version1
        guard
            let workload = CodecWorkload(
                stanzas.map(\.node.node), dictionary: words, domain: domain)
        else { throw ValidationError("a stanza cannot be encoded and read back") }
        let all = Array(0..<stanzas.count)
        if sizes {
            for index in all { print(workload.size(index)) }
            return
        }
        if let repeats {
            guard let path else { throw ValidationError("--repeats needs --path") }
            for _ in 0..<repeats { path.pass(all, workload) }
            return
        }
        let kinds = Dictionary(grouping: all) { stanzas[$0].name }.sorted { $0.key < $1.key }
        for path in path.map({ [$0] }) ?? Path.allCases {
            report(path, "mix", all, workload, roundMs: roundMs)
            for (kind, indices) in kinds {
                report(path, kind, indices, workload, roundMs: max(1, roundMs / 5))
            }
        }
    }

    /// Prints what decoding takes at its peak; fails when it is more than documented.
    private func measureMemory() throws {
        let domain = String(repeating: "d", count: 255)
        guard let payloads = WorstPayload.all(domain: domain) else {
            throw ValidationError("the domain is none")
        }
        var isWithin = true
        for payload in payloads {
            allocations_count(true)
            let isDecoded = payload.decode() != nil
            let now = allocations_now()
            allocations_count(false)
            let ratio = Double(now.peak) / Double(payload.size)
            isWithin =
                isWithin && isDecoded == payload.isValid
                && (isDecoded ? ratio <= Double(WorstPayload.ratioMax) : now.count == 0)
            let shown = String(format: "%.1f", ratio)
            print(
                "memory: \(payload.name): \(payload.size) bytes, at the peak \(now.peak) more "
                    + "(\(shown) for each), \(now.count) allocations")
        }
        guard isWithin else {
            throw ValidationError("more than \(WorstPayload.ratioMax) for each, or wrongly read")
        }
    }

    private func report(
        _ path: Path, _ kind: String, _ indices: [Int], _ workload: CodecWorkload, roundMs: Int
    ) {
        let measured = measure(path, indices, workload, roundMs: roundMs)
        let size = indices.reduce(0) { $0 + workload.size($1) }
        let line = Measurement(
            dictionary: dictionary == nil ? "own" : "small", path: path, kind: kind,
            stanzas: indices.count, bytes: Double(size) / Double(indices.count),
            nanoseconds: measured.nanoseconds, perSecond: 1e9 / measured.nanoseconds,
            allocations: measured.allocations)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(line) else { return }
        print(String(decoding: data, as: UTF8.self))
    }

    /// The median round's time per stanza, and the allocations per stanza of one pass.
    private func measure(
        _ path: Path, _ indices: [Int], _ workload: CodecWorkload, roundMs: Int
    ) -> (nanoseconds: Double, allocations: Double) {
        path.pass(indices, workload)  // grows the buffer
        allocations_count(true)
        let before = allocations_now().count
        path.pass(indices, workload)
        let allocations = Double(allocations_now().count - before) / Double(indices.count)
        allocations_count(false)
        let start = threadTime()
        path.pass(indices, workload)
        let once = max(1, threadTime() - start)
        let passes = max(1, Int(UInt64(roundMs) * 1_000_000 / once))
        var times: [Double] = []
        for _ in 0..<rounds {
            let start = threadTime()
            for _ in 0..<passes { path.pass(indices, workload) }
            times.append(Double(threadTime() - start) / Double(passes * indices.count))
        }
        return (times.sorted()[times.count / 2], allocations)
    }

    /// The thread's own CPU time in nanoseconds: what others do beside it does not count.
    private func threadTime() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}

/// One line of the output.
struct Measurement: Encodable {
    let dictionary: String
    let path: Path
    let kind: String
    let stanzas: Int
    let bytes: Double
    let nanoseconds: Double
    let perSecond: Double
    let allocations: Double
}

/// A way through the codec.
enum Path: String, CaseIterable, Codable, ExpressibleByArgument {
    case encodeTree, encodeDecoded, decodeTree, decodeStrings, write, read, validate

    /// Does each of the stanzas once.
    func pass(_ indices: [Int], _ workload: CodecWorkload) {
        var sum = 0
        switch self {
        case .encodeTree: for index in indices { sum &+= workload.encodeTree(index) }
        case .encodeDecoded: for index in indices { sum &+= workload.encodeDecoded(index) }
        case .decodeTree: for index in indices { sum &+= workload.decodeTree(index).tag.utf8.count }
        case .decodeStrings: for index in indices { sum &+= workload.decodeStrings(index) }
        case .write: for index in indices { sum &+= workload.write(index) }
        case .read: for index in indices { sum &+= workload.read(index) }
        case .validate: for index in indices { sum &+= workload.validate(index) }
        }
        precondition(sum > 0, "nothing was done")
    }
}
