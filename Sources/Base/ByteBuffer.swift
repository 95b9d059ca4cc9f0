// An owned, growable run of bytes with a read and a write cursor.
//
// Invariant: 0 <= head <= tail <= capacity; bytes [head, tail) are initialised and are the content.
// A buffer without content may own no storage at all, which is how an idle connection costs nothing.
// Limits are the caller's: the buffer grows as asked, so callers check their maximum first.

/// An owned, growable byte queue: bytes are appended at the tail and consumed from the head.
public struct ByteBuffer: ~Copyable, @unchecked Sendable {
    // Owned by one value at a time; nothing else holds the pointer.
    @usableFromInline var storage: UnsafeMutableRawPointer?
    @usableFromInline var capacity: Int
    @usableFromInline var head: Int
    @usableFromInline var tail: Int

    /// An empty buffer that owns no storage.
    public init() {
        storage = nil
        capacity = 0
        head = 0
        tail = 0
    }

    /// An empty buffer with room for `capacity` bytes.
    public init(capacity: Int) {
        self.init()
        reserve(capacity)
    }

    deinit {
        storage?.deallocate()
    }

    /// Makes room for at least `additional` more bytes behind the tail.
    @inlinable
    public mutating func reserve(_ additional: Int) {
        if capacity - tail < additional { makeRoom(additional) }
    }

    @usableFromInline
    mutating func makeRoom(_ additional: Int) {
        precondition(additional >= 0, "reserve(\(additional))")
        let content = tail - head
        if let storage, capacity - content >= additional, head >= content {
            storage.copyMemory(from: storage + head, byteCount: content)
        } else {
            let grown = max(content + additional, capacity + capacity / 2, 64)
            let fresh = UnsafeMutableRawPointer.allocate(byteCount: grown, alignment: 16)
            if let storage {
                fresh.copyMemory(from: storage + head, byteCount: content)
                storage.deallocate()
            }
            storage = fresh
            capacity = grown
        }
        head = 0
        tail = content
    }

    /// Appends one byte.
    @inlinable
    public mutating func append(_ byte: UInt8) {
        reserve(1)
        storage.unsafelyUnwrapped.storeBytes(of: byte, toByteOffset: tail, as: UInt8.self)
        tail &+= 1  // reserve(1) left tail < capacity
    }

    /// Appends a copy of `bytes`.
    @inlinable
    public mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress, bytes.count > 0 else { return }
        reserve(bytes.count)
        (storage.unsafelyUnwrapped + tail).copyMemory(from: base, byteCount: bytes.count)
        tail += bytes.count
    }

    /// Appends a copy of `bytes`.
    @inlinable
    public mutating func append(_ bytes: RawSpan) {
        bytes.withUnsafeBytes { append($0) }
    }

    /// Appends a copy of `bytes`.
    @inlinable
    public mutating func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { append($0) }
    }

    /// Appends a copy of another buffer's content.
    @inlinable
    public mutating func append(contentsOf other: borrowing ByteBuffer) {
        other.withUnsafeBytes { append($0) }
    }

    /// Lets `body` write at the tail into at least `minimum` spare bytes; it returns how many it wrote.
    @inlinable
    public mutating func appendUpTo<E: Error>(
        _ minimum: Int, _ body: (UnsafeMutableRawBufferPointer) throws(E) -> Int
    ) throws(E) {
        reserve(minimum)
        let spare = UnsafeMutableRawBufferPointer(
            start: storage.map { $0 + tail }, count: capacity - tail)
        let written = try body(spare)
        precondition(written >= 0 && written <= capacity - tail, "wrote \(written)")
        tail += written
    }

    /// Drops `count` bytes from the head. Precondition: `0 <= count <= self.count`.
    @inlinable
    public mutating func consume(_ count: Int) {
        precondition(count >= 0 && count <= tail - head, "consume(\(count)) of \(tail - head)")
        head += count
        if head == tail {
            head = 0
            tail = 0
        }
    }

    /// Shortens the content to its first `count` bytes. Precondition: `0 <= count <= self.count`.
    @inlinable
    public mutating func truncate(to count: Int) {
        precondition(count >= 0 && count <= tail - head, "truncate(to: \(count)) of \(tail - head)")
        tail = head + count
    }

    /// Overwrites the byte at `offset` from the head. Precondition: `offset < count`.
    @inlinable
    public mutating func overwrite(at offset: Int, with byte: UInt8) {
        precondition(offset >= 0 && offset < tail - head, "offset \(offset) of \(tail - head)")
        storage.unsafelyUnwrapped.storeBytes(of: byte, toByteOffset: head + offset, as: UInt8.self)
    }

    /// Drops the content and keeps the storage.
    @inlinable
    public mutating func clear() {
        head = 0
        tail = 0
    }

    /// Drops the content and gives the storage back.
    public mutating func release() {
        storage?.deallocate()
        storage = nil
        capacity = 0
        head = 0
        tail = 0
    }

    /// Overwrites the whole storage with zeros and drops the content: for secrets.
    public mutating func wipe() {
        if let storage {
            storage.initializeMemory(as: UInt8.self, repeating: 0, count: capacity)
        }
        clear()
    }

    /// Bytes waiting to be consumed.
    @inlinable public var count: Int { tail - head }

    /// Whether no byte waits.
    @inlinable public var isEmpty: Bool { tail == head }

    /// Bytes of storage owned.
    @inlinable public var allocatedSize: Int { capacity }

    /// The content.
    public var bytes: RawSpan {
        @_lifetime(borrow self)
        get {
            let view = RawSpan(
                _unsafeBytes: UnsafeRawBufferPointer(
                    start: storage.map { UnsafeRawPointer($0 + head) }, count: tail - head))
            return _overrideLifetime(view, borrowing: self)
        }
    }

    /// Calls `body` with the content; the pointer is valid only during the call.
    @inlinable
    public func withUnsafeBytes<R, E: Error>(
        _ body: (UnsafeRawBufferPointer) throws(E) -> R
    ) throws(E) -> R {
        try body(
            UnsafeRawBufferPointer(
                start: storage.map { UnsafeRawPointer($0 + head) }, count: tail - head))
    }

    /// A copy of the content.
    public func copy() -> [UInt8] {
        withUnsafeBytes { [UInt8]($0) }
    }
}
