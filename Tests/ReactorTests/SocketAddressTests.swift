import Reactor
import Testing

@Suite struct SocketAddressTests {
    @Test(arguments: [
        "127.0.0.1:5223", "0.0.0.0:0", "255.255.255.255:65535", "[::]:0", "[::1]:5223",
        "[2001:db8::ff00:42:8329]:443", "[::ffff:192.0.2.1]:1",
    ])
    func parsesAndPrints(_ text: String) {
        #expect(SocketAddress(text)?.description == text)
    }

    @Test(arguments: [
        "", ":", ":5223", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:05223",
        "127.0.0.1:+1", "127.0.0.1:-1", "127.0.0.1: 1", "127.0.0.1:1 ", " 127.0.0.1:1",
        "127.0.0.1:99999999999999999999", "127.1:1", "127.0.0.01:1", "256.0.0.1:1",
        "127.0.0.1\0x:1", "127.0.0.1:1\0", "localhost:1", "::1:5223", "[::1]", "[::1]5223",
        "[::1:5223", "::1]:5223", "[]:1", "[127.0.0.1]:1", "[fe80::1%lo]:1", "[::1\0]:1",
        "[::1]]:1", "[[::1]]:1", "[1:2:3:4:5:6:7:8:9]:1", "127.0.0.1:\u{661}",
    ])
    func refuses(_ text: String) {
        #expect(SocketAddress(text) == nil)
    }

    @Test func knowsLoopback() throws {
        for text in ["127.0.0.1:1", "127.255.0.3:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            #expect(try #require(SocketAddress(text)).isLoopback, "\(text)")
        }
        for text in ["128.0.0.1:1", "126.0.0.1:1", "0.0.0.0:1", "[::]:1", "[::2]:1", "[1::1]:1"] {
            #expect(try !#require(SocketAddress(text)).isLoopback, "\(text)")
        }
    }

    @Test func countsByAddressOrNetwork() throws {
        func key(_ text: String) throws -> UInt64 { try #require(SocketAddress(text)).sourceKey }
        #expect(try key("192.0.2.1:1") == key("192.0.2.1:2"))
        #expect(try key("192.0.2.1:1") != key("192.0.2.2:1"))
        #expect(try key("[2001:db8::1]:1") == key("[2001:db8::2]:1"))
        #expect(try key("[2001:db8::1]:1") != key("[2001:db8:0:1::1]:1"))
    }

    @Test func portChanges() throws {
        var address = try #require(SocketAddress("127.0.0.1:0"))
        address.port = 7
        #expect(address.description == "127.0.0.1:7")
        #expect(address == SocketAddress(ipv4: 0x7f00_0001, port: 7))
    }

    @Test func resolvesNumbersAndRefusesNonsense() throws {
        #expect(
            try SocketAddress.resolve(host: "127.0.0.1", port: 9)
                == [SocketAddress(ipv4: 0x7f00_0001, port: 9)])
        #expect(
            try SocketAddress.resolve(host: "::1", port: 9)
                == [SocketAddress(ipv6High: 0, low: 1, port: 9)])
        for host in ["", "a\0b", "not a host"] {
            #expect(throws: ReactorError.self, "\(host)") {
                try SocketAddress.resolve(host: host, port: 9)
            }
        }
    }
}
