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

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: settings)
}

let package = Package(
    name: "tern",
    products: [
        // For the package in fuzz/, whose targets need a linker flag that plain builds must not have.
        .library(name: "FuzzTargets", targets: ["FuzzTargets"])
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
        module("Wire", ["Base", "CZlib"]),
        module("TLS", ["Base", "COpenSSL"]),
        module("Reactor", ["Base", "CLinux"]),
        module("Sessions", ["Base", "Wire"]),
        module("Storage", ["Base", "Wire", .product(name: "GRDB", package: "GRDB.swift")]),
        module("Client", ["Base", "Wire", "TLS"]),
        module(
            "Gateway",
            [
                "Base", "Wire", "TLS", "Reactor", "Sessions", "Storage", "Client",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "TOMLKit", package: "TOMLKit"),
            ]),
        module("FuzzTargets", ["Base", "Wire", "Sessions", "Storage", "TLS"]),
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
                "Base", "Client", "Reactor", "TLS", "Wire",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
            ], swiftSettings: settings),
        tests("BaseTests", ["Base"]),
        tests("ClientTests", ["Base", "Client", "TLS", "Wire", "tern"]),
        tests("FuzzTests", ["FuzzTargets"]),
        tests(
            "GatewayTests",
            ["Base", "Client", "Gateway", "Reactor", "TLS", "Wire", "tern", "ternd"]),
        tests(
            "ProtocolTests", ["Base", "Client", "Gateway", "Sessions", "Storage", "TLS", "Wire"]),
        tests("ReactorTests", ["Base", "Reactor"]),
        tests("SessionsTests", ["Base", "Sessions", "Storage", "TLS", "Wire"]),
        tests(
            "StorageTests",
            ["Base", "Storage", "Wire", .product(name: "GRDB", package: "GRDB.swift")]),
        tests("TLSTests", ["Base", "COpenSSL", "TLS"]),
        tests("WireTests", ["Base", "Wire"]),
    ]
)
