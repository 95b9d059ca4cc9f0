// What happened, in order: kept as values while a seed runs, made readable when somebody asks.

internal import Base
internal import Client
internal import Sessions
internal import Storage
internal import Wire

/// One thing that happened.
enum TraceEvent {
    case fault(Fault, String)
    case relief(Relief)
    case gatewayStarted(life: Int, shards: Int)
    case connecting(client: Int, link: Int)
    case connected(link: Int, shard: Int)
    case cut(link: Int, toServerKept: Int, toClientKept: Int)
    case lost(link: Int, LinkSide)
    case posted(client: Int, StanzaID, to: JID)
    case event(client: Int, ClientEvent)
    case route(StanzaKey, to: Localpart, device: UInt8?, from: SessionAddress)
    case settle(DeviceAddress, StanzaKey)
    case claim(DeviceAddress, SessionAddress)
    case release(DeviceAddress, SessionAddress)
    case answer(SessionAddress, String, StanzaKey)
    case deliver(SessionAddress, size: Int)
    case ended(SessionAddress, StreamError)
    case batch(count: Int, failed: Bool)
    case stored(StanzaKey, recipient: Localpart, devices: [UInt8])
    case expired(StanzaKey, DeviceAddress)
    case mailboxFull(shard: Int)
    case store(String)
    case act(client: Int, String)
    case phase(String)
}

/// What happened and when, in microseconds since the world began.
package struct Trace {
    private var entries: [(at: UInt64, event: TraceEvent)] = []

    mutating func note(_ event: TraceEvent, at time: UInt64) { entries.append((time, event)) }

    package var count: Int { entries.count }

    /// The last lines, oldest first; all of them without a count.
    package func lines(last count: Int? = nil) -> [String] {
        entries.suffix(count ?? entries.count).map { entry in
            let seconds = entry.at / 1_000_000
            let rest = String(entry.at % 1_000_000 + 1_000_000).dropFirst()
            return "\(seconds).\(rest)  \(Self.text(entry.event))"
        }
    }

    /// The same for the same trace.
    package var hash: UInt64 {
        lines().reduce(0) { sum, line in
            var line = line
            let hash = line.withUTF8 { stableHash(UnsafeRawBufferPointer($0)) }
            return (sum &* 31) ^ hash  // modulo 2^64
        }
    }

    private static func text(_ event: TraceEvent) -> String {
        switch event {
        case .fault(let fault, let text): "FAULT \(fault) \(text)"
        case .relief(let relief): "the fault is over: \(relief)"
        case .gatewayStarted(let life, let shards): "gateway: life \(life), \(shards) shards"
        case .connecting(let client, let link): "client \(client): connects, link \(link)"
        case .connected(let link, let shard): "link \(link): accepted by shard \(shard)"
        case .cut(let link, let toServer, let toClient):
            "link \(link): cut; \(toServer) bytes still reach the server, \(toClient) the client"
        case .lost(let link, let side): "link \(link): lost, as the \(side) learns"
        case .posted(let client, let id, let to): "client \(client): posts \(id) to \(to)"
        case .event(let client, let event): "client \(client): \(text(event))"
        case .route(let key, let to, let device, let from):
            "\(text(from)): routes \(text(key)) to \(to)\(device.map { "/\($0)" } ?? "")"
        case .settle(let device, let key): "\(text(device)) has \(text(key))"
        case .claim(let device, let session): "\(text(session)): claims \(text(device))"
        case .release(let device, let session): "\(text(session)): releases \(text(device))"
        case .answer(let session, let what, let key): "\(text(session)): \(what) \(text(key))"
        case .deliver(let session, let size): "\(text(session)): is given \(size) bytes"
        case .ended(let session, let error): "\(text(session)): ends with \(error)"
        case .batch(let count, let failed):
            "store: batch of \(count) \(failed ? "failed" : "is durable")"
        case .stored(let key, let recipient, let devices):
            "store: \(text(key)) waits for \(recipient) at \(devices)"
        case .expired(let key, let device): "store: \(text(key)) has expired for \(text(device))"
        case .mailboxFull(let shard): "shard \(shard): its mailbox is full"
        case .store(let line): line
        case .act(let client, let what): "client \(client): \(what)"
        case .phase(let text): "---- \(text)"
        }
    }

    static func text(_ device: DeviceAddress) -> String { "\(device.user)/\(device.device)" }

    static func text(_ session: SessionAddress) -> String {
        "session \(session.shard).\(session.slot.index).\(session.slot.generation)"
    }

    static func text(_ key: StanzaKey) -> String {
        let kind =
            switch key.kind {
            case .message: "message"
            case .copy: "copy"
            case .delivered, .read: "\(key.kind) receipt"
            case .expired: "expiry"
            }
        return "\(kind) \(key.id) of \(text(key.sender))"
    }

    private static func text(_ event: ClientEvent) -> String {
        switch event {
        case .message(let message): "message \(message.id) from \(message.from)"
        case .sentElsewhere(let message): "copy \(message.id) from \(message.from)"
        case .disconnected(let reason, let retryInMs):
            "disconnected, \(reason), again in \(retryInMs.map(String.init) ?? "no") ms"
        default: "\(event)"
        }
    }
}
