// Lines in, lines out: each line of standard input becomes one of standard output, good or bad.

internal import ArgumentParser
internal import Glibc
internal import Notation

/// The loop of `tern codec encode` and `decode`.
enum CodecLines {
    private static let readSize = 65_536

    /// Answers each line with what `convert` makes of it, or with its error; what has been read is
    /// answered before more is read. Throws the exit for bad data when there was an error.
    static func run(_ convert: ([UInt8]) throws(NotationError) -> [UInt8]) throws {
        var pending: [UInt8] = []
        // Of a line that is too long nothing is kept.
        var isTooLong = false
        var output: [UInt8] = []
        var hasErrors = false
        func answer() throws {
            do throws(NotationError) {
                if isTooLong { throw .lineSize }
                output += try convert(pending)
            } catch {
                hasErrors = true
                let message = JSONText.quoted(error.message)
                output += "{\"error\":\(message),\"offset\":\(error.offset)}".utf8
            }
            output.append(UInt8(ascii: "\n"))
            pending.removeAll(keepingCapacity: pending.count <= readSize)
            isTooLong = false
            if output.count >= readSize { try flush() }
        }
        func flush() throws {
            guard writeAll(output, to: STDOUT_FILENO) else {
                throw Failure(.noOutput, "writing failed: \(String(cString: strerror(errno)))")
            }
            output.removeAll(keepingCapacity: true)
        }
        while let bytes = try read() {
            var rest = bytes[...]
            while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                take(rest[..<end], &pending, &isTooLong)
                try answer()
                rest = rest[(end + 1)...]
            }
            take(rest, &pending, &isTooLong)
            try flush()
        }
        if !pending.isEmpty || isTooLong { try answer() }
        try flush()
        if hasErrors { throw ExitCode(ExitStatus.data.rawValue) }
    }

    private static func take(
        _ bytes: ArraySlice<UInt8>, _ pending: inout [UInt8], _ isTooLong: inout Bool
    ) {
        isTooLong = isTooLong || pending.count + bytes.count > NotationLimits.lineSizeMax
        if isTooLong { pending = [] } else { pending += bytes }
    }

    /// All of standard input: one line's size at most.
    static func readAll() throws -> [UInt8] {
        var all: [UInt8] = []
        while let bytes = try read() {
            all += bytes
            guard all.count <= NotationLimits.lineSizeMax else {
                throw Failure(.data, NotationError.lineSize.message)
            }
        }
        return all
    }

    /// What standard input has, up to `readSize` bytes; nil at its end.
    private static func read() throws -> [UInt8]? {
        let bytes = try readSome(of: STDIN_FILENO, sizeMax: readSize)
        return bytes.isEmpty ? nil : bytes
    }

    /// What a descriptor has, up to `sizeMax` bytes; none at its end.
    static func readSome(of descriptor: Int32, sizeMax: Int) throws(Failure) -> [UInt8] {
        var chunk = [UInt8](repeating: 0, count: sizeMax)
        var count = Glibc.read(descriptor, &chunk, chunk.count)
        while count < 0, errno == EINTR || errno == EAGAIN {
            // A descriptor that does not block is waited for.
            var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            if errno == EAGAIN { _ = poll(&entry, 1, 1_000) }
            count = Glibc.read(descriptor, &chunk, chunk.count)
        }
        guard count >= 0 else {
            throw Failure(.noInput, "reading failed: \(String(cString: strerror(errno)))")
        }
        return Array(chunk[..<count])
    }
}
