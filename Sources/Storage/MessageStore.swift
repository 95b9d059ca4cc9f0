// The protocols of a store, whatever engine is behind it. Requests and replies are Wire's.
//
// Requests are totally ordered: a store answers as if it had executed them one after another, in
// the order `submit` took them (`credentials` alone is answered from whatever was committed last).
// An answer is given when its effect is durable, never earlier, and exactly once for each request
// that was taken, except `settle`, which has none. Answers reach a shard in submission order.

package import Wire

/// A reply and the ticket of the request it answers.
package struct StoreAnswer: Sendable {
    package var ticket: UInt64
    package var reply: StoreReply

    package init(ticket: UInt64, reply: StoreReply) {
        self.ticket = ticket
        self.reply = reply
    }
}

/// Where a store hands over answers: one call per batch and shard, from a thread of the store.
package typealias StoreDelivery = @Sendable (_ shard: Int, _ answers: [StoreAnswer]) -> Void

/// The durable queues, devices and contacts, as the shards use them. Any thread may call.
package protocol MessageStore: AnyObject, Sendable {
    /// Takes a request. False: the store's queue is full (or closed); nothing was taken and no answer
    /// will come. `shard` is where the answer goes.
    func submit(_ request: StoreRequest, ticket: UInt64, shard: Int) -> Bool
    /// Finishes what was submitted, then stops.
    func close()
}

/// The accounts, as the administration uses them. Any thread but the store's own may call; calls
/// block until their effect is durable.
package protocol AccountStore: AnyObject, Sendable {
    /// Adds an account with device 0. Throws `accountExists`.
    func addAccount(_ name: Localpart, keys: ScramKeys) throws(StoreError)
    /// Removes an account with its devices, queues and contacts. Throws `unknownAccount`.
    func removeAccount(_ name: Localpart) throws(StoreError)
    /// Changes an account's verifier. Throws `unknownAccount`.
    func setKeys(_ keys: ScramKeys, of name: Localpart) throws(StoreError)
    /// Every account, in order of their names. O(accounts).
    func accounts() throws(StoreError) -> [Localpart]
}
