// The ledger of a soak finds what breaks a promise, and nothing else: each kind of violation is made
// up here, since a gateway that works never shows one.

import Bench
import Testing

@Suite struct SoakLedgerTests {
    /// A ledger of one pair with so many messages, all acked.
    private func ledger(acked count: Int) -> SoakLedger {
        var ledger = SoakLedger(pairCount: 2)
        for number in 0..<count {
            #expect(ledger.post(pair: 1) == number)
            ledger.ack(pair: 1, number: number)
        }
        return ledger
    }

    @Test func nothingIsFoundInACleanRun() {
        var ledger = ledger(acked: 3)
        #expect(!ledger.isDrained && ledger.undeliveredCount == 3)
        for number in 0..<3 { ledger.deliver(pair: 1, number: number) }
        for number in 0..<3 { ledger.confirm(pair: 1, number: number) }
        // A repeat of an ack or a tick says nothing new.
        ledger.ack(pair: 1, number: 0)
        ledger.confirm(pair: 1, number: 0)
        #expect(ledger.isDrained && ledger.violations() == SoakViolations())
        #expect(ledger.sent == 3 && ledger.acked == 3 && ledger.delivered == 3)
        #expect(ledger.confirmed == 3 && ledger.unackedCount == 0 && ledger.overtaken == 0)
    }

    @Test func aLossIsFound() {
        var ledger = ledger(acked: 3)
        ledger.deliver(pair: 1, number: 0)
        ledger.deliver(pair: 1, number: 2)
        #expect(ledger.violations() == SoakViolations(lost: 1))
        #expect(ledger.undelivered(countMax: 5) == ["1:1"] && !ledger.isDrained)
    }

    @Test func whatWasNeverAckedIsNotLost() {
        var ledger = SoakLedger(pairCount: 1)
        _ = ledger.post(pair: 0)
        #expect(ledger.violations().count == 0 && !ledger.isDrained && ledger.unackedCount == 1)
    }

    @Test func aDuplicateIsFound() {
        var ledger = ledger(acked: 1)
        ledger.deliver(pair: 1, number: 0)
        ledger.deliver(pair: 1, number: 0)
        #expect(ledger.violations() == SoakViolations(seenTwice: 1) && ledger.delivered == 1)
    }

    @Test func aSwapIsFound() {
        var ledger = ledger(acked: 3)
        for number in [1, 0, 2] { ledger.deliver(pair: 1, number: number) }
        #expect(ledger.violations() == SoakViolations(outOfOrder: 1) && ledger.overtaken == 0)
    }

    @Test func whatIsPostedAgainMayBeOvertaken() {
        var ledger = ledger(acked: 3)
        ledger.postAgain(pair: 1, number: 0)
        for number in [1, 2, 0] { ledger.deliver(pair: 1, number: number) }
        #expect(ledger.violations().count == 0 && ledger.overtaken == 1 && ledger.isDrained)
    }

    @Test func aReceiptBeforeTheMessageIsFalse() {
        var ledger = ledger(acked: 1)
        ledger.confirm(pair: 1, number: 0)
        ledger.deliver(pair: 1, number: 0)
        #expect(ledger.violations() == SoakViolations(falseReceipts: 1))
    }

    @Test func whatWasNeverSentIsDamage() {
        var ledger = ledger(acked: 1)
        ledger.deliver(pair: 1, number: 1)
        ledger.deliver(pair: 2, number: 0)
        ledger.deliver(pair: 0, number: 0)
        ledger.deliver(pair: 1, number: 0)
        ledger.noteDamage()
        #expect(ledger.violations() == SoakViolations(damaged: 4))
    }

    @Test func aMessageTellsWhereItBelongs() {
        let message = SoakMessage(run: 0xDEAD_BEEF, pair: 7, number: 1_000_000)
        #expect(message.id == "DEADBEEF00000007000F4240")
        #expect(SoakMessage(id: message.id) == message)
        #expect(message.body(size: 30) == "DEADBEEF00000007000F4240DEADBE")
        #expect(message.body(size: 3) == "DEA")
        for id in ["", "DEADBEEF00000007000F424", "DEADBEEF00000007000F424G"] {
            #expect(SoakMessage(id: id) == nil)
        }
    }
}
