// Why a store could not do what it was asked.

internal import Glibc

/// What can go wrong in a store. The first three are the caller's, the rest the machine's.
package enum StoreError: Error, Equatable, CustomStringConvertible {
    /// There is an account of that name already.
    case accountExists
    /// There is no account of that name.
    case unknownAccount
    /// The account has no such device.
    case unknownDevice
    /// Another process holds the data directory.
    case inUse(path: String)
    /// The store's queue has no room for a request; nothing was done.
    case overloaded
    /// The store was closed.
    case closed
    /// The file system refused: what was tried, and errno.
    case system(operation: String, code: Int32)
    /// The database refused: its result code and message.
    case database(code: Int32, message: String)
    /// The database's content is not what this program wrote.
    case corrupt(String)
    /// A newer version of this program has changed the database's schema.
    case newerSchema

    package var description: String {
        switch self {
        case .accountExists: "the account exists already"
        case .unknownAccount: "there is no such account"
        case .unknownDevice: "the account has no such device"
        case .inUse(let path): "another process uses \(path)"
        case .overloaded: "the store has too many requests waiting"
        case .closed: "the store is closed"
        case .system(let operation, let code): "\(operation): \(systemMessage(code)) (\(code))"
        case .database(let code, let message): "database: \(message) (\(code))"
        case .corrupt(let what): "database content: \(what)"
        case .newerSchema: "a newer version of this program has written the database"
        }
    }
}

/// What `errno`'s value `code` means.
private func systemMessage(_ code: Int32) -> String {
    guard let text = strerror(code) else { return "error" }
    return String(cString: text)
}
