// What a soak found, as one JSON object, and the counts from which it is made.

internal import Foundation

/// How a soak ended.
package enum SoakVerdict: String, Codable, Sendable {
    /// Everything that was sent is acked and was delivered, and no promise was broken.
    case clean
    /// No promise was broken as far as it can be told, but not everything came through in time, or not everybody came.
    case undrained
    /// At least one promise was broken.
    case violated
}

/// The result of a soak.
package struct SoakReport: Codable, Sendable {
    package var kind = "soak"
    package var verdict: SoakVerdict
    package var parameters: [String: String]
    package var seconds: Double
    package var sent: Int
    package var acked: Int
    package var delivered: Int
    /// Messages of which the sender was told that the recipient has them.
    package var confirmed: Int
    package var violations: SoakViolations
    /// Some of the messages that were acked and have not come, as pair:number.
    package var missingMessages: [String]
    /// Delivered after a later one because the gateway had refused it: allowed.
    package var overtaken: Int
    package var counts: SoakCounts

    /// One JSON object, its keys sorted.
    package func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
}

/// What is counted besides the ledger.
package struct SoakCounts: Codable, Sendable, Equatable {
    /// Logins behind each device's first.
    package var reconnects = 0
    /// Connections that ended without our doing.
    package var cuts = 0
    /// Messages that were on their way, not acked, when their connection was cut.
    package var cutInFlight = 0
    /// Times that a recipient left on purpose.
    package var departures = 0
    /// Messages that the gateway refused with `wait`, repeats counted.
    package var refusedWithWait = 0
    /// Messages that the client gave up, and that were posted again with the same id.
    package var postedAgain = 0
    /// The longest that a device wanted to be logged in and was not.
    package var longestOutageMs: UInt64 = 0
    /// Messages of earlier runs that waited in the store.
    package var foreign = 0
    /// Ends of connections, by their reason.
    package var errors: [String: Int] = [:]

    /// Counts an end; kinds beyond the limit are one.
    mutating func note(_ kind: String) {
        let isKnown = errors[kind] != nil || errors.count < BenchLimits.errorKindCountMax
        errors[isKnown ? kind : "other", default: 0] += 1
    }
}

/// How a soak stands, a few times a second.
package struct SoakReading: Sendable {
    package var seconds: Double
    package var phase: String
    package var online: Int
    package var sent: Int
    package var acked: Int
    package var delivered: Int
    package var refusedWithWait: Int
    package var reconnects: Int
}
