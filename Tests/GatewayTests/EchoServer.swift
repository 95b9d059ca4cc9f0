// A server for the tests that says back what it hears, on top of the same TLSConnection as the gateway.
// Anything that speaks TLS can talk to it, which is not so of a gateway that wants our protocol.

import Base
import Reactor
import Synchronization
import TLS

/// Answers on a port of the system's choice, on a thread of its own, until it goes.
final class EchoServer: @unchecked Sendable {
    // After `init` only the thread touches `connections`; the rest is immutable or locked.

    /// How it ends a connection.
    enum Ending: Equatable, Sendable {
        /// When the client has said close_notify, and everything was said back.
        case withTheClient
        /// After so many bytes were said back.
        case afterBytes(Int)
    }

    private final class Peer {
        let socket: Socket
        var tls: TLSConnection
        var output = ByteBuffer()
        var echoed = 0
        var hasEnded = false
        init(_ socket: consuming Socket, _ tls: consuming TLSConnection) {
            self.socket = socket
            self.tls = tls
        }
    }

    private static let outputSizeMax = 1 << 20

    let port: UInt16
    /// What handshakes settled and how connections failed, in order.
    let facts = Mutexed<[HandshakeFacts]>([])
    let failures = Mutexed<[TLSError]>([])
    private let ciphers = RecordCiphers()
    private let context: TLSContext
    private let ending: Ending
    private let listener: Socket
    private let wakeup: Wakeup
    private let isStopping = Atomic<Bool>(false)
    private var thread: ShardThread?
    private var connections: [UInt64: Peer] = [:]
    private var nextToken: UInt64 = 2

    init(_ configuration: TLSServerConfiguration, ending: Ending = .withTheClient) throws {
        context = try TLSContext(server: configuration)
        self.ending = ending
        listener = try Socket.listen(SocketAddress(ipv4: 0x7F00_0001, port: 0))
        port = listener.localAddress?.port ?? 0
        wakeup = try Wakeup()
        thread = try ShardThread(name: "echo") { [unowned self] in self.run() }
    }

    func stop() {
        isStopping.store(true, ordering: .releasing)
        wakeup.signal()
        thread?.join()
        thread = nil
    }

    deinit { if thread != nil { stop() } }

    private func run() {
        guard var poller = try? Poller(eventCountMax: 64) else { return }
        try? poller.add(wakeup.descriptor, token: 0, interest: [.readable])
        try? poller.add(listener.rawValue, token: 1, interest: [.readable])
        let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 16)
        defer { scratch.deallocate() }
        while !isStopping.load(ordering: .acquiring) {
            let count = poller.wait(timeoutMs: nil)
            for index in 0..<count {
                let event = poller.event(at: index)
                if event.token == 1 {
                    accept(poller)
                } else if event.token > 1 {
                    serve(event.token, scratch, poller)
                }
            }
        }
        connections = [:]
    }

    private func accept(_ poller: borrowing Poller) {
        guard case .accepted(let accepted) = listener.accept(),
            let tls = try? TLSConnection(server: context)
        else { return }
        accepted.socket.setNoDelay()
        let token = nextToken
        nextToken += 1
        try? poller.add(accepted.socket.rawValue, token: token, interest: [.readable])
        connections[token] = Peer(accepted.socket, tls)
    }

    private func serve(
        _ token: UInt64, _ scratch: UnsafeMutableRawBufferPointer, _ poller: borrowing Poller
    ) {
        guard let peer = connections[token] else { return }
        if peer.output.count < Self.outputSizeMax { receive(peer, scratch) }
        flush(peer)
        if peer.hasEnded && peer.output.isEmpty {
            peer.socket.shutdownWrite()
            connections[token] = nil
            return
        }
        var interest: Interest = []
        if peer.output.count < Self.outputSizeMax && !peer.hasEnded { interest.insert(.readable) }
        if !peer.output.isEmpty { interest.insert(.writable) }
        poller.modify(peer.socket.rawValue, token: token, interest: interest)
    }

    private func receive(_ peer: Peer, _ scratch: UnsafeMutableRawBufferPointer) {
        switch peer.socket.read(into: scratch) {
        case .wouldBlock: return
        case .closed, .failed: end(peer)
        case .bytes(let count):
            var plaintext = ByteBuffer()
            do throws(TLSError) {
                let status = try peer.tls.receive(
                    UnsafeRawBufferPointer(rebasing: scratch[..<count]), plaintext: &plaintext,
                    output: &peer.output, ciphers: ciphers)
                if let facts = peer.tls.takeFacts() { self.facts.change { $0.append(facts) } }
                if !plaintext.isEmpty {
                    try peer.tls.send(plaintext.bytes, output: &peer.output, ciphers: ciphers)
                    peer.echoed += plaintext.count
                }
                var isOver = status == .closed
                if case .afterBytes(let size) = ending, peer.echoed >= size { isOver = true }
                guard isOver else { return }
                peer.tls.close(output: &peer.output, ciphers: ciphers)
                peer.hasEnded = true
            } catch {
                failures.change { $0.append(error) }
                peer.hasEnded = true
            }
        }
    }

    private func end(_ peer: Peer) {
        peer.hasEnded = true
        peer.output.clear()
    }

    private func flush(_ peer: Peer) {
        while !peer.output.isEmpty {
            switch peer.output.withUnsafeBytes({ peer.socket.write($0) }) {
            case .bytes(let count): peer.output.consume(count)
            case .wouldBlock: return
            case .closed, .failed: end(peer)
            }
        }
    }
}
