// The protocols of a store, whatever engine is behind it. Requests and replies are Wire's.
//
// Requests are totally ordered: a store answers as if it had executed them one after another, in
// the order `submit` took them (`credentials` alone is answered from whatever was committed last).
// An answer is given when its effect is durable, never earlier, and exactly once for each request
// that was taken, except `settle`, which has none. Answers reach a shard in submission order.

package import Base
package import Wire

/// A reply and the ticket of the request it answers.
package struct StoreAnswer: Sendable {
    package var ticket: UInt64
    package var reply: StoreReply

    package init(ticket: UInt64, reply: StoreReply) {
        self.ticket = ticket
        self.reply = reply
    }

    /// News that nobody asked for. No question has its ticket.
    package init(_ eviction: Eviction) {
        self.init(ticket: 0, reply: .evict(eviction))
    }
}

/// Where a store hands over answers: one call per batch and shard, from a thread of the store.
package typealias StoreDelivery = @Sendable (_ shard: Int, _ answers: [StoreAnswer]) -> Void

/// The durable queues, devices and contacts, as the shards use them. Any thread may call.
package protocol MessageStore: AnyObject, Sendable {
    /// Takes a request. False: the store's queue is full (or closed); nothing was taken and no answer
    /// will come. `shard` is where the answer goes.
    func submit(_ request: StoreRequest, ticket: UInt64, shard: Int) -> Bool
    /// When it is worth trying again what the store did not take, or failed to do; in the past while all is
    /// well. By the monotonic clock.
    var retryAt: Instant { get }
    /// Finishes what was submitted, then stops.
    func close()
}

/// The accounts, as the administration uses them. Any thread but the store's own may call; calls
/// block until their effect is durable.
package protocol AccountStore: AnyObject, Sendable {
    /// Makes a change. When it returns, the shard that is the account's home has been sent word of the
    /// sessions that may not go on, in the order of the store's answers; nobody is told without a `home`.
    /// Throws `accountExists`, `unknownAccount`, `unknownDevice`.
    func change(_ change: AccountChange, home: Int?) throws(StoreError)
    /// Every account, in order of their names. O(accounts).
    func accounts() throws(StoreError) -> [Localpart]
    /// Whether the database has failed and has not been opened again since. Any thread.
    var isFailing: Bool { get }
    /// Requests that wait for the writer. Any thread.
    var waitingCount: Int { get }
}

extension AccountStore {
    /// Adds an account with device 0. Throws `accountExists`.
    package func addAccount(_ name: Localpart, keys: ScramKeys) throws(StoreError) {
        try change(.addAccount(name, keys: keys), home: nil)
    }

    /// Removes an account with its devices, queues and contacts. Throws `unknownAccount`.
    package func removeAccount(_ name: Localpart) throws(StoreError) {
        try change(.removeAccount(name), home: nil)
    }

    /// Changes an account's verifier and revokes its login tokens. Throws `unknownAccount`.
    package func setKeys(_ keys: ScramKeys, of name: Localpart) throws(StoreError) {
        try change(.setKeys(keys, of: name), home: nil)
    }

    /// Revokes the login tokens of one device, or of all. Throws `unknownAccount`, `unknownDevice`.
    package func revokeTokens(of name: Localpart, device: UInt8?) throws(StoreError) {
        try change(.revokeTokens(of: name, device: device), home: nil)
    }
}
