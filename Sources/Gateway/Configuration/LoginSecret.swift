// The secret from which the answers for unknown accounts are derived. It is kept, so that the answer for
// one name stays the same over restarts, as that of a real account does.

internal import Base
internal import Foundation
internal import TLS

enum LoginSecret {
    private static let size = 32

    /// Reads `login-secret` of the data directory, or makes it.
    static func load(directory: String) throws(GatewayError) -> [UInt8] {
        let path = directory + "/login-secret"
        if let data = FileManager.default.contents(atPath: path) {
            guard data.count == size else {
                throw .system("\(path): not \(size) bytes; remove it to have a new one made")
            }
            return [UInt8](data)
        }
        let secret = OpenSSLCryptography().randomBytes(size)
        let isMade = FileManager.default.createFile(
            atPath: path, contents: Data(secret), attributes: [.posixPermissions: 0o600])
        guard isMade else { throw .system("\(path): cannot be written") }
        return secret
    }
}
