// What the doctor says of machines made up for it, and that it touches nothing unless asked.

import Foundation
import Reactor
import Testing

@testable import Gateway

@Suite struct DoctorTests {
    private func facts(limit: Int = 20_000, somaxconn: Int = 128) -> MachineFacts {
        MachineFacts(
            descriptorLimit: limit, descriptorLimitHard: limit, coreCount: 2,
            memorySize: 24 << 30, memoryAvailableSize: 22 << 30, listenBacklogMax: somaxconn,
            tcpMemoryMax: 578_016 * 4_096)
    }

    private func settings(_ changes: [String: String] = [:]) -> KernelSettings {
        var files = [
            "/proc/sys/fs/nr_open": "1048576\n",
            "/proc/sys/fs/file-max": "9223372036854775807\n",
            "/proc/sys/net/core/somaxconn": "128\n",
            "/proc/sys/net/ipv4/tcp_mem": "289008\t385347\t578016\n",
            "/proc/sys/net/ipv4/tcp_max_syn_backlog": "32768\n",
            "/proc/sys/net/core/netdev_max_backlog": "1000\n",
            "/proc/sys/vm/overcommit_memory": "0\n",
        ]
        files.merge(changes) { $1 }
        return KernelSettings { files[$0] }
    }

    private func finding(_ name: String, _ doctor: Doctor) throws -> Doctor.Finding {
        try #require(doctor.findings.first { $0.name == name })
    }

    @Test func settingsAreRead() {
        let settings = settings()
        #expect(settings.values["net.ipv4.tcp_mem"] == "289008 385347 578016")
        #expect(settings.numbers("net.ipv4.tcp_mem") == [289_008, 385_347, 578_016])
        #expect(settings.values["net.netfilter.nf_conntrack_max"] == nil)
        #expect(settings.numbers("fs.file-max") == [.max])
        let nonsense = KernelSettings { _ in "x \u{0} 7 -1" }
        #expect(KernelSettings.names.allSatisfy { nonsense.numbers($0).isEmpty })
    }

    @Test func whatIsTooLowIsRaised() throws {
        let doctor = Doctor(facts(), settings(), sessions: 2_000_000)
        #expect(doctor.sessions == 2_000_000 && doctor.capacity < 2_000_000)
        #expect(try finding("net.core.somaxconn", doctor).wanted == "4096")
        #expect(try finding("net.core.netdev_max_backlog", doctor).wanted == "16384")
        #expect(try finding("net.ipv4.tcp_max_syn_backlog", doctor).wanted == nil)
        #expect(try finding("fs.file-max", doctor).wanted == nil)
        let limit = try finding("LimitNOFILE", doctor)
        #expect(limit.wanted != nil && !limit.isSetting)
        #expect(doctor.findings.allSatisfy { $0.name != "net.netfilter.nf_conntrack_max" })
        for finding in doctor.findings where finding.isSetting {
            #expect(finding.name.contains("."), "\(finding.name)")
        }
    }

    /// Where Capacity wants a lower number of several, the present one stays.
    @Test func nothingIsLowered() throws {
        let memory = MachineFacts(
            descriptorLimit: 5_000_000, descriptorLimitHard: 5_000_000, coreCount: 2,
            memorySize: 24 << 30, memoryAvailableSize: 22 << 30,
            tcpMemoryMax: 100_000 * 4_096)
        let doctor = Doctor(
            memory, settings(["/proc/sys/net/ipv4/tcp_mem": "90000 1 100000\n"]),
            sessions: 1_000_000)
        #expect(try finding("net.ipv4.tcp_mem", doctor).wanted == "90000 93750 125000")
        let plenty = Doctor(
            facts(limit: 100_000, somaxconn: 65_535),
            settings(["/proc/sys/net/core/somaxconn": "65535\n"]), sessions: 1_000)
        #expect(try finding("net.core.somaxconn", plenty).wanted == nil)
        #expect(plenty.findings.allSatisfy { $0.name != "LimitNOFILE" })
    }

    @Test func strangeMachinesAreExamined() throws {
        let nothing = Doctor(facts(limit: 1_000_000), KernelSettings { _ in nil }, sessions: 10)
        #expect(nothing.findings.isEmpty)
        let nonsense = Doctor(facts(), KernelSettings { _ in "many" }, sessions: 10)
        #expect(nonsense.findings.allSatisfy { $0.wanted == nil })
        let strict = Doctor(facts(), settings(["/proc/sys/vm/overcommit_memory": "2\n"]))
        let overcommit = try finding("vm.overcommit_memory", strict)
        #expect(overcommit.wanted == "0" && !overcommit.isSetting)
    }

    @Test func theCommandPrintsBoth() throws {
        let path = TestFiles.products.appending(path: "ternd").path
        let text = try TestFiles.run(path, ["doctor", "--sessions", "1000"])
        #expect(text.contains("For 1000 sessions:") && text.contains("fs.nr_open"))
        let json = try TestFiles.run(path, ["doctor", "--json"])
        let object = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any]
        #expect((object?["capacity"] as? Int ?? 0) > 0)
        #expect((object?["findings"] as? [[String: Any]] ?? []).count > 5)
        try TestFiles.run(path, ["doctor", "--sessions", "0"], expect: 64)
    }
}
