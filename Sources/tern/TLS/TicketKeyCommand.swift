// `tern tls ticket-key FILE`: makes the file of ticket keys that gateways share, and renews it. Written
// whole beside the old one and put in its place, so that a gateway never reads half of it.

internal import ArgumentParser
internal import FoundationEssentials
internal import Glibc
internal import TLS

struct TicketKeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ticket-key", abstract: "Makes or renews a file of ticket keys.",
        discussion: """
            Run it once a period, then bring the file to every gateway: each looks at it once a \
            minute. One key is in force, the next is prepared, earlier ones stay as long as tickets \
            need them. Run more often, it changes nothing.
            """)

    @Argument(help: ArgumentHelp("The file; made with mode 0600.", valueName: "file"))
    var path: String

    @Option(help: "Seconds that a key seals.")
    var period: UInt64 = 3_600

    @Option(help: "The gateways' ticket-lifetime-s.")
    var lifetime: UInt64 = 7_200

    func validate() throws {
        guard (60...604_800).contains(period), (1...604_800).contains(lifetime),
            lifetime / period < 250
        else { throw ValidationError("--period takes 60 to 604800, --lifetime 1 to 604800") }
    }

    func run() async throws {
        try await reportingFailures {
            let old = try read()
            let now = UInt64(max(0, time(nil)))
            let keys = TicketKeyFile.renewed(old, at: now, periodS: period, lifetimeS: lifetime)
            if keys.map(\.startsAt) != old.map(\.startsAt) { try write(TicketKeyFile.text(keys)) }
            let next = keys.last { $0.startsAt > now }?.startsAt ?? now
            try say("\(keys.count) keys, the next in \(next - now) s")
        }
    }

    private func read() throws -> [TicketKey] {
        guard access(path, F_OK) == 0 else { return [] }
        do {
            let data = try Data(contentsOf: URL(filePath: path))
            return try TicketKeyFile.parse(String(decoding: data, as: UTF8.self))
        } catch let error as TicketKeyFileError {
            throw Failure(.data, "\(path): \(error)")
        } catch {
            throw Failure(.data, "\(path): cannot be read")
        }
    }

    private func write(_ text: String) throws {
        let fresh = path + ".new"
        unlink(fresh)
        let descriptor = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Failure(.data, "\(fresh): \(reason())") }
        writeAll(Array(text.utf8), to: descriptor)
        var status = stat()
        let isWhole =
            fsync(descriptor) == 0 && fstat(descriptor, &status) == 0
            && Int(status.st_size) == text.utf8.count
        close(descriptor)
        guard isWhole, rename(fresh, path) == 0 else {
            let reason = reason()
            unlink(fresh)
            throw Failure(.data, "\(path): cannot be written: \(reason)")
        }
    }

    private func reason() -> String { String(cString: strerror(errno)) }
}
