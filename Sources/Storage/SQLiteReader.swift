// The thread that looks up verifiers for logins, beside the writer and never behind it.

internal import GRDB
internal import Wire

/// A look-up that waits for the reader.
struct CredentialsEntry: Sendable {
    var address: DeviceAddress
    var ticket: UInt64
    var shard: Int
}

/// What the reader's thread owns.
final class SQLiteReader: @unchecked Sendable {
    // Used by the thread of `run` only.
    private let path: String
    private let limits: StoreLimits
    private let options: SQLiteOptions
    private let synthetic: SyntheticAccounts?
    private let log: @Sendable (String) -> Void
    private let delivery: StoreDelivery
    private var queue: DatabaseQueue?
    private var tables: SQLiteTables?

    init(
        path: String, limits: StoreLimits, options: SQLiteOptions,
        synthetic: SyntheticAccounts?, log: @escaping @Sendable (String) -> Void,
        delivery: @escaping StoreDelivery
    ) {
        self.path = path
        self.limits = limits
        self.options = options
        self.synthetic = synthetic
        self.log = log
        self.delivery = delivery
    }

    /// The thread: returns when `work` is closed and empty.
    func run(_ work: WorkQueue<CredentialsEntry>) {
        var consumer = WorkQueue<CredentialsEntry>.Consumer(work)
        var batch: [CredentialsEntry] = []
        while consumer.take(&batch, countMax: limits.batchCountMax, timeoutMs: nil) {
            var sheet = AnswerSheet()
            for (entry, reply) in zip(batch, replies(to: batch)) {
                sheet.add(StoreAnswer(ticket: entry.ticket, reply: reply), shard: entry.shard)
            }
            sheet.deliver(to: delivery)
        }
        close()
    }

    private func replies(to batch: [CredentialsEntry]) -> [StoreReply] {
        do {
            if queue == nil { try open() }
            guard let queue, let tables else { throw StoreError.closed }
            return try queue.read { _ in
                try batch.map { entry in
                    .credentials(
                        try tables.credentials(of: entry.address, synthetic: synthetic))
                }
            }
        } catch {
            // The next batch tries with a new connection.
            close()
            log("store: reading credentials failed: \(storeError(error))")
            return batch.map { _ in .failed }
        }
    }

    private func open() throws {
        let queue = try SQLiteDatabase.openReader(path: path, options: options)
        tables = try queue.read { SQLiteTables($0, cacheCountMax: 0) }
        self.queue = queue
    }

    private func close() {
        tables = nil
        try? queue?.close()
        queue = nil
    }
}
