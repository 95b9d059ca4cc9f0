// The store for simulations and tests: nothing happens until `commit`, and then all of it happens
// on the caller's thread. Same decisions, no disk.

package import Base
package import Wire

/// A store in memory with commit points of the caller's choosing.
package final class MemoryStore: MessageStore, AccountStore {
    private struct State {
        var waiting: [StoreEntry] = []
        var isClosed = false
    }

    private let state = Lock(State())
    private let tables = Lock(MemoryTables())
    private let closed = Lock(ClosedFlows())
    private let limits: StoreLimits
    private let synthetic: SyntheticAccounts?
    private let delivery: StoreDelivery
    private let retry = Lock(Instant(milliseconds: 0))

    /// An empty store. `deliver` is called from `commit`, once per shard.
    package init(
        limits: StoreLimits = StoreLimits(), synthetic: SyntheticAccounts? = nil,
        deliver: @escaping StoreDelivery
    ) {
        limits.validate()
        self.limits = limits
        self.synthetic = synthetic
        delivery = deliver
    }

    package func submit(_ request: StoreRequest, ticket: UInt64, shard: Int) -> Bool {
        let entry = StoreEntry.request(request, ticket: ticket, shard: shard)
        return push(entry, evenIfFull: request.isAlwaysTaken) == nil
    }

    /// As the simulation or test says.
    package var retryAt: Instant {
        get { retry.withLock { $0 } }
        set { retry.withLock { $0 = newValue } }
    }

    package var isFailing: Bool { retryAt > Instant(milliseconds: 0) }

    package func close() {
        commit()
        state.withLock { $0.isClosed = true }
    }

    /// Executes what waits as one batch, then delivers its answers.
    package func commit() {
        finish { batch, tables in
            var flows = closed.withLock { $0 }
            defer { closed.withLock { $0 = flows } }
            do throws(StoreError) {
                return try logic(tables).execute(batch, closed: &flows)
            } catch {
                preconditionFailure("memory failed: \(error)")
            }
        }
    }

    /// Takes a step of expiry, behind what waits: commits that first.
    package func expire(_ step: ExpiryStep) -> Expired {
        commit()
        return tables.withLock { tables in
            do throws(StoreError) {
                return try logic(tables).expire(step)
            } catch {
                preconditionFailure("memory failed: \(error)")
            }
        }
    }

    /// Answers what waits as a disk does that fails. `isDurable`: it was stored all the same.
    package func failCommit(_ error: StoreError, isDurable: Bool = false) {
        finish { batch, tables in
            var flows = closed.withLock { $0 }
            defer { closed.withLock { $0 = flows } }
            var unknown = flows
            do throws(StoreError) {
                let survivors = batch.filter { $0.isSettle || isDurable }
                _ = try logic(tables).execute(survivors, closed: &unknown)
            } catch {
                preconditionFailure("memory failed: \(error)")
            }
            return failures(of: batch, error, closed: &flows)
        }
    }

    /// Forgets what waits, without an answer, as a machine does that stops. What was committed stays.
    package func crash() {
        state.withLock { $0.waiting.removeAll() }
        closed.withLock { $0 = ClosedFlows() }
    }

    /// Requests that wait for a commit.
    package var waitingCount: Int { state.withLock { $0.waiting.count } }

    // The administration's calls commit, since they must not wait for somebody else to.

    package func change(_ change: AccountChange, home: Int?) throws(StoreError) {
        let completion = Completion()
        if let error = push(.admin(change, home: home, completion)) { throw error }
        commit()
        try completion.wait()
    }

    package func accounts() throws(StoreError) -> [Localpart] {
        tables.withLock { $0.contents.accounts.keys.sorted() }
    }

    private func logic(_ tables: MemoryTables) -> StoreLogic<MemoryTables> {
        StoreLogic(tables: tables, limits: limits, synthetic: synthetic, log: { _ in })
    }

    private func push(_ entry: StoreEntry, evenIfFull: Bool = false) -> StoreError? {
        state.withLock { state in
            if state.isClosed { return .closed }
            if !evenIfFull, state.waiting.count >= limits.submitCountMax { return .overloaded }
            state.waiting.append(entry)
            return nil
        }
    }

    private func finish(_ execute: ([StoreEntry], MemoryTables) -> [EntryOutcome]) {
        let batch = state.withLock { state in
            let batch = state.waiting
            state.waiting = []
            return batch
        }
        let outcomes = tables.withLock { execute(batch, $0) }
        deliver(outcomes, of: batch, to: delivery)
    }
}
