// docs/SCALE.md's account of a session's memory against the code: each part with its size.

import Foundation
import Testing

@testable import Base
@testable import Gateway
@testable import Reactor
@testable import Sessions
@testable import TLS
@testable import Wire

@Suite struct LayoutDocumentTests {
    /// Bytes that a slab adds to each value: generation and free list.
    private static let slabSize = 6

    /// Part and bytes of the rows of the first table in the section "Memory".
    private func table() throws -> [String: Int] {
        let text = try ProtocolDocument.text("SCALE.md")
        let section = try #require(
            text.split(separator: "\n## ").first { $0.hasPrefix("Memory\n") })
        var rows: [String: Int] = [:]
        let lines = section.split(separator: "\n").drop { !$0.hasPrefix("| `") }
        for line in lines.prefix(while: { $0.hasPrefix("| `") }) {
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            let size = try #require(Int(cells[1]), "\(line)")
            rows[cells[0].replacing("`", with: "")] = size
        }
        return rows
    }

    @Test func everyPartIsAsLargeAsItSays() throws {
        let sizes = [
            "Connection": MemoryLayout<Connection>.stride + Self.slabSize,
            "TLSConnection": MemoryLayout<TLSConnection>.stride,
            "Session": MemoryLayout<Session>.stride,
            "RecordState": RecordState.size(.aes128GCM),
            "OnlineUser": MemoryLayout<OnlineUser>.stride + Self.slabSize + 4,
            "OnlineDevice": MemoryLayout<OnlineDevice>.stride,
            "TimerWheel.Node": MemoryLayout<TimerWheel.Node>.stride + Self.slabSize,
        ]
        let documented = try table()
        #expect(documented == sizes)
    }

    /// What lies within something else is counted with it.
    @Test func theSumIsWithinItsBudget() throws {
        let table = try table()
        let parts = ["Connection", "RecordState", "OnlineUser", "TimerWheel.Node"]
        let sum = try parts.map { try #require(table[$0]) }.reduce(0, +)
        #expect(sum + 8 < 512)
        let text = try ProtocolDocument.text("SCALE.md")
        #expect(text.contains("Together \(sum + 8) bytes"))
    }
}
