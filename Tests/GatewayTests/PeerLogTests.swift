import Base
import Logging
import Testing

@testable import Gateway

@Suite struct PeerLogTests {
    /// Keeps what is logged.
    private struct Lines: LogHandler {
        let kept: Lock<[Logger.Metadata]>
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.info

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) { kept.withLock { $0.append(event.metadata ?? [:]) } }
    }

    @Test func soManyLinesAndACountOfTheRest() {
        let kept = Lock<[Logger.Metadata]>([])
        let logger = Logger(label: "test") { _ in Lines(kept: kept) }
        let start = Instant(milliseconds: 5_000)
        var log = PeerLog(logger, at: start)
        for _ in 0..<150 { log.info("x", ["peer": "p"], at: start) }
        #expect(kept.withLock { $0.count } == 100)
        for _ in 0..<50 { log.info("x", ["peer": "p"], at: start.advanced(byMs: 1_000)) }
        let lines = kept.withLock { $0 }
        #expect(lines.count == 120)
        #expect(lines[100]["suppressed"] == "50" && lines[101]["suppressed"] == nil)
        #expect(lines.allSatisfy { $0["peer"] == "p" })
    }
}
