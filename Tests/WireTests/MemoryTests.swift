// What a payload makes of memory as a tree: never more than the multiple that docs/LIMITS.md states.
// Measured in processes of their own, where nobody else allocates.

import Base
import Foundation
import Testing
import Wire

/// A line of /proc/self/status, in bytes.
private func resident(_ name: String) -> Int {
    let text = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix(name + ":") }
    guard
        let size = line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap({ Int($0) }
        )
    else { preconditionFailure("no \(name) in \(text)") }
    return size * 1_024
}

/// Decodes the payload and checks how far memory grew meanwhile.
private func measure(_ payload: [UInt8], _ context: WireContext) {
    // The first use of anything may allocate for good.
    _ = try? Node.decode(([0xF8, 1, 4] as [UInt8]).span.bytes, context: context)
    _ = try? Node.decode(([0xF8, 2, 4] as [UInt8]).span.bytes, context: context)
    _ = resident("VmRSS")
    // The highest mark begins again at what is resident now.
    guard (try? Data("5".utf8).write(to: URL(filePath: "/proc/self/clear_refs"))) != nil else {
        preconditionFailure("the mark cannot be set back")
    }
    let before = resident("VmRSS")
    let node = try? Node.decode(payload.span.bytes, context: context)
    let grown = resident("VmHWM") - before
    withExtendedLifetime(node) {}
    // Twice: the allocator takes pages, and more of them than asked for.
    let limit = 2 * WireLimits.treeSizeRatioMax * payload.count + 1 << 20
    precondition(grown <= limit, "\(grown) bytes for \(payload.count), limit \(limit)")
    print("\(payload.count) bytes of payload: \(grown) of memory, \(grown / payload.count) times")
}

/// A list of as many copies of `child` as its count can say, or as fit.
private func list(of child: [UInt8], sizeMax: Int = 65_536) -> [UInt8] {
    let count = min(65_535, sizeMax / child.count)
    let header: [UInt8] = [0xF8, 2, 4, 0xF9, UInt8(count >> 8), UInt8(count & 0xFF)]
    return header + (0..<count).flatMap { _ in child }
}

@Suite struct MemoryTests {
    @Test func smallestNodes() async {
        await #expect(processExitsWith: .success) {
            guard let context = WireContext(domain: "example.org") else { preconditionFailure() }
            measure(list(of: [0xF8, 1, 4]), context)
        }
    }

    @Test func nodesThatHoldOneNode() async {
        await #expect(processExitsWith: .success) {
            guard let context = WireContext(domain: "example.org") else { preconditionFailure() }
            let deep = (0..<14).reduce(into: [UInt8]()) { bytes, _ in
                bytes += [0xF8, 2, 4, 0xF8, 1]
            }
            measure(list(of: deep + [0xF8, 1, 4]), context)
        }
    }

    /// One byte of a value stands for the own domain, which may have 255.
    @Test func longestWords() async {
        await #expect(processExitsWith: .success) {
            let label = String(repeating: "a", count: 50)
            let domain = Array(repeating: label, count: 5).joined(separator: ".")
            guard let context = WireContext(domain: domain) else { preconditionFailure() }
            let attributes = (4..<68 as Range<UInt8>).flatMap { [$0, 3] as [UInt8] }
            measure(list(of: [0xF8, 129, 4] + attributes), context)
            // The shortest node with such a value.
            measure(list(of: [0xF8, 3, 4, 5, 3]), context)
            measure(list(of: [0xF8, 2, 4, 3]), context)
        }
    }

    /// A claim of many nodes or bytes that are not there.
    @Test func claims() async {
        await #expect(processExitsWith: .success) {
            guard let context = WireContext(domain: "example.org") else { preconditionFailure() }
            for payload in [
                [0xF8, 2, 4, 0xF9, 0xFF, 0xFF, 0xF8, 2, 4, 0xFE, 0xFF, 0xFF, 0xFF, 0xF0, 0],
                [0xF8, 2, 4, 0xFE, 0x7F, 0xFF, 0xFF, 0xFF], [0xF9, 0xFF, 0xFF, 4],
            ] as [[UInt8]] {
                measure(payload, context)
            }
            // Each level claims 65,535 and has bytes for some.
            let levels = (0..<15).reduce(into: [UInt8]()) { bytes, _ in
                bytes += [0xF8, 2, 4, 0xF9, 0x01, 0x00]
            }
            measure(levels + [UInt8](repeating: 0xF8, count: 768), context)
        }
    }
}
