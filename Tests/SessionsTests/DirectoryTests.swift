// The directory of online users against a dictionary, and what users cost at rest.

import Base
import Testing
import Wire

@testable import Sessions

@Suite struct DirectoryTests {
    private func user(_ number: Int) throws -> OnlineUser {
        let name = try #require(Localpart("user-\(number)"))
        let session = SessionAddress(shard: 0, slot: SlotID(index: UInt32(number), generation: 1))
        let device = OnlineDevice(
            device: 0, session: session, since: Instant(milliseconds: UInt64(number)))
        return OnlineUser(
            name: name, registration: .known([0]), sessions: OneOrMore(device))
    }

    @Test func agreesWithADictionary() throws {
        var random = SystemRandomNumberGenerator()
        let directory = UserDirectory()
        var model: [Int: UserDirectory.Place] = [:]
        for step in 0..<20_000 {
            // Grows for a while, then shrinks to nothing.
            let isComing = Int.random(in: 0..<10, using: &random) < (step < 10_000 ? 8 : 2)
            let number = Int.random(in: 0..<8_000, using: &random)
            if isComing, model[number] == nil {
                model[number] = directory.insert(try user(number))
            } else if !isComing, let (number, place) = model.first {
                directory.remove(place)
                model[number] = nil
            }
            if step % 1_000 == 0 { directory.checkInvariants() }
        }
        directory.checkInvariants()
        #expect(directory.count == model.count)
        for number in 0..<8_000 {
            let name = try #require(Localpart("user-\(number)"))
            #expect(directory.place(of: name) == model[number])
        }
    }

    @Test func growsByTheBucketAndGivesItsMemoryBack() throws {
        let directory = UserDirectory()
        var places: [UserDirectory.Place] = []
        let empty = directory.allocatedSize
        var largest = 0
        for number in 0..<50_000 {
            let before = directory.allocatedSize
            places.append(directory.insert(try user(number)))
            largest = max(largest, directory.allocatedSize - before)
        }
        // A chunk of the slab or a block of buckets at a time, never all over again.
        #expect(largest <= 1_024 * (MemoryLayout<OnlineUser>.stride + 6) + 4_096 * 4)
        #expect(directory.allocatedSize < 53_000 * (MemoryLayout<OnlineUser>.stride + 6 + 4))
        for place in places { directory.remove(place) }
        directory.checkInvariants()
        #expect(directory.count == 0)
        let left = directory.allocatedSize - empty
        #expect(left <= 1_024 * (MemoryLayout<OnlineUser>.stride + 6) + 2 * 4_096 * 4)
    }

    @Test func contactsAreFoundByName() throws {
        var user = try user(1)
        let names = ["anna", "bert", "carla", "dora"].compactMap { Localpart($0) }
        for count in 0...names.count {
            user.contacts = Array(names.prefix(count))
            for (index, name) in names.enumerated() { #expect(user.knows(name) == (index < count)) }
        }
        #expect(!user.knows(try #require(Localpart("zoe"))))
        #expect(!user.knows(try #require(Localpart("aaron"))))
    }

    @Test func oneOrMoreIsACollection() {
        var values = OneOrMore(1)
        #expect(Array(values) == [1])
        values.append(2)
        values.append(3)
        values[1] = 20
        #expect(Array(values) == [1, 20, 3])
        values.remove(at: 0)
        #expect(Array(values) == [20, 3])
        values.remove(at: 1)
        #expect(Array(values) == [20])
    }

    @Test func equalListsOfDevicesAreOne() throws {
        let context = try #require(WireContext(domain: "tern.example"))
        var router = Router(limits: Limits(), context: context)
        let first = router.shared([0])
        let second = router.shared([0])
        let place = first.withUnsafeBufferPointer { $0.baseAddress }
        #expect(second.withUnsafeBufferPointer { $0.baseAddress } == place)
        for number in 0..<100 { _ = router.shared([0, UInt8(number)]) }
        #expect(router.deviceLists.count == Router.deviceListCountMax)
    }

    @Test func aWindowAtRestOwnsNothing() throws {
        let sender = DeviceAddress(user: try #require(Localpart("alice")), device: 0)
        let stanza = QueuedStanza(
            key: StanzaKey(sender: sender, id: try #require(StanzaID("1")), kind: .message),
            payload: [1, 2, 3])
        var window = DeliveryWindow()
        #expect(window.isAtRest)
        _ = window.pageArrived(QueuePage(rows: [], isLast: true))
        #expect(window.isAtRest && window.phase == .live)
        let isPushed = window.enqueued(stanza, limits: Limits())
        #expect(isPushed)
        #expect(!window.isAtRest)
        window.settled(stanza.key, limits: Limits())
        #expect(window.isAtRest && window.inFlightSize == 0)
        window.checkInvariants(limits: Limits())
    }
}
