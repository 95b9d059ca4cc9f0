// A session's memory of refusals, call by call: which of the messages that a client sends again may pass.

import Base
import Testing
import Wire

@testable import Sessions

@Suite struct RefusedRecipientsTests {
    private let refused: RefusedRecipients
    private let bob: Localpart

    init() throws {
        refused = RefusedRecipients(Limits())
        bob = try #require(Localpart("bob"))
    }

    private func id(_ number: Int) throws -> StanzaID { try #require(StanzaID("\(number)")) }

    private func pass(_ number: Int, order: UInt64) throws -> UInt64? {
        try refused.pass(id(number), to: bob, order: order)
    }

    private func refuse(_ number: Int, order: UInt64) throws {
        try refused.refused(id(number), to: bob, order: order)
    }

    @Test func theFirstOpensAndKeepsItsPlace() throws {
        #expect(try pass(1, order: 1) == 1)
        try refuse(1, order: 1)
        #expect(try pass(2, order: 2) == nil)
        #expect(try pass(1, order: 3) == 1)
        #expect(try pass(2, order: 4) == 2)
        #expect(try pass(3, order: 5) == 5)
        #expect(!refused.isEmpty)
        for number in 1...3 { refused.settled(try id(number), to: bob) }
        #expect(refused.isEmpty)
    }

    /// All were refused. The client begins anew; then come refusals of the first sending, of messages that it has
    /// not sent again. None of them may let one pass that stands behind what is refused once more.
    @Test func lateRefusalsOfAnEarlierSending() throws {
        for number in 1...4 { #expect(try pass(number, order: UInt64(number)) == UInt64(number)) }
        for number in 1...3 { try refuse(number, order: UInt64(number)) }
        for number in 1...3 {
            #expect(try pass(number, order: UInt64(10 + number)) == UInt64(number))
        }
        for number in 1...3 { try refuse(number, order: UInt64(number)) }
        try refuse(3, order: 3)
        try refuse(4, order: 4)
        // The client knows of the late ones only: what it believes to be on its way is not.
        try refuse(2, order: 2)
        #expect(try pass(3, order: 20) == nil)
        #expect(try pass(4, order: 21) == nil)
        #expect(try pass(1, order: 22) == 1)
        for number in 2...4 {
            #expect(try pass(number, order: UInt64(22 + number)) == UInt64(number))
        }
    }

    /// A message that is sent again behind another was not sent again for its own refusal, which its client may not
    /// have read. When it reads it later and begins with that message, it knows nothing of newer ones.
    @Test func anEarlierRefusalReadLate() throws {
        #expect(try pass(1, order: 1) == 1)
        try refuse(1, order: 1)
        for number in 2...3 { #expect(try pass(number, order: UInt64(number)) == nil) }
        for number in 1...3 {
            #expect(try pass(number, order: UInt64(3 + number)) == UInt64(number))
        }
        for number in 1...3 { try refuse(number, order: UInt64(number)) }
        #expect(try pass(3, order: 7) == nil)
        for number in 1...3 {
            #expect(try pass(number, order: UInt64(7 + number)) == UInt64(number))
        }
    }

    /// What was accepted in the end, though a sending of it was refused, keeps nobody waiting.
    @Test func anAcceptedOneIsForgotten() throws {
        try refuse(1, order: 1)
        #expect(try pass(2, order: 2) == nil)
        refused.settled(try id(1), to: bob)
        #expect(try pass(2, order: 3) == 2)
        refused.settled(try id(2), to: bob)
        #expect(refused.isEmpty)
        #expect(try pass(3, order: 4) == 4)
    }

    /// A client that never begins with the first: it gave that one up.
    @Test func theFirstIsGivenUp() throws {
        #expect(try pass(2, order: 2) == 2)
        try refuse(2, order: 2)
        try refuse(1, order: 1)
        // It knew of its own refusal, which was told before that of the first.
        #expect(try pass(2, order: 3) == nil)
        #expect(try pass(2, order: 4) == 2)
    }

    /// Refusals of one message beyond those that are remembered one by one only make it more careful.
    @Test func manyRefusalsOfOne() throws {
        for _ in 0..<100 { try refuse(1, order: 1) }
        for order in 0..<200 { #expect(try pass(1, order: UInt64(order)) == 1, "sending \(order)") }
        try refuse(1, order: 1)
        #expect(try pass(1, order: 300) == 1)
    }
}
