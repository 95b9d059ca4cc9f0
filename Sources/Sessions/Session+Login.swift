// Logging in with a password: `auth`, `challenge`, `response`, then the claim of the device, then `success`.
// What waits for the device follows `success` in the same flight. Tokens: Session+Token.

internal import Base
internal import Wire

extension Session {
    mutating func receiveLogin(
        _ stanza: Stanza, _ bytes: RawSpan, _ exchange: LoginExchange, at moment: Moment,
        in environment: SessionEnvironment, output: inout ByteBuffer,
        effects: inout [SessionEffect]
    ) throws(StreamError) {
        switch (stanza.tag, exchange.step) {
        case (.auth, .start):
            begin(stanza, bytes, exchange, environment, &output, &effects)
        case (.response, .challenge(let verification)):
            verify(stanza, bytes, exchange, verification, moment, environment, &output, &effects)
        case (.resume, .resume):
            resume(stanza, bytes, exchange, environment, &output, &effects)
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
        let isToken = namesToken(stanza, bytes, environment)
        if stanza.present.contains(.mechanism), stanza.mechanism != .scramSHA256,
            stanza.mechanism != .scramSHA256PLUS, !isToken
        {
            failLogin(.invalidMechanism, in: environment, output: &output, effects: &effects)
            return
        }
        guard stanza.allows([.mechanism, .device, .deflate, .token, .resume]),
            stanza.present.contains(.mechanism),
            stanza.token == .get || !stanza.present.contains(.token),
            stanza.resume == .true || !stanza.present.contains(.resume),
            let device = deviceNumber(stanza, bytes, environment),
            let offer = presetOffer(stanza, bytes, environment),
            let message = content(stanza, bytes, environment)
        else {
            failLogin(.malformedRequest, in: environment, output: &output, effects: &effects)
            return
        }
        exchange.device = device
        exchange.preset = offer.chosen
        exchange.announcesResume = stanza.present.contains(.resume)
        exchange.wantsToken = stanza.present.contains(.token)
        if isToken {
            beginWithToken(message, exchange, environment, &output, &effects)
        } else {
            beginWithPassword(
                message, stanza.mechanism, exchange, environment, &output, &effects)
        }
    }

    private mutating func beginWithPassword(
        _ message: [UInt8], _ mechanism: Token?, _ exchange: LoginExchange,
        _ environment: SessionEnvironment, _ output: inout ByteBuffer,
        _ effects: inout [SessionEffect]
    ) {
        guard let clientFirst = try? ScramClientFirst(parsing: message),
            clientFirst.authorizationIdentity == nil
        else {
            failLogin(.malformedRequest, in: environment, output: &output, effects: &effects)
            return
        }
        switch (mechanism, clientFirst.binding) {
        case (.scramSHA256PLUS, .required("tls-exporter")) where !exchange.channelBinding.isEmpty:
            break
        case (.scramSHA256, .unsupported):
            break
        case (.scramSHA256, .serverUnsupported) where exchange.channelBinding.isEmpty:
            break
        default:
            // `y` among them: a client that could bind was told we cannot. Somebody is in between.
            failLogin(.notAuthorized, in: environment, output: &output, effects: &effects)
            return
        }
        exchange.clientFirst = clientFirst
        guard let user = Localpart(clientFirst.username) else {
            challenge(nil, exchange, in: environment, output: &output)
            return
        }
        exchange.user = user
        exchange.step = .lookUp
        effects.append(.lookUpCredentials(DeviceAddress(user: user, device: exchange.device)))
    }

    private func deviceNumber(
        _ stanza: Stanza, _ bytes: RawSpan, _ environment: SessionEnvironment
    ) -> UInt8? {
        guard let value = stanza.device else { return nil }
        let reader = NodeReader(validated: bytes, context: environment.context)
        return reader.number(of: value).flatMap { UInt8(exactly: $0) }
    }

    /// The preset dictionaries that the client knows: none without the attribute; nil if it is malformed.
    private func presetOffer(
        _ stanza: Stanza, _ bytes: RawSpan, _ environment: SessionEnvironment
    ) -> PresetOffer? {
        guard let value = stanza.deflate else { return PresetOffer.nothing }
        return PresetOffer(
            NodeReader(validated: bytes, context: environment.context).string(of: value))
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
                NodeReader(validated: bytes, context: environment.context).string(of: value).utf8)
        case .nodes, nil:
            return nil
        }
    }

    /// The account store has answered.
    mutating func credentialsArrived(
        _ credentials: AccountCredentials?, at moment: Moment, in environment: SessionEnvironment,
        output: inout ByteBuffer, effects: inout [SessionEffect]
    ) {
        guard case .login(let exchange) = state, case .lookUp = exchange.step else { return }
        exchange.tokensBefore = credentials?.tokens.map(\.keys.storedKey) ?? []
        if let proof = exchange.tokenProof {
            verify(
                proof, credentials?.tokens ?? [], exchange, moment, environment, &output, &effects)
        } else {
            challenge(credentials?.keys, exchange, in: environment, output: &output)
        }
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
        _ verification: LoginExchange.Verification, _ moment: Moment,
        _ environment: SessionEnvironment, _ output: inout ByteBuffer,
        _ effects: inout [SessionEffect]
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
            header: clientFirst.header, data: bindsChannel ? exchange.channelBinding : [])
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
        // A token is bound to its connection, so who does not bind the login has no use for one.
        if !bindsChannel { exchange.wantsToken = false }
        proven(
            user,
            .password(
                storedKey: verification.keys.storedKey, tokensBefore: exchange.tokensBefore),
            exchange, moment, environment, &effects)
    }

    /// The session is its device now.
    mutating func bound(
        isTokenKept: Bool, at moment: Moment, in environment: SessionEnvironment,
        output: inout ByteBuffer,
        effects: inout [SessionEffect]
    ) {
        guard case .login(let exchange) = state, let device = exchange.claimedDevice else { return }
        send(in: environment, output: &output) { node, context in
            StanzaWriter.success(
                device, exchange.serverFinal, preset: exchange.preset,
                token: isTokenKept ? exchange.issued : nil, at: moment.unixSeconds, into: &node,
                context: context)
        }
        state = .online(device)
        preset = exchange.preset
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
            StanzaWriter.failure(
                failure, after: environment.retryAfterS, into: &node, context: context)
        }
        connectionLost(effects: &effects)
        effects.append(.note(.loginFailed(failure)))
        effects.append(.close)
    }
}
