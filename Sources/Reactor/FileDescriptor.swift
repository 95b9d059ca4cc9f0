// Ownership of a file descriptor: one owner, closed once, when the owner goes.

internal import Glibc

/// An open file descriptor, closed with its owner.
package struct FileDescriptor: ~Copyable, Sendable {
    /// The descriptor's number, valid while this value lives.
    package let rawValue: Int32

    /// Takes over an open descriptor.
    package init(owning rawValue: Int32) {
        precondition(rawValue >= 0, "descriptor \(rawValue)")
        self.rawValue = rawValue
    }

    deinit {
        // Linux releases the descriptor even when close is interrupted or reports an old write error,
        // so it is never made again.
        _ = systemCall(retryInterrupted: false) { Int(Glibc.close(rawValue)) }
    }

    /// Gives the descriptor away: the caller closes it.
    package consuming func take() -> Int32 {
        let descriptor = rawValue
        discard self
        return descriptor
    }
}
