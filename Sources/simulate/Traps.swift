// A precondition that fails ends the process, and with it all knowledge of the seed: so the seed is said on
// the way out.

import Glibc
import Synchronization

/// The seed that a job is running.
final class RunningSeed: Sendable {
    private let seed = Atomic<UInt64>(.max)

    // Relaxed: only the thread that traps, or nobody, reads what matters.
    func set(_ seed: UInt64) { self.seed.store(seed, ordering: .relaxed) }

    var value: UInt64 { seed.load(ordering: .relaxed) }
}

let running = (0..<8).map { _ in RunningSeed() }

/// From now on a trap says which seeds were running.
func announceTraps() {
    for number in [SIGILL, SIGTRAP, SIGABRT, SIGSEGV, SIGBUS] { signal(number, sayAndDie) }
}

/// Writes without allocating, then dies of the same signal.
@c private func sayAndDie(_ number: Int32) {
    for seed in running where seed.value != .max {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 64) { text in
            var position = 64
            func put(_ byte: UInt8) {
                position -= 1
                text[position] = byte
            }
            put(10)
            var rest = seed.value
            repeat {
                put(UInt8(48 + rest % 10))
                rest /= 10
            } while rest > 0
            for byte: UInt8 in [32, 100, 101, 101, 115] { put(byte) }  // "seed " from its end
            write(2, text.baseAddress.map { $0 + position }, 64 - position)
        }
    }
    write(2, "trapped: run the seed again alone\n", 34)
    signal(number, SIG_DFL)
    raise(number)
}
