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
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.2")
    ],
    targets: [
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        module("Base", []),
        module("Wire", ["Base", "CZlib"]),
        module("TLS", ["Base", "COpenSSL"]),
        module("Client", ["Base", "Wire", "TLS"]),
        .executableTarget(
            name: "tern",
            dependencies: [
                "Client", "Wire", "Base", "TLS",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ], swiftSettings: settings),
        tests("BaseTests", ["Base"]),
        tests("WireTests", ["Wire", "Base"]),
        tests("TLSTests", ["Base", "COpenSSL", "TLS"]),
        tests("ClientTests", ["Base", "Wire", "TLS", "Client", "tern"]),
    ]
)
