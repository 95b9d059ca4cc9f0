// What a run hands to people and programs: one value, as JSON or as text.

internal import Foundation
internal import Histogram

/// How long something took, in milliseconds.
package struct BenchLatency: Codable, Sendable, Equatable {
    package var count: UInt64
    package var p50: Double
    package var p90: Double
    package var p99: Double
    package var p999: Double
    package var max: Double

    init?(_ histogram: Measurements.Microseconds) {
        guard histogram.totalCount > 0 else { return nil }
        func ms(_ microseconds: UInt64) -> Double { Double(microseconds) / 1_000 }
        count = histogram.totalCount
        p50 = ms(histogram.valueAtPercentile(50))
        p90 = ms(histogram.valueAtPercentile(90))
        p99 = ms(histogram.valueAtPercentile(99))
        p999 = ms(histogram.valueAtPercentile(99.9))
        max = ms(histogram.max)
    }
}

/// The gateway's figures at one moment, as its admin socket gives them.
package struct GatewayReading: Codable, Sendable, Equatable {
    package var cpuMs: Int
    package var residentBytes: Int
    package var sessions: Int

    package init(status: [String: Int]) {
        cpuMs = status["cpu-ms"] ?? 0
        residentBytes = status["resident-bytes"] ?? 0
        sessions = status["sessions"] ?? 0
    }
}

/// Everything that is read between and during phases.
package struct BenchReading: Codable, Sendable, Equatable {
    /// Seconds since the run began.
    package var atS: Double
    package var counts: BenchCounts
    package var gateway: GatewayReading?
    package var kernel: KernelMemory
    package var generatorCPUMs: Int
    package var generatorResidentBytes: Int
}

/// One phase of a run.
package struct BenchPhase: Codable, Sendable {
    package var name: String
    package var seconds: Double
    package var before: BenchReading
    package var after: BenchReading
    /// What the counters grew by; `online` and `pending` as they are at the end.
    package var counts: BenchCounts
    package var acks: BenchLatency?
    package var deliveries: BenchLatency?
    package var receipts: BenchLatency?
    package var fullLogins: BenchLatency?
    package var resumedLogins: BenchLatency?
    package var errors: [String: Int]
    /// What the user-space TCP did; absent with the kernel's sockets.
    package var tcp: TCPCounters?

    /// The gateway's processor time in the phase.
    package var gatewayCPUMs: Int? {
        guard let before = before.gateway, let after = after.gateway else { return nil }
        return after.cpuMs - before.cpuMs
    }

    /// A second.
    package func rate(_ count: Int) -> Double { Double(count) / Swift.max(seconds, 0.001) }
}

/// A whole run.
package struct BenchReport: Codable, Sendable {
    package var kind: String
    package var parameters: [String: String]
    package var machine: BenchMachine
    package var versions: [String: String]
    package var phases: [BenchPhase]
    package var isInterrupted: Bool
    /// Growth of memory by session from the start to the most that were online; absent below 1,000.
    package var perSession: BenchPerSession?

    /// One JSON object, its keys sorted.
    package func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
}

/// Memory for each session that is online, in bytes. The kernel's share covers both ends when both are
/// on one machine.
package struct BenchPerSession: Codable, Sendable, Equatable {
    package var gatewayResidentBytes: Int?
    package var generatorResidentBytes: Int
    package var kernelSlabBytes: Int
    package var memFreeBytes: Int

    init?(from before: BenchReading, to after: BenchReading) {
        let sessions = after.counts.online - before.counts.online
        guard sessions >= 1_000 else { return nil }
        if let start = before.gateway, let end = after.gateway {
            gatewayResidentBytes = (end.residentBytes - start.residentBytes) / sessions
        }
        generatorResidentBytes =
            (after.generatorResidentBytes - before.generatorResidentBytes) / sessions
        kernelSlabBytes = (after.kernel.slabBytes - before.kernel.slabBytes) / sessions
        memFreeBytes = (before.kernel.memFreeBytes - after.kernel.memFreeBytes) / sessions
    }
}
