// The latest TLS sessions of a thread. Its clients resume with them in turn, so that a client that may
// resume costs no memory: a session of OpenSSL's takes 6 KB. The gateway's work is the same.

internal import TLS

/// Up to `BenchLimits.ticketCountMax` sessions, the oldest replaced first.
struct TicketRing {
    private var sessions: [TLSSession] = []
    private var oldest = 0
    private var latestUse = 0

    mutating func add(_ session: TLSSession) {
        guard sessions.count == BenchLimits.ticketCountMax else {
            sessions.append(session)
            return
        }
        sessions[oldest] = session
        oldest = (oldest + 1) % sessions.count
    }

    /// One to resume with; nil as long as there is none.
    mutating func next() -> TLSSession? {
        guard !sessions.isEmpty else { return nil }
        latestUse = (latestUse + 1) % sessions.count
        return sessions[latestUse]
    }
}
