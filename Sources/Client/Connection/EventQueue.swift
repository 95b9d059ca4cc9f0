// Events on their way from a client's thread to its application.
//
// The queue does not drop: once it is full the thread stops reading from the server, and is woken
// when the application has taken half of what waited.

internal import Base

/// A queue with one producer and one consumer.
final class EventQueue: Sendable {
    private struct State {
        var events: [ClientEvent] = []
        /// Events before this one have been taken.
        var head = 0
        var waiter: CheckedContinuation<ClientEvent?, Never>?
        var isFinished = false
        /// The consumer was cancelled, perhaps before it began to wait.
        var isAbandoned = false

        var count: Int { events.count - head }

        mutating func take() -> ClientEvent? {
            guard head < events.count else { return nil }
            let event = events[head]
            head += 1
            if head == events.count || head >= 256 {
                events.removeSubrange(..<head)
                head = 0
            }
            return event
        }
    }

    private let state = Lock(State())
    private let wakeProducer: @Sendable () -> Void

    init(wakeProducer: @escaping @Sendable () -> Void) {
        self.wakeProducer = wakeProducer
    }

    /// Adds an event. The producer asks `isFull` before it makes many.
    func push(_ event: ClientEvent) {
        let waiter = state.withLock { state -> CheckedContinuation<ClientEvent?, Never>? in
            guard !state.isFinished else { return nil }
            guard let waiter = state.waiter else {
                state.events.append(event)
                return nil
            }
            state.waiter = nil
            return waiter
        }
        waiter?.resume(returning: event)
    }

    /// No event follows.
    func finish() {
        let waiter = state.withLock { state -> CheckedContinuation<ClientEvent?, Never>? in
            state.isFinished = true
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume(returning: nil)
    }

    /// Whether the producer should make no more for now.
    var isFull: Bool { state.withLock { $0.count >= ClientLimits.eventCountMax } }

    /// The next event; nil after the last, and once the consumer was cancelled.
    func next() async -> ClientEvent? {
        await withCheckedContinuation { continuation in
            enum Outcome {
                case event(ClientEvent?, hasHalved: Bool)
                case wait(replaced: CheckedContinuation<ClientEvent?, Never>?)
            }
            let outcome = state.withLock { state -> Outcome in
                if state.isAbandoned { return .event(nil, hasHalved: false) }
                if let event = state.take() {
                    let hasHalved = state.count == ClientLimits.eventCountMax / 2
                    return .event(event, hasHalved: hasHalved)
                }
                if state.isFinished { return .event(nil, hasHalved: false) }
                defer { state.waiter = continuation }
                return .wait(replaced: state.waiter)
            }
            switch outcome {
            case .event(let event, let hasHalved):
                if hasHalved { wakeProducer() }
                continuation.resume(returning: event)
            case .wait(let replaced):
                // There is one consumer; a second one ends the first.
                replaced?.resume(returning: nil)
            }
        }
    }

    /// The consumer was cancelled: it gets nothing more, also if it has not come to wait yet.
    func abandon() {
        let waiter = state.withLock { state -> CheckedContinuation<ClientEvent?, Never>? in
            state.isAbandoned = true
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume(returning: nil)
    }
}
