// A named thread that runs one closure and ends. Its entry is a file-scope C function, because a
// closure formed on the main actor would trap on a thread of our own.

internal import CLinux
internal import Glibc
internal import Synchronization

/// A POSIX thread. Join it once; one that is dropped before is detached.
package final class ShardThread: Sendable {
    private let handle: pthread_t
    // Set by whoever joins, in any order with anything else: join orders memory itself.
    private let isJoined = Atomic<Bool>(false)

    /// Starts a thread that runs `body`; of the name the kernel keeps 15 bytes.
    package init(name: String, _ body: @escaping @Sendable () -> Void) throws(ReactorError) {
        let start = Unmanaged.passRetained(ThreadStart(name: name, body: body))
        var handle = pthread_t()
        let code = pthread_create(&handle, nil, shardThreadEntry, start.toOpaque())
        guard code == 0 else {
            start.release()
            throw ReactorError.system(operation: "pthread_create", code: code)
        }
        self.handle = handle
    }

    deinit {
        if !isJoined.load(ordering: .relaxed) { pthread_detach(handle) }
    }

    /// Waits until the thread's closure has returned. Precondition: not joined before.
    package func join() {
        precondition(!isJoined.exchange(true, ordering: .relaxed), "joined twice")
        let code = pthread_join(handle, nil)
        precondition(code == 0, "pthread_join: \(code)")
    }
}

private final class ThreadStart: Sendable {
    let name: String
    let body: @Sendable () -> Void

    init(name: String, body: @escaping @Sendable () -> Void) {
        self.name = name
        self.body = body
    }
}

@c(tern_shard_thread_entry)
func shardThreadEntry(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument else { preconditionFailure("thread without a start") }
    let start = Unmanaged<ThreadStart>.fromOpaque(argument).takeRetainedValue()
    let name = Array(start.name.utf8.prefix { $0 != 0 }.prefix(15)) + [0]
    _ = name.withUnsafeBytes { bytes in
        systemCall { Int(clinux_set_thread_name(bytes.bindMemory(to: CChar.self).baseAddress)) }
    }
    start.body()
    return nil
}
