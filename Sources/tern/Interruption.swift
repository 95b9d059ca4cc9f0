// SIGINT and SIGTERM as something to wait for, so that a command can leave in good order.

internal import Glibc

// Written once before the handlers are installed, and read by them.
nonisolated(unsafe) private var interruptionPipe: Int32 = -1

/// Notes the signal; another one ends the process at once.
@c private func noteInterruption(_ number: Int32) {
    let saved = errno
    signal(SIGINT, SIG_DFL)
    signal(SIGTERM, SIG_DFL)
    var byte = UInt8(truncatingIfNeeded: number)
    _ = write(interruptionPipe, &byte, 1)
    errno = saved
}

/// The first SIGINT or SIGTERM. One of them in a process.
final class Interruption: Sendable {
    /// Yields once, when it comes.
    let signals: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation
    private let readEnd: Int32

    /// Catches the signals from here on.
    init() throws {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw Failure(.internalError, "no pipe") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        readEnd = ends[0]
        (signals, continuation) = AsyncStream.makeStream()
        interruptionPipe = ends[1]
        var thread = pthread_t()
        let argument = Unmanaged.passRetained(self)
        guard pthread_create(&thread, nil, runInterruption, argument.toOpaque()) == 0 else {
            argument.release()
            throw Failure(.internalError, "no thread for signals")
        }
        pthread_detach(thread)
        for number in [SIGINT, SIGTERM] { signal(number, noteInterruption) }
    }

    /// Waits for the signal; false when the task was cancelled first.
    func wait() async -> Bool {
        for await _ in signals { return true }
        return false
    }

    fileprivate func run() {
        var byte: UInt8 = 0
        while read(readEnd, &byte, 1) < 0, errno == EINTR {}
        continuation.yield()
        continuation.finish()
    }
}

/// The thread's entry.
@c private func runInterruption(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument else { return nil }
    Unmanaged<Interruption>.fromOpaque(argument).takeRetainedValue().run()
    return nil
}
