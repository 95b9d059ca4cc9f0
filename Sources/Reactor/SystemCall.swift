// The one place where errno is read. Every system call of the module goes through `systemCall`:
// an interrupted call is made again, a call that would block is a value, a bad descriptor is our
// bug and traps, and anything else is handed on with its number.

internal import Glibc

/// What a system call came to.
enum SystemResult {
    case value(Int)
    case wouldBlock
    case failed(Int32)
}

/// Makes a system call that returns -1 on failure.
@inline(__always)
func systemCall(retryInterrupted: Bool = true, _ call: () -> Int) -> SystemResult {
    while true {
        let value = call()
        if value >= 0 { return .value(value) }
        let code = errno
        switch code {
        case EINTR where retryInterrupted: continue
        case EAGAIN: return .wouldBlock
        case EBADF: preconditionFailure("system call on a descriptor that is not open")
        default: return .failed(code)
        }
    }
}

/// Makes a system call that has no business blocking, and throws when it fails.
@inline(__always)
@discardableResult
func checkedCall(_ operation: String, _ call: () -> Int) throws(ReactorError) -> Int {
    switch systemCall(call) {
    case .value(let value): return value
    case .wouldBlock: throw ReactorError.system(operation: operation, code: EAGAIN)
    case .failed(let code): throw ReactorError.system(operation: operation, code: code)
    }
}

/// Makes a system call that can fail only through a bug of ours.
@inline(__always)
func provenCall(_ operation: StaticString, _ call: () -> Int) {
    switch systemCall(call) {
    case .value: return
    case .wouldBlock: preconditionFailure("\(operation) would block")
    case .failed(let code): preconditionFailure("\(operation) failed: errno \(code)")
    }
}

/// What goes wrong between the gateway and its operating system.
package enum ReactorError: Error, Equatable, CustomStringConvertible {
    /// A system call failed; `code` is its errno.
    case system(operation: String, code: Int32)
    /// Somebody answers on this Unix socket, or something else than a socket lies there.
    case pathInUse(String)
    /// The path is empty, too long for a Unix socket, or holds a NUL.
    case pathInvalid(String)
    /// The name service knows no address of this host.
    case hostUnknown(host: String, reason: String)

    /// One line for an operator.
    package var description: String {
        switch self {
        case .system(let operation, let code):
            "\(operation): \(String(cString: strerror(code))) (\(code))"
        case .pathInUse(let path): "\(path) is in use"
        case .pathInvalid(let path): "\(path) cannot be the path of a socket"
        case .hostUnknown(let host, let reason): "\(host): \(reason)"
        }
    }
}
