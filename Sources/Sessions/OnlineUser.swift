// What a home keeps of a user who is online. There is one for each user with a session, so it is small:
// who it is, which devices it has, whom it knows, and the one session that most users have.

internal import Base
internal import Wire

/// An online user. Kept while at least one of its devices has a session or is about to have one.
struct OnlineUser {
    /// What is known of the user's registered devices, online or not.
    enum Registration {
        /// The store was asked under this ticket and its answer will know every device; until then, or
        /// if it fails, a new device may have joined those known before.
        case asked(ticket: UInt64)
        case known([UInt8])
    }

    let name: Localpart
    var registration: Registration
    /// The next user in the same bucket of the directory.
    var nextInBucket: UInt32 = .max
    /// In order of names.
    var contacts: [Localpart] = []
    var sessions: OneOrMore<OnlineDevice>

    /// Registered devices; nil while they are not known.
    var devices: [UInt8]? {
        if case .known(let devices) = registration { devices } else { nil }
    }

    var isAvailable: Bool { sessions.contains { $0.isAvailable } }

    /// Where the device's session is.
    func open(_ device: UInt8) -> Int? {
        sessions.firstIndex { $0.isOpen && $0.device == device }
    }

    /// How many logins of the device the store has still to decide on.
    func loginCount(_ device: UInt8) -> Int {
        sessions.count { !$0.isOpen && $0.device == device }
    }

    func knows(_ contact: Localpart) -> Bool {
        var low = 0
        var high = contacts.count
        while low < high {
            let middle = (low + high) / 2
            if contacts[middle] < contact { low = middle + 1 } else { high = middle }
        }
        return low < contacts.count && contacts[low] == contact
    }
}

/// A device with a session, or a login that may become one.
struct OnlineDevice {
    var window = DeliveryWindow()
    let device: UInt8
    /// Whether the store has answered `openDevice`: until then this is a login, and no session yet.
    var isOpen = false
    var isAvailable = false
    /// Whether it said so itself; a new session inherits its predecessor's state until it does.
    var hasSaid = false
    let session: SessionAddress
    /// When its connection began.
    let since: Instant

    init(device: UInt8, session: SessionAddress, since: Instant) {
        self.device = device
        self.session = session
        self.since = since
    }
}

/// One value in place, further ones in an array: for what is nearly always one. Never empty.
struct OneOrMore<Element>: MutableCollection, RandomAccessCollection {
    private var first: Element
    private var others: [Element] = []

    init(_ first: Element) { self.first = first }

    mutating func append(_ element: Element) { others.append(element) }

    /// Precondition: it is not the only one.
    mutating func remove(at index: Int) {
        precondition(!others.isEmpty, "the last of one or more")
        if index == 0 { first = others.removeFirst() } else { others.remove(at: index - 1) }
    }

    var startIndex: Int { 0 }
    var endIndex: Int { 1 + others.count }

    subscript(index: Int) -> Element {
        _read { if index == 0 { yield first } else { yield others[index - 1] } }
        _modify { if index == 0 { yield &first } else { yield &others[index - 1] } }
    }
}
