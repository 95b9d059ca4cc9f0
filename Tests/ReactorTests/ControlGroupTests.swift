// Which limit of memory holds, from files as the kernel shows them.

import Foundation
import Testing

@testable import Reactor

@Suite struct ControlGroupTests {
    private let root = FileManager.default.temporaryDirectory.path + "/tern-\(UUID().uuidString)"

    /// Makes files below the root and gives what they say.
    private func read(_ membership: String, _ files: [String: String]) throws -> ControlGroup {
        defer { try? FileManager.default.removeItem(atPath: root) }
        var all = files
        all["membership"] = membership
        for (name, text) in all {
            let url = URL(filePath: "\(root)/\(name)")
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: url)
        }
        return ControlGroup.read(root: root, membership: "\(root)/membership")
    }

    @Test func theNarrowestOfTheGroupAndThoseAboveHolds() throws {
        let group = try read(
            "0::/system.slice/tern.service\n",
            [
                "system.slice/memory.max": "3000000\n", "system.slice/memory.current": "2900000\n",
                "system.slice/tern.service/memory.max": "2000000\n",
                "system.slice/tern.service/memory.current": "500000\n",
                // Another's.
                "system.slice/other.service/memory.max": "1000\n",
            ])
        #expect(group == ControlGroup(memoryLimit: 2_000_000, memoryAvailable: 100_000))
    }

    @Test func cachedFilesAreRoom() throws {
        let group = try read(
            "0::/\n",
            [
                "memory.max": "2000000\n", "memory.current": "1900000\n",
                "memory.stat": "anon 100000\ninactive_file 1500000\nactive_file 300000\n",
            ])
        #expect(group == ControlGroup(memoryLimit: 2_000_000, memoryAvailable: 1_600_000))
    }

    @Test func theFirstVersionHasItsOwnNames() throws {
        let group = try read(
            "9:name=systemd:/\n4:cpu,memory:/tern\n0::/\n",
            [
                "memory/memory.limit_in_bytes": "9223372036854771712\n",
                "memory/tern/memory.limit_in_bytes": "4000000\n",
                "memory/tern/memory.usage_in_bytes": "1000000\n",
                "memory/tern/memory.stat": "inactive_file 1\ntotal_inactive_file 200000\n",
            ])
        #expect(group == ControlGroup(memoryLimit: 4_000_000, memoryAvailable: 3_200_000))
    }

    @Test(arguments: ["", "0::/\n", "0::/gone\n", "0::/../..\n", "nonsense\n4:memory\n"])
    func whereNothingLimitsThereIsNoLimit(membership: String) throws {
        #expect(try read(membership, ["memory.max": "max\n"]) == ControlGroup())
    }
}
