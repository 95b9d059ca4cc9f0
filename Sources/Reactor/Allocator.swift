// The settings of glibc's allocator. They are made here and nowhere else, once, before the first thread
// starts; docs/SCALE.md has the reasons. Other values were not compared.

internal import CLinux

/// The process's memory allocator.
package enum Allocator {
    /// Threads share so many heaps: with one each, every heap would keep its own holes.
    private static let arenaCountMax: Int32 = 4
    /// Blocks from this size on are mappings of their own, which go back when they are freed. Setting it
    /// also keeps glibc from raising it to 32 MiB, after which chunks of slabs would stay in the heap.
    private static let mmapThreshold: Int32 = 128 * 1_024
    /// Free bytes at the end of a heap that stay there.
    private static let trimThreshold: Int32 = 1 << 20

    /// Sets it up. False when the allocator is another one, which then does as it likes.
    @discardableResult
    package static func configure() -> Bool {
        clinux_allocator_configure(arenaCountMax, mmapThreshold, trimThreshold)
    }

    /// Gives free pages back to the system, also those between others. Holds a heap's lock while it looks
    /// through it: for quiet times. Whether there were any.
    @discardableResult
    package static func trim() -> Bool { clinux_allocator_trim() }
}
