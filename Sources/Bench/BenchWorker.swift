// One thread of the load generator as the others see it: a mailbox in, counters and measurements out.
// What the thread itself has is in WorkerLoop.

internal import Base
internal import Reactor
internal import Synchronization

/// A thread with a share of the clients.
final class BenchWorker: Sendable {
    let index: Int
    let counters = WorkerCounters()
    let mailbox: Mailbox<WorkerCommand>
    private let results = Lock(Measurements())
    private let failure = Lock<String?>(nil)
    private let thread: Lock<ShardThread?>

    /// What a thread's connections are made of.
    enum Means: Sendable {
        /// Sockets, with `unshares` in a descriptor table of the thread's own.
        case sockets(unshares: Bool)
        case device(TunDevice)
    }

    /// Starts the thread.
    init(
        index: Int, target: BenchTarget, population: Population, means: Means
    ) throws(ReactorError) {
        self.index = index
        mailbox = try Mailbox(countMax: 1_024)
        thread = Lock(nil)
        let started = try ShardThread(name: "bench-\(index)") { [self] in
            do {
                try run(target, population, means)
            } catch {
                fail("\(error)")
            }
        }
        thread.withLock { $0 = started }
    }

    /// What the thread does.
    private func run(
        _ target: BenchTarget, _ population: Population, _ means: Means
    ) throws(ReactorError) {
        let count = population.count(ofThread: index)
        switch means {
        case .sockets(let unshares):
            if unshares { try ResourceLimits.unshareDescriptors() }
            let transport = try KernelTransport(
                servers: target.servers, population: population, count: count,
                mailbox: mailbox.descriptor)
            WorkerLoop(self, target: target, population: population, transport: transport).run()
        case .device(let device):
            let transport = try TunTransport(
                servers: target.servers, count: count, device: device,
                mailbox: mailbox.descriptor)
            WorkerLoop(self, target: target, population: population, transport: transport).run()
        }
    }

    /// Gives the thread work. It has room: the coordinator sends one command a phase.
    func post(_ command: WorkerCommand) { mailbox.postAlways(command) }

    /// Ends the thread. Call once, last.
    func stop() {
        post(.stop)
        let running = thread.withLock { $0.take() }
        running?.join()
    }

    /// Hands over what a phase measured. The worker's thread.
    func publish(_ measurements: Measurements) {
        results.withLock { $0.merge(measurements) }
    }

    /// Takes what was handed over.
    func takeMeasurements() -> Measurements {
        results.withLock { results in
            defer { results = Measurements() }
            return results
        }
    }

    /// Notes what ended the thread.
    private func fail(_ reason: String) { failure.withLock { $0 = $0 ?? reason } }

    /// What ended the thread, if something did.
    var failureReason: String? { failure.withLock { $0 } }
}
