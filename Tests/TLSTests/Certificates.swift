// Certificates for the tests, made by the repository's own script into a temporary directory.

import Foundation
import TLS
import Testing

/// One authority and what it signed.
struct Certificates: Sendable {
    let directory: URL

    /// The set both ends use.
    static let ours = Certificates("ours")
    /// A set from another authority.
    static let others = Certificates("others")

    private static let root: URL = {
        let parent = FileManager.default.temporaryDirectory
        sweep(parent)
        atexit { Certificates.removeAll() }
        return parent.appendingPathComponent("TLSTests-\(getpid())-\(UUID().uuidString)")
    }()

    private static func removeAll() {
        try? FileManager.default.removeItem(at: root)
    }

    /// Removes what a process of tests has left that was killed.
    private static func sweep(_ parent: URL) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: parent.path)) ?? [] {
            guard let found = name.wholeMatch(of: /TLSTests-(\d+)-[0-9A-F-]{36}/),
                let process = pid_t(found.1), kill(process, 0) != 0, errno == ESRCH
            else { continue }
            try? FileManager.default.removeItem(at: parent.appendingPathComponent(name))
        }
    }

    private init(_ name: String) {
        directory = Self.root.appendingPathComponent(name)
        let package = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let script = package.appendingPathComponent("certs/generate.sh").path
        #expect(runProgram(["/bin/sh", script, directory.path]) == 0)
    }

    func path(_ name: String) -> String { directory.appendingPathComponent(name).path }

    /// Writes a file beside the certificates and gives its path.
    func write(_ text: String, to name: String) throws -> String {
        let path = path(name)
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    var server: TLSServerConfiguration {
        TLSServerConfiguration(
            certificateChainPath: path("server.pem"), privateKeyPath: path("server-key.pem"))
    }

    var client: TLSClientConfiguration { TLSClientConfiguration(caPath: path("ca.pem")) }
}

/// Runs a program found in PATH to its end and gives its wait status; -1 when it cannot be started.
/// Foundation's Process would do, but leaks a little, which the leak checker reports.
func runProgram(_ arguments: [String]) -> CInt {
    let pointers = arguments.map { strdup($0) }
    defer { for pointer in pointers { free(pointer) } }
    var process: pid_t = 0
    var status: CInt = -1
    guard posix_spawnp(&process, arguments[0], nil, nil, pointers + [nil], environ) == 0 else {
        return -1
    }
    while waitpid(process, &status, 0) < 0 {
        if errno != EINTR { return -1 }
    }
    return status
}
