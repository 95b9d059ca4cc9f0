// The store's share of the gateway's limits, and what is the store's own.

package import Base

/// What a store holds at most.
package struct StoreLimits: Sendable {
    /// Stanzas that wait for one device. A full queue answers `queueFull`.
    package var queueDepthMax: Int
    /// Bytes of payload that wait for one device. A stanza that would exceed it gets `queueFull` too.
    package var queueSizeMax: Int
    /// Devices of one account. One more answers `devicesFull`.
    package var devicesPerAccountMax: Int
    /// Contacts of one account. One more answers `contactsFull`.
    package var contactsPerAccountMax: Int
    /// Requests that wait for the writer. One more is refused by `submit`.
    package var submitCountMax: Int
    /// Requests in one transaction: bounds the memory of a batch and the wait of those behind it.
    package var batchCountMax: Int
    /// How long the first of a batch waits for more, in milliseconds: what is settled meanwhile is never written.
    /// A batch that is full, or in which somebody waits for more than an ack, waits no longer.
    package var windowMs: UInt64 = 0
    /// How long clients are to stay away from a store whose queue was full.
    package var fullPauseMs: UInt64
    /// Rows of one page, whatever the request says.
    package var pageCountMax: Int
    /// Bytes of payload in one page, unless its first row alone is larger.
    package var pageSizeMax: Int
    /// Accounts whose queue depths are kept in memory; above it the cache starts afresh.
    package var depthCacheCountMax = 65_536
    /// Stanzas that expire in one transaction: some milliseconds, so that no batch waits long for it.
    package var expiryStepCountMax = 256

    package init(_ limits: Limits = Limits()) {
        queueDepthMax = limits.queueDepthMax
        queueSizeMax = limits.queueSizeMax
        devicesPerAccountMax = limits.devicesPerAccountMax
        contactsPerAccountMax = limits.contactsPerAccountMax
        submitCountMax = limits.storeDepthMax
        batchCountMax = limits.storeBatchMax
        fullPauseMs = limits.storeFullPauseMs
        pageCountMax = limits.pageCountMax
        pageSizeMax = limits.pageSizeMax
    }

    /// Asserts that the limits make sense together.
    func validate() {
        precondition(queueDepthMax > 0, "queueDepthMax \(queueDepthMax)")
        precondition(queueSizeMax > 0, "queueSizeMax \(queueSizeMax)")
        precondition(expiryStepCountMax > 0, "expiryStepCountMax \(expiryStepCountMax)")
        precondition((1...256).contains(devicesPerAccountMax), "devices \(devicesPerAccountMax)")
        precondition(contactsPerAccountMax >= 0, "contacts \(contactsPerAccountMax)")
        precondition(batchCountMax > 0, "batchCountMax \(batchCountMax)")
        precondition(submitCountMax > 0, "submitCountMax \(submitCountMax)")
        precondition(pageCountMax > 0, "pageCountMax \(pageCountMax)")
        precondition(pageSizeMax > 0, "pageSizeMax \(pageSizeMax)")
        precondition(depthCacheCountMax > 0, "depthCacheCountMax \(depthCacheCountMax)")
    }
}
