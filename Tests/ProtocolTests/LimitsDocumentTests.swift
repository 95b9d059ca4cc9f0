// docs/LIMITS.md and docs/CONFIGURATION.md against the code: every limit with its value, and no other.

import Base
import Bench
import Client
import Foundation
import Testing

@testable import Gateway
@testable import Notation
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
            ("treeSizeRatioMax", WireLimits.treeSizeRatioMax),
            ("packedCharacterCountMax", WireLimits.packedCharacterCountMax),
            ("frameSizeMin", WireLimits.frameSizeMin),
            ("presetOfferCountMax", WireLimits.presetOfferCountMax),
            ("resumeCountMax", WireLimits.resumeCountMax),
            ("deviceTokenCountMax", WireLimits.deviceTokenCountMax),
            ("wordSizeMax", WireLimits.wordSizeMax),
            ("inflationRatioMax", WireLimits.inflationRatioMax),
            ("inflatedSizeAlways", WireLimits.inflatedSizeAlways),
            ("scramMessageSizeMax", WireLimits.scramMessageSizeMax),
            ("passwordSizeMax", WireLimits.passwordSizeMax),
            ("scramIterationsDefault", WireLimits.scramIterationsDefault),
            ("benchAccountCountMax", WireLimits.benchAccountCountMax),
        ] {
            expected[name] = "\(value)"
        }
        expected["retryAfterSMax"] = "\(WireLimits.retryAfterSMax)"
        #expect(try table("Protocol") == expected)
        // The gateway's own limits have the same defaults.
        let defaults = Limits()
        #expect(WireLimits.frameSizeMaxBeforeLogin == defaults.frameSizeMaxBeforeLogin)
        #expect(WireLimits.frameSizeMax == defaults.frameSizeMax)
        #expect(WireLimits.inflatedSizeMax == defaults.inflatedSizeMax)
        #expect(WireLimits.deflateSizeMin == defaults.deflateSizeMin)
        #expect(WireLimits.presetDeflateSizeMin == defaults.presetDeflateSizeMin)
        let configurable: Set = [
            "frameSizeMaxBeforeLogin", "frameSizeMax", "inflatedSizeMax", "deflateSizeMin",
            "presetDeflateSizeMin",
        ]
        let names = try constants("Sources/Wire/WireLimits.swift")
        #expect(names.subtracting(configurable) == Set(expected.keys))
    }

    @Test func everyConstantOfTheTextFormsIsThere() throws {
        let expected = [
            "lineSizeMax": NotationLimits.lineSizeMax,
            "jsonDepthMax": NotationLimits.jsonDepthMax,
            "inflatedSizeMax": NotationLimits.inflatedSizeMax,
            "dictionarySizeMax": NotationLimits.dictionarySizeMax,
            "shownCharacterCountMax": NotationLimits.shownCharacterCountMax,
        ]
        #expect(try table("Command line") == expected.mapValues { "\($0)" })
        #expect(
            try constants("Sources/Notation/NotationLimits.swift") == Set(expected.keys))
    }

    @Test func everyConstantOfTLSIsThere() throws {
        let expected = [
            "recordPlaintextSizeMax": "\(TLSLimits.recordPlaintextSizeMax)",
            "recordCiphertextSizeMax": "\(TLSLimits.recordCiphertextSizeMax)",
            "recordsPerKeyMax": "\(TLSLimits.recordsPerKeyMax)",
            "receivedRecordsPerKeyMax": "\(TLSLimits.receivedRecordsPerKeyMax)",
            "recordsWithoutDataMax": "\(TLSLimits.recordsWithoutDataMax)",
            "ticketMessageSizeMax": "\(TLSLimits.ticketMessageSizeMax)",
            "serverNameSizeMax": "\(TLSLimits.serverNameSizeMax)",
            "protocolNameSizeMax": "\(TLSLimits.protocolNameSizeMax)",
            "exporterSizeMax": "\(TLSLimits.exporterSizeMax)",
            "certificateCountMax": "\(TLSLimits.certificateCountMax)",
            "ticketCountMax": "\(TLSLimits.ticketCountMax)",
            "ticketLifetimeSMax": "\(TLSLimits.ticketLifetimeSMax)",
            "ticketKeyCountMax": "\(TLSLimits.ticketKeyCountMax)",
            "spentTicketCountMax": "\(TLSLimits.spentTicketCountMax)",
            "stapleSizeMax": "\(TLSLimits.stapleSizeMax)",
            "clientHelloSizeMax": "\(TLSLimits.clientHelloSizeMax)",
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
            "unacknowledgedCountMax": UInt64(ClientLimits.unacknowledgedCountMax),
            "recordCountMax": UInt64(ClientLimits.recordCountMax),
            "recentAckCountMax": UInt64(ClientLimits.recentAckCountMax),
            "resumeSizeMax": UInt64(ClientLimits.resumeSizeMax),
            "retryHintMsMax": ClientLimits.retryHintMsMax,
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
            "waitHintMsMax": ClientLimits.waitHintMsMax,
        ]
        #expect(try table("Client library") == expected.mapValues { "\($0)" })
        #expect(
            try constants("Sources/Client/ClientLimits.swift") == Set(expected.keys))
    }

    @Test func everyConstantOfTheLoadGeneratorIsThere() throws {
        let expected: [String: UInt64] = [
            "threadCountMax": UInt64(BenchLimits.threadCountMax),
            "secondsMax": UInt64(BenchLimits.secondsMax),
            "windowCountMax": UInt64(BenchLimits.windowCountMax),
            "bodySizeMax": UInt64(BenchLimits.bodySizeMax),
            "recipientCountMax": UInt64(BenchLimits.recipientCountMax),
            "pendingCountMax": UInt64(BenchLimits.pendingCountMax),
            "attemptCountMax": UInt64(BenchLimits.attemptCountMax),
            "loginTimeoutMs": BenchLimits.loginTimeoutMs,
            "retryPauseMs": BenchLimits.retryPauseMs,
            "retryPauseMsMax": BenchLimits.retryPauseMsMax,
            "drainTimeoutMs": BenchLimits.drainTimeoutMs,
            "outputSizeMax": UInt64(BenchLimits.outputSizeMax),
            "errorKindCountMax": UInt64(BenchLimits.errorKindCountMax),
            "clientsPerSourceMax": UInt64(BenchLimits.clientsPerSourceMax),
            "descriptorMarginCount": UInt64(BenchLimits.descriptorMarginCount),
            "ticketCountMax": UInt64(BenchLimits.ticketCountMax),
            "connectsPerTurnMax": UInt64(BenchLimits.connectsPerTurnMax),
            "soakPairCountMax": UInt64(BenchLimits.soakPairCountMax),
            "packetSizeMax": UInt64(BenchLimits.packetSizeMax),
            "packetQueueCountMax": UInt64(BenchLimits.packetQueueCountMax),
            "packetsPerTurnMax": UInt64(BenchLimits.packetsPerTurnMax),
            "unsentSizeMax": UInt64(BenchLimits.unsentSizeMax),
            "retransmitTimeoutMs": BenchLimits.retransmitTimeoutMs,
            "retransmitTimeoutMsMax": BenchLimits.retransmitTimeoutMsMax,
            "retransmitCountMax": UInt64(BenchLimits.retransmitCountMax),
            "spareFlightCountMax": UInt64(BenchLimits.spareFlightCountMax),
            "spareFlightSizeMax": UInt64(BenchLimits.spareFlightSizeMax),
            "packetBatchSizeMax": UInt64(BenchLimits.packetBatchSizeMax),
        ]
        #expect(try table("Load generator") == expected.mapValues { "\($0)" })
        #expect(try constants("Sources/Bench/BenchLimits.swift") == Set(expected.keys))
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
        expected.tls.staplePath = "/etc/tern/server.ocsp"
        expected.tls.ticketKeyPath = "/etc/tern/ticket-keys"
        expected.tls.certificates = [
            TLSSettings.Certificate(
                certificate: "/etc/tern/example.org.pem", key: "/etc/tern/example.org-key.pem")
        ]
        expected.store.windowMs = 5
        expected.store.expiryS = 7_776_000
        expected.limits.loginTimeoutMs = 20_000
        expected.limits.queueDepthMax = 50_000
        #expect(configuration == expected)
    }

    @Test func everyKeyOfTheTLSTableIsThere() throws {
        let text = try ProtocolDocument.text("CONFIGURATION.md")
        for key in TLSSettings.CodingKeys.allCases where key != .certificates {
            #expect(text.contains("| `\(key.rawValue)` |"), "\(key.rawValue)")
        }
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
