// The real `ternd`, as a process of its own, on a port of the system's choice.

import Client
import Foundation
import Synchronization
import TLS
import Wire

struct TestFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Files that the tests share: one set of certificates for all.
enum TestFiles {
    static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    /// Where the built executables are: beside the test bundle.
    static let products: URL = {
        let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") }
        let path = bundle ?? CommandLine.arguments[0]
        return URL(filePath: path).deletingLastPathComponent()
    }()

    static let certificates: Result<String, any Error> = Result {
        let directory = try temporaryDirectory() + "/certificates"
        try run("/bin/sh", [root.appending(path: "certs/generate.sh").path, directory])
        return directory
    }

    /// Holds all that the tests write, and goes with the process; TERN_TEST_KEEP=1 keeps it.
    private static let scratch: URL = {
        let parent = FileManager.default.temporaryDirectory
        sweep(parent)
        if ProcessInfo.processInfo.environment["TERN_TEST_KEEP"] == nil {
            atexit { try? FileManager.default.removeItem(at: TestFiles.scratch) }
        }
        return parent.appending(path: "tern-test-\(getpid())-\(UUID().uuidString.prefix(8))")
    }()

    /// Removes what a process of tests has left that was killed.
    private static func sweep(_ parent: URL) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: parent.path)) ?? [] {
            guard let found = name.wholeMatch(of: /tern-test-(\d+)-[0-9A-F]{8}/),
                let process = pid_t(found.1), Glibc.kill(process, 0) != 0, errno == ESRCH
            else { continue }
            try? FileManager.default.removeItem(at: parent.appending(path: name))
        }
    }

    static func temporaryDirectory() throws -> String {
        // Short: a socket's path has 107 bytes at most.
        let directory = scratch.appending(path: "\(UUID().uuidString.prefix(8))").path
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true)
        return directory
    }

    /// Runs a command and returns what it printed on both outputs; throws unless it exits with 0.
    @discardableResult
    static func run(
        _ path: String, _ arguments: [String], environment: [String: String] = [:],
        input: String? = nil, expect: Int32 = 0
    ) throws -> String {
        let process = Process()
        process.executableURL = URL(filePath: path)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let output = Pipe()
        let standardInput = Pipe()
        process.standardOutput = output
        process.standardError = output
        process.standardInput = standardInput
        try process.run()
        if let input { standardInput.fileHandleForWriting.write(Data(input.utf8)) }
        try standardInput.fileHandleForWriting.close()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        let text = String(decoding: data, as: UTF8.self)
        guard process.terminationStatus == expect else {
            throw TestFailure("\(path) exited with \(process.terminationStatus): \(text)")
        }
        return text
    }
}

/// A running gateway. Used by one test at a time.
final class TestServer {
    let directory: String
    let certificates: String
    private(set) var port: UInt16 = 0
    private var process: Process
    private let configuration: String
    private let arguments: [String]
    private let descriptorLimit: Int?
    private let log: Log

    /// Lines that the gateway logged, gathered by Foundation's reading thread.
    final class Log: Sendable {
        private let text = Mutexed("")
        func append(_ data: Data) { text.change { $0 += String(decoding: data, as: UTF8.self) } }
        var all: String { text.read }
    }

    /// Starts `ternd` with these extra lines of configuration and options, and under a limit on open
    /// descriptors if there is to be one.
    init(
        configuration: String = "", arguments: [String] = [], descriptorLimit: Int? = nil
    ) throws {
        self.descriptorLimit = descriptorLimit
        directory = try TestFiles.temporaryDirectory()
        certificates = try TestFiles.certificates.get()
        self.configuration = configuration
        self.arguments = arguments
        log = Log()
        process = Process()
        try start()
    }

    deinit {
        if process.isRunning { Glibc.kill(process.processIdentifier, SIGKILL) }
        process.waitUntilExit()
        try? FileManager.default.removeItem(atPath: directory)
    }

    var data: String { directory + "/data" }
    var adminPath: String { data + "/admin.sock" }
    var ca: String { certificates + "/ca.pem" }
    var logged: String { log.all }

    private func start() throws {
        let file = directory + "/ternd.toml"
        try configuration.write(toFile: file, atomically: true, encoding: .utf8)
        process = Process()
        process.executableURL = TestFiles.products.appending(path: "ternd")
        process.arguments =
            [
                "--config", file, "--listen", "127.0.0.1:\(port)", "--data", data,
                "--certificate", certificates + "/server.pem",
                "--key", certificates + "/server-key.pem",
            ] + arguments
        if let descriptorLimit, let program = process.executableURL {
            process.executableURL = URL(filePath: "/bin/sh")
            process.arguments =
                ["-c", "ulimit -n \(descriptorLimit); exec \"$0\" \"$@\"", program.path]
                + (process.arguments ?? [])
        }
        let pipe = Pipe()
        process.standardError = pipe
        process.standardInput = FileHandle.nullDevice
        let seen = log.all.utf8.count
        pipe.fileHandleForReading.readabilityHandler = { [log] handle in
            let data = handle.availableData
            if data.isEmpty { handle.readabilityHandler = nil } else { log.append(data) }
        }
        try process.run()
        let deadline = Date().addingTimeInterval(30)
        while Date() < deadline {
            let fresh = String(decoding: log.all.utf8.dropFirst(seen), as: UTF8.self)
            let found = fresh.firstMatch(of: /listen=127\.0\.0\.1:(\d+)/)
            if let found, fresh.contains("ready") {
                port = UInt16(found.1) ?? 0
                return
            }
            guard process.isRunning else { break }
            usleep(5_000)
        }
        throw TestFailure("ternd did not start: \(log.all)")
    }

    /// `kill -9`, then a new process on the same port and data.
    func killAndRestart() throws {
        kill()
        try start()
    }

    /// `kill -9`.
    func kill() {
        Glibc.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    /// An orderly stop, then a new process on the same port and data.
    func restart() throws {
        try stop()
        try start()
    }

    /// An orderly stop; the exit code must be 0.
    func stop() throws {
        process.terminate()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw TestFailure("ternd exited with \(process.terminationStatus): \(log.all)")
        }
    }

    var isRunning: Bool { process.isRunning }

    /// Makes an account whose password is its name.
    func addAccount(_ name: String) throws {
        try tern(["account", "add", "\(name)@localhost", "--admin", adminPath], as: name)
    }

    /// Runs the command line client; returns what it printed.
    @discardableResult
    func tern(_ arguments: [String], as name: String = "", expect: Int32 = 0) throws -> String {
        try TestFiles.run(
            TestFiles.products.appending(path: "tern").path, arguments,
            environment: ["TERN_PASSWORD": name], expect: expect)
    }

    /// The options that make `tern` talk to this server.
    var options: [String] { ["--server", "127.0.0.1:\(port)", "--ca", ca] }

    /// The gateway's counters.
    func status() throws -> [String: Int] {
        try AdminClient(path: adminPath).request(AdminRequest(command: .status)).status ?? [:]
    }

    /// SIGHUP.
    func hangUp() { Glibc.kill(process.processIdentifier, SIGHUP) }

    /// SIGSTOP, and SIGCONT a moment later: system calls that wait may end early.
    func standStill() {
        Glibc.kill(process.processIdentifier, SIGSTOP)
        usleep(50_000)
        Glibc.kill(process.processIdentifier, SIGCONT)
    }

    /// Waits until a figure has this value.
    func waitForStatus(_ name: String, _ value: Int, seconds: Double = 10) throws {
        let deadline = Date().addingTimeInterval(seconds)
        var last: Int?
        while Date() < deadline {
            last = try status()[name]
            if last == value { return }
            usleep(20_000)
        }
        throw TestFailure("\(name) is \(last ?? -1), not \(value)")
    }

    /// Bytes of memory that are the gateway's alone.
    func residentSize() throws -> Int {
        let path = "/proc/\(process.processIdentifier)/status"
        let text = try String(contentsOfFile: path, encoding: .utf8)
        guard let found = text.firstMatch(of: /VmRSS:\s+(\d+) kB/), let size = Int(found.1) else {
            throw TestFailure("no VmRSS in \(path)")
        }
        return size * 1024
    }
}

/// A question that every session answers.
let pingNode = Node(
    "iq", [Node.Attribute(key: "type", value: "get"), Node.Attribute(key: "id", value: "1")],
    content: .nodes([Node("ping")]))

/// A value that several threads of a test share.
final class Mutexed<Value: Sendable>: @unchecked Sendable {
    // `lock` guards `value`.
    private let lock = NSLock()
    private var value: Value
    init(_ value: Value) { self.value = value }
    var read: Value { lock.withLock { value } }
    func change(_ body: (inout Value) -> Void) { lock.withLock { body(&value) } }
}
