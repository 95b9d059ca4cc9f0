// What people do with their clients: write, in bursts now and then, read, change contacts, go away.

internal import Base
internal import Client
internal import Wire

extension SimulatedClient {
    /// One action, whatever it is.
    func act() {
        guard !isStopped else { return }
        if isAway {
            if returns, world.random.chance(60) { open() }
            return
        }
        switch world.random.below(100) {
        case ..<45: post(count: 1)
        case ..<60: post(count: world.random.between(2...20))
        case ..<66: acknowledgeAll()
        case ..<80: readSome()
        case ..<84: toggle()
        case ..<90: changeContacts()
        case ..<93:
            guard let to = someone(withDevice: false) else { return }
            command { session, output in
                session.chatstate(to: to, composing: true, output: &output)
            }
        default:
            world.note(.act(client: number, "goes away"))
            close()
        }
    }

    private func post(count: Int) {
        for _ in 0..<count {
            let isStray = world.random.chance(1)
            guard let to = isStray ? JID("nobody@\(World.domain)") : someone(withDevice: true),
                let id = StanzaID("c\(number)-\(postedCount + 1)")
            else { return }
            let message = OutgoingMessage(to: to, id: id, body: body())
            let world = world
            let number = number
            command { session, output in
                do throws(ClientError) {
                    try session.send(message, output: &output)
                    self.postedCount += 1
                    world.counts.posted += 1
                    world.note(.posted(client: number, id, to: to))
                    world.ledger.posted(message, by: self)
                } catch {
                    world.note(.act(client: number, "cannot post: \(error)"))
                }
            }
        }
    }

    /// Most are short; some are worth compressing, few do not fit a frame.
    private func body() -> String {
        let size =
            switch world.random.below(100) {
            case ..<80: world.random.between(1...40)
            case ..<98: world.random.between(40...1_500)
            default: world.random.between(4_000...4_050)
            }
        return String(repeating: "x", count: size)
    }

    private func someone(withDevice: Bool) -> JID? {
        guard let name = world.random.pick(world.users) else { return nil }
        // Mostly one device of a user is not what people mean.
        let device: UInt8? = withDevice && world.random.chance(10) ? 0 : nil
        return JID(local: name, domain: World.domain, device: device)
    }

    private func readSome() {
        let count = min(unread.count, world.random.between(1...5))
        let batch = unread.prefix(count)
        unread.removeFirst(count)
        // Marking as read acknowledges, and that happens in order.
        acknowledgeAll()
        for message in batch {
            var isMarked = false
            let lives = command { session, output in
                do throws(ClientError) {
                    try session.markRead(message.id, from: message.from, output: &output)
                    isMarked = true
                    self.world.ledger.marksRead(message, by: self)
                } catch {
                    self.world.note(.act(client: self.number, "cannot mark: \(error)"))
                }
            }
            guard lives else { return }
            if isMarked { world.ledger.markedRead(message, by: self) }
        }
    }

    private func toggle() {
        let isAvailable = world.random.chance(50)
        command { session, output in session.setAvailable(isAvailable, output: &output) }
    }

    private func changeContacts() {
        guard let other = someone(withDevice: false) else { return }
        askCount += 1
        let number = askCount
        let request: ClientSession.Request =
            switch world.random.below(3) {
            case 0: .contacts
            case 1: .addContact(other)
            default: .removeContact(other)
            }
        command { session, output in session.ask(request, number: number, output: &output) }
    }
}
