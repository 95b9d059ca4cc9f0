// The operations of a script that log in with tokens, say what a device has, and end tokens. Each takes one
// byte more, its form.

internal import Sessions
internal import Wire

extension SessionScript {
    /// `form`: bits 0–1 what the client says that it has, 5–7 what is wrong with that, 2 whether it wants no token.
    func logInForToken(_ world: SessionWorld, _ index: Int, _ choice: Int, _ form: Int) {
        let device = device(world, choice)
        if world.peers[index] == nil { world.connect(index) }
        guard world.peers[index]?.login == nil else { return }
        let attempt = world.begin(device, nil, isGenuine: true, issues: form & 4 == 0)
        let resume = resume(world, device, form)
        guard
            let bytes = world.peers[index]?.beginBoundLogin(
                attempt, wantsToken: form & 4 == 0, resume)
        else { return }
        world.feed(index, bytes)
    }

    /// `form`: bits 0–1 and 5–7 as above, 2–4 which token and what is wrong with its proof, 5 whether it wants none,
    /// 6 and 7 a message that is none.
    func logInWithToken(_ world: SessionWorld, _ index: Int, _ choice: Int, _ form: Int) {
        let device = device(world, choice)
        if world.peers[index] == nil { world.connect(index) }
        guard let peer = world.peers[index], peer.login == nil else { return }
        var token = world.tokens.token(of: device)
        var shown = device
        var binding = peer.binding
        var isGenuine = !binding.isEmpty
        switch form >> 2 & 7 {
        case 4: token = world.tokens.token(of: device, before: 1)
        case 5: token = LoginToken([UInt8](repeating: 0xEE, count: LoginToken.size))
        case 6:
            shown.device ^= 1
            isGenuine = false
        case 7:
            binding = [UInt8](repeating: 1, count: 32)
            isGenuine = false
        default: break
        }
        guard let token else { return }
        let exchange = LoginTokenExchange(
            user: Array(device.user.text.utf8), device: shown.device, exporter: binding)
        var message = LoginTokenMessage(
            user: Array(device.user.text.utf8),
            proof: exchange.proof(of: token, cryptography: world.cryptography)
        ).bytes
        if form & 0xC0 == 0xC0 {
            message.removeLast()
            isGenuine = false
        }
        let attempt = world.begin(device, token, isGenuine: isGenuine, issues: form & 32 == 0)
        let resume = resume(world, device, form)
        guard
            let bytes = world.peers[index]?.beginTokenLogin(
                attempt, message, wantsToken: form & 32 == 0, resume)
        else { return }
        world.feed(index, bytes)
    }

    /// What the client has, by itself: late, twice, or in the wrong place.
    func sendResume(_ world: SessionWorld, _ index: Int, _ form: Int) {
        guard let device = world.peers[index]?.login,
            let bytes = world.peers[index]?.frame(resumeNode(world, device, form))
        else { return }
        world.feed(index, bytes)
    }

    private func device(_ world: SessionWorld, _ choice: Int) -> DeviceAddress {
        let user = world.users[choice % world.users.count]
        return DeviceAddress(user: user, device: UInt8(choice / world.users.count % 4))
    }

    private func resume(
        _ world: SessionWorld, _ device: DeviceAddress, _ form: Int
    ) -> Peer.Resume {
        switch form & 3 {
        case 0: .none
        case 1: .sent(resumeNode(world, device, 0))
        case 2: .sent(resumeNode(world, device, 1 + form >> 5))
        default: .withheld
        }
    }

    /// Form 0 is as it should be, if the device has something; the others are not.
    private func resumeNode(_ world: SessionWorld, _ device: DeviceAddress, _ form: Int) -> Node {
        var acks = (world.tokens.had[device] ?? []).map(Self.ack)
        guard form % 8 > 0 else { return Node("resume", [:], acks) }
        let invented = Node(
            "ack", ["to": "\(device.user)@localhost/0", "id": "m1", "class": "message"])
        switch form % 8 {
        case 1: acks = []
        case 2: acks += Array(repeating: invented, count: WireLimits.resumeCountMax + 1)
        case 3: acks.append(Node("ack", ["to": "\(device.user)@localhost", "id": "m1"]))
        case 4: acks.append(Node("message", ["to": "\(device.user)@localhost", "id": "m1"]))
        case 5: return Node("resume", ["id": "m1"], acks + [invented])
        case 6: return Node("response", content: .bytes([0]))
        default: acks.append(invented)  // well-formed: a stanza that it never got
        }
        return Node("resume", [:], acks)
    }
}
