// A network device whose other end is this process: what the kernel routes to it can be read here as IP
// packets, and what is written here arrives in the kernel as if from a wire. For the load generator, which
// has its own TCP, in a network namespace that has no way out.

internal import Base
internal import CLinux
internal import Glibc

/// A TUN device with an IPv4 network of its own; it is gone when the last reference is.
package final class TunDevice: Sendable {
    /// Devices of one namespace: each has one of the networks 10.0.0.0/16 to 10.255.0.0/16.
    package static let countMax = 256

    private let file: FileDescriptor
    /// The interface's name.
    package let name: String
    /// The first address of its /16.
    package let network: UInt32

    /// Makes a device, with the lowest free number as its network's second byte, and starts it. With
    /// `reachesLoopback` packets from it may go to 127.0.0.0/8. Throws without the privilege for it
    /// (CAP_NET_ADMIN).
    package init(
        packetSizeMax: Int, queueCount: Int, reachesLoopback: Bool
    ) throws(ReactorError) {
        var raw = [CChar](repeating: 0, count: Int(CLINUX_INTERFACE_NAME_SIZE))
        for (place, byte) in Self.prefix.utf8.enumerated() { raw[place] = CChar(byte) }
        for (place, byte) in "%d".utf8.enumerated() {
            raw[Self.prefix.utf8.count + place] = CChar(byte)
        }
        let number = try raw.withUnsafeMutableBufferPointer { buffer throws(ReactorError) in
            try checkedCall("TUN device") { Int(clinux_tun_open(buffer.baseAddress)) }
        }
        file = FileDescriptor(owning: Int32(number))
        let bytes = raw.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        let name = String(decoding: bytes, as: UTF8.self)
        self.name = name
        guard let unit = UInt8(name.dropFirst(Self.prefix.count)) else {
            throw ReactorError.system(operation: "more than 256 TUN devices", code: EBUSY)
        }
        network = 10 << 24 | UInt32(unit) << 16
        // The kernel's questions for IPv6 routers would only be noise; without IPv6 there are none.
        _ = Self.configure(name, "ipv6", "disable_ipv6")
        if reachesLoopback, !Self.configure(name, "ipv4", "route_localnet") {
            throw ReactorError.system(operation: "route_localnet", code: EPERM)
        }
        try checkedCall("\(name) up") {
            Int(clinux_interface_start(name, Int32(packetSizeMax), Int32(queueCount)))
        }
        try checkedCall("\(name) route") {
            Int(clinux_route_add(name, network, 0xFFFF_0000))
        }
    }

    static let prefix = "terntun"

    /// Turns a setting of the interface on; whether that worked.
    private static func configure(_ name: String, _ family: String, _ setting: String) -> Bool {
        let path = "/proc/sys/net/\(family)/conf/\(name)/\(setting)"
        let raw = systemCall { Int(open(path, O_WRONLY | O_CLOEXEC)) }
        guard case .value(let number) = raw else { return false }
        let file = FileDescriptor(owning: Int32(number))
        if case .value = systemCall({ Glibc.write(file.rawValue, "1", 1) }) { return true }
        return false
    }

    /// Reads one packet, whole; never `.closed`. Precondition: the buffer holds the largest one.
    package func read(into buffer: UnsafeMutableRawBufferPointer) -> IOResult {
        switch systemCall({ Glibc.read(file.rawValue, buffer.baseAddress, buffer.count) }) {
        case .value(let size): .bytes(size)
        case .wouldBlock: .wouldBlock
        case .failed(let code): .failed(code)
        }
    }

    /// Hands the kernel one packet. What it refuses is lost, as on a wire: false.
    package func write(_ packet: UnsafeRawBufferPointer) -> Bool {
        let result = systemCall { Glibc.write(file.rawValue, packet.baseAddress, packet.count) }
        if case .value(packet.count) = result { return true }
        return false
    }

    /// The descriptor's number, for the poller (readable).
    package var descriptor: Int32 { file.rawValue }
}

/// The network namespace of the calling thread.
package enum NetworkNamespace {
    /// The interfaces that are up, but for loopback and devices of ours: where there are none, nothing that
    /// is sent leaves the machine.
    package static func waysOut() throws(ReactorError) -> [String] {
        var first: UnsafeMutablePointer<ifaddrs>?
        try checkedCall("getifaddrs") { Int(getifaddrs(&first)) }
        defer { freeifaddrs(first) }
        var names: [String] = []
        var next = first
        while let entry = next?.pointee {
            next = entry.ifa_next
            let name = String(cString: entry.ifa_name)
            let flags = Int(entry.ifa_flags)
            guard flags & IFF_UP != 0, flags & IFF_LOOPBACK == 0,
                !name.hasPrefix(TunDevice.prefix), !names.contains(name)
            else { continue }
            names.append(name)
        }
        return names
    }

    /// Runs `body` in a thread in a new namespace, in which only loopback is up; processes that it starts
    /// are in it too. Throws without the privilege for it (CAP_SYS_ADMIN), and what `body` throws.
    package static func run<Value: Sendable>(
        _ body: @escaping @Sendable () throws -> Value
    ) throws -> Value {
        let result = Lock<Result<Value, any Error>?>(nil)
        let thread = try ShardThread(name: "namespace") {
            let outcome = Result {
                try checkedCall("unshare") { Int(clinux_unshare_network()) }
                try checkedCall("lo up") { Int(clinux_interface_up("lo")) }
                return try body()
            }
            result.withLock { $0 = outcome }
        }
        thread.join()
        guard let outcome = result.withLock({ $0 }) else { preconditionFailure("no result") }
        return try outcome.get()
    }

    /// Whether this process may make namespaces and devices.
    package static var isAllowed: Bool {
        let device = try? run {
            _ = try TunDevice(packetSizeMax: 1_500, queueCount: 16, reachesLoopback: true)
            return true
        }
        return device ?? false
    }
}
