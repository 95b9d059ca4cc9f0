// Every kept input goes through its target: a finding stays fixed without a fuzzer.

import Foundation
import FuzzSessions
import FuzzTargets
import Testing

@Suite(.serialized)
struct CorpusTests {
    struct Target: CustomTestStringConvertible, Sendable {
        var name: String
        var run: @Sendable (UnsafeRawBufferPointer) -> Void

        var testDescription: String { name }
    }

    static let targets = [
        Target(name: "node") { fuzzNode($0) },
        Target(name: "tree") { fuzzTree($0) },
        Target(name: "frames") { fuzzFrames($0) },
        Target(name: "inflate") { fuzzInflate($0) },
        Target(name: "prologue") { fuzzPrologue($0) },
        Target(name: "address") { fuzzAddress($0) },
        Target(name: "scram") { fuzzScram($0) },
        Target(name: "dictionary") { fuzzDictionary($0) },
        Target(name: "notation") { fuzzNotation($0) },
        Target(name: "records") { fuzzRecords($0) },
        Target(name: "tls") { fuzzTLS($0) },
        Target(name: "session") { fuzzSession($0) },
    ]

    static let corpus = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "fuzz/corpus")

    @Test(arguments: targets)
    func replaysCorpus(_ target: Target) throws {
        let directory = Self.corpus.appending(path: target.name)
        let names = try FileManager.default.contentsOfDirectory(atPath: directory.path)
        #expect(names.count > 0, "\(target.name) has no seeds")
        #expect(names.count <= 100, "\(target.name) has too many seeds")
        for name in names.sorted() {
            let input = try Data(contentsOf: directory.appending(path: name))
            input.withUnsafeBytes { target.run($0) }
            // Every prefix too: inputs end anywhere.
            for size in stride(from: 0, to: input.count, by: max(1, input.count / 64)) {
                input.prefix(size).withUnsafeBytes { target.run($0) }
            }
        }
    }

    @Test(arguments: targets)
    func takesNothing(_ target: Target) {
        target.run(UnsafeRawBufferPointer(start: nil, count: 0))
    }
}
