// The table [store] of the configuration: what an operator trades, latency of acks for writes, and how long
// the store keeps what nobody fetches. How much it takes is said in [limits].

/// How long the store waits, and keeps.
public struct StoreSettings: Sendable, Equatable, Decodable {
    /// The longest window: an ack that takes longer is late for everybody.
    static let windowMsMax: UInt64 = 1_000
    /// A hundred years and more: the store's clock counts in seconds since 1970.
    static let expirySMax: UInt64 = 1 << 32

    /// How long the first stanza of a batch waits for more before they are written.
    public var windowMs: UInt64 = 0
    /// How long a stanza waits for its device, in seconds; 0 for ever.
    public var expiryS: UInt64 = 2_592_000

    /// The defaults.
    public init() {}

    /// The defaults, changed by what the table says.
    public init(from decoder: any Decoder) throws {
        let table = try decoder.container(keyedBy: CodingKeys.self)
        windowMs = try Self.number(table, .windowMs) ?? windowMs
        expiryS = try Self.number(table, .expiryS) ?? expiryS
    }

    /// A number that is not negative. TOML's are signed.
    private static func number(
        _ table: KeyedDecodingContainer<CodingKeys>, _ key: CodingKeys
    ) throws -> UInt64? {
        guard let number = try table.decodeIfPresent(Int.self, forKey: key) else { return nil }
        guard number >= 0 else {
            throw ConfigurationError.invalid("store.\(key.rawValue) \(number) is negative")
        }
        return UInt64(number)
    }

    private enum CodingKeys: String, CodingKey {
        case windowMs = "window-ms"
        case expiryS = "expiry-s"
    }

    func validate() throws(ConfigurationError) {
        guard windowMs <= Self.windowMsMax else {
            throw .invalid("store.window-ms \(windowMs): 0 to \(Self.windowMsMax)")
        }
        guard expiryS <= Self.expirySMax else {
            throw .invalid("store.expiry-s \(expiryS): 0 to \(Self.expirySMax)")
        }
    }
}
