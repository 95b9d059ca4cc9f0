// The accounts of a run and the gateway's figures, over its admin socket.

internal import Base
internal import Bench
internal import Client
internal import Reactor
internal import TLS
internal import Wire

/// The gateway's admin socket as a run uses it.
final class BenchDirectory {
    private static let silenceMs: UInt64 = 5_000

    private let admin: AdminClient
    private let domain: String
    private let accounts: Range<Int>
    /// When it is asked again, after it has not answered.
    private var silentUntil = Instant(milliseconds: 0)

    init(path: String, domain: String, first: Int, count: Int) {
        admin = AdminClient(path: path)
        self.domain = domain
        accounts = first..<first + count
    }

    /// The gateway's counters; nil if it does not answer, and for some seconds after it has not.
    func status() -> [String: Int]? {
        guard MonotonicClock.now() >= silentUntil else { return nil }
        do {
            return try admin.request(AdminRequest(command: .status)).status
        } catch {
            silentUntil = MonotonicClock.now().advanced(byMs: Self.silenceMs)
            return nil
        }
    }

    /// Makes sure that the accounts are there; gives their kind and password.
    func prepare(_ source: AccountSource) throws -> (AccountNames, [UInt8]) {
        let hasSynthetic: Bool
        switch source {
        case .real: hasSynthetic = false
        case .synthetic: hasSynthetic = true
        case .auto:
            let status = try admin.request(AdminRequest(command: .status)).status
            hasSynthetic = status?["bench-accounts"] == 1
        }
        if hasSynthetic { return (.synthetic, BenchAccount.password) }
        let cryptography = OpenSSLCryptography()
        // One verifier for all, of a password that nobody else knows, cheap for the generator.
        let password = Array(
            cryptography.randomBytes(16).map { String($0, radix: 16) }.joined().utf8)
        let keys = AdminKeys(
            ScramKeys.derive(
                password: password, salt: cryptography.randomBytes(16),
                iterations: WireLimits.scramIterations.lowerBound, cryptography: cryptography))
        for index in accounts where !BenchConsole.isInterrupted {
            try make(address(AccountNames.real.name(index)), keys)
        }
        return (.real, password)
    }

    /// Makes an account, or gives one that an earlier run left the new verifier.
    private func make(_ name: String, _ keys: AdminKeys) throws(AdminError) {
        do throws(AdminError) {
            _ = try admin.request(AdminRequest(command: .accountAdd, name: name, keys: keys))
        } catch {
            guard case .refused(.accountExists, _) = error else { throw error }
            _ = try admin.request(AdminRequest(command: .accountPassword, name: name, keys: keys))
        }
    }

    /// Removes what the run left in the store: real accounts, and the rows that synthetic ones got.
    /// A gateway that does not answer ends it: then it stays.
    func cleanUp(_ names: AccountNames) {
        do throws(AdminError) {
            switch names {
            case .real:
                for index in accounts { try remove(address(names.name(index))) }
            case .synthetic:
                let list = try admin.request(AdminRequest(command: .accountList)).accounts
                for text in list ?? [] {
                    guard let name = JID(text)?.local, let index = BenchAccount.index(of: name),
                        accounts.contains(index)
                    else { continue }
                    try remove(text)
                }
            }
        } catch {
            complain("the run's accounts were not all removed: \(error)")
        }
    }

    private func address(_ name: Localpart) -> String { "\(name)@\(domain)" }

    private func remove(_ name: String) throws(AdminError) {
        do throws(AdminError) {
            _ = try admin.request(AdminRequest(command: .accountRemove, name: name))
        } catch {
            guard case .refused = error else { throw error }  // it may never have been made
        }
    }
}
