// One seed, from its first event to its verdict.

/// What came of a seed.
package struct Outcome {
    package let seed: UInt64
    package let violation: Violation?
    package let counts: Counts
    package let trace: Trace
}

/// Runs the world of a seed, with a planted bug if one is named.
package func simulate(seed: UInt64, canary: Canary? = nil) -> Outcome {
    let world = World(seed: seed, canary: canary)
    world.run()
    return Outcome(
        seed: seed, violation: world.violation, counts: world.counts, trace: world.trace)
}
