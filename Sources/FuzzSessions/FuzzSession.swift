// Sessions, routers and the store under a script: SessionScript reads it, SessionWorld holds the checks.

/// Takes the bytes as a script of operations, two bytes each and some with bytes of their own.
public func fuzzSession(_ bytes: UnsafeRawBufferPointer) {
    let world = SessionWorld()
    var script = SessionScript(bytes)
    for _ in 0..<SessionScript.operationCountMax {
        guard script.step(world) else { break }
        world.checkInvariants()
    }
    world.audit()
}
