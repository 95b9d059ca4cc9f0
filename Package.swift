// swift-tools-version: 6.2
// Tern's package: one target a module, and a module may import only what its line here names.
import PackageDescription

let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableExperimentalFeature("Lifetimes"),
    .treatAllWarnings(as: .error),
]

func module(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

/// The tests of a module; `data` are what they read where it lies.
func tests(_ name: String, _ dependencies: [Target.Dependency], data: [String] = []) -> Target {
    .testTarget(name: name, dependencies: dependencies, exclude: data, swiftSettings: settings)
}

let package = Package(
    name: "tern",
    products: [
        // What apps embed. The second only if the first's protocol of a store is not theirs to fill.
        .library(name: "Client", targets: ["Client"]),
        .library(name: "ClientStorage", targets: ["ClientStorage"]),
        // For the package in bench/, whose dependencies nothing that ships should have.
        .library(name: "BenchTargets", targets: ["BenchTargets", "Wire"]),
        // For the package in fuzz/, whose targets need a linker flag that plain builds must not have.
        // Apart, so that the codec's fuzzers do not carry the counters of the store.
        .library(name: "FuzzTargets", targets: ["FuzzTargets"]),
        .library(name: "FuzzSessions", targets: ["FuzzSessions"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"),
    ],
    targets: [
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .target(name: "CLinux"),
        module("Base", []),
        // Source/ holds the word list, the training of the preset dictionary and their generator.
        .target(
            name: "Wire", dependencies: ["Base", "CZlib"], exclude: ["Dictionary/Source"],
            swiftSettings: settings),
        module("Notation", ["Base", "Wire"]),
        module("TLS", ["Base", "COpenSSL"]),
        module("Reactor", ["Base", "CLinux"]),
        module("Sessions", ["Base", "Wire"]),
        module("Storage", ["Base", "Wire", .product(name: "GRDB", package: "GRDB.swift")]),
        module("Client", ["Base", "Wire", "TLS"]),
        module(
            "ClientStorage", ["Wire", "Client", .product(name: "GRDB", package: "GRDB.swift")]),
        module(
            "Gateway",
            [
                "Base", "Wire", "TLS", "Reactor", "Sessions", "Storage", "Client",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "TOMLKit", package: "TOMLKit"),
            ]),
        module("Simulation", ["Base", "Wire", "Sessions", "Storage", "Client"]),
        module(
            "Bench",
            [
                "Base", "Wire", "TLS", "Reactor", "Client",
                .product(name: "Histogram", package: "hdrhistogram-swift"),
            ]),
        module("BenchTargets", ["Base", "Wire", "TLS", "COpenSSL"]),
        module("FuzzTargets", ["Base", "Wire", "Notation", "TLS", "COpenSSL"]),
        module("FuzzSessions", ["Base", "Wire", "Sessions", "Storage", "TLS", "FuzzTargets"]),
        .executableTarget(
            name: "ternd",
            dependencies: [
                "Base", "Gateway", "Reactor",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ], swiftSettings: settings),
        .executableTarget(
            name: "tern",
            dependencies: [
                "Base", "Bench", "Client", "ClientStorage", "Notation", "Reactor", "TLS", "Wire",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ], swiftSettings: settings),
        // The example of docs/CLIENT.md, which a test compares with it.
        .executableTarget(
            name: "echo-client", dependencies: ["Client", "ClientStorage", "Wire"],
            path: "Sources/EchoClient", swiftSettings: settings),
        // Runs seeds of Simulation: a tool of this repository, not a part of what ships.
        .executableTarget(
            name: "simulate",
            dependencies: [
                "Simulation", .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ], swiftSettings: settings),
        tests("BaseTests", ["Base"]),
        tests("BenchTests", ["Base", "Bench", "Reactor", "Wire"]),
        tests("ClientTests", ["Base", "Client", "ClientStorage", "TLS", "Wire", "tern"]),
        tests("FuzzTests", ["FuzzSessions", "FuzzTargets"]),
        tests(
            "GatewayTests",
            [
                "Base", "Bench", "Client", "ClientStorage", "Gateway", "Reactor", "TLS", "Wire",
                "echo-client", "tern", "ternd",
                .product(name: "Logging", package: "swift-log"),
            ], data: ["Plays", "Vectors"]),
        tests("NotationTests", ["Base", "Notation", "Wire"]),
        tests(
            "ProtocolTests",
            [
                "Base", "Bench", "Client", "Gateway", "Notation", "Reactor", "Sessions",
                "Storage", "TLS", "Wire",
            ]),
        tests("ReactorTests", ["Base", "Reactor"]),
        tests("SessionsTests", ["Base", "Sessions", "Storage", "TLS", "Wire"]),
        tests("SimulationTests", ["Base", "Simulation", "Storage", "Wire"]),
        tests(
            "StorageTests",
            ["Base", "Storage", "Wire", .product(name: "GRDB", package: "GRDB.swift")]),
        tests("TLSTests", ["Base", "COpenSSL", "FuzzTargets", "TLS"]),
        tests("WireTests", ["Base", "Wire"]),
    ]
)
