// The directory a store lives in: private to its user, and used by one process at a time.
//
// Invariant: while a DataDirectory lives, this process alone holds the lock on its lock file, and
// the database file exists with mode 0600. SQLite gives its journals the mode of the database.

internal import Glibc

/// An existing, locked data directory.
struct DataDirectory: ~Copyable {
    private let lock: Int32
    let databasePath: String

    /// Makes the directory and its files if they are missing, and takes the lock.
    /// Throws `inUse` when another store has it.
    init(path: String) throws(StoreError) {
        let path = path.isEmpty ? "." : path
        databasePath = path + "/store.sqlite"
        lock = try Self.prepare(path, databasePath: databasePath)
    }

    deinit {
        // Closing is enough to unlock, unless a child process or thread has a copy of the descriptor.
        flock(lock, LOCK_UN)
        Glibc.close(lock)
    }

    /// Everything `init` promises; the locked descriptor.
    private static func prepare(
        _ path: String, databasePath: String
    ) throws(StoreError) -> Int32 {
        if mkdir(path, 0o700) == 0 {
            try sync(parent(of: path))
        } else if errno != EEXIST {
            throw .system(operation: "mkdir \(path)", code: errno)
        }
        let lock = try openPrivate(path + "/store.lock")
        do throws(StoreError) {
            var code: Int32 = 0
            repeat { code = flock(lock, LOCK_EX | LOCK_NB) } while code != 0 && errno == EINTR
            if code != 0 && errno == EWOULDBLOCK { throw .inUse(path: path) }
            if code != 0 { throw .system(operation: "flock \(path)/store.lock", code: errno) }
            // Before SQLite opens it: closing any descriptor of the file would drop SQLite's locks.
            Glibc.close(try openPrivate(databasePath))
            try sync(path)
            return lock
        } catch {
            Glibc.close(lock)
            throw error
        }
    }

    /// A descriptor of the file, which is made if missing; its mode becomes 0600.
    private static func openPrivate(_ path: String) throws(StoreError) -> Int32 {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw .system(operation: "open \(path)", code: errno) }
        guard fchmod(descriptor, 0o600) == 0 else {
            let cause = errno
            Glibc.close(descriptor)
            throw .system(operation: "chmod \(path)", code: cause)
        }
        return descriptor
    }

    /// Makes a directory's entries durable.
    private static func sync(_ path: String) throws(StoreError) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system(operation: "open \(path)", code: errno) }
        defer { Glibc.close(descriptor) }
        guard fsync(descriptor) == 0 else { throw .system(operation: "fsync \(path)", code: errno) }
    }

    private static func parent(of path: String) -> String {
        var trimmed = path[...]
        while trimmed.count > 1 && trimmed.last == "/" { trimmed.removeLast() }
        guard let slash = trimmed.lastIndex(of: "/") else { return "." }
        return slash == trimmed.startIndex ? "/" : String(trimmed[..<slash])
    }
}
