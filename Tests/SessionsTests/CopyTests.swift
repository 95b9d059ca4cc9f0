// What one device sends, the other devices of its account get a copy of.

import Base
import Sessions
import Storage
import Testing
import Wire

@Suite struct CopyTests {
    let bob = "bob@tern.example"
    let alice0 = "alice@tern.example/0"

    @Test func otherDevicesGetACopy() throws {
        let world = try World()
        let phone = try world.online("alice", 0)
        let tablet = try world.online("alice", 1)
        let other = try world.online("bob")
        try world.send(message("1", to: bob, text: "one"), from: phone)
        // Not before it is safe.
        #expect(world.take(tablet).isEmpty)
        world.commit()
        let copy = try #require(world.take(tablet).first)
        #expect(copy.tag == "forwarded" && copy["id"] == "1" && copy["t"] != nil)
        #expect(copy["from"] == alice0 && copy["to"] == bob && copy.child("body")?.text == "one")
        #expect(world.take(phone).map(\.tag) == ["ack"])
        #expect(world.take(other).map(\.tag) == ["message"])
        // The other way as well, and to one device of the recipient.
        try world.send(message("2", to: "bob@tern.example/0"), from: tablet)
        world.commit()
        let back = try #require(world.take(phone).first)
        #expect(back["to"] == "bob@tern.example/0" && back["from"] == "alice@tern.example/1")
    }

    /// It waits until it is acked, and nobody is told that it came.
    @Test func aCopyWaits() throws {
        let world = try World()
        let other = try world.online("bob")
        world.drop(try world.online("alice", 1))
        let phone = try world.online("alice", 0)
        try world.send(message("1", to: bob), from: phone)
        world.commit()
        _ = (world.take(phone), world.take(other))
        for _ in 0..<2 {
            let tablet = world.connect()
            try world.logIn("alice", device: "1", on: tablet)
            #expect(world.take(tablet).map(\.tag) == ["success", "forwarded"])
            world.drop(tablet)
        }
        let tablet = try world.online("alice", 1)
        try world.send(ack("1", class: "message", to: alice0), from: tablet)
        world.commit()
        try world.send(ack("1", class: "forwarded", to: alice0), from: tablet)
        world.commit()
        world.drop(tablet)
        let again = world.connect()
        try world.logIn("alice", device: "1", on: again)
        #expect(world.take(again).map(\.tag) == ["success"])
        #expect(world.take(phone).isEmpty && world.take(other).isEmpty)
    }

    /// Only the store makes copies safe: the recipient's receipt is not enough.
    @Test func theAckCoversTheCopies() throws {
        let world = try World()
        let phone = try world.online("alice", 0)
        _ = try world.online("alice", 1)
        let other = try world.online("bob")
        try world.send(message("1", to: bob), from: phone)
        try world.send(receipt("1", to: alice0), from: other)
        #expect(!world.take(phone).contains { $0.tag == "ack" })
        world.commit()
        #expect(world.take(phone).contains { $0.tag == "ack" })
    }

    @Test func aFullQueueOfOnesOwnIsLeftOut() throws {
        var limits = Limits()
        limits.queueDepthMax = 2
        let world = try World(limits: limits)
        let other = try world.online("bob")
        world.drop(try world.online("alice", 1))
        let phone = try world.online("alice", 0)
        for id in 1...3 {
            try world.send(message("\(id)", to: bob), from: phone)
            world.commit()
            try world.send(receipt("\(id)", to: alice0), from: other)
            world.commit()
        }
        #expect(world.take(phone).filter { $0.tag == "ack" }.map { $0["id"] } == ["1", "2", "3"])
        let tablet = world.connect()
        try world.logIn("alice", device: "1", on: tablet)
        #expect(world.take(tablet).dropFirst().map { $0["id"] } == ["1", "2"])
    }

    @Test func whatGetsNoCopy() throws {
        let world = try World()
        let phone = try world.online("alice", 0)
        // Alone, to oneself, refused, a receipt.
        try world.send(message("1", to: bob), from: phone)
        world.commit()
        let tablet = try world.online("alice", 1)
        #expect(world.take(tablet).isEmpty)
        try world.send(message("2", to: "alice@tern.example"), from: phone)
        try world.send(message("3", to: "nobody@tern.example"), from: phone)
        try world.send(receipt("9", to: "bob@tern.example/0"), from: phone)
        world.commit()
        #expect(world.take(tablet).map(\.tag) == ["message"])
        // One that waits already, and its copy does, is in flight: it is not sent again.
        try world.send(message("4", to: bob), from: phone)
        world.commit()
        try world.send(message("4", to: bob), from: phone)
        world.commit()
        #expect(world.take(tablet).map(\.tag) == ["forwarded"])
    }

    /// What a client sends before it has read `success` is copied too.
    @Test func rightBehindTheLogin() throws {
        let world = try World()
        let tablet = try world.online("alice", 1)
        let phone = world.connect()
        try world.respond("alice", on: phone)
        try world.send(message("1", to: bob), from: phone)
        world.commit()
        world.commit()
        #expect(world.take(tablet).map(\.tag) == ["forwarded"])
    }

    /// A batch that failed was written all the same: what it may have put on the queues is read.
    @Test func aCopyThatNobodyWasToldOf() throws {
        let world = try World()
        let phone = try world.online("alice", 0)
        let tablet = try world.online("alice", 1)
        try world.send(message("1", to: bob), from: phone)
        world.failCommit(isDurable: true)
        #expect(world.take(phone).map(\.condition) == ["resource-constraint"])
        #expect(world.take(tablet).isEmpty)
        world.commit()
        #expect(world.take(tablet).map(\.tag) == ["forwarded"])
        try world.send(message("1", to: bob), from: phone)
        world.commit()
        #expect(world.take(phone).map(\.tag) == ["ack"])
        #expect(world.take(tablet).isEmpty)
        // It goes on as before.
        try world.send(ack("1", class: "forwarded", to: alice0), from: tablet)
        try world.send(message("2", to: bob), from: phone)
        world.commit()
        #expect(world.take(tablet).map(\.tag) == ["forwarded"])
    }

    /// A batch that failed was not written: the page is empty, and what comes goes straight out again.
    @Test func nothingWasKept() throws {
        let world = try World()
        let phone = try world.online("alice", 0)
        let tablet = try world.online("alice", 1)
        try world.send(message("1", to: bob), from: phone)
        world.failCommit()
        world.commit()
        #expect(world.take(tablet).isEmpty)
        try world.send(message("1", to: bob), from: phone)
        world.commit()
        #expect(world.take(tablet).map(\.tag) == ["forwarded"])
    }

    @Test func inOrderThroughAPage() throws {
        var limits = Limits()
        limits.inFlightPerDeviceMax = 3
        limits.inFlightPerDeviceLow = 1
        limits.pageCountMax = 2
        let world = try World(limits: limits)
        let phone = try world.online("alice", 0)
        let tablet = try world.online("alice", 1)
        var seen: [String] = []
        for id in 1...20 {
            try world.send(message("\(id)", to: bob), from: phone)
            if id % 3 == 0 { world.commit() }
        }
        for _ in 0..<40 {
            world.commit()
            for node in world.take(tablet) {
                let id = node["id"] ?? ""
                if !seen.contains(id) { seen.append(id) }
                try world.send(ack(id, class: "forwarded", to: alice0), from: tablet)
            }
        }
        #expect(seen == (1...20).map(String.init))
    }
}
