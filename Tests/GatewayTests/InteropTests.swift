// Unmodified TLS clients of four families against the gateway and against the echo server, which is the
// same TLS without our protocol: OpenSSL's s_client, Python's ssl, curl, GnuTLS's gnutls-cli, NSS's tstclnt.
// Tools that are not installed are passed over, unless TERN_INTEROP says that all must be there.

import Foundation
import Reactor
import TLS
import Testing

/// A program of the machine.
private func tool(_ name: String) -> String? {
    let path = "/usr/bin/\(name)"
    return FileManager.default.isExecutableFile(atPath: path) ? path : nil
}

private func isThere(_ name: String) -> Bool {
    tool(name) != nil || ProcessInfo.processInfo.environment["TERN_INTEROP"] != nil
}

@Suite(.serialized) struct InteropTests {
    private let directory: String
    private let certificates: String
    private var ca: String { certificates + "/ca.pem" }

    init() throws {
        directory = try TestFiles.temporaryDirectory()
        certificates = try TestFiles.certificates.get()
    }

    private func echo(
        ending: EchoServer.Ending = .withTheClient, alpn: [String] = [],
        _ change: (inout TLSServerConfiguration) -> Void = { _ in }
    ) throws -> EchoServer {
        var configuration = TLSServerConfiguration(
            certificateChainPath: certificates + "/server.pem",
            privateKeyPath: certificates + "/server-key.pem")
        configuration.alpn = alpn
        change(&configuration)
        return try EchoServer(configuration, ending: ending)
    }

    /// Runs a shell script in which `$port`, `$ca` and `$dir` are set.
    @discardableResult
    private func shell(_ port: UInt16, _ script: String, expect: Int32 = 0) throws -> String {
        try TestFiles.run(
            "/bin/sh", ["-c", script],
            environment: ["port": "\(port)", "ca": ca, "dir": directory, "LC_ALL": "C"],
            expect: expect)
    }

    /// The same for a Python program.
    @discardableResult
    private func python(_ port: UInt16, _ program: String) throws -> String {
        let path = directory + "/client.py"
        try program.write(toFile: path, atomically: true, encoding: .utf8)
        return try shell(port, "/usr/bin/python3 '\(path)'")
    }

    private func file(_ size: Int) throws -> String {
        let path = directory + "/data"
        // Bytes without a period that a record layer could hide behind; no line starts with a command.
        try shell(
            0,
            "openssl enc -aes-128-ctr -K 00 -iv 00 -in /dev/zero 2> /dev/null | head -c \(size) > \(path)"
        )
        return path
    }

    // MARK: OpenSSL

    @Test(arguments: [
        "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
    ])
    func opensslSpeaksEachSuite(_ suite: String) throws {
        let server = try echo(ending: .afterBytes(6))
        let text = try shell(
            server.port,
            """
            echo hello | openssl s_client -connect 127.0.0.1:$port -CAfile $ca \
              -servername localhost -verify_return_error -ciphersuites \(suite) -ign_eof 2>&1
            """)
        #expect(text.contains("Cipher is \(suite)") && text.contains("\nhello\n"), "\(text)")
        #expect(server.facts.read.map(\.cipherSuite) == [suite])
    }

    @Test(arguments: [("X25519", "x25519"), ("P-256", "secp256r1"), ("P-384", "secp384r1")])
    func opensslSpeaksEachGroup(_ group: String, _ name: String) throws {
        // Alone, and behind one that we do not have: then a HelloRetryRequest asks for ours.
        for groups in [group, "P-521:\(group)"] {
            let server = try echo(ending: .afterBytes(6))
            let text = try shell(
                server.port,
                """
                echo hello | openssl s_client -connect 127.0.0.1:$port -CAfile $ca \
                  -groups \(groups) -ign_eof -msg 2>&1
                """)
            #expect(text.contains("\nhello\n"), "\(text)")
            let hellos = text.ranges(of: "ClientHello").count
            #expect(hellos == (groups == group ? 1 : 2), "\(groups): \(hellos) ClientHellos")
            #expect(server.facts.read.map(\.group) == [name])
        }
    }

    @Test func aClientWithoutOurGroupsIsRefused() throws {
        let server = try echo()
        let text = try shell(
            server.port,
            "openssl s_client -connect 127.0.0.1:$port -groups P-521 < /dev/null 2>&1", expect: 1)
        #expect(text.contains("alert handshake failure"), "\(text)")
    }

    @Test(arguments: 0...4)
    func opensslGetsAsManyTicketsAsAreSet(_ count: Int) throws {
        let server = try echo(ending: .afterBytes(6)) { $0.ticketCount = count }
        let text = try shell(
            server.port,
            """
            echo hello | openssl s_client -connect 127.0.0.1:$port -CAfile $ca \
              -ign_eof -msg -sess_out $dir/session 2>&1
            """)
        #expect(text.ranges(of: ", NewSessionTicket").count == count, "\(text)")
        guard count > 0 else { return }
        let second = try shell(
            server.port,
            """
            echo hello | openssl s_client -connect 127.0.0.1:$port -CAfile $ca \
              -ign_eof -sess_in $dir/session 2>&1
            """)
        #expect(second.contains("Reused, TLSv1.3") && second.contains("\nhello\n"))
        #expect(server.facts.read.map(\.isResumed) == [false, true])
    }

    @Test func opensslUpdatesKeys() throws {
        let server = try echo(ending: .afterBytes(30))
        let text = try shell(
            server.port,
            """
            (sleep 0.5; for i in 1 2 3 4 5; do printf 'K\\n'; sleep 0.1; echo line$i; sleep 0.1; \
              printf 'k\\n'; sleep 0.1; done) | openssl s_client \
              -connect 127.0.0.1:$port -CAfile $ca -msg 2>&1
            """)
        for line in 1...5 { #expect(text.contains("\nline\(line)\n"), "\(text)") }
        // Nine of the client's before the echo ends, five of which ask for one of ours.
        #expect(text.ranges(of: ", KeyUpdate").count >= 14)
        #expect(server.failures.read.isEmpty)
    }

    @Test func opensslMovesAHundredMegabytesBothWays() throws {
        let size = 100 << 20
        let server = try echo(ending: .afterBytes(size))
        let path = try file(size)
        try shell(
            server.port,
            """
            openssl s_client -connect 127.0.0.1:$port -CAfile $ca -quiet < \(path) 2> /dev/null \
              > $dir/back
            cmp \(path) $dir/back
            """)
        #expect(server.failures.read.isEmpty)
    }

    @Test func anEarlyCloseHarmsNobody() throws {
        let server = try echo(ending: .afterBytes(6))
        for _ in 0..<5 {
            try shell(
                server.port,
                """
                openssl s_client -connect 127.0.0.1:$port -CAfile $ca < /dev/null > /dev/null 2>&1
                head -c 500000 /dev/zero | timeout -s KILL 0.3 openssl s_client \
                  -connect 127.0.0.1:$port -quiet > /dev/null 2>&1 || true
                """)
        }
        let text = try shell(
            server.port,
            "echo hello | openssl s_client -connect 127.0.0.1:$port -quiet 2> /dev/null")
        #expect(text == "hello\n")
    }

    @Test func opensslSpeaksTLS12WithEachSuite() throws {
        for suite in [
            "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
            "ECDHE-ECDSA-CHACHA20-POLY1305",
        ] {
            let server = try echo(ending: .afterBytes(6)) { $0.minimumVersion = .tls12 }
            let text = try shell(
                server.port,
                """
                echo hello | openssl s_client -connect 127.0.0.1:$port -CAfile $ca \
                  -tls1_2 -cipher \(suite) -ign_eof 2>&1
                """)
            #expect(text.contains("Cipher is \(suite)") && text.contains("\nhello\n"), "\(text)")
        }
        let server = try echo { $0.minimumVersion = .tls12 }
        for suite in ["ECDHE-ECDSA-AES128-SHA256", "AES128-GCM-SHA256", "AES128-SHA"] {
            let text = try shell(
                server.port,
                """
                openssl s_client -connect 127.0.0.1:$port -tls1_2 -cipher \(suite) \
                  < /dev/null 2>&1
                """, expect: 1)
            #expect(text.contains("alert handshake failure"), "\(suite): \(text)")
        }
    }

    // MARK: Python

    @Test func pythonEchoesHalfClosesAndResumes() throws {
        let server = try echo { $0.minimumVersion = .tls12 }
        for version in ["TLSv1_3", "TLSv1_2"] {
            let text = try python(
                server.port,
                """
                import os, socket, ssl
                context = ssl.create_default_context(cafile=os.environ["ca"])
                context.minimum_version = context.maximum_version = ssl.TLSVersion.\(version)
                session = None
                for turn in range(3):
                    raw = socket.create_connection(("127.0.0.1", int(os.environ["port"])))
                    inward, outward = ssl.MemoryBIO(), ssl.MemoryBIO()
                    tls = context.wrap_bio(inward, outward, server_hostname="localhost", session=session)
                    def pump(step):
                        while True:
                            try:
                                result = step()
                                raw.sendall(outward.read())
                                return result
                            except ssl.SSLWantReadError:
                                raw.sendall(outward.read())
                                data = raw.recv(65536)
                                inward.write(data) if data else inward.write_eof()
                    pump(tls.do_handshake)
                    data = bytes(range(256)) * 400 + bytes([turn])
                    tls.write(data)
                    raw.sendall(outward.read())
                    # Our half ends here; the other half goes on until everything was said back.
                    try: tls.unwrap()
                    except ssl.SSLWantReadError: pass
                    raw.sendall(outward.read())
                    back = b""
                    while len(back) < len(data):
                        piece = pump(lambda: tls.read(65536))
                        if not piece: break
                        back += piece
                    assert back == data, len(back)
                    assert tls.session_reused == (turn > 0), turn
                    session = tls.session
                print("echoed over", tls.version())
                """)
            #expect(text.contains("echoed over \(version.replacing("_", with: "."))"), "\(text)")
        }
        #expect(server.facts.read.map(\.isResumed) == [false, true, true, false, true, true])
        #expect(server.failures.read.isEmpty)
    }

    @Test func pythonSplitsFinishedAndDataAtEveryByte() throws {
        let server = try echo(ending: .afterBytes(5))
        let text = try python(
            server.port,
            """
            import os, socket, ssl
            context = ssl.create_default_context(cafile=os.environ["ca"])
            size = None
            split = 0
            while size is None or split <= size:
                raw = socket.create_connection(("127.0.0.1", int(os.environ["port"])))
                raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                inward, outward = ssl.MemoryBIO(), ssl.MemoryBIO()
                tls = context.wrap_bio(inward, outward, server_hostname="localhost")
                while True:
                    try:
                        tls.do_handshake()
                        break
                    except ssl.SSLWantReadError:
                        raw.sendall(outward.read())
                        inward.write(raw.recv(65536))
                tls.write(b"hello")
                flight = outward.read()  # Finished and the first record, in one segment or two
                size = len(flight)
                raw.sendall(flight[:split])
                if 0 < split < size: __import__("time").sleep(0.002)
                raw.sendall(flight[split:])
                back = b""
                while len(back) < 5:
                    try: back += tls.read(16)
                    except ssl.SSLWantReadError: inward.write(raw.recv(65536))
                assert back == b"hello"
                raw.close()
                split += 1
            print("split", split, "times")
            """)
        #expect(text.contains("split"), "\(text)")
        #expect(server.failures.read.isEmpty)
    }

    // MARK: curl

    @Test(.enabled(if: isThere("curl"))) func curlIsToldThatThisIsNotHTTP() throws {
        let gateway = try TestServer()
        for option in ["", "--no-alpn"] {
            let text = try shell(
                gateway.port, "curl -sS -v \(option) --cacert $ca https://localhost:$port/ 2>&1",
                expect: 35)
            #expect(text.contains("no application protocol"), "\(text)")
        }
        let server = try echo(ending: .afterBytes(20))
        let text = try shell(
            server.port,
            """
            curl -sS -v --http0.9 --no-alpn --cacert $ca --resolve localhost:$port:127.0.0.1 \
              https://localhost:$port/hello 2>&1
            """)
        #expect(text.contains("SSL connection using TLSv1.3") && text.contains("verify ok"))
        #expect(text.contains("\nGET /hello HTTP/1.1"), "\(text)")
        try gateway.stop()
    }

    // MARK: GnuTLS

    private func gnutls(
        _ port: UInt16, _ options: String, input: String = "hello", expect: Int32 = 0
    ) throws -> String {
        try shell(
            port,
            """
            (echo '\(input)'; sleep 1) | gnutls-cli --x509cafile $ca --verify-hostname=localhost \
              --sni-hostname=localhost -p $port \(options) 127.0.0.1 2>&1
            """, expect: expect)
    }

    @Test(
        .enabled(if: isThere("gnutls-cli")),
        arguments: [
            ("-CIPHER-ALL:+AES-128-GCM", "TLS_AES_128_GCM_SHA256"),
            ("-CIPHER-ALL:+AES-256-GCM", "TLS_AES_256_GCM_SHA384"),
            ("-CIPHER-ALL:+CHACHA20-POLY1305", "TLS_CHACHA20_POLY1305_SHA256"),
            ("-GROUP-ALL:+GROUP-X25519", "x25519"), ("-GROUP-ALL:+GROUP-SECP256R1", "secp256r1"),
            ("-GROUP-ALL:+GROUP-SECP384R1", "secp384r1"),
            ("-GROUP-ALL:+GROUP-FFDHE2048:+GROUP-SECP384R1", "secp384r1"),
        ])
    func gnutlsSpeaksEachSuiteAndGroup(_ priority: String, _ expected: String) throws {
        let server = try echo()
        let text = try gnutls(
            server.port,
            "--single-key-share --priority 'NORMAL:-VERS-ALL:+VERS-TLS1.3:\(priority)'")
        #expect(text.contains("Status: The certificate is trusted"), "\(text)")
        #expect(text.contains("\nhello\n"), "\(text)")
        let facts = try #require(server.facts.read.first)
        #expect(facts.cipherSuite == expected || facts.group == expected)
        #expect(server.failures.read.isEmpty)
    }

    @Test(.enabled(if: isThere("gnutls-cli"))) func gnutlsResumesAndTalksToTheGateway() throws {
        let server = try echo { $0.minimumVersion = .tls12 }
        for priority in ["NORMAL:-VERS-ALL:+VERS-TLS1.3", "NORMAL:-VERS-ALL:+VERS-TLS1.2"] {
            let text = try gnutls(server.port, "-r --priority '\(priority)'")
            #expect(text.contains("This is a resumed session"), "\(text)")
        }
        #expect(server.facts.read.map(\.isResumed) == [false, true, false, true])
        let gateway = try TestServer()
        let text = try gnutls(gateway.port, "--alpn tern/1", input: "garbage that is no frame")
        #expect(text.contains("Application protocol: tern/1"), "\(text)")
        let refused = try gnutls(gateway.port, "--alpn h2", expect: 1)
        #expect(refused.contains("alert [120]"), "\(refused)")
        #expect(try gateway.status()["stream-errors"] == 1)
        try gateway.stop()
    }

    // MARK: NSS

    /// It does not end by itself when both sides are done, so it is stopped: 124 is timeout's code.
    private func nss(_ port: UInt16, _ options: String, expect: Int32 = 124) throws -> String {
        try shell(
            port,
            """
            [ -d $dir/nss ] || { mkdir $dir/nss && certutil -N -d sql:$dir/nss --empty-password && \
              certutil -A -d sql:$dir/nss -n ca -t C,, -i $ca; } || exit 99
            echo hello | timeout 4 tstclnt -d sql:$dir/nss -h 127.0.0.1 -a localhost -p $port \
              -V tls1.2:tls1.3 \(options) 2>&1
            """, expect: expect)
    }

    @Test(
        .enabled(if: isThere("tstclnt")),
        arguments: [
            ("-I x25519", "x25519"), ("-I P256", "secp256r1"), ("-I P384", "secp384r1"),
            ("-I P521,P384", "secp384r1"), ("-I FF2048,x25519", "x25519"),
        ])
    func nssSpeaksEachGroup(_ options: String, _ group: String) throws {
        let server = try echo()
        let text = try nss(server.port, options)
        #expect(text.contains("hello"), "\(text)")
        #expect(server.facts.read.map(\.group) == [group])
        #expect(server.facts.read.map(\.version) == ["TLSv1.3"])
        #expect(server.failures.read.isEmpty)
    }

    @Test(.enabled(if: isThere("tstclnt"))) func nssIsRefusedWithoutOurProtocol() throws {
        let gateway = try TestServer()
        let text = try nss(gateway.port, "-Q", expect: 254)
        #expect(text.contains("SSL_ERROR_NEXT_PROTOCOL_NO_PROTOCOL"), "\(text)")
        try gateway.stop()
    }
}
