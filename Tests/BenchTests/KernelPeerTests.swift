// The user-space TCP against the kernel's, over a real TUN device in a network namespace of the test's own.
// Where that is not allowed (it takes CAP_SYS_ADMIN and CAP_NET_ADMIN) these tests are skipped.

import Base
import Reactor
import Testing

@testable import Bench

@Suite(.serialized) struct KernelPeerTests {
    @Test(.enabled(if: NetworkNamespace.isAllowed, "a network namespace takes CAP_SYS_ADMIN"))
    func theKernelEchoes() throws {
        let size = 700_000
        let facts = try NetworkNamespace.run {
            () throws -> (echo: [UInt8], counters: TCPCounters) in
            let world = try KernelWorld()
            let text = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
            let id = try world.connect()
            var written = 0
            world.run {
                if world.news.contains(.connected), written < text.count {
                    written += text[written...].withUnsafeBytes { world.stack.write(id, $0) }
                }
                if world.bytes.count == text.count { world.stack.close(id) }
                return world.stack.connections.isEmpty
            }
            guard world.news.isSuperset(of: [.connected, .data, .ended]), world.bytes == text else {
                throw Problem(text: "\(world.news), \(world.bytes.count) bytes")
            }
            return (world.bytes, world.stack.counters)
        }
        #expect(facts.echo.count == size)
        #expect(facts.counters.packetsBad == 0 && facts.counters.packetsRefused == 0)
    }

    /// The kernel's queue for a connection holds far less than is written: nothing is lost.
    @Test(.enabled(if: NetworkNamespace.isAllowed, "a network namespace takes CAP_SYS_ADMIN"))
    func aKernelThatReadsLateIsWaitedFor() throws {
        let received = try NetworkNamespace.run { () throws -> Int in
            let world = try KernelWorld()
            world.isReading = false
            let id = try world.connect()
            let text = [UInt8](repeating: 5, count: BenchLimits.unsentSizeMax)
            world.run { world.news.contains(.connected) }
            world.receiveSizeMax = 4_096
            let written = text.withUnsafeBytes { world.stack.write(id, $0) }
            // So long that the window is shut and asked about.
            world.run(ms: 2_500) { false }
            world.isReading = true
            world.run { world.bytes.count == written }
            return world.bytes.count
        }
        #expect(received == BenchLimits.unsentSizeMax)
    }

    @Test(.enabled(if: NetworkNamespace.isAllowed, "a network namespace takes CAP_SYS_ADMIN"))
    func theKernelRefusesAndResets() throws {
        let facts = try NetworkNamespace.run { () throws -> [TCPArrival.Reason?] in
            var reasons: [TCPArrival.Reason?] = []
            var world = try KernelWorld()
            world.isListening = false
            _ = try world.connect()
            world.run { world.news.contains(.failed) }
            reasons.append(world.reason)
            world = try KernelWorld()
            _ = try world.connect()
            world.run { world.hasSocket }
            world.resetSocket()
            world.run { world.news.contains(.failed) }
            reasons.append(world.reason)
            return reasons
        }
        #expect(facts == [.refused, .reset])
    }

    @Test(.enabled(if: NetworkNamespace.isAllowed, "a network namespace takes CAP_SYS_ADMIN"))
    func ourResetReachesTheKernel() throws {
        let result = try NetworkNamespace.run { () throws -> IOResult? in
            let world = try KernelWorld()
            let id = try world.connect()
            world.run { world.hasSocket }
            world.stack.reset(id)
            world.run { world.socketEnd != nil }
            return world.socketEnd
        }
        guard case .failed? = result else {
            Issue.record("\(String(describing: result))")
            return
        }
    }

    @Test(.enabled(if: NetworkNamespace.isAllowed, "a network namespace takes CAP_SYS_ADMIN"))
    func devicesHaveNetworksOfTheirOwn() throws {
        let facts = try NetworkNamespace.run { () throws -> (networks: [UInt32], ways: [String]) in
            let devices = try (0..<3).map { _ in
                try TunDevice(packetSizeMax: 1_500, queueCount: 100, reachesLoopback: false)
            }
            return (devices.map(\.network), try NetworkNamespace.waysOut())
        }
        #expect(facts.networks == [0x0A00_0000, 0x0A01_0000, 0x0A02_0000])
        #expect(facts.ways.isEmpty)
    }
}

private struct Problem: Error, CustomStringConvertible {
    let text: String
    var description: String { text }
}

/// A stack on a device, and an echo server on a socket, in one thread.
private final class KernelWorld {
    private let device: TunDevice
    var stack: TCPStack
    private var listener: Socket?
    private var socket: Socket?
    var isReading = true
    var receiveSizeMax = 65_536
    var news: TCPArrival.News = []
    var reason: TCPArrival.Reason?
    var bytes: [UInt8] = []
    /// What ended the kernel's socket.
    private(set) var socketEnd: IOResult?
    private var echo: [UInt8] = []
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 16)

    init() throws {
        device = try TunDevice(packetSizeMax: 1_500, queueCount: 1_000, reachesLoopback: true)
        let listener = try Socket.listen(SocketAddress(ipv4: 0x7F00_0001, port: 0))
        guard let port = listener.localAddress?.port else { throw Problem(text: "port") }
        stack = TCPStack(
            network: device.network, servers: [TCPServer(address: 0x7F00_0001, port: port)],
            packetSizeMax: 1_500, seed: 1, now: MonotonicClock.now())
        self.listener = consume listener
    }

    deinit { buffer.deallocate() }

    var isListening: Bool {
        get { listener != nil }
        set { if !newValue { listener = nil } }
    }

    var hasSocket: Bool { socket != nil }

    func resetSocket() { if let socket = socket.take() { socket.reset() } }

    func connect() throws -> SlotID {
        guard let id = stack.connect(toServer: 0, token: 1) else {
            throw Problem(text: "connect")
        }
        return id
    }

    /// Until the condition holds or the time is over.
    func run(ms: UInt64 = 20_000, until condition: () -> Bool) {
        let end = MonotonicClock.now().advanced(byMs: ms)
        while !condition(), MonotonicClock.now() < end {
            stack.now = MonotonicClock.now()
            while let arrival = stack.expire() { note(arrival) }
            while case .bytes(let size) = device.read(into: buffer) {
                let packet = UnsafeRawBufferPointer(rebasing: buffer[..<size])
                if let arrival = stack.receive(packet) { note(arrival) }
                stack.checkInvariants()
            }
            stack.flush()
            while !stack.output.isEmpty {
                let size = stack.output.withUnsafeBytes { bytes in
                    let size = TCPStack.packetSize(bytes)
                    _ = device.write(UnsafeRawBufferPointer(rebasing: bytes[..<size]))
                    return size
                }
                stack.output.consume(size)
            }
            serve()
        }
    }

    private func note(_ arrival: TCPArrival) {
        news.formUnion(arrival.news)
        reason = arrival.reason ?? reason
        if arrival.news.contains(.data) {
            bytes += UnsafeRawBufferPointer(rebasing: buffer[arrival.payload])
        }
    }

    private func serve() {
        if socket == nil, socketEnd == nil, let result = listener?.accept() {
            if case .accepted(let accepted) = consume result {
                let fresh = accepted.socket
                fresh.setNoDelay()
                fresh.setBufferSizes(send: 32_768, receive: 16_384)
                socket = consume fresh
            }
        }
        guard socket != nil, isReading else { return }
        let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<receiveSizeMax])
        switch socket?.read(into: part) {
        case .bytes(let size): echo += UnsafeRawBufferPointer(rebasing: buffer[..<size])
        case .closed?:
            if echo.isEmpty { socketEnd = .closed }
        case .failed(let code): socketEnd = .failed(code)
        default: break
        }
        if !echo.isEmpty, case .bytes(let size)? = echo.withUnsafeBytes({ socket?.write($0) }) {
            echo.removeFirst(size)
        }
        if socketEnd != nil { socket = nil }
    }
}
