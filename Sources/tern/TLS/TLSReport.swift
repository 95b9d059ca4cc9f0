// What `tern tls` prints: lines for people, or an object for each thing that was looked at.

internal import Glibc
internal import TLS

/// Prints results as they come.
struct TLSReport {
    let json: Bool

    private func row(_ title: String, _ text: String) throws {
        let gap = String(repeating: " ", count: max(1, 14 - title.utf8.count))
        try say(title + gap + TerminalText.neutralised(text))
    }

    private func ms(_ nanoseconds: UInt64?) -> String {
        guard let nanoseconds else { return "never" }
        let hundredths = nanoseconds / 10_000
        let rest = hundredths % 100
        return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest) ms"
    }

    /// The first connection.
    func handshake(
        _ result: ProbeResult, _ facts: HandshakeFacts, _ inspection: TLSInspection, name: String
    ) throws {
        let hasExporter = facts.exporter != nil
        if json {
            var line = JSONLine()
            line.add("kind", "handshake")
            line.add("address", result.address)
            line.add("name", name)
            line.add("version", facts.version)
            line.add("suite", facts.cipherSuite)
            line.add("group", facts.group)
            line.add("signature", inspection.signature)
            line.add("alpn", facts.alpn)
            line.add("exporter", hasExporter)
            line.add("staple", UInt64(inspection.stapleSize ?? 0))
            line.add("roundTrips", result.roundTrips)
            line.add("connectUs", result.connectedNs / 1_000)
            line.add("handshakeUs", result.openNs.map { $0 / 1_000 })
            line.add("firstByteUs", result.answeredNs.map { $0 / 1_000 })
            try say(line.text)
            return
        }
        try row("gateway", "\(result.address), trusted as \(name)")
        try row("protocol", "\(facts.version), \(facts.cipherSuite)")
        try row("key exchange", facts.group ?? "unknown group")
        try row("signature", inspection.signature ?? "none")
        try row("application", facts.alpn ?? "none")
        try row(
            "exporter", hasExporter ? "available: logins can be bound to the connection" : "missing"
        )
        try row("OCSP staple", inspection.stapleSize.map { "\($0) bytes" } ?? "none")
        let trips = result.roundTrips == 1 ? "1 round trip" : "\(result.roundTrips) round trips"
        try row("handshake", "\(trips) after TCP's")
        try row(
            "times",
            "connected \(ms(result.connectedNs)), handshake \(ms(result.openNs)), "
                + "first byte \(ms(result.answeredNs))")
    }

    /// The certificates that the gateway sent.
    func chain(_ chain: [CertificateFacts]) throws {
        for (index, facts) in chain.enumerated() {
            let days = facts.daysLeft(at: UInt64(max(0, time(nil))))
            let names = facts.dnsNames + facts.addresses
            if json {
                var line = JSONLine()
                line.add("kind", "certificate")
                line.add("index", index)
                line.add("subject", facts.subject)
                line.add("issuer", facts.issuer)
                line.add("names", names.joined(separator: " "))
                line.add("key", facts.key)
                line.add("signature", facts.signature)
                line.add("notAfter", Int(facts.notAfter))
                line.add("daysLeft", days)
                line.add("sha256", Self.hex(facts.fingerprint))
                try say(line.text)
                continue
            }
            try row("certificate \(index)", "\(facts.subject), issued by \(facts.issuer)")
            if !names.isEmpty { try row("", "names \(names.joined(separator: " "))") }
            try row("", "\(facts.key) key, signed with \(facts.signature)")
            try row("", days < 0 ? "expired \(-days) days ago" : "\(days) days left")
            try row("", "SHA-256 \(Self.hex(facts.fingerprint))")
        }
    }

    /// Tickets, and the connection that offered one.
    func resumption(_ inspection: TLSInspection, _ second: ProbeResult?) throws {
        let isResumed = second?.facts?.isResumed ?? false
        if json {
            var line = JSONLine()
            line.add("kind", "resumption")
            line.add("tickets", inspection.ticketCount)
            line.add("lifetimeS", inspection.ticketLifetimeS)
            line.add("resumed", isResumed)
            if let second {
                line.add("roundTrips", second.roundTrips)
                line.add("connectUs", second.connectedNs / 1_000)
                line.add("handshakeUs", second.openNs.map { $0 / 1_000 })
                line.add("firstByteUs", second.answeredNs.map { $0 / 1_000 })
                line.add("failure", second.failure.map { "\($0)" })
            }
            try say(line.text)
            return
        }
        guard let second else {
            try row("tickets", "none: every connection makes a full handshake")
            return
        }
        try row("tickets", "\(inspection.ticketCount), good for \(inspection.ticketLifetimeS) s")
        if let failure = second.failure {
            try row("resumption", "failed: \(failure)")
        } else {
            try row(
                "resumption",
                (isResumed ? "a second connection resumed" : "a second connection did not resume")
                    + ": handshake \(ms(second.openNs)), first byte \(ms(second.answeredNs))")
        }
    }

    /// A connection that asked for something a gateway may refuse.
    func refusal(_ what: String, _ result: ProbeResult) throws {
        let isAccepted = result.failure == nil
        if json {
            var line = JSONLine()
            line.add("kind", "refusal")
            line.add("what", what)
            line.add("accepted", isAccepted)
            if case .peerAlert(let code, _) = result.failure { line.add("alert", UInt64(code)) }
            line.add("failure", result.failure.map { "\($0)" })
            try say(line.text)
            return
        }
        let version = result.facts.map { " (\($0.version), \($0.cipherSuite))" } ?? ""
        try row(what, result.failure.map { "refused: \($0)" } ?? "accepted\(version)")
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
