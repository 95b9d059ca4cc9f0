// swift-tools-version: 6.2
// The fuzzers: main-less executables that libFuzzer's main calls, so they build only with its sanitizer.
// fuzz/run.sh builds and runs them; what they hold is in Sources/FuzzTargets of the package above.
import PackageDescription

let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .unsafeFlags(["-parse-as-library"]),
]

/// With TERN_FUZZ_DRIVER=replay each target gets a main that runs files, in place of libFuzzer's.
let isReplay = Context.environment["TERN_FUZZ_DRIVER"] == "replay"

let codec = [
    "node", "tree", "frames", "inflate", "prologue", "address", "scram", "dictionary", "notation",
    "records", "tls",
]
let sessions = ["session"]

/// One fuzzer; the shim in Sources/`name` passes libFuzzer's bytes on.
func fuzzer(_ name: String, _ product: String?) -> Target {
    let tested = product.map { [Target.Dependency.product(name: $0, package: "tern")] } ?? []
    return .executableTarget(
        name: name, dependencies: tested + (isReplay ? ["Replay"] : []), swiftSettings: settings)
}

// Without libFuzzer SwiftPM has a program begin at NAME_main, so the driver goes by all these names.
let mains = (codec + sessions + ["canary"]).map { "ALIAS(\($0))" }.joined(separator: " ")

let package = Package(
    name: "fuzz",
    dependencies: [.package(name: "tern", path: "..")],
    targets: [
        .target(name: "Replay", cSettings: [.define("ALIASES", to: mains)]),
        fuzzer("canary", nil),
    ] + codec.map { fuzzer($0, "FuzzTargets") } + sessions.map { fuzzer($0, "FuzzSessions") }
)
