// Waiting for one descriptor, for a thread that serves one peer at a time. poll(2) takes no descriptor of
// its own, so this works when there is none left.

package import Base
internal import Glibc

/// What a wait came to.
package enum WaitResult: Sendable {
    /// The descriptor is ready, or has an error or the end to tell.
    case ready
    /// The wakeup is signalled; it stays so.
    case woken
    /// The deadline has come.
    case timeUp
}

/// Waits until a descriptor is ready, the wakeup is signalled or the deadline (nil: never) has come; signals
/// do not end it. Without a descriptor it waits for the other two.
package func wait(
    for descriptor: Int32?, _ interest: Interest, wakeup: borrowing Wakeup,
    until deadline: Instant?
) -> WaitResult {
    var events: Int16 = 0
    if interest.contains(.readable) { events |= Int16(POLLIN) }
    if interest.contains(.writable) { events |= Int16(POLLOUT) }
    var entries = (
        pollfd(fd: wakeup.descriptor, events: Int16(POLLIN), revents: 0),
        pollfd(fd: descriptor ?? -1, events: events, revents: 0)  // below zero: passed over
    )
    while true {
        let left = deadline?.milliseconds(since: MonotonicClock.now())
        let timeout = left.map { Int32(clamping: $0) } ?? -1
        let result = withUnsafeMutableBytes(of: &entries) { bytes in
            let first = bytes.baseAddress?.assumingMemoryBound(to: pollfd.self)
            return systemCall(retryInterrupted: false) { Int(poll(first, 2, timeout)) }
        }
        switch result {
        case .value(0) where left == 0: return .timeUp
        case .value(0), .wouldBlock, .failed(EINTR): continue
        case .value: return entries.0.revents != 0 ? .woken : .ready
        case .failed(let code): preconditionFailure("poll failed: errno \(code)")
        }
    }
}
