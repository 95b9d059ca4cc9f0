// Logging in with a token, in one flight, and what both kinds of login have in common behind their proof:
// the client says what it has, if it announced that, and the device is claimed. What the client has goes to
// the store with the claim: it leaves the queue only if the proof still counts there.

internal import Base
internal import Wire

extension Session {
    /// Whether `mechanism` names a token's.
    func namesToken(
        _ stanza: Stanza, _ bytes: RawSpan, _ environment: SessionEnvironment
    ) -> Bool {
        guard stanza.mechanism == nil, let value = stanza.mechanismValue else { return false }
        let reader = NodeReader(validated: bytes, context: environment.context)
        return reader.string(of: value) == LoginToken.mechanism
    }

    /// Takes the message of an `auth` with a token and asks for the device's tokens.
    mutating func beginWithToken(
        _ message: [UInt8], _ exchange: LoginExchange, _ environment: SessionEnvironment,
        _ output: inout ByteBuffer, _ effects: inout [SessionEffect]
    ) {
        guard let message = LoginTokenMessage(parsing: message) else {
            failLogin(.malformedRequest, in: environment, output: &output, effects: &effects)
            return
        }
        guard !exchange.channelBinding.isEmpty,
            let user = Localpart(String(decoding: message.user, as: UTF8.self))
        else {
            failLogin(.notAuthorized, in: environment, output: &output, effects: &effects)
            return
        }
        exchange.tokenProof = message.proof
        exchange.user = user
        exchange.step = .lookUp
        effects.append(.lookUpCredentials(DeviceAddress(user: user, device: exchange.device)))
    }

    /// Checks a proof against as many keys as a device can have, whether it has them or not.
    mutating func verify(
        _ proof: [UInt8], _ tokens: [DeviceToken], _ exchange: LoginExchange, _ moment: Moment,
        _ environment: SessionEnvironment, _ output: inout ByteBuffer,
        _ effects: inout [SessionEffect]
    ) {
        guard let user = exchange.user else { preconditionFailure("a token without a user") }
        let cryptography = environment.cryptography
        let unknown = LoginTokenKeys.unknown(
            secret: cryptography.hmacSHA256(
                key: environment.unknownAccountSecret, Array("token".utf8)))
        let tokenExchange = LoginTokenExchange(
            user: Array(user.text.utf8), device: exchange.device,
            exporter: exchange.channelBinding)
        var shown: LoginTokenKeys?
        for index in 0..<WireLimits.deviceTokenCountMax {
            let keys = index < tokens.count ? tokens[index].keys : unknown
            let isValid = tokenExchange.isValid(proof, keys: keys, cryptography: cryptography)
            if isValid, moment.unixSeconds < keys.expiresAt { shown = keys }
        }
        exchange.serverFinal = tokenExchange.signature(
            keys: shown ?? unknown, cryptography: cryptography)
        guard let shown else {
            failLogin(.notAuthorized, in: environment, output: &output, effects: &effects)
            return
        }
        proven(
            user, .token(storedKey: shown.storedKey), exchange, moment, environment, &effects)
    }

    /// The client is who it says it is.
    mutating func proven(
        _ user: Localpart, _ proof: DeviceLogin.Proof, _ exchange: LoginExchange,
        _ moment: Moment, _ environment: SessionEnvironment, _ effects: inout [SessionEffect]
    ) {
        var issued: LoginTokenKeys?
        if exchange.wantsToken {
            let token = LoginToken(cryptography: environment.cryptography)
            let expiresAt = moment.unixSeconds + environment.limits.loginTokenLifetimeS
            exchange.issued = (token, expiresAt)
            issued = LoginTokenKeys(
                of: token, expiresAt: expiresAt, cryptography: environment.cryptography)
        }
        exchange.login = DeviceLogin(proof: proof, issued: issued)
        if exchange.announcesResume {
            exchange.step = .resume
        } else {
            claim(user, exchange, &effects)
        }
    }

    /// Takes `resume`: what the client has is to be off its queue before the queue is read.
    mutating func resume(
        _ stanza: Stanza, _ bytes: RawSpan, _ exchange: LoginExchange,
        _ environment: SessionEnvironment, _ output: inout ByteBuffer,
        _ effects: inout [SessionEffect]
    ) {
        guard stanza.allows([]), let user = exchange.user,
            let keys = ResumeList.keys(stanza, bytes, context: environment.context)
        else {
            failLogin(.malformedRequest, in: environment, output: &output, effects: &effects)
            return
        }
        exchange.login?.settled = keys
        claim(user, exchange, &effects)
    }

    private func claim(
        _ user: Localpart, _ exchange: LoginExchange, _ effects: inout [SessionEffect]
    ) {
        exchange.step = .claim
        let device = DeviceAddress(user: user, device: exchange.device)
        effects.append(
            .toRouter(
                home: user,
                .claim(device, address, since: exchange.acceptedAt, login: exchange.login)))
    }
}

/// What a client says that it has.
enum ResumeList {
    /// Reads `[resume [ack class=… id=… to=… [type="read"]]*]`; nil when it is anything else.
    static func keys(
        _ stanza: Stanza, _ bytes: RawSpan, context: WireContext
    ) -> [StanzaKey]? {
        guard case .nodes(let count) = stanza.content,
            (1...WireLimits.resumeCountMax).contains(count)
        else { return nil }
        var keys: [StanzaKey] = []
        var reader = NodeReader(validated: bytes, context: context).reader(at: stanza.contentOffset)
        do {
            _ = try reader.readContent()
            for _ in 0..<count {
                let start = reader.offset
                try reader.skipNode()
                let ack = try Stanza(bytes.extracting(start..<reader.offset), context: context)
                guard ack.tag == .ack, let key = ack.ackedKey else { return nil }
                keys.append(key)
            }
        } catch {
            return nil
        }
        return keys
    }
}
