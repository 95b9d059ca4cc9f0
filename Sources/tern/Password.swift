// Where passwords come from: never an argument, which every process can read.

internal import Glibc

/// Reads passwords.
package enum Password {
    /// The longest password file, in bytes.
    package static let fileSizeMax = 4_096

    /// What TERN_PASSWORD holds.
    static var environment: String? { getenv("TERN_PASSWORD").map { String(cString: $0) } }

    /// The password of a login: TERN_PASSWORD, the file, or a question on the terminal.
    static func read(file: String?, for name: String) throws -> String {
        if let file { return try readFile(file) }
        if let environment { return environment }
        return try ask("Password for \(name): ")
    }

    /// The new password of an account: as `read`, but the terminal asks twice.
    static func readNew(file: String?, for name: String) throws -> String {
        if file != nil || environment != nil { return try read(file: file, for: name) }
        let password = try ask("New password for \(name): ")
        guard try ask("Once more: ") == password else {
            throw Failure(.data, "the two passwords differ")
        }
        return password
    }

    private static func readFile(_ path: String) throws -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw Failure(.usage, "\(path): \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: fileSizeMax + 1)
        while bytes.count <= fileSizeMax {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0 {
                if errno == EINTR { continue }
                throw Failure(.usage, "\(path): \(String(cString: strerror(errno)))")
            }
            if count == 0 { break }
            bytes += chunk[..<count]
        }
        guard let password = password(inFile: bytes) else {
            throw Failure(.data, "\(path): not a password: empty, too long or not UTF-8")
        }
        return password
    }

    /// The password in a file's bytes: one line end at the end is not part of it. Nil for no password.
    package static func password(inFile bytes: [UInt8]) -> String? {
        var bytes = bytes[...]
        if bytes.last == UInt8(ascii: "\n") {
            bytes.removeLast()
            if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
        }
        guard !bytes.isEmpty, bytes.count <= fileSizeMax else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }

    /// Asks on the terminal without showing what is typed.
    private static func ask(_ question: String) throws -> String {
        let terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)
        guard terminal >= 0 else {
            throw Failure(
                .usage,
                "no password: set TERN_PASSWORD or --password-file (no terminal to ask)")
        }
        defer { close(terminal) }
        var saved = termios()
        guard tcgetattr(terminal, &saved) == 0 else {
            throw Failure(.usage, "no password: the terminal cannot be asked")
        }
        // Ctrl-C must not leave the terminal without echo: it is read as a byte, and ends the line.
        var quiet = saved
        quiet.c_lflag &= ~tcflag_t(ECHO | ISIG)
        withUnsafeMutableBytes(of: &quiet.c_cc) { $0[Int(VEOL)] = 0x03 }
        tcsetattr(terminal, TCSAFLUSH, &quiet)
        defer {
            tcsetattr(terminal, TCSAFLUSH, &saved)
            writeAll(Array("\n".utf8), to: terminal)
        }
        writeAll(Array(TerminalText.neutralised(question).utf8), to: terminal)
        var bytes: [UInt8] = []
        var byte: UInt8 = 0
        while bytes.count <= fileSizeMax {
            let count = Glibc.read(terminal, &byte, 1)
            if count < 0, errno == EINTR { continue }
            if count <= 0 || byte == UInt8(ascii: "\n") { break }
            if byte == 0x03 { throw Failure(.interrupted, "interrupted") }
            bytes.append(byte)
        }
        guard let password = password(inFile: bytes) else {
            throw Failure(.data, "no password given")
        }
        return password
    }
}
