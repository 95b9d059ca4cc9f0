// swift-tools-version: 6.2
// The benchmarks: executables that measure, kept out of the package above so that nothing that ships
// depends on them. What they measure is called through Sources/BenchTargets of the package above.
import PackageDescription

let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

let package = Package(
    name: "bench",
    dependencies: [
        .package(name: "tern", path: ".."),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    ],
    targets: [
        // Replaces malloc in the executables that link it, to count allocations.
        .target(name: "CAllocations"),
        .executableTarget(
            name: "codec-bench",
            dependencies: [
                "CAllocations",
                .product(name: "BenchTargets", package: "tern"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ], swiftSettings: settings),
        .target(name: "CHeap"),
        .executableTarget(
            name: "tls-bench",
            dependencies: [
                "CHeap",
                .product(name: "BenchTargets", package: "tern"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ], swiftSettings: settings),
    ]
)
