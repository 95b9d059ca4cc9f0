// What every fuzz target shares. A target is one function that takes any bytes and traps when something
// does not hold; the shims in fuzz/ hand it libFuzzer's bytes, Tests/FuzzTests the kept corpora.

internal import Wire

/// Tables that live as long as the process: made once, or each input would leak them.
enum FuzzWorld {
    /// The dictionary and domain that all targets read and write with.
    static let context: WireContext = {
        guard let context = WireContext(domain: "localhost") else {
            preconditionFailure("localhost is a domain")
        }
        return context
    }()
}
