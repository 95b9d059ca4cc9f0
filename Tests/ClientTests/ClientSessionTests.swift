// The client's state machine against a scripted server.

import Base
import Client
import TLS
import Testing
import Wire

struct LoginTests {
    @Test func loginGoesOnlineAndAnnouncesPresence() throws {
        var bench = Bench()
        bench.connect(resumedTLS: true)
        try bench.login()
        #expect(
            bench.takeEvents() == [.online(jid: makeJID("alice@example.org/7"), resumedTLS: true)])
        #expect(try bench.receive() == [Node("presence")])
        #expect(bench.session.isOnline == true)
    }

    @Test func wrongServerSignatureEndsIt() throws {
        var bench = Bench()
        bench.connect()
        try bench.login { signature in signature.map { $0 ^ 1 } }
        #expect(bench.disconnectReason == .serverNotVerified)
        #expect(bench.disconnectReason?.finalError == .serverNotVerified)
        #expect(bench.session.isOnline == false)
        #expect(try bench.receive() == [])
    }

    @Test func successWithoutChallengeEndsIt() throws {
        var bench = Bench()
        bench.connect()
        try bench.deliver(Node("success", ["jid": "alice@example.org/7"]))
        guard case .protocolViolation? = bench.disconnectReason else {
            Issue.record("\(String(describing: bench.disconnectReason))")
            return
        }
    }

    @Test func refusedLoginIsFinal() throws {
        var bench = Bench()
        bench.connect()
        try bench.deliver(Node("failure", [:], [Node("not-authorized")]))
        #expect(bench.disconnectReason == .authenticationFailed(condition: "not-authorized"))
        #expect(bench.disconnectReason?.finalError != nil)
        bench.effects = []
        bench.connect()
        try bench.deliver(Node("failure", [:], [Node("temporary-auth-failure")]))
        #expect(bench.disconnectReason?.finalError == nil)
    }

    @Test(arguments: ["r=other,s=MDEyMzQ1Njc4OWFiY2RlZg==,i=4096", "nonsense", ""])
    func badChallengeEndsIt(_ challenge: String) throws {
        var bench = Bench()
        bench.connect()
        try bench.deliver(Node("challenge", content: .bytes(Array(challenge.utf8))))
        guard case .protocolViolation? = bench.disconnectReason else {
            Issue.record("\(String(describing: bench.disconnectReason))")
            return
        }
    }

    @Test(arguments: [1, 4_095, 100_000_000])
    func iterationCountsOutOfBoundsEndIt(_ iterations: Int) throws {
        var bench = Bench()
        bench.connect()
        bench.receivePrologue()
        let auth = try #require(try bench.receive().first)
        let first = try ScramClientFirst(parsing: auth.bytes ?? [])
        let challenge = ScramServerFirst(
            nonce: first.nonce + "s", salt: [1, 2, 3], iterations: iterations)
        try bench.deliver(Node("challenge", content: .bytes(challenge.bytes)))
        guard case .protocolViolation? = bench.disconnectReason else {
            Issue.record("\(String(describing: bench.disconnectReason))")
            return
        }
    }

    @Test func loginTimesOut() {
        var bench = Bench()
        bench.connect()
        bench.tick(afterMs: ClientLimits.loginTimeoutMs - 1)
        #expect(bench.disconnectReason == nil)
        bench.tick(afterMs: 1)
        #expect(bench.disconnectReason == .timeout("the login"))
    }

    @Test func loginSurvivesASplitAtEveryByte() throws {
        var bench = Bench()
        try bench.goOnline()
        _ = bench.takeEvents()
        _ = try bench.receive()
        let bytes = try bench.frame(incoming("M1")) + bench.frame(incoming("M2"))
        for byte in bytes { bench.deliver([byte]) }
        #expect(bench.takeEvents().count == 2)
    }
}

struct OutgoingTests {
    @Test func unackedMessagesAreSentAgainInOrder() throws {
        var bench = Bench()
        try bench.post("A1")
        try bench.goOnline()
        try bench.post("A2")
        try bench.post("A3")
        var sent = try bench.receive().filter { $0.tag == "message" }
        #expect(sent.map { $0["id"] } == ["A1", "A2", "A3"])
        #expect(sent.first?["to"] == "bob@example.org")
        #expect(sent.first?.child("body")?.text == "hello")
        _ = bench.takeEvents()
        try bench.deliver(ack("A2"))
        #expect(bench.takeEvents() == [.acked(makeID("A2"))])
        bench.lose()
        try bench.post("A4")
        try bench.goOnline()
        sent = try bench.receive().filter { $0.tag == "message" }
        #expect(sent.map { $0["id"] } == ["A1", "A3", "A4"])
        try bench.deliver(ack("A1"), ack("A3"), ack("A4"), ack("A4"))
        #expect(bench.session.outboxCount == 0)
    }

    @Test func theWindowHoldsMessagesBack() throws {
        var bench = Bench()
        try bench.goOnline()
        _ = try bench.receive()
        for index in 0..<(ClientLimits.windowCountMax + 10) { try bench.post("W\(index)") }
        #expect(try bench.receive().count == ClientLimits.windowCountMax)
        try bench.deliver(ack("W0"), ack("W1"))
        #expect(
            try bench.receive().map { $0["id"] } == [
                "W\(ClientLimits.windowCountMax)", "W\(ClientLimits.windowCountMax + 1)",
            ])
    }

    @Test func outboxHasAnEnd() throws {
        var bench = Bench()
        for index in 0..<ClientLimits.outboxCountMax { try bench.post("F\(index)") }
        #expect(throws: ClientError.outboxFull) { try bench.post("last") }
        #expect(bench.session.outboxCount == ClientLimits.outboxCountMax)
    }

    @Test func bodiesHaveLimits() throws {
        var bench = Bench()
        try bench.goOnline()
        let size = ClientLimits.bodySizeMax
        try bench.post("B1", String(repeating: "ü", count: size / 2))
        #expect(try bench.receive().last?.child("body")?.text?.utf8.count == size)
        #expect(throws: ClientError.bodySize(size + 1)) {
            try bench.post("B2", String(repeating: "x", count: size + 1))
        }
        #expect(throws: ClientError.bodySize(0)) { try bench.post("B3", "") }
        #expect(throws: ClientError.duplicateID(makeID("B1"))) { try bench.post("B1") }
    }

    @Test func refusedMessageLeavesTheOutbox() throws {
        var bench = Bench()
        try bench.goOnline()
        try bench.post("R1")
        _ = bench.takeEvents()
        try bench.deliver(refusal("R1", type: "cancel", condition: "item-not-found"))
        #expect(
            bench.takeEvents() == [.failed(makeID("R1"), condition: "item-not-found", text: nil)])
        #expect(bench.session.outboxCount == 0)
    }

    @Test func waitIsTriedAgainInOrder() throws {
        var bench = Bench()
        try bench.goOnline()
        for id in ["T1", "T2", "T3"] { try bench.post(id) }
        _ = try bench.receive()
        try bench.deliver(ack("T1"), refusal("T2", type: "wait", condition: "resource-constraint"))
        try bench.deliver(refusal("T3", type: "wait", condition: "resource-constraint"))
        // The owner hears of each; what nobody waits for is not refused.
        try bench.deliver(refusal("T1", type: "wait", condition: "resource-constraint"))
        let refused = bench.effects.filter { if case .refused = $0 { true } else { false } }
        #expect(refused == [.refused(makeID("T2")), .refused(makeID("T3"))])
        try bench.post("T4")
        bench.tick(afterMs: ClientLimits.waitPauseMs / 2 - 1)
        #expect(try bench.receive() == [])
        bench.tick(afterMs: ClientLimits.waitPauseMs / 2 + 1)
        #expect(try bench.receive().map { $0["id"] } == ["T2", "T3", "T4"])
    }

    /// The server knows for how long it is no use: no sooner, not all at once, and not for ever.
    @Test func waitGoesOnAsLongAsTheServerSays() throws {
        var ends: Set<UInt64> = []
        for _ in 0..<8 {
            var bench = Bench()
            try bench.goOnline()
            try bench.post("T1")
            _ = try bench.receive()
            try bench.deliver(
                refusal("T1", type: "wait", condition: "resource-constraint", after: "4"))
            ends.insert(bench.session.deadline?.milliseconds ?? 0)
            bench.tick(afterMs: 3_999)
            #expect(try bench.receive() == [])
            bench.tick(afterMs: 2_001)
            #expect(try bench.receive().map { $0["id"] } == ["T1"])
        }
        #expect(ends.count > 1)
        for after in ["\(UInt64.max)", "600"] {
            var bench = Bench()
            try bench.goOnline()
            try bench.post("T1")
            _ = try bench.receive()
            try bench.deliver(
                refusal("T1", type: "wait", condition: "internal-server-error", after: after))
            bench.tick(afterMs: ClientLimits.waitHintMsMax - 1)
            #expect(try bench.receive().filter { $0.tag == "message" } == [])
            bench.tick(afterMs: ClientLimits.waitHintMsMax / 2 + 1)
            #expect(try bench.receive().contains { $0["id"] == "T1" })
        }
    }

    @Test func waitHoldsUpOneRecipientOnly() throws {
        var bench = Bench()
        try bench.goOnline()
        try bench.post("T1")
        _ = try bench.receive()
        try bench.deliver(refusal("T1", type: "wait", condition: "resource-constraint"))
        try bench.post("T2")
        let other = OutgoingMessage(to: makeJID("carol@example.org"), id: makeID("C1"), body: "hi")
        try bench.session.send(other, output: &bench.sent)
        #expect(try bench.receive().map { $0["id"] } == ["C1"])
        bench.tick(afterMs: ClientLimits.waitPauseMs)
        #expect(try bench.receive().map { $0["id"] } == ["T1", "T2"])
    }

    @Test func whatIsBehindAFailedMessageFailsWithIt() throws {
        var bench = Bench()
        try bench.goOnline()
        for id in ["T1", "T2"] { try bench.post(id) }
        _ = bench.takeEvents()
        for _ in 0..<ClientLimits.waitAttemptsMax {
            #expect(try bench.receive().compactMap { $0["id"] } == ["T1", "T2"])
            for id in ["T1", "T2"] {
                try bench.deliver(refusal(id, type: "wait", condition: "resource-constraint"))
            }
            bench.tick(afterMs: ClientLimits.waitPauseMsMax)
        }
        #expect(
            bench.takeEvents()
                == ["T1", "T2"].map {
                    .failed(makeID($0), condition: "resource-constraint", text: nil)
                })
        #expect(try bench.receive() == [])
    }

    @Test func aPauseIsNoDeadlineForWhoeverCloses() throws {
        var bench = Bench()
        try bench.goOnline()
        try bench.post("T1")
        try bench.deliver(refusal("T1", type: "wait", condition: "resource-constraint"))
        bench.session.close(at: bench.moment, output: &bench.sent)
        let closed = bench.moment.monotonic.advanced(byMs: ClientLimits.closeTimeoutMs)
        #expect(bench.session.deadline == closed)
    }

    @Test func waitHasAnEnd() throws {
        var bench = Bench()
        try bench.goOnline()
        try bench.post("T1")
        _ = bench.takeEvents()
        for _ in 0..<ClientLimits.waitAttemptsMax {
            #expect(bench.session.outboxCount == 1)
            _ = try bench.receive()
            try bench.deliver(refusal("T1", type: "wait", condition: "resource-constraint"))
            bench.tick(afterMs: ClientLimits.waitPauseMsMax)
        }
        #expect(
            bench.takeEvents() == [
                .failed(makeID("T1"), condition: "resource-constraint", text: nil)
            ])
    }

    @Test func streamEndIsAnswered() throws {
        var bench = Bench()
        try bench.goOnline()
        _ = try bench.receive()
        bench.session.close(at: bench.moment, output: &bench.sent)
        #expect(bench.sent.copy() == [0, 0, 4, 0, 0xF8, 1, 2])
        bench.deliver([0, 0, 4, 0, 0xF8, 1, 2])
        #expect(bench.disconnectReason == .requested)
    }
}
