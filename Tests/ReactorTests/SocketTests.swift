import Glibc
import Reactor
import Testing

extension DescriptorTests {
    @Suite struct SocketTests {
        @Test func pairCarriesBytesAndTheEnd() throws {
            let pair = try Socket.pair()
            #expect(pair.first.readNow() == .wouldBlock)
            #expect(pair.first.write("hello") == .bytes(5))
            #expect(try pair.second.readText() == "hello")
            pair.first.shutdownWrite()
            #expect(try pair.second.readText() == nil)
            #expect(pair.second.write("still") == .bytes(5))
            #expect(try pair.first.readText() == "still")
        }

        @Test func fullSocketWouldBlockAndResumes() throws {
            let pair = try Socket.pair()
            let block = String(repeating: "x", count: 60_000)
            var written = 0
            for _ in 0..<1000 {
                guard case .bytes(let count) = pair.first.write(block) else { break }
                written += count
            }
            #expect(pair.first.write(block) == .wouldBlock)
            var readBack = 0
            while case .bytes(let count) = pair.second.readNow() { readBack += count }
            #expect(readBack == written)
            #expect(pair.first.write("y") == .bytes(1))
        }

        @Test func writeToAClosedPeerFailsWithoutASignal() throws {
            let pair = try Socket.pair()
            let first = pair.first
            pair.second.close()
            #expect(first.write("x") == .failed(EPIPE))
        }

        @Test(arguments: ["127.0.0.1:0", "[::1]:0"])
        func tcpConnectsAcceptsAndKnowsItsAddresses(_ text: String) throws {
            let listener = try Socket.listen(#require(SocketAddress(text)))
            let address = try listener.boundAddress()
            #expect(address.port != 0)
            if case .wouldBlock = listener.accept() {} else { Issue.record("accepted nobody") }
            let client = try Socket.connect(to: address)
            let accepted = try listener.acceptOne()
            #expect(accepted.peer != nil)
            #expect(accepted.peer == client.localAddress)
            #expect(accepted.socket.peerAddress == accepted.peer)
            #expect(accepted.socket.localAddress == address)
            #expect(try client.waits(for: .writable) == true)
            #expect(client.finishConnect() == .connected)
            client.setNoDelay()
            client.setUserTimeout(ms: 1000)
            client.setBufferSizes(send: 16_384, receive: 16_384)
            #expect(client.write("ping") == .bytes(4))
            #expect(try accepted.socket.readText() == "ping")
            client.close()
            #expect(try accepted.socket.readText() == nil)
        }

        @Test func resetReachesThePeerAsAnError() throws {
            let connection = try Connection()
            let client = connection.client
            connection.server.reset()
            #expect(try client.waits(for: .readable) == true)
            #expect(client.readNow() == .failed(ECONNRESET))
        }

        @Test func refusedConnectionIsAFailure() throws {
            let listener = try Socket.listen(#require(SocketAddress("127.0.0.1:0")))
            let address = try listener.boundAddress()
            listener.close()
            do {
                let socket = try Socket.connect(to: address)
                #expect(try socket.waits(for: .writable) == true)
                #expect(socket.finishConnect() == .failed(ECONNREFUSED))
            } catch let error as ReactorError {
                #expect(error == .system(operation: "connect", code: ECONNREFUSED))
            }
        }

        @Test func unstartedConnectionIsInProgress() throws {
            let listener = try Socket.listen(#require(SocketAddress("127.0.0.1:0")))
            #expect(listener.finishConnect() == .inProgress)
            #expect(listener.peerAddress == nil)
        }

        @Test func connectsFromAChosenSource() throws {
            let listener = try Socket.listen(#require(SocketAddress("127.0.0.1:0")))
            let source = try #require(SocketAddress("127.1.2.3:0"))
            let client = try Socket.connect(to: listener.boundAddress(), from: source)
            let accepted = try listener.acceptOne()
            let peer = accepted.peer
            #expect(peer == client.localAddress)
            #expect(peer?.sourceKey == source.sourceKey)
        }

        @Test func portIsSharedOnlyWhenBothAsk() throws {
            let first = try Socket.listen(#require(SocketAddress("127.0.0.1:0")), reusePort: true)
            let address = try first.boundAddress()
            let second = try Socket.listen(address, reusePort: true)
            #expect(second.localAddress == address)
            #expect(throws: ReactorError.system(operation: "bind", code: EADDRINUSE)) {
                _ = try Socket.listen(address)
            }
        }

        @Test func acceptedSocketsCloseOnExecAndDoNotBlock() throws {
            let connection = try Connection()
            for raw in [connection.server.rawValue, connection.client.rawValue] {
                #expect(fcntl(raw, F_GETFD) & FD_CLOEXEC != 0)
                #expect(fcntl(raw, F_GETFL) & O_NONBLOCK != 0)
            }
        }

        @Test func descriptorIsClosedOnceOrTaken() throws {
            let raw: Int32
            do {
                let pair = try Socket.pair()
                raw = pair.first.rawValue
                #expect(fcntl(raw, F_GETFD) >= 0)
            }
            let copy = FileDescriptor(owning: dup(2))
            let taken = copy.take()
            #expect(fcntl(taken, F_GETFD) >= 0)
            #expect(Glibc.close(taken) == 0)
        }

        @Test func readOnAForeignNumberTraps() async {
            await #expect(processExitsWith: .failure) {
                let socket = Socket(FileDescriptor(owning: 9_999))
                _ = socket.readNow()
            }
        }

        @Test func exhaustedDescriptorsAreTold() async {
            await #expect(processExitsWith: .success) {
                let listener = try Socket.listen(#require(SocketAddress("127.0.0.1:0")))
                let client = try Socket.connect(to: listener.boundAddress())
                #expect(try client.waits(for: .writable) == true)
                var limit = rlimit()
                getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
                limit.rlim_cur = 64
                setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
                var copies: [Int32] = []
                for _ in 0..<64 {
                    let copy = dup(2)
                    if copy >= 0 { copies.append(copy) }
                }
                guard case .descriptorsExhausted = listener.accept() else { exit(1) }
                for copy in copies { close(copy) }
                guard case .accepted = listener.accept() else { exit(2) }
            }
        }
    }
}

extension DescriptorTests {
    @Suite struct UnixSocketTests {
        private func mode(_ path: String) -> UInt32? {
            var status = stat()
            return lstat(path, &status) == 0 ? status.st_mode : nil
        }

        @Test(arguments: [0o600, 0o660, 0o777] as [UInt32])
        func fileHasItsMode(_ wanted: UInt32) throws {
            let directory = try TemporaryDirectory()
            let listener = try Socket.listenUnix(path: directory.file("a"), mode: wanted)
            #expect(mode(directory.file("a")) == S_IFSOCK | wanted)
            _ = listener.rawValue
        }

        @Test func connectsAndKnowsThePeer() throws {
            let directory = try TemporaryDirectory()
            let path = directory.file("a")
            let listener = try Socket.listenUnix(path: path)
            let client = try Socket.connectUnix(path: path)
            let accepted = try listener.acceptOne()
            #expect(accepted.peer == nil)
            #expect(client.peerAddress == nil)
            #expect(client.write("hello") == .bytes(5))
            #expect(try accepted.socket.readText() == "hello")
            let credentials = try accepted.socket.peerCredentials()
            #expect(credentials.user == geteuid())
            #expect(credentials.group == getegid())
            #expect(credentials.process == getpid())
        }

        @Test func staleFileIsReplaced() throws {
            let directory = try TemporaryDirectory()
            let path = directory.file("a")
            let first = try Socket.listenUnix(path: path)
            first.close()
            #expect(mode(path) != nil)
            let second = try Socket.listenUnix(path: path)
            _ = try Socket.connectUnix(path: path)
            _ = try second.acceptOne()
            Socket.removeUnix(path: path)
            #expect(mode(path) == nil)
        }

        @Test func answeredSocketAndOtherFilesStay() throws {
            let directory = try TemporaryDirectory()
            let path = directory.file("a")
            let listener = try Socket.listenUnix(path: path)
            #expect(throws: ReactorError.pathInUse(path)) { _ = try Socket.listenUnix(path: path) }
            _ = try Socket.connectUnix(path: path)
            _ = try listener.acceptOne()

            let other = directory.file("b")
            #expect(close(open(other, O_CREAT | O_WRONLY, 0o600)) == 0)
            #expect(throws: ReactorError.pathInUse(other)) {
                _ = try Socket.listenUnix(path: other)
            }
            Socket.removeUnix(path: other)
            #expect(mode(other).map { $0 & S_IFMT } == S_IFREG)
        }

        @Test func impossiblePathsAreRefused() throws {
            let long = "/tmp/" + String(repeating: "x", count: 103)
            for path in ["", "/tmp/a\0b", long] {
                #expect(throws: ReactorError.pathInvalid(path)) {
                    _ = try Socket.listenUnix(path: path)
                }
                #expect(throws: ReactorError.pathInvalid(path)) {
                    _ = try Socket.connectUnix(path: path)
                }
            }
            #expect(throws: ReactorError.system(operation: "connect", code: ENOENT)) {
                _ = try Socket.connectUnix(path: "/tmp/" + String(repeating: "x", count: 102))
            }
        }
    }
}
