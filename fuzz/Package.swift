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

/// One fuzzer; the shim in Sources/`name` passes libFuzzer's bytes on.
func fuzzer(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(name: name, dependencies: dependencies, swiftSettings: settings)
}

let targets: [Target.Dependency] = [.product(name: "FuzzTargets", package: "tern")]

let package = Package(
    name: "fuzz",
    dependencies: [.package(name: "tern", path: "..")],
    targets: [
        fuzzer("node", targets),
        fuzzer("frames", targets),
        fuzzer("inflate", targets),
        fuzzer("address", targets),
        fuzzer("scram", targets),
        fuzzer("session", targets),
        fuzzer("canary", []),
    ]
)
