// The one lock of the project: a pthread mutex, for cold paths and mailboxes only.
// Synchronization.Mutex is not used: on Linux it spins badly when threads outnumber cores.

internal import Glibc

/// A value guarded by a pthread mutex. Not recursive; never held across a call out of the module.
public final class Lock<Value: ~Copyable>: @unchecked Sendable {
    // `mutex` guards `value`; nothing else reaches it.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private var value: Value

    /// Takes ownership of `value`.
    public init(_ value: consuming Value) {
        self.value = value
        mutex = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        let code = pthread_mutex_init(mutex, nil)
        precondition(code == 0, "pthread_mutex_init: \(code)")
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    /// Runs `body` with the mutex held.
    public func withLock<R, E: Error>(_ body: (inout Value) throws(E) -> R) throws(E) -> R {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&value)
    }
}
