// The load generator runs and reports. What it measures is not looked at: figures belong to a quiet
// machine, not to a test.

import Foundation
import Testing

@Suite(.serialized) struct BenchTests {
    private func bench(_ arguments: [String]) throws -> [String: String] {
        let server = try TestServer()
        let text = try server.tern(
            ["bench"] + arguments + server.options + ["--admin", server.adminPath])
        #expect(try server.tern(["account", "list", "--admin", server.adminPath]).isEmpty)
        try server.stop()
        let report = try JSONSerialization.jsonObject(with: Data(text.utf8))
        return try #require(report as? [String: String])
    }

    @Test func messagesAreAckedAndDelivered() throws {
        let report = try bench(["messages", "--pairs", "2", "--window", "4", "--seconds", "1"])
        #expect(report["kind"] == "messages")
        #expect(Int(report["acked"] ?? "") ?? 0 > 0)
        #expect(!report.keys.contains { $0.hasPrefix("failed") })
    }

    @Test func connectionsStay() throws {
        let report = try bench(["connections", "--count", "50", "--hold", "1"])
        #expect(report["online"] == "50")
        #expect(!report.keys.contains { $0.hasPrefix("failed") })
    }
}
