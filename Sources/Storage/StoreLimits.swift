// Every maximum of the store.

/// What a store holds at most.
package struct StoreLimits: Sendable {
    /// Stanzas that wait for one device. A full queue answers `queueFull`.
    package var queueDepthMax = 10_000
    /// Devices of one account. One more answers `devicesFull`.
    package var devicesPerAccountMax = 16
    /// Contacts of one account. One more answers `contactsFull`.
    package var contactsPerAccountMax = 1_024
    /// Requests that wait for the writer. One more is refused by `submit`.
    package var submitCountMax = 65_536
    /// Requests in one transaction: bounds the memory of a batch and the wait of those behind it.
    package var batchCountMax = 1_024
    /// Rows of one page, whatever the request says.
    package var pageCountMax = 1_024
    /// Bytes of payload in one page, unless its first row alone is larger.
    package var pageSizeMax = 1 << 20
    /// Accounts whose queue depths are kept in memory; above it the cache starts afresh.
    package var depthCacheCountMax = 65_536

    package init() {}

    /// Asserts that the limits make sense together.
    package func validate() {
        precondition(queueDepthMax > 0, "queueDepthMax \(queueDepthMax)")
        precondition((1...256).contains(devicesPerAccountMax), "devices \(devicesPerAccountMax)")
        precondition(contactsPerAccountMax >= 0, "contacts \(contactsPerAccountMax)")
        precondition(batchCountMax > 0, "batchCountMax \(batchCountMax)")
        precondition(submitCountMax > 0, "submitCountMax \(submitCountMax)")
        precondition(pageCountMax > 0, "pageCountMax \(pageCountMax)")
        precondition(pageSizeMax > 0, "pageSizeMax \(pageSizeMax)")
        precondition(depthCacheCountMax > 0, "depthCacheCountMax \(depthCacheCountMax)")
    }
}
