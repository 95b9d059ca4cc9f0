// `ternd` when it cannot start.

import Foundation
import Testing

extension CommandTests {
    /// One line and an exit code.
    @Suite(.serialized) struct StartTests {
        @Test(arguments: [
            ("domain = \"a", "line 1"), ("domian = \"localhost\"", "domian"),
            ("shards = \"two\"", "shards"), ("shards = 0", "shards"),
            ("minimum-tls = \"1.1\"", "minimum-tls"), ("log-level = \"loud\"", "log-level"),
            ("[limits]\nnonsense = 1", "limits.nonsense"), ("domain = \"A B\"", "domain"),
            ("listen = []", "listener"), ("[limits]\npage-size-max = 0", "limits.page-size-max"),
            ("[limits]\npage-size-max = 9223372036854775807", "limits.page-size-max"),
            ("[limits]\ncontacts-per-account-max = 1099511627776", "contacts-per-account-max"),
            ("[store]\nexpiry-s = -1", "store.expiry-s"),
            ("[store]\nwindow-ms = -1", "store.window-ms"),
        ])
        func configurationsAreRefused(_ text: String, _ word: String) throws {
            let directory = try TestFiles.temporaryDirectory()
            defer { try? FileManager.default.removeItem(atPath: directory) }
            let file = directory + "/ternd.toml"
            try text.write(toFile: file, atomically: true, encoding: .utf8)
            try refuse(["--config", file, "--data", directory + "/data"], 78, word)
            #expect(!FileManager.default.fileExists(atPath: directory + "/data"))
        }

        @Test func missingFilesAreNamed() throws {
            let directory = try TestFiles.temporaryDirectory()
            defer { try? FileManager.default.removeItem(atPath: directory) }
            let certificates = try TestFiles.certificates.get()
            let good = [
                "--listen", "127.0.0.1:0", "--data", directory + "/data",
                "--certificate", certificates + "/server.pem",
                "--key", certificates + "/server-key.pem",
            ]
            try refuse(["--config", directory + "/none.toml"], 78, "none.toml")
            try refuse(good + ["--certificate", directory + "/none.pem"], 69, "none.pem")
            try refuse(good + ["--key", directory + "/none.pem"], 69, "none.pem")
            try refuse(good + ["--key", certificates + "/client-key.pem"], 69, "client-key.pem")
            try refuse(good + ["--data", directory + "/a/b"], 69, "a/b")
            try refuse(good + ["--listen", "nowhere"], 69, "nowhere")
            try refuse(good + ["--listen", "192.0.2.1:5223"], 69, "192.0.2.1")
        }

        @Test(arguments: [["0.0.0.0:0"], ["127.0.0.1:0", "[::]:0"], ["192.0.2.1:5223"]])
        func benchAccountsAreForLoopbackOnly(_ addresses: [String]) throws {
            let directory = try TestFiles.temporaryDirectory()
            defer { try? FileManager.default.removeItem(atPath: directory) }
            let options = addresses.flatMap { ["--listen", $0] }
            try refuse(
                options + ["--bench-auth", "--data", directory + "/data"], 78,
                addresses.last ?? "")
            #expect(!FileManager.default.fileExists(atPath: directory + "/data"))
        }

        @Test func whatIsInUseIsNotShared() throws {
            let server = try TestServer()
            let files = [
                "--certificate", server.certificates + "/server.pem",
                "--key", server.certificates + "/server-key.pem",
            ]
            let other = server.directory + "/other"
            try refuse(
                files + ["--listen", "127.0.0.1:0", "--data", server.data], 69, "another process")
            try refuse(
                files + ["--listen", "127.0.0.1:\(server.port)", "--data", other], 69,
                ":\(server.port)")
            try server.addAccount("alice")
            try server.stop()
        }

        private func refuse(_ arguments: [String], _ status: Int32, _ word: String) throws {
            let command = try RunningCommand("ternd", arguments)
            try command.finish(expect: status)
            #expect(command.complaints.count == 1, "\(command.complaints)")
            let line = command.complaints.first ?? ""
            #expect(line.hasPrefix("ternd: ") && line.contains(word), "\(line)")
            #expect(command.lines.isEmpty)
        }
    }
}
