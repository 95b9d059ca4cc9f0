// How other threads talk to a shard: a bounded queue of messages and a descriptor that wakes its
// poller, once for a whole batch.
//
// Invariant: when a message waits, `isSignalled` holds and a wake-up was or is about to be written.
// The reader clears the descriptor before it takes the messages, so a message posted in between is
// either taken at once (a spare wake-up follows) or announced by a wake-up that is not cleared.

internal import Base
internal import CLinux
internal import Glibc

/// An eventfd: any thread signals, one thread waits for it through its poller.
package struct Wakeup: ~Copyable, Sendable {
    private let event: FileDescriptor

    /// A wake-up that is not signalled.
    package init() throws(ReactorError) {
        let raw = try checkedCall("eventfd") { Int(clinux_eventfd()) }
        event = FileDescriptor(owning: Int32(raw))
    }

    /// Makes the descriptor readable until it is cleared. Any thread.
    package func signal() {
        // Would block means 2^64 - 2 signals wait: readable it is.
        var one: UInt64 = 1
        _ = systemCall { Glibc.write(event.rawValue, &one, MemoryLayout<UInt64>.size) }
    }

    /// Takes all signals; whether there were any.
    @discardableResult
    package func clear() -> Bool {
        var count: UInt64 = 0
        let result = systemCall { Glibc.read(event.rawValue, &count, MemoryLayout<UInt64>.size) }
        if case .value = result { return true }
        return false
    }

    /// The descriptor's number, for the poller (readable).
    package var descriptor: Int32 { event.rawValue }
}

/// A bounded queue from many threads to one, with a descriptor for the reader's poller.
package final class Mailbox<Message: Sendable>: Sendable {
    private struct State {
        var messages: [Message] = []
        var isSignalled = false
    }

    private let state: Lock<State>
    private let wakeup: Wakeup
    /// How many messages `post` lets wait.
    package let countMax: Int

    /// An empty mailbox.
    package init(countMax: Int) throws(ReactorError) {
        precondition(countMax > 0, "countMax \(countMax)")
        self.countMax = countMax
        state = Lock(State())
        wakeup = try Wakeup()
    }

    /// Posts a message; false, and nothing taken, when the mailbox is full. Any thread.
    package func post(_ message: Message) -> Bool {
        let outcome = state.withLock { state -> Outcome in
            guard state.messages.count < countMax else { return .full }
            state.messages.append(message)
            return Self.announce(&state)
        }
        return finish(outcome)
    }

    /// Posts all messages in order, or none: false when they do not all fit. Any thread.
    package func post(contentsOf messages: [Message]) -> Bool {
        guard !messages.isEmpty else { return true }
        let outcome = state.withLock { state -> Outcome in
            guard messages.count <= countMax - min(state.messages.count, countMax) else {
                return .full
            }
            state.messages.append(contentsOf: messages)
            return Self.announce(&state)
        }
        return finish(outcome)
    }

    /// Posts a message past the limit: for replies that must not be lost. Each answers a request that the
    /// caller's side bounded when it was made, and that is the only bound there is. Any thread.
    package func postAlways(_ message: Message) {
        let outcome = state.withLock { state -> Outcome in
            state.messages.append(message)
            return Self.announce(&state)
        }
        _ = finish(outcome)
    }

    /// Appends all waiting messages to `messages` and clears the wake-up. The reader's thread only.
    /// Give the same array, emptied with its capacity kept, each time: the two then change places.
    package func drain(into messages: inout [Message]) {
        wakeup.clear()
        state.withLock { state in
            state.isSignalled = false
            if messages.isEmpty {
                swap(&state.messages, &messages)
            } else {
                messages.append(contentsOf: state.messages)
                state.messages.removeAll(keepingCapacity: true)
            }
        }
    }

    /// Readable while messages wait: for the reader's poller.
    package var descriptor: Int32 { wakeup.descriptor }

    /// How many messages wait at this moment.
    package var count: Int { state.withLock { $0.messages.count } }

    private enum Outcome {
        case full
        case posted
        case postedFirst
    }

    private static func announce(_ state: inout State) -> Outcome {
        guard !state.isSignalled else { return .posted }
        state.isSignalled = true
        return .postedFirst
    }

    // The system call is made without the lock: a reader that runs at once must not wait for us.
    private func finish(_ outcome: Outcome) -> Bool {
        switch outcome {
        case .full: return false
        case .posted: return true
        case .postedFirst:
            wakeup.signal()
            return true
        }
    }
}
