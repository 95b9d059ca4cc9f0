// The gateway's TLS over its whole life: the context that new connections begin with, the ticket keys,
// and what metrics and log say of them. Shards ask for the context with each handshake; reload and upkeep
// come from the admin thread and the main thread.
//
// A reload makes a whole new context before it replaces the old one: a file that cannot be used changes
// nothing. Live connections keep the context they began with.

internal import Base
internal import Foundation
internal import Logging
internal import Reactor
internal import Synchronization
internal import TLS

/// The TLS of one gateway.
final class GatewayTLS: Sendable {
    /// Below so many days a certificate's end is worth a line in the log.
    static let warningDays = 14

    private struct State {
        var context: TLSContext
        /// Which version of the ticket key file was read last.
        var ticketKeyStamp: FileStamp?
        /// Whether that version could not be used: it may be later, when its mode or the time is right.
        var areTicketKeysRefused = false
        var warnedAt: UInt64
    }

    private let configuration: TLSServerConfiguration
    private let ticketKeyPath: String?
    private let ring: TicketKeyRing
    private let state: Lock<State>
    /// Reloads and upkeep, which read files, come one after the other.
    private let upkeep = Lock(())
    private let reloads = Atomic<UInt64>(0)
    private let reloadsFailed = Atomic<UInt64>(0)
    private let logger: Logger

    /// Loads all files that `settings` name.
    init(_ settings: GatewayConfiguration, logger: Logger) throws(GatewayError) {
        let tls = settings.tls
        configuration = settings.serverTLS
        ticketKeyPath = tls.ticketKeyPath
        self.logger = logger
        ring = TicketKeyRing(
            lifetimeS: UInt64(tls.ticketLifetimeS), periodS: UInt64(tls.ticketRotationS),
            singleUse: tls.ticketSingleUse, now: { SystemClock.moment().unixSeconds })
        do {
            var stamp: FileStamp?
            if let path = tls.ticketKeyPath {
                stamp = FileStamp(path)
                try ring.share(fileAt: path)
            }
            let context = try TLSContext(server: configuration, tickets: ring)
            state = Lock(State(context: context, ticketKeyStamp: stamp, warnedAt: 0))
        } catch {
            throw .tls(error)
        }
        warnOfExpiry()
    }

    /// What new connections begin with.
    var context: TLSContext { state.withLock { $0.context } }

    /// Reads certificates, keys, staples, authorities and ticket keys again. On an error nothing has
    /// changed but perhaps the ticket keys, which are read first.
    func reload() throws(TLSError) {
        try upkeep.withLock { (_) throws(TLSError) in try reloadNow() }
    }

    private func reloadNow() throws(TLSError) {
        do throws(TLSError) {
            if let path = ticketKeyPath {
                let stamp = FileStamp(path)
                try ring.share(fileAt: path)
                state.withLock { state in
                    state.ticketKeyStamp = stamp
                    state.areTicketKeysRefused = false
                }
            }
            let fresh = try TLSContext(server: configuration, tickets: ring)
            try refuseExpired(fresh)
            state.withLock { $0.context = fresh }
        } catch {
            reloadsFailed.count()
            logger.error(
                "TLS not reloaded: what was in use stays", metadata: ["reason": "\(error)"])
            throw error
        }
        reloads.count()
        logger.notice("TLS reloaded", metadata: ["certificates": "\(context.certificates.count)"])
        warnOfExpiry()
    }

    /// A certificate that is over does not replace one that is not.
    private func refuseExpired(_ fresh: TLSContext) throws(TLSError) {
        let now = SystemClock.moment().unixSeconds
        let old = context.certificates
        for (path, facts) in fresh.certificates where facts.daysLeft(at: now) < 0 {
            let isNoWorse = old.contains { $0.path == path && $0.facts.daysLeft(at: now) < 0 }
            if !isNoWorse { throw .certificateFile(path: path, reason: "it has expired") }
        }
    }

    /// What time brings: the next ticket key, a changed file of ticket keys, a warning a day. Call it
    /// once a minute.
    func maintain() {
        upkeep.withLock { _ in maintainNow() }
    }

    private func maintainNow() {
        ring.rotate()
        if let path = ticketKeyPath, let stamp = FileStamp(path) {
            let (isNew, isRefused) = state.withLock { state in
                defer { state.ticketKeyStamp = stamp }
                return (state.ticketKeyStamp != stamp, state.areTicketKeysRefused)
            }
            if isNew || isRefused { shareAgain(path, isNew: isNew) }
        }
        let now = SystemClock.moment().unixSeconds
        if now >= state.withLock({ $0.warnedAt }) + 86_400 { warnOfExpiry() }
    }

    /// One line and one count for each version of the file that cannot be used.
    private func shareAgain(_ path: String, isNew: Bool) {
        do throws(TLSError) {
            try ring.share(fileAt: path)
            state.withLock { $0.areTicketKeysRefused = false }
            logger.notice("ticket keys reloaded", metadata: ["path": "\(path)"])
        } catch {
            state.withLock { $0.areTicketKeysRefused = true }
            guard isNew else { return }
            reloadsFailed.count()
            logger.error(
                "ticket keys not reloaded: what was in use stays", metadata: ["reason": "\(error)"])
        }
    }

    private func warnOfExpiry() {
        let now = SystemClock.moment().unixSeconds
        state.withLock { $0.warnedAt = now }
        for (path, facts) in context.certificates {
            let days = facts.daysLeft(at: now)
            let metadata: Logger.Metadata = ["path": "\(path)", "days-left": "\(days)"]
            if days < 0 {
                logger.error("certificate has expired", metadata: metadata)
            } else if days < Self.warningDays {
                logger.warning("certificate expires soon", metadata: metadata)
            }
        }
        let ageS = ring.sealingKeyAgeS
        if ticketKeyPath != nil, ageS > 2 * 86_400 {
            logger.warning("ticket key is old", metadata: ["age-s": "\(ageS)"])
        }
    }

    /// Figures for `tern status`.
    var status: [String: Int] {
        let now = SystemClock.moment().unixSeconds
        let certificates = context.certificates.map(\.facts)
        let counts = ring.counts
        return [
            "certificate-not-after": Int(certificates.map(\.notAfter).min() ?? 0),
            "certificate-days-left": certificates.map { $0.daysLeft(at: now) }.min() ?? 0,
            "ticket-key-age-s": Int(clamping: ring.sealingKeyAgeS),
            "tickets-accepted": Int(counts.accepted),
            "tickets-unknown-key": Int(counts.unknownKey),
            "tickets-expired": Int(counts.expired),
            "tickets-replayed": Int(counts.replayed),
            "tickets-other-terms": Int(counts.otherTerms),
            "tls-reloads": Int(reloads.load(ordering: .relaxed)),
            "tls-reloads-failed": Int(reloadsFailed.load(ordering: .relaxed)),
        ]
    }
}

/// Enough of a file's attributes to see that it has changed.
struct FileStamp: Equatable {
    private let inode: UInt64
    private let size: UInt64
    private let modified: Date

    /// Nil when there is no such file.
    init?(_ path: String) {
        let file = resolved(path)
        guard let attributes = try? FileManager.default.attributesOfItem(atPath: file),
            let inode = attributes[.systemFileNumber] as? NSNumber,
            let size = attributes[.size] as? NSNumber,
            let modified = attributes[.modificationDate] as? Date
        else { return nil }
        self.inode = inode.uint64Value
        self.size = size.uint64Value
        self.modified = modified
    }
}

/// The file behind symbolic links: secrets are often mounted as such.
private func resolved(_ path: String) -> String {
    URL(filePath: path).resolvingSymlinksInPath().path
}

extension TicketKeyRing {
    /// Room for as many keys as are of use, with remarks.
    private static let fileSizeMax = 65_536

    /// Takes over the keys of a file, which must be for its owner only.
    func share(fileAt path: String) throws(TLSError) {
        let attributes: [FileAttributeKey: Any]
        let data: Data
        do {
            let file = resolved(path)
            attributes = try FileManager.default.attributesOfItem(atPath: file)
            guard let size = attributes[.size] as? NSNumber, size.intValue <= Self.fileSizeMax
            else {
                throw TLSError.ticketKeyFile(
                    path: path, reason: "longer than \(Self.fileSizeMax) bytes")
            }
            data = try Data(contentsOf: URL(filePath: file))
        } catch let error as TLSError {
            throw error
        } catch {
            throw .ticketKeyFile(path: path, reason: error.localizedDescription)
        }
        let mode = (attributes[.posixPermissions] as? NSNumber)?.intValue ?? 0o777
        guard mode & 0o077 == 0 else {
            throw .ticketKeyFile(
                path: path, reason: "others may open it; its mode must be 0600 or less")
        }
        do throws(TicketKeyFileError) {
            try share(try TicketKeyFile.parse(String(decoding: data, as: UTF8.self)))
        } catch {
            throw .ticketKeyFile(path: path, reason: "\(error)")
        }
    }
}
