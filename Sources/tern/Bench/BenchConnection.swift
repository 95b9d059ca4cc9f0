// One simulated device: socket, TLS and a client session, driven by a loop that holds thousands.

internal import Base
internal import Client
internal import Reactor
internal import TLS
internal import Wire

/// A device of the load generator; its loop's thread alone touches it.
final class BenchConnection {
    let index: Int
    let socket: Socket
    private var tls: TLSConnection
    private var session: ClientSession
    private var isConnected = false
    private var frames = ByteBuffer()
    private var output = ByteBuffer()
    private(set) var isOnline = false
    /// Why the connection ended, if it did.
    private(set) var failure: String?
    /// What happened since it was last asked.
    private var events: [ClientEvent] = []

    var wantsWrite: Bool { !output.isEmpty || !isConnected }
    var waitingCount: Int { session.outboxCount }

    /// Takes a connecting socket and a session that has none yet.
    init(
        index: Int, socket: consuming Socket, tls: consuming TLSConnection,
        session: consuming ClientSession
    ) {
        self.index = index
        self.socket = socket
        self.tls = tls
        self.session = session
    }

    /// The socket is ready: takes and sends what it can. Returns what happened.
    func handle(
        _ readiness: Readiness, scratch: UnsafeMutableRawBufferPointer, at moment: Moment
    ) -> [ClientEvent] {
        guard failure == nil else { return [] }
        do {
            if !isConnected {
                switch socket.finishConnect() {
                case .inProgress: return []
                case .failed(let code): throw BenchFailure("connect: errno \(code)")
                case .connected:
                    isConnected = true
                    socket.setNoDelay()
                    try tls.start(output: &output)
                }
            }
            if readiness.contains(.readable) { try receive(scratch, at: moment) }
            try flush()
        } catch {
            failure = "\(error)"
        }
        return takeEvents()
    }

    /// Sends a message; throws when the outbox is full.
    func send(_ id: StanzaID, to: JID, body: String, at moment: Moment) throws {
        try session.send(OutgoingMessage(to: to, id: id, body: body), output: &frames)
    }

    /// Sends what `send` and the session's clock made.
    func turn(at moment: Moment) throws {
        session.tick(at: moment, output: &frames)
        try flush()
    }

    private func receive(_ scratch: UnsafeMutableRawBufferPointer, at moment: Moment) throws {
        switch socket.read(into: scratch) {
        case .bytes(let count):
            var plaintext = ByteBuffer()
            let wasOpen = tls.isOpen
            let bytes = UnsafeRawBufferPointer(rebasing: scratch[..<count])
            let status = try tls.receive(bytes, plaintext: &plaintext, output: &output)
            if !wasOpen && tls.isOpen {
                let exporter = tls.exporter(label: "EXPORTER-Channel-Binding", count: 32) ?? []
                session.connected(
                    exporter: exporter, resumedTLS: tls.resumed, at: moment, output: &frames)
            }
            session.receive(plaintext.bytes, at: moment, output: &frames)
            if status == .closed { throw BenchFailure("closed by the gateway") }
        case .wouldBlock:
            return
        case .closed:
            throw BenchFailure("closed by the gateway")
        case .failed(let code):
            throw BenchFailure("read: errno \(code)")
        }
    }

    private func flush() throws {
        if !frames.isEmpty && tls.isOpen {
            var unsealed = ByteBuffer()
            swap(&unsealed, &frames)
            try tls.send(unsealed.bytes, output: &output)
        }
        while !output.isEmpty {
            switch output.withUnsafeBytes({ socket.write($0) }) {
            case .bytes(let count): output.consume(count)
            case .wouldBlock: return
            case .closed, .failed: throw BenchFailure("closed by the gateway")
            }
        }
        output.release()
    }

    private func takeEvents() -> [ClientEvent] {
        var events: [ClientEvent] = []
        for effect in session.takeEffects() {
            switch effect {
            case .event(let event):
                if case .online = event { isOnline = true }
                events.append(event)
            case .disconnect(let reason):
                failure = failure ?? "\(reason)"
            case .reply:
                continue
            }
        }
        return events
    }
}

/// Why a simulated device gave up.
struct BenchFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
