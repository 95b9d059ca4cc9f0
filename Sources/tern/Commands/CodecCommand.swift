// `tern codec`: nodes as JSON lines and frames as hex lines, for people who debug or reimplement the
// protocol. No gateway and no network.

internal import ArgumentParser
internal import Glibc
internal import Notation
internal import Wire

struct Codec: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Turns nodes into frames and back, and explains frames.",
        subcommands: [CodecEncode.self, CodecDecode.self, CodecExplain.self])
}

struct CodecEncode: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "encode",
        abstract: "Turns JSON lines on standard input into hex lines of frames.",
        discussion: CodecOptions.lineHelp)

    @OptionGroup var options: CodecOptions

    func run() async throws {
        try await reportingFailures {
            var codec = try options.codec()
            try CodecLines.run { line throws(NotationError) in
                let node = try NodeJSON.node(line.span.bytes)
                return Hex.utf8Digits(try codec.encode(node))
            }
        }
    }
}

struct CodecDecode: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "decode",
        abstract: "Turns hex lines of frames on standard input into JSON lines.",
        discussion: CodecOptions.lineHelp)

    @OptionGroup var options: CodecOptions

    func run() async throws {
        try await reportingFailures {
            var codec = try options.codec()
            let context = codec.context
            try CodecLines.run { line throws(NotationError) in
                let node = try codec.decode(try Hex.bytes(line))
                return NodeJSON.line(node, context: context)
            }
        }
    }
}

struct CodecExplain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Shows what each byte of one frame means, up to the first error.")

    @OptionGroup var options: CodecOptions

    @Argument(help: "The frame in hex digits, in one word or more (default: standard input).")
    var hex: [String] = []

    func run() async throws {
        try await reportingFailures {
            var codec = try options.codec()
            let text =
                hex.isEmpty ? try CodecLines.readAll() : Array(hex.joined(separator: " ").utf8)
            let frame: [UInt8]
            do throws(NotationError) {
                // A frame may stand on several lines.
                frame = try Hex.bytes(text.map { $0 == UInt8(ascii: "\n") ? 0x20 : $0 })
            } catch {
                throw Failure(.data, "\(error.message), at byte \(error.offset)")
            }
            let explanation = Explanation(frame, codec: &codec)
            try say(explanation.text)
            if explanation.error != nil { throw ExitCode(ExitStatus.data.rawValue) }
        }
    }
}

extension PayloadCompression: ExpressibleByArgument {}

/// What all of `tern codec` takes.
struct CodecOptions: ParsableArguments {
    static let lineHelp = """
        A bad line becomes {"error": …, "offset": …} on standard output in its place; the rest goes on, \
        and the exit code is 65.
        """

    @Option(
        help: ArgumentHelp(
            "Words from a JSON file {\"single\": […], \"double\": [[…] × 4]} in place of Tern's.",
            valueName: "file"))
    var dictionary: String?

    @Option(
        help: ArgumentHelp(
            "Compress what gets smaller by it; decode and explain find out by themselves.",
            valueName: "kind"))
    var deflate: PayloadCompression?

    @Flag(help: "Frames begin with their 3-byte length, not with the flags.")
    var frame = false

    @Option(
        help: ArgumentHelp(
            "The stream's own domain (default: word 3 of --dictionary, else localhost).",
            valueName: "name"))
    var domain: String?

    /// The codec that the options describe.
    func codec() throws(Failure) -> FrameCodec {
        guard let path = dictionary else {
            return try codec(of: .version1, domain: domain ?? "localhost")
        }
        let text = try Self.read(path)
        let words: DictionaryFile
        do throws(NotationError) {
            words = try DictionaryFile(parsing: text.span.bytes)
        } catch {
            throw Failure(.data, "\(path): \(error.message), at byte \(error.offset)")
        }
        let tables: TokenDictionary
        do throws(WireError) {
            tables = try words.dictionary()
        } catch {
            if case .malformedDictionary(let reason) = error {
                throw Failure(.data, "\(path): \(reason)")
            }
            throw Failure(.data, "\(path): \(error)")
        }
        return try codec(of: tables, domain: domain ?? words.domain ?? "")
    }

    private func codec(
        of dictionary: TokenDictionary, domain: String
    ) throws(Failure) -> FrameCodec {
        guard let context = WireContext(dictionary: dictionary, domain: domain) else {
            throw Failure(
                .data, "the own domain \(JSONText.quoted(domain)) is no domain, or a word already")
        }
        return FrameCodec(context: context, hasLength: frame, compression: deflate)
    }

    private static func read(_ path: String) throws(Failure) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw Failure(.noInput, "\(path): \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        var text: [UInt8] = []
        // One byte more than allowed tells that there is more.
        while text.count <= NotationLimits.dictionarySizeMax {
            let some = try CodecLines.readSome(of: descriptor, sizeMax: 65_536)
            if some.isEmpty { break }
            text += some
        }
        return text
    }
}
