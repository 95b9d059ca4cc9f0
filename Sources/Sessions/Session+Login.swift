// Logging in: `auth`, `challenge`, `response`, then the claim of the device, then `success`. What waits
// for the device follows `success` in the same flight.

internal import Base
internal import Wire

extension Session {
    mutating func receiveLogin(
        _ stanza: Stanza, _ bytes: RawSpan, _ exchange: LoginExchange,
        in environment: SessionEnvironment, output: inout ByteBuffer,
        effects: inout [SessionEffect]
    ) throws(StreamError) {
        switch (stanza.tag, exchange.step) {
        case (.auth, .start):
            begin(stanza, bytes, exchange, environment, &output, &effects)
        case (.response, .challenge(let verification)):
            verify(stanza, bytes, exchange, verification, environment, &output, &effects)
        default:
            throw .notAuthorized  // anything else before login (RFC 6120 section 4.9.3.12)
        }
    }

    /// Takes `auth` and asks for the account's keys.
    private mutating func begin(
        _ stanza: Stanza, _ bytes: RawSpan, _ exchange: LoginExchange,
        _ environment: SessionEnvironment, _ output: inout ByteBuffer,
        _ effects: inout [SessionEffect]
    ) {
        // First, since another mechanism's message is none of ours.
        if stanza.present.contains(.mechanism), stanza.mechanism != .scramSHA256,
            stanza.mechanism != .scramSHA256Plus
        {
            failLogin(.invalidMechanism, in: environment, output: &output, effects: &effects)
            return
        }
        guard stanza.allows([.mechanism, .device]), let mechanism = stanza.mechanism,
            let device = deviceNumber(stanza, bytes, environment),
            let message = content(stanza, bytes, environment),
            let clientFirst = try? ScramClientFirst(parsing: message),
            clientFirst.authorizationIdentity == nil
        else {
            failLogin(.malformedRequest, in: environment, output: &output, effects: &effects)
            return
        }
        switch (mechanism, clientFirst.binding) {
        case (.scramSHA256Plus, .required("tls-exporter")) where !channelBinding.isEmpty:
            break
        case (.scramSHA256, .unsupported):
            break
        case (.scramSHA256, .serverUnsupported) where channelBinding.isEmpty:
            break
        default:
            // `y` among them: a client that could bind was told we cannot. Somebody is in between.
            failLogin(.notAuthorized, in: environment, output: &output, effects: &effects)
            return
        }
        exchange.device = device
        exchange.clientFirst = clientFirst
        guard let user = Localpart(clientFirst.username) else {
            challenge(nil, exchange, in: environment, output: &output)
            return
        }
        exchange.user = user
        exchange.step = .lookUp
        effects.append(.lookUpCredentials(user))
    }

    private func deviceNumber(
        _ stanza: Stanza, _ bytes: RawSpan, _ environment: SessionEnvironment
    ) -> UInt8? {
        guard let value = stanza.device else { return nil }
        let reader = NodeReader(bytes, context: environment.context)
        return reader.number(of: value).flatMap { UInt8(exactly: $0) }
    }

    /// A login node's content, in whatever form it was written.
    private func content(
        _ stanza: Stanza, _ bytes: RawSpan, _ environment: SessionEnvironment
    ) -> [UInt8]? {
        switch stanza.content {
        case .bytes(let range):
            return bytes.extracting(range).withUnsafeBytes { [UInt8]($0) }
        case .value(let value):
            return Array(
                NodeReader(bytes, context: environment.context).string(of: value).utf8)
        case .nodes, nil:
            return nil
        }
    }

    /// The account store has answered.
    mutating func credentialsArrived(
        _ keys: ScramKeys?, in environment: SessionEnvironment, output: inout ByteBuffer,
        effects: inout [SessionEffect]
    ) {
        guard case .login(let exchange) = state, case .lookUp = exchange.step else { return }
        challenge(keys, exchange, in: environment, output: &output)
    }

    private func challenge(
        _ keys: ScramKeys?, _ exchange: LoginExchange, in environment: SessionEnvironment,
        output: inout ByteBuffer
    ) {
        guard let clientFirst = exchange.clientFirst else {
            preconditionFailure("a challenge without client-first")
        }
        let cryptography = environment.cryptography
        // Derived in every case, so that an account's existence costs no time.
        let unknown = ScramKeys.unknown(
            Array(clientFirst.username.utf8), secret: environment.unknownAccountSecret,
            iterations: WireLimits.scramIterationsDefault, cryptography: cryptography)
        let nonce = Base64.encoded(cryptography.randomBytes(18))
        let known = keys ?? unknown
        let serverFirst = ScramServerFirst(
            nonce: clientFirst.nonce + nonce, salt: known.salt, iterations: known.iterations)
        exchange.step = .challenge(
            LoginExchange.Verification(
                keys: known, isKnown: keys != nil, serverFirst: serverFirst))
        send(in: environment, output: &output) { node, context in
            StanzaWriter.challenge(serverFirst.bytes, into: &node, context: context)
        }
    }

    /// Takes `response`: checks the proof, then claims the device.
    private mutating func verify(
        _ stanza: Stanza, _ bytes: RawSpan, _ exchange: LoginExchange,
        _ verification: LoginExchange.Verification, _ environment: SessionEnvironment,
        _ output: inout ByteBuffer, _ effects: inout [SessionEffect]
    ) {
        guard stanza.allows([]), let message = content(stanza, bytes, environment),
            let clientFinal = try? ScramClientFinal(parsing: message),
            let clientFirst = exchange.clientFirst
        else {
            failLogin(.malformedRequest, in: environment, output: &output, effects: &effects)
            return
        }
        let cryptography = environment.cryptography
        let bindsChannel = if case .required = clientFirst.binding { true } else { false }
        let binding = ScramProof.channelBinding(
            header: clientFirst.header, data: bindsChannel ? channelBinding : [])
        let authMessage = ScramProof.authMessage(
            clientFirst: clientFirst, serverFirst: verification.serverFirst,
            withoutProof: clientFinal.withoutProof)
        let isProven = ScramProof.isValid(
            proof: clientFinal.proof, keys: verification.keys, authMessage: authMessage,
            cryptography: cryptography)
        let isBound = cryptography.constantTimeEqual(clientFinal.channelBinding, binding)
        let isFresh = clientFinal.nonce == verification.serverFirst.nonce
        guard isProven, isBound, isFresh, verification.isKnown, let user = exchange.user else {
            failLogin(.notAuthorized, in: environment, output: &output, effects: &effects)
            return
        }
        let signature = ScramProof.serverSignature(
            keys: verification.keys, authMessage: authMessage, cryptography: cryptography)
        exchange.serverFinal = ScramServerFinal.verifier(signature).bytes
        exchange.step = .claim
        let device = DeviceAddress(user: user, device: exchange.device)
        effects.append(.toRouter(home: user, .claim(device, address)))
    }

    /// The session is its device now.
    mutating func bound(
        at moment: Moment, in environment: SessionEnvironment, output: inout ByteBuffer,
        effects: inout [SessionEffect]
    ) {
        guard case .login(let exchange) = state, let device = exchange.claimedDevice else { return }
        send(in: environment, output: &output) { node, context in
            StanzaWriter.success(
                device, exchange.serverFinal, at: moment.unixSeconds, into: &node,
                context: context)
        }
        state = .online(device)
        channelBinding = []
        heardAt = moment.monotonic
        effects.append(.note(.loggedIn(device)))
    }

    /// The login failed: the peer is told, then the connection closes. One attempt a connection.
    mutating func failLogin(
        _ failure: LoginFailure, in environment: SessionEnvironment, output: inout ByteBuffer,
        effects: inout [SessionEffect]
    ) {
        guard case .login = state else { return }
        send(in: environment, output: &output) { node, context in
            StanzaWriter.failure(failure, into: &node, context: context)
        }
        connectionLost(effects: &effects)
        effects.append(.note(.loginFailed(failure)))
        effects.append(.close)
    }
}
