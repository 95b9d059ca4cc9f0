// Readiness of descriptors through epoll. The poller owns its buffer of events: `wait` fills it and
// `event(at:)` reads it, so no closure stands between a shard and its own state.
//
// A token is the caller's word for a descriptor (shard, slot, generation). An event may be stale by
// the time it is handled, when an earlier one of the same batch closed its connection: look the token up.

internal import CLinux
internal import Glibc

/// What to be told of. Hang-up and error are always told.
package struct Interest: OptionSet, Sendable {
    /// The kernel's bits.
    package let rawValue: UInt32

    /// An interest from the kernel's bits.
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    /// There is something to read, or the end.
    package static var readable: Interest { Interest(rawValue: UInt32(CLINUX_READABLE)) }
    /// There is room to write.
    package static var writable: Interest { Interest(rawValue: UInt32(CLINUX_WRITABLE)) }
    /// The peer ended its direction; useful while not reading.
    package static var peerClosed: Interest {
        Interest(rawValue: UInt32(CLINUX_PEER_CLOSED))
    }
    /// Told once per change instead of as long as it lasts.
    package static var edge: Interest { Interest(rawValue: clinux_edge) }
}

/// What a descriptor is ready for.
package struct Readiness: OptionSet, Sendable {
    /// The kernel's bits.
    package let rawValue: UInt32

    /// A readiness from the kernel's bits.
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    /// There is something to read, or the end.
    package static var readable: Readiness { Readiness(rawValue: UInt32(CLINUX_READABLE)) }
    /// There is room to write.
    package static var writable: Readiness { Readiness(rawValue: UInt32(CLINUX_WRITABLE)) }
    /// The peer ended its direction; told only with that interest.
    package static var peerClosed: Readiness {
        Readiness(rawValue: UInt32(CLINUX_PEER_CLOSED))
    }
    /// Both directions are over.
    package static var hangup: Readiness { Readiness(rawValue: UInt32(CLINUX_HANGUP)) }
    /// The descriptor has a pending error.
    package static var error: Readiness { Readiness(rawValue: UInt32(CLINUX_ERROR)) }
}

/// One report of the poller.
package struct PollEvent: Sendable {
    /// The token given with the descriptor.
    package let token: UInt64
    /// What the descriptor is ready for.
    package let readiness: Readiness
}

/// An epoll instance with room for one batch of events. Level-triggered unless asked otherwise.
package struct Poller: ~Copyable {
    private let epoll: FileDescriptor
    private let events: UnsafeMutablePointer<clinux_event>
    /// How many events one wait reports at most.
    package let eventCountMax: Int
    /// The descriptor's number.
    package var descriptor: Int32 { epoll.rawValue }
    /// How many events the last wait reported.
    package private(set) var eventCount = 0

    /// An empty poller.
    package init(eventCountMax: Int = 512) throws(ReactorError) {
        precondition(eventCountMax > 0 && eventCountMax <= 1 << 20, "events \(eventCountMax)")
        let raw = try checkedCall("epoll_create1") { Int(clinux_epoll_create()) }
        epoll = FileDescriptor(owning: Int32(raw))
        self.eventCountMax = eventCountMax
        events = .allocate(capacity: eventCountMax)
        events.initialize(repeating: clinux_event(), count: eventCountMax)
    }

    deinit { events.deallocate() }

    /// Watches a descriptor. Throws when the system's limit on watches or memory is reached.
    package func add(
        _ descriptor: Int32, token: UInt64, interest: Interest
    ) throws(ReactorError) {
        try checkedCall("epoll_ctl") {
            Int(clinux_epoll_add(epoll.rawValue, descriptor, interest.rawValue, token))
        }
    }

    /// Changes what a watched descriptor is watched for. Precondition: it is watched.
    package func modify(_ descriptor: Int32, token: UInt64, interest: Interest) {
        provenCall("epoll_ctl modify") {
            Int(clinux_epoll_modify(epoll.rawValue, descriptor, interest.rawValue, token))
        }
    }

    /// Stops watching a descriptor; closing the last copy of one does it too. Precondition: watched.
    package func remove(_ descriptor: Int32) {
        provenCall("epoll_ctl remove") { Int(clinux_epoll_remove(epoll.rawValue, descriptor)) }
    }

    /// Waits for events, at most `timeoutMs` milliseconds (nil: without end, 0: not at all), and returns
    /// how many there are. 0 when time is up and when a signal came between.
    @discardableResult
    package mutating func wait(timeoutMs: Int?) -> Int {
        let timeout = timeoutMs.map { Int32(clamping: max($0, 0)) } ?? -1
        let room = Int32(clamping: eventCountMax)
        let result = systemCall(retryInterrupted: false) {
            Int(clinux_epoll_wait(epoll.rawValue, events, room, timeout))
        }
        switch result {
        case .value(let count): eventCount = count
        case .wouldBlock, .failed(EINTR): eventCount = 0
        case .failed(let code): preconditionFailure("epoll_wait failed: errno \(code)")
        }
        return eventCount
    }

    /// An event of the last wait. Precondition: `index < eventCount`.
    package func event(at index: Int) -> PollEvent {
        precondition(index >= 0 && index < eventCount, "event \(index) of \(eventCount)")
        let event = events[index]
        return PollEvent(
            token: event.token,
            readiness: Readiness(rawValue: UInt32(truncatingIfNeeded: event.flags)))
    }
}
