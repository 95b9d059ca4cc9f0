// docs/LIMITS.md and docs/CONFIGURATION.md against the code: every limit with its value, and no other.

import Base
import Client
import Foundation
import Testing

@testable import Gateway
@testable import TLS
@testable import Wire

@Suite struct LimitsDocumentTests {
    /// The first two cells of the rows of one section whose first cell is code.
    private func table(_ section: String) throws -> [String: String] {
        let text = try ProtocolDocument.text("LIMITS.md")
        let sections = text.split(separator: "\n## ")
        let lines = try #require(sections.first { $0.hasPrefix(section + "\n") }).split(
            separator: "\n")
        var rows: [String: String] = [:]
        for line in lines where line.hasPrefix("| `") {
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            let key = cells[0].replacing("`", with: "")
            #expect(rows[key] == nil, "\(key) stands there twice")
            #expect(cells.count == 4 && !cells[3].isEmpty, "\(key) has no outcome")
            rows[key] = cells[1]
        }
        return rows
    }

    /// The names of `static let` constants in a source file.
    private func constants(_ path: String) throws -> Set<String> {
        let root = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let text = try String(contentsOf: root.appending(path: path), encoding: .utf8)
        let names = text.matches(of: /static let (\w+)/).map { String($0.output.1) }
        return Set(names)
    }

    @Test func everyLimitOfTheGatewayIsThere() throws {
        let defaults = Limits()
        #expect(try table("Gateway") == LimitField.all.mapValues { "\($0.value(defaults))" })
        // A limit that has no name in the file could not be configured.
        #expect(Mirror(reflecting: defaults).children.count == LimitField.all.count)
    }

    @Test func everyConstantOfTheProtocolIsThere() throws {
        let range = WireLimits.scramIterations
        var expected: [String: String] = [
            "scramIterations": "\(range.lowerBound)–\(range.upperBound)"
        ]
        for (name, value) in [
            ("nodeDepthMax", WireLimits.nodeDepthMax),
            ("attributeCountMax", WireLimits.attributeCountMax),
            ("childCountMax", WireLimits.childCountMax),
            ("packedCharacterCountMax", WireLimits.packedCharacterCountMax),
            ("frameSizeMin", WireLimits.frameSizeMin),
            ("deflateSizeMin", WireLimits.deflateSizeMin),
            ("wordSizeMax", WireLimits.wordSizeMax),
            ("scramMessageSizeMax", WireLimits.scramMessageSizeMax),
            ("passwordSizeMax", WireLimits.passwordSizeMax),
            ("scramIterationsDefault", WireLimits.scramIterationsDefault),
        ] {
            expected[name] = "\(value)"
        }
        #expect(try table("Protocol") == expected)
        // The gateway's own limits have the same defaults.
        let defaults = Limits()
        #expect(WireLimits.frameSizeMaxBeforeLogin == defaults.frameSizeMaxBeforeLogin)
        #expect(WireLimits.frameSizeMax == defaults.frameSizeMax)
        #expect(WireLimits.inflatedSizeMax == defaults.inflatedSizeMax)
        let configurable: Set = ["frameSizeMaxBeforeLogin", "frameSizeMax", "inflatedSizeMax"]
        let names = try constants("Sources/Wire/WireLimits.swift")
        #expect(names.subtracting(configurable) == Set(expected.keys))
    }

    @Test func everyConstantOfTLSIsThere() throws {
        let expected = [
            "recordPlaintextSizeMax": "\(TLSLimits.recordPlaintextSizeMax)",
            "serverNameSizeMax": "\(TLSLimits.serverNameSizeMax)",
            "protocolNameSizeMax": "\(TLSLimits.protocolNameSizeMax)",
            "exporterSizeMax": "\(TLSLimits.exporterSizeMax)",
        ]
        #expect(try table("TLS") == expected)
        #expect(try constants("Sources/TLS/TLSLimits.swift") == Set(expected.keys))
    }

    @Test func everyConstantOfTheClientIsThere() throws {
        let expected: [String: UInt64] = [
            "outboxCountMax": UInt64(ClientLimits.outboxCountMax),
            "outboxSizeMax": UInt64(ClientLimits.outboxSizeMax),
            "windowCountMax": UInt64(ClientLimits.windowCountMax),
            "bodySizeMax": UInt64(ClientLimits.bodySizeMax),
            "receiptCountMax": UInt64(ClientLimits.receiptCountMax),
            "seenCountMax": UInt64(ClientLimits.seenCountMax),
            "requestCountMax": UInt64(ClientLimits.requestCountMax),
            "contactCountMax": UInt64(ClientLimits.contactCountMax),
            "commandCountMax": UInt64(ClientLimits.commandCountMax),
            "eventCountMax": UInt64(ClientLimits.eventCountMax),
            "outputSizeMax": UInt64(ClientLimits.outputSizeMax),
            "waitAttemptsMax": UInt64(ClientLimits.waitAttemptsMax),
            "connectTimeoutMs": ClientLimits.connectTimeoutMs,
            "loginTimeoutMs": ClientLimits.loginTimeoutMs,
            "pingAfterMs": ClientLimits.pingAfterMs,
            "pingTimeoutMs": ClientLimits.pingTimeoutMs,
            "closeTimeoutMs": ClientLimits.closeTimeoutMs,
            "waitPauseMs": ClientLimits.waitPauseMs,
            "waitPauseMsMax": ClientLimits.waitPauseMsMax,
        ]
        #expect(try table("Client library") == expected.mapValues { "\($0)" })
        #expect(
            try constants("Sources/Client/ClientLimits.swift") == Set(expected.keys))
    }

    @Test func exampleOfTheConfigurationIsRead() throws {
        let text = try ProtocolDocument.text("CONFIGURATION.md")
        let block = try #require(ProtocolDocument.blocks("toml", in: text).first)
        let configuration = try GatewayConfiguration(
            toml: block.lines.joined(separator: "\n"), path: "docs/CONFIGURATION.md")
        try configuration.validate()
        var expected = GatewayConfiguration()
        expected.domain = "chat.example"
        expected.listen = ["0.0.0.0:5223", "[::]:5223"]
        expected.dataPath = "/var/lib/tern"
        expected.certificatePath = "/etc/tern/server.pem"
        expected.keyPath = "/etc/tern/server-key.pem"
        expected.shardCount = 4
        expected.logLevel = "notice"
        expected.limits.loginTimeoutMs = 20_000
        expected.limits.queueDepthMax = 50_000
        #expect(configuration == expected)
    }

    @Test func exampleOfTheAdminSocketIsARequest() throws {
        let text = try ProtocolDocument.text("CONFIGURATION.md")
        let block = try #require(ProtocolDocument.blocks("json", in: text).first)
        let line = try #require(block.lines.first)
        let request = try JSONDecoder().decode(AdminRequest.self, from: Data(line.utf8))
        #expect(request.command == .accountAdd)
        #expect(request.keys?.scramKeys != nil)
        for command in AdminCommand.allCases {
            #expect(text.contains("| `\(command.rawValue)` |"), "\(command)")
        }
    }
}
