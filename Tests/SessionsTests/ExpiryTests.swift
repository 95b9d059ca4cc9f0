// What has waited too long leaves its queue, and its sender is told like by a receipt.

import Base
import Sessions
import Storage
import Testing
import Wire

@Suite struct ExpiryTests {
    let bob = "bob@tern.example"
    let alice0 = "alice@tern.example/0"
    let bob0 = "bob@tern.example/0"

    /// A message of alice's that is old, for bob, who is not there.
    private func old(_ world: World, _ ids: String..., from phone: SessionAddress) throws {
        for id in ids { try world.send(message(id, to: bob), from: phone) }
        world.commit()
        _ = world.take(phone)
        world.moment.unixSeconds += 100
    }

    @Test func anOnlineSenderIsTold() throws {
        let world = try World()
        let phone = try world.online("alice")
        try old(world, "1", from: phone)
        world.expire(acceptedUntil: world.moment.unixSeconds - 100)
        let notice = try #require(world.take(phone).first)
        #expect(notice == Node("expires", ["from": bob0, "id": "1", "t": "1000100"]))
        // It waits until it is acked.
        world.drop(phone)
        let again = world.connect()
        try world.logIn("alice", on: again)
        #expect(world.take(again).map(\.tag) == ["success", "expires"])
        try world.send(ack("1", class: "expires", to: bob0), from: again)
        world.commit()
        #expect(world.take(again).isEmpty)
        world.drop(again)
        #expect(world.take(try world.online("alice")).isEmpty)
        let other = world.connect()
        try world.logIn("bob", on: other)
        #expect(world.take(other).map(\.tag) == ["success"])
    }

    @Test func aLoginMaySayThatItHasTheNotice() throws {
        let world = try World()
        let phone = try world.online("alice")
        try old(world, "1", from: phone)
        world.drop(phone)
        world.expire(acceptedUntil: world.moment.unixSeconds)
        let again = world.connect()
        try world.respond("alice", attributes: ["resume": "true"], on: again)
        try world.send(
            Node("resume", content: .nodes([ack("1", class: "expires", to: bob0)])), from: again)
        world.commit()
        #expect(world.take(again).map(\.tag) == ["success"])
    }

    /// A device that is behind reads on from the store, and the notice with it.
    @Test func aNoticeWaitsItsTurn() throws {
        var limits = Limits()
        limits.inFlightPerDeviceMax = 2
        limits.inFlightPerDeviceLow = 1
        let world = try World(limits: limits)
        let phone = try world.online("alice")
        try old(world, "1", from: phone)
        let other = try world.online("bob")
        #expect(world.take(other).isEmpty)
        _ = world.take(phone)
        for id in ["a", "b", "c"] { try world.send(message(id, to: alice0), from: other) }
        world.commit()
        #expect(world.take(phone).map { $0["id"] } == ["a", "b"])
        world.expire(acceptedUntil: world.moment.unixSeconds - 100)
        #expect(world.take(phone).isEmpty)
        for id in ["a", "b"] { try world.send(receipt(id, to: bob0), from: phone) }
        world.commit()
        let nodes = world.take(phone).filter { $0.tag != "ack" }
        #expect(nodes.map(\.tag) == ["message", "expires"])
    }

    /// What a device has been given may expire before it answers; its answers count all the same.
    @Test func whatIsUnderWayMayExpire() throws {
        let world = try World()
        let phone = try world.online("alice")
        let other = try world.online("bob")
        try world.send(message("1", to: bob), from: phone)
        try world.send(message("2", to: bob), from: phone)
        world.commit()
        #expect(world.take(other).map { $0["id"] } == ["1", "2"])
        _ = world.take(phone)
        world.expire(acceptedUntil: world.moment.unixSeconds)
        #expect(world.take(phone).map(\.tag) == ["expires", "expires"])
        try world.send(receipt("1", to: alice0), from: other)
        try world.send(ack("2", class: "message", to: alice0), from: other)
        world.commit()
        #expect(world.take(phone).map(\.tag) == ["receipt"])
        #expect(world.take(other).map(\.tag) == ["ack"])
        // The window has room again, and the queue is empty.
        try world.send(message("3", to: bob), from: phone)
        world.commit()
        #expect(world.take(other).map { $0["id"] } == ["3"])
        try world.send(receipt("3", to: alice0), from: other)
        world.commit()
        world.drop(other)
        let again = world.connect()
        try world.logIn("bob", on: again)
        #expect(world.take(again).map(\.tag) == ["success"])
    }

    /// A page may have been asked for that what has expired was on.
    @Test func whatIsReadMayExpire() throws {
        var limits = Limits()
        limits.pageCountMax = 2
        limits.inFlightPerDeviceLow = 1
        let world = try World(limits: limits)
        let phone = try world.online("alice")
        try old(world, "1", "2", "3", "4", from: phone)
        let other = try world.online("bob")
        _ = world.take(other)
        world.expire(acceptedUntil: world.moment.unixSeconds)
        for id in ["1", "2"] { try world.send(receipt(id, to: alice0), from: other) }
        world.commit()
        #expect(world.take(other).allSatisfy { $0.tag == "ack" })
        try world.send(message("5", to: bob), from: phone)
        world.commit()
        #expect(world.take(other).map { $0["id"] } == ["5"])
    }
}
