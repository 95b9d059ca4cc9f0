// A value, the mutex that guards it and the condition its consumers sleep on: what a store's threads
// wait with. Base.Lock has no condition.

internal import Glibc

/// A value guarded by a pthread mutex, with one condition on the monotonic clock. Not recursive.
final class Monitor<Value>: @unchecked Sendable {
    // `mutex` guards `value`; nothing else reaches it.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private var value: Value

    init(_ value: Value) {
        self.value = value
        mutex = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        condition = .allocate(capacity: 1)
        condition.initialize(to: pthread_cond_t())
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        let code = pthread_mutex_init(mutex, nil) | pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
        precondition(code == 0, "pthread_mutex_init or pthread_cond_init: \(code)")
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// Runs `body` with the mutex held.
    func withLock<R>(_ body: (inout Value) -> R) -> R {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body(&value)
    }

    /// Wakes every sleeper to look at the value again.
    func wake() {
        pthread_cond_broadcast(condition)
    }

    /// Sleeps until `body` gives a result; nil after `timeoutMs`. Nil for `timeoutMs` waits forever.
    func wait<R>(timeoutMs: UInt64?, _ body: (inout Value) -> R?) -> R? {
        var deadline = timespec()
        if let timeoutMs {
            clock_gettime(CLOCK_MONOTONIC, &deadline)
            let nanoseconds = deadline.tv_nsec + Int(timeoutMs % 1_000) * 1_000_000
            deadline.tv_sec += Int(timeoutMs / 1_000) + nanoseconds / 1_000_000_000
            deadline.tv_nsec = nanoseconds % 1_000_000_000
        }
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            if let result = body(&value) { return result }
            if timeoutMs == nil {
                pthread_cond_wait(condition, mutex)
            } else if pthread_cond_timedwait(condition, mutex, &deadline) == ETIMEDOUT {
                return body(&value)
            }
        }
    }
}

/// A bounded queue of many producers and one consumer, which takes batches.
final class WorkQueue<Element: Sendable>: Sendable {
    enum Pushed { case taken, full, closed }

    private struct State: Sendable {
        var elements: [Element] = []
        /// What the consumer carried off and has not handed out yet; it counts as waiting.
        var carriedCount = 0
        var isClosed = false
        var isConsumerAsleep = false
        /// Whether something waits that is not to wait for the window's end.
        var isDue = false
    }

    private let monitor = Monitor(State())
    let countMax: Int
    private let windowMs: UInt64
    private let windowCountMax: Int

    /// A queue whose consumer, once something has come, waits `windowMs` for more: until `windowCountMax` wait, or
    /// one that ends the window does.
    init(countMax: Int, windowMs: UInt64 = 0, windowCountMax: Int = 1) {
        self.countMax = countMax
        self.windowMs = windowMs
        self.windowCountMax = windowCountMax
    }

    /// Appends an element. Any thread. `evenIfFull` is for what is bounded by what made it.
    func push(
        _ element: Element, evenIfFull: Bool = false, endsWindow: Bool = false
    ) -> Pushed {
        let (pushed, mustWake): (Pushed, Bool) = monitor.withLock { state in
            if state.isClosed { return (.closed, false) }
            if !evenIfFull, state.elements.count + state.carriedCount >= countMax {
                return (.full, false)
            }
            state.elements.append(element)
            if endsWindow || state.elements.count >= windowCountMax { state.isDue = true }
            // Within the window it sleeps on: others come and go without it.
            let mustWake = state.isConsumerAsleep && (state.isDue || state.elements.count == 1)
            if mustWake { state.isConsumerAsleep = false }
            return (.taken, mustWake)
        }
        if mustWake { monitor.wake() }
        return pushed
    }

    /// How many wait. Any thread.
    var count: Int { monitor.withLock { $0.elements.count + $0.carriedCount } }

    /// Refuses elements from now on; the consumer gets those that wait.
    func close() {
        monitor.withLock { $0.isClosed = true }
        monitor.wake()
    }

    /// The consumer's side. Used by one thread.
    struct Consumer: ~Copyable {
        private let queue: WorkQueue
        private var carried: [Element] = []
        private var carriedIndex = 0

        init(_ queue: WorkQueue) { self.queue = queue }

        /// Replaces `batch` by at most `countMax` elements, in order; waits for the first of them,
        /// at most `timeoutMs`. False when the queue is closed and empty: nothing will ever come.
        mutating func take(_ batch: inout [Element], countMax: Int, timeoutMs: UInt64?) -> Bool {
            batch.removeAll(keepingCapacity: true)
            if carriedIndex == carried.count {
                carried.removeAll(keepingCapacity: true)
                carriedIndex = 0
                guard refill(timeoutMs: timeoutMs) else { return false }
            }
            let end = min(carriedIndex + countMax, carried.count)
            batch.append(contentsOf: carried[carriedIndex..<end])
            carriedIndex = end
            let leftCount = carried.count - carriedIndex
            queue.monitor.withLock { $0.carriedCount = leftCount }
            return true
        }

        /// Waits for the first element, then for the end of its window; false when none came in time.
        private func waitForWindow(timeoutMs: UInt64?) -> Bool {
            guard queue.windowMs > 0 else { return true }
            let hasSome: Bool? = queue.monitor.wait(timeoutMs: timeoutMs) { state in
                state.isConsumerAsleep = state.elements.isEmpty && !state.isClosed
                return state.isConsumerAsleep ? nil : true
            }
            guard hasSome == true else { return false }
            let _: Bool? = queue.monitor.wait(timeoutMs: queue.windowMs) { state in
                state.isConsumerAsleep = !state.isDue && !state.isClosed
                return state.isConsumerAsleep ? nil : true
            }
            return true
        }

        private mutating func refill(timeoutMs: UInt64?) -> Bool {
            var taken = carried
            carried = []
            let isTimeOver = !waitForWindow(timeoutMs: timeoutMs)
            let isOpen: Bool? = queue.monitor.wait(timeoutMs: isTimeOver ? 0 : timeoutMs) { state in
                if state.elements.isEmpty {
                    state.isConsumerAsleep = !state.isClosed
                    return state.isClosed ? false : nil
                }
                state.isConsumerAsleep = false
                state.isDue = false
                swap(&state.elements, &taken)
                state.carriedCount = taken.count
                return true
            }
            carried = taken
            return isOpen ?? true
        }
    }
}

/// A thread of a store, joined once.
final class StoreThread: Sendable {
    private final class Body: Sendable {
        let name: String
        let run: @Sendable () -> Void

        init(name: String, _ run: @escaping @Sendable () -> Void) {
            self.name = name
            self.run = run
        }
    }

    private let handle: Monitor<pthread_t?>

    /// Starts `run` on a thread of that name (at most 15 bytes).
    init(name: String, _ run: @escaping @Sendable () -> Void) throws(StoreError) {
        var thread = pthread_t()
        let body = Unmanaged.passRetained(Body(name: name, run))
        let code = pthread_create(&thread, nil, storeThreadMain, body.toOpaque())
        guard code == 0 else {
            body.release()
            throw .system(operation: "pthread_create", code: code)
        }
        handle = Monitor(thread)
    }

    /// Waits for the thread's end. Later calls, and a call by the thread itself, return at once.
    func join() {
        guard let thread = handle.withLock({ $0.take() }) else { return }
        if pthread_equal(thread, pthread_self()) != 0 {
            pthread_detach(thread)
        } else {
            pthread_join(thread, nil)
        }
    }

    fileprivate static func run(_ context: UnsafeMutableRawPointer) {
        let body = Unmanaged<Body>.fromOpaque(context).takeRetainedValue()
        // The name is for `top -H` only: it does not matter if this fails.
        let file = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
        if file >= 0 {
            _ = write(file, body.name, body.name.utf8.count)
            close(file)
        }
        body.run()
    }
}

@c private func storeThreadMain(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    if let context { StoreThread.run(context) }
    return nil
}
