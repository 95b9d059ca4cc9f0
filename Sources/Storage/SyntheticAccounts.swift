// Accounts for load tests that exist without rows: `BenchAccount`'s names, one verifier for all. A row
// comes to be only when something is kept for one of them, with keys that fit no password: a later start
// without synthetic accounts must not find accounts whose password everyone knows.

package import Wire

/// What a store needs to know to answer for accounts it does not hold.
package struct SyntheticAccounts: Sendable {
    private let keys: ScramKeys
    let rowKeys: ScramKeys

    /// All of `BenchAccount`'s names with the verifier `keys`; their rows, if any, get `rowKeys`, which
    /// must fit no password.
    package init(keys: ScramKeys, rowKeys: ScramKeys) {
        self.keys = keys
        self.rowKeys = rowKeys
    }

    func contains(_ name: Localpart) -> Bool { BenchAccount.index(of: name) != nil }

    /// The verifier of a synthetic account; nil for every other name.
    func keys(of name: Localpart) -> ScramKeys? { contains(name) ? keys : nil }
}
