// The operator: now and then a password is changed, or login tokens are revoked. An order is given until it is
// carried out: what the gateway reported as failed, or took into its grave, may have been done or not.
//
// What must hold is checked at rest: whoever is online has proved what counts after the last order.

internal import Base
internal import Sessions
internal import Storage
internal import Wire

/// What the operator has ordered, and what is known to be done.
struct OperatorsBook {
    struct Order {
        var user: Localpart
        /// The device whose tokens are revoked; nil for all of the user.
        var device: UInt8?
        var isPassword: Bool
        /// The life of the gateway to which it was given.
        var givenIn: Int?
    }

    /// The one that is not known to be done.
    var order: Order?
    /// Orders begun and orders done, about users as a whole and about single devices.
    var begunForUsers: [Localpart: Int] = [:]
    var begunForDevices: [DeviceAddress: Int] = [:]
    var doneForUsers: [Localpart: Int] = [:]
    var doneForDevices: [DeviceAddress: Int] = [:]
    /// Changes of passwords that are done.
    var passwords: [Localpart: Int] = [:]
}

/// How a session's login was proved, and what had been ordered and done then.
struct ProofNote {
    var isToken: Bool
    var passwordNumber: Int
    var revocationsAtClaim: Int
    /// When the session was told that it is in.
    var revocationsAtLogin = 0

    init(_ login: DeviceLogin?, _ device: DeviceAddress, _ world: World) {
        isToken = if case .token = login?.proof { true } else { false }
        passwordNumber = world.passwordNumber(of: device.user)
        revocationsAtClaim = world.revocationCount(of: device)
    }
}

extension World {
    private static let orderPauseUs: UInt64 = 700_000

    func keys(of user: Localpart, _ number: Int) -> ScramKeys {
        ScramKeys.derive(
            password: Self.password(of: user, number), salt: Array("salt of \(user)".utf8),
            iterations: 4_096, cryptography: cryptography)
    }

    /// The password that the operator has told the user.
    func passwordNumber(of user: Localpart) -> Int { operatorsBook.passwords[user, default: 0] }

    /// Orders about a device that were carried out.
    func revocationCount(of device: DeviceAddress) -> Int {
        operatorsBook.doneForUsers[device.user, default: 0]
            + operatorsBook.doneForDevices[device, default: 0]
    }

    /// Orders about a device that were given.
    func orderCount(about device: DeviceAddress) -> Int {
        operatorsBook.begunForUsers[device.user, default: 0]
            + operatorsBook.begunForDevices[device, default: 0]
    }

    /// Whether a client's token may have been revoked.
    func mayBeRevoked(_ client: SimulatedClient) -> Bool {
        client.revocationsBeforeToken < orderCount(about: client.device)
    }

    /// Whether a client's password may not be the right one.
    func mayHaveOldPassword(_ client: SimulatedClient) -> Bool {
        if let order = operatorsBook.order, order.isPassword, order.user == client.device.user {
            return true
        }
        return client.passwordNumber < passwordNumber(of: client.device.user)
    }

    // MARK: Orders

    /// The operator makes up his mind, one thing at a time.
    func decide(_ fault: Fault) -> Bool {
        guard operatorsBook.order == nil, let user = random.pick(users) else { return false }
        let isPassword = fault == .passwordChanged
        let device = isPassword || random.chance(40) ? nil : UInt8(random.below(3))
        if let device {
            operatorsBook.begunForDevices[
                DeviceAddress(user: user, device: device), default: 0] += 1
        } else {
            operatorsBook.begunForUsers[user, default: 0] += 1
        }
        note(.fault(fault, "\(user)\(device.map { "/\($0)" } ?? "")"))
        operatorsBook.order = OperatorsBook.Order(
            user: user, device: device, isPassword: isPassword)
        giveOrder()
        return true
    }

    /// Gives the order to the gateway, if it waits to be given.
    func giveOrder() {
        guard let order = operatorsBook.order, order.givenIn == nil else { return }
        let change: AccountChange =
            order.isPassword
            ? .setKeys(keys(of: order.user, passwordNumber(of: order.user) + 1), of: order.user)
            : .revokeTokens(of: order.user, device: order.device)
        guard let gateway,
            gateway.store.submit(
                change, home: order.user.home(among: gateway.shards.count))
        else {
            schedule.add(.order, at: now + Self.orderPauseUs)
            return
        }
        operatorsBook.order?.givenIn = life
    }

    /// Another life of the gateway has begun: what was given to one before it is given again.
    func repeatOrder() {
        guard let givenIn = operatorsBook.order?.givenIn, givenIn < life else { return }
        operatorsBook.order?.givenIn = nil
        schedule.add(.order, at: now + Self.orderPauseUs)
    }

    /// The store says what became of the order.
    func orderAnswered(_ error: StoreError?) {
        guard let order = operatorsBook.order else { return }
        guard error == nil || error == .unknownDevice else {
            operatorsBook.order?.givenIn = nil
            schedule.add(.order, at: now + Self.orderPauseUs)
            return
        }
        operatorsBook.order = nil
        counts.orders += 1
        note(.store("an operator's order is carried out"))
        if let device = order.device {
            operatorsBook.doneForDevices[
                DeviceAddress(user: order.user, device: device), default: 0] += 1
        } else {
            operatorsBook.doneForUsers[order.user, default: 0] += 1
        }
        if order.isPassword { operatorsBook.passwords[order.user, default: 0] += 1 }
    }

    /// Whoever is online proved what still counts. A token must not have been revoked since it was shown; who
    /// gave the password may have done so just before, and come in after.
    func checkProofs() {
        for shard in gateway?.shards ?? [] {
            shard.forEachConnection { connection in
                guard connection.stage == .open, let device = connection.session.device,
                    let proof = connection.proof
                else { return }
                let shown = proof.isToken ? proof.revocationsAtClaim : proof.revocationsAtLogin
                require(
                    proof.passwordNumber == passwordNumber(of: device.user)
                        && shown == revocationCount(of: device),
                    .evicted, "\(Trace.text(device)) is online with what was revoked")
            }
        }
    }
}
