// The terminal's state: raw mode and back, its width, signals as input.
//
// The saved state is restored on every way out: by `restore`, by atexit, and in the handlers of the
// signals that end the process.

internal import Glibc

/// What stdin's thread hears.
enum TerminalInput: Sendable {
    case bytes([UInt8])
    case endOfInput
}

// Written once before the handlers are installed, and read by them: `savedState` is only looked at
// while `isRaw` is set. Handlers may run on any thread, so these are plain words, not locks.
nonisolated(unsafe) private var savedState = termios()
nonisolated(unsafe) private var isRaw: sig_atomic_t = 0
nonisolated(unsafe) private var signalPipe: Int32 = -1

/// Gives the terminal back as it was. Callable from signal handlers.
@c private func restoreTerminal() {
    guard isRaw != 0 else { return }
    isRaw = 0
    // Bracketed paste off; the row ends.
    var bytes: (UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8) =
        (0x1B, 0x5B, 0x3F, 0x32, 0x30, 0x30, 0x34, 0x6C)
    _ = write(STDOUT_FILENO, &bytes, 8)
    tcsetattr(STDIN_FILENO, TCSADRAIN, &savedState)
}

/// The process is about to die of this signal: the terminal first.
@c private func dieOfSignal(_ number: Int32) {
    restoreTerminal()
    signal(number, SIG_DFL)
    raise(number)
}

/// Passes a signal on to the thread that reads stdin.
@c private func noteSignal(_ number: Int32) {
    let saved = errno
    var byte = UInt8(truncatingIfNeeded: number)
    _ = write(signalPipe, &byte, 1)
    errno = saved
}

/// The terminal that the process was started on.
enum Terminal {
    /// No echo, no lines, no signals from keys; bracketed paste on. False when stdin is no terminal.
    static func makeRaw() -> Bool {
        guard tcgetattr(STDIN_FILENO, &savedState) == 0 else { return false }
        atexit(restoreTerminal)
        for number in [SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGABRT, SIGFPE, SIGQUIT] {
            signal(number, dieOfSignal)
        }
        var raw = savedState
        cfmakeraw(&raw)
        isRaw = 1
        guard tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0 else {
            isRaw = 0
            return false
        }
        writeAll(Array("\u{1B}[?2004h".utf8), to: STDOUT_FILENO)
        return true
    }

    /// Gives the terminal back as it was.
    static func restore() {
        restoreTerminal()
    }

    /// The terminal's width in columns.
    static var columns: Int {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }
}

/// Reads stdin on a thread of its own, a chunk for each `resume`, and hears signals.
/// `@unchecked Sendable`: `isPaused` and `hasEnded` belong to the thread; the rest is immutable.
final class TerminalReader: @unchecked Sendable {
    private static let chunkSizeMax = 4_096

    let input: AsyncStream<TerminalInput>
    /// Signals' numbers; they come also while input waits for its `resume`.
    let signals: AsyncStream<Int32>
    private let continuation: AsyncStream<TerminalInput>.Continuation
    private let signalContinuation: AsyncStream<Int32>.Continuation
    private let resumePipe: (read: Int32, write: Int32)
    private let noted: (read: Int32, write: Int32)
    private var isPaused = false
    private var hasEnded = false

    init() throws {
        resumePipe = try Self.makePipe()
        noted = try Self.makePipe()
        // At most one chunk is outstanding; signals are few.
        (input, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(64))
        (signals, signalContinuation) = AsyncStream.makeStream(
            bufferingPolicy: .bufferingOldest(64))
    }

    /// Starts the thread, which ends with the process.
    func start(isInteractive: Bool) throws {
        signalPipe = noted.write
        for number in [SIGINT, SIGTERM, SIGHUP] { signal(number, noteSignal) }
        if isInteractive { signal(SIGWINCH, noteSignal) }
        var thread = pthread_t()
        let argument = Unmanaged.passRetained(self)
        guard pthread_create(&thread, nil, runTerminalReader, argument.toOpaque()) == 0 else {
            argument.release()
            throw Failure(.internalError, "no thread for the terminal")
        }
        pthread_detach(thread)
    }

    /// The last chunk has been dealt with: the next may come.
    func resume() {
        var byte: UInt8 = 1
        _ = write(resumePipe.write, &byte, 1)
    }

    fileprivate func run() {
        while true {
            var entries = [
                pollfd(fd: noted.read, events: Int16(POLLIN), revents: 0),
                pollfd(fd: resumePipe.read, events: Int16(POLLIN), revents: 0),
                pollfd(
                    fd: isPaused || hasEnded ? -1 : STDIN_FILENO, events: Int16(POLLIN), revents: 0),
            ]
            guard poll(&entries, 3, -1) > 0 else { continue }
            if entries[0].revents != 0 {
                for number in Self.drain(noted.read) { signalContinuation.yield(Int32(number)) }
            }
            if entries[1].revents != 0, !Self.drain(resumePipe.read).isEmpty { isPaused = false }
            if entries[2].revents != 0, !isPaused { readChunk() }
        }
    }

    private func readChunk() {
        var bytes = [UInt8](repeating: 0, count: Self.chunkSizeMax)
        let count = read(STDIN_FILENO, &bytes, bytes.count)
        if count < 0, errno == EINTR || errno == EAGAIN { return }
        isPaused = true
        hasEnded = count <= 0
        continuation.yield(hasEnded ? .endOfInput : .bytes(Array(bytes[..<count])))
    }

    private static func drain(_ descriptor: Int32) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = read(descriptor, &bytes, bytes.count)
        return count > 0 ? Array(bytes[..<count]) : []
    }

    private static func makePipe() throws -> (read: Int32, write: Int32) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw Failure(.internalError, "no pipe") }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        return (ends[0], ends[1])
    }
}

/// The thread's entry.
@c private func runTerminalReader(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer?
{
    guard let argument else { return nil }
    Unmanaged<TerminalReader>.fromOpaque(argument).takeRetainedValue().run()
    return nil
}
