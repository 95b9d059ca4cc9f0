// How a thread's clients reach the gateway: with the kernel's sockets, or with a TCP of our own over a
// device. The driver (WorkerLoop) is written once and compiled for each. Clients are known by their index
// here; the token is the driver's word for one connection of a client, so that late events are told apart.

internal import Base
internal import Reactor

/// What a wait brought.
enum TransportEvent {
    /// Commands wait in the mailbox.
    case mailbox
    /// Something happened to a connection. While it is connecting: `finishConnect` tells what.
    case connection(token: UInt64, Readiness)
}

/// The connections of one thread; only that thread calls it.
protocol Transport: AnyObject {
    /// Waits for events, for so many milliseconds (nil: without end). Sends first what is still unsent.
    func wait(timeoutMs: Int?)
    /// The next event; nil when it is time to wait again.
    func next(_ now: Instant) -> TransportEvent?

    /// Begins a connection of the client, which has none. `number` is the client's among all clients.
    func connect(
        _ index: Int, number: Int, server: Int, token: UInt64
    ) throws(ReactorError)
    func finishConnect(_ index: Int) -> ConnectStatus
    /// Reads what came; the client has a connection. Where there is none anymore: `.closed`.
    func read(_ index: Int, into buffer: UnsafeMutableRawBufferPointer) -> IOResult
    func write(_ index: Int, _ bytes: UnsafeRawBufferPointer) -> IOResult
    /// Asks for an event when there is room to write, or no more.
    func awaitRoom(_ index: Int, _ isAwaited: Bool, token: UInt64)
    /// Resets the client's connection, if it has one.
    func reset(_ index: Int)
    /// Sends what is still unsent.
    func flush()

    /// What the user-space TCP counted since the last time; nil where the kernel does it.
    func takeCounters() -> TCPCounters?
}

/// Which transport a run uses.
package enum BenchTransport: String, Sendable, CaseIterable {
    /// The kernel's sockets.
    case kernel
    /// A TCP of our own over TUN devices.
    case tun
}
